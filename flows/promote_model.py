"""Promote: let a version of the model serve."""

import getpass
from argparse import Namespace
from datetime import UTC, datetime

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.command import CommandParser, positive, run
from flows.deployment_lock import deployment_lock
from flows.reconcile_aliases import reconcile
from models import deployment
from models.deployment import Deployment, Order
from models.registry import ModelRegistry
from smart_routing.settings import DeploymentSettings, RegistrySettings


@task(name="promote", cache_policy=NO_CACHE)
def promote(version: int, *, by: str, reason: str | None, force: bool) -> Deployment:
    """Move the alias `production`; expects the deployment lock and a reconciled registry."""
    registry = ModelRegistry.connect(RegistrySettings.load())
    order = Order(by=by, at=datetime.now(UTC), reason=reason)
    decision = deployment.promote(registry.read(), version, order=order, force=force)
    registry.write(decision.writes)
    get_run_logger().info(str(decision.deployment))
    return decision.deployment


@flow(name="promote-model")
def promote_model_flow(version: int, by: str = "prefect", reason: str | None = None, force: bool = False) -> Deployment:
    """Let `version` serve; refused where it did not pass validation or is quarantined, unless forced with a reason."""
    with deployment_lock(DeploymentSettings.load()):
        reconcile()
        return promote(version, by=by, reason=reason, force=force)


def main() -> None:
    parser = CommandParser(module="flows.promote_model", description=str(__doc__))
    parser.add_argument("--version", type=positive, required=True, metavar="N", help="number of the version")
    parser.add_argument("--reason", help="why; kept as a tag of the version")
    parser.add_argument("--force", action="store_true", help="even if it did not pass validation or is quarantined")
    run(parser, _command)


def _command(options: Namespace) -> Deployment:
    return promote_model_flow(options.version, by=getpass.getuser(), reason=options.reason, force=options.force)


if __name__ == "__main__":
    main()
