"""Reconcile: record a promotion that someone made by moving the alias in the registry's pages."""

from datetime import UTC, datetime

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.command import CommandParser, run
from flows.deployment_lock import deployment_lock
from models import deployment
from models.deployment import Deployment
from models.registry import ModelRegistry
from smart_routing.settings import DeploymentSettings, RegistrySettings


@task(name="reconcile", cache_policy=NO_CACHE)
def reconcile() -> Deployment:
    """Bring the registry's record in line with its aliases; expects the deployment lock."""
    registry = ModelRegistry.connect(RegistrySettings.load())
    decision = deployment.reconcile(registry.read(), at=datetime.now(UTC))
    registry.write(decision.writes)
    logger = get_run_logger()
    for warning in decision.deployment.warnings:
        logger.warning(warning)
    if decision.deployment.changed:
        logger.info(str(decision.deployment))
    return decision.deployment


@flow(name="reconcile-aliases")
def reconcile_aliases_flow() -> Deployment:
    """Obey and record what was done to the aliases by hand."""
    with deployment_lock(DeploymentSettings.load()):
        return reconcile()


def main() -> None:
    parser = CommandParser(module="flows.reconcile_aliases", description=str(__doc__))
    run(parser, lambda _: reconcile_aliases_flow())


if __name__ == "__main__":
    main()
