"""Rollback: let the version serve again that served before, and quarantine the one that serves now."""

import getpass
from argparse import Namespace
from datetime import UTC, datetime

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.command import CommandParser, run
from flows.deployment_lock import deployment_lock
from flows.reconcile_aliases import reconcile
from models import deployment
from models.deployment import Deployment, Order
from models.registry import ModelRegistry
from smart_routing.settings import DeploymentSettings, RegistrySettings


@task(name="rollback", cache_policy=NO_CACHE)
def rollback(*, by: str, reason: str | None) -> Deployment:
    """Move the alias `production` back; expects the deployment lock and a reconciled registry."""
    registry = ModelRegistry.connect(RegistrySettings.load())
    decision = deployment.rollback(registry.read(), order=Order(by=by, at=datetime.now(UTC), reason=reason))
    registry.write(decision.writes)
    get_run_logger().info(str(decision.deployment))
    return decision.deployment


@flow(name="rollback-model")
def rollback_model_flow(by: str = "prefect", reason: str | None = None) -> Deployment:
    """Go back to the newest version that served and is not quarantined."""
    with deployment_lock(DeploymentSettings.load()):
        reconcile()
        return rollback(by=by, reason=reason)


def main() -> None:
    parser = CommandParser(module="flows.rollback_model", description=str(__doc__))
    parser.add_argument("--reason", help="why; the version left is quarantined with it")
    run(parser, _command)


def _command(options: Namespace) -> Deployment:
    return rollback_model_flow(by=getpass.getuser(), reason=options.reason)


if __name__ == "__main__":
    main()
