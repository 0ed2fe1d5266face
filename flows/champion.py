"""The champion: the version that the alias `production` stands for, as a rival on a holdout."""

from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from models.registry import ModelRegistry
from smart_routing import protocol
from smart_routing.errors import BundleError
from smart_routing.inference import Model
from smart_routing.settings import RegistrySettings


@task(cache_policy=NO_CACHE)
def load_champion(holdout_from: datetime, *, besides: int | None = None) -> Model | None:
    """The champion, ready to score.

    None before the first promotion, where the champion is `besides`, where it was made from statements submitted at
    `holdout_from` or later (it would be judged on what it learnt), and where this code cannot score it.
    """
    registry = ModelRegistry.connect(RegistrySettings.load())
    model = registry.read()
    number = model.aliased(protocol.ALIAS_PRODUCTION)
    if number is None or number == besides:
        return None
    champion, logger = model.version(number), get_run_logger()
    if champion.calibrated_until is None or champion.calibrated_until >= holdout_from:
        logger.warning("champion %d cannot be compared: it was made from statements of this holdout", number)
        return None
    try:
        return registry.load(champion)
    except BundleError as error:
        logger.warning("champion %d cannot be compared: %s", number, error)
        return None
