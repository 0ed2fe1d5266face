"""Rolling back without a person: only from the version that is blamed, and told in words."""

from dataclasses import dataclass
from typing import Final

from flows.deployment_lock import deployment_lock
from flows.reconcile_aliases import reconcile
from flows.rollback_model import rollback
from models.deployment import Deployment
from models.registry import ModelRegistry
from smart_routing.errors import InputError, SmartRoutingError
from smart_routing.settings import DeploymentSettings, RegistrySettings

WATCHER: Final = "watch-version"
NIGHT: Final = "report-drift"
AUTOMATIC: Final = frozenset({WATCHER, NIGHT})
"""Who rolls back without a person, in the registry's tags."""

ALL_LARGE: Final = "send everything to large by `python -m flows.set_policy --all-large`"


@dataclass(frozen=True, slots=True)
class Undoing:
    """What became of it; `deployment` is None where nothing was changed. `told` is for people."""

    told: str
    deployment: Deployment | None = None


def roll_back_from(suspect: int, *, by: str, reason: str) -> Undoing:
    """Go back from `suspect` under the deployment lock, unless it serves no more; never raises an error of ours."""
    try:
        with deployment_lock(DeploymentSettings.load()):
            reconcile()
            serving = ModelRegistry.connect(RegistrySettings.load()).read().recorded
            if serving != suspect:
                return Undoing(f"Version {suspect} serves no more: version {serving} does, nothing was changed.")
            deployment = rollback(by=by, reason=reason)
    except InputError as error:
        return Undoing(f"It was NOT rolled back and still serves: {error}; {ALL_LARGE}.")
    except SmartRoutingError as error:
        return Undoing(f"It was NOT rolled back and still serves, it will be tried again: {error}; or {ALL_LARGE}.")
    return Undoing(
        f"It was rolled back: version {deployment.serving} serves in place of version {suspect}, which is quarantined.",
        deployment,
    )
