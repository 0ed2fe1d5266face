"""Who competes, by the names that results go by."""

import logging
from collections.abc import Mapping
from typing import Final

from models.contenders.approach import Approach
from models.contenders.full import full
from models.contenders.lightgbm import lightgbm
from models.contenders.rules import all_heavy, heuristic, oracle
from models.contenders.template_p90 import template_p90
from models.contenders.text_boosting import text_boosting

_logger = logging.getLogger(__name__)

OURS: Final = "full"
"""Whom all are compared with."""

LIGHTGBM: Final = "lightgbm"

CONTENDERS: Final[Mapping[str, Approach]] = {
    OURS: full,
    LIGHTGBM: lightgbm,
    "template_p90": template_p90,
    "text_boosting": text_boosting,
    "heuristic": heuristic,
    "all_heavy": all_heavy,
    "oracle": oracle,
}


def contenders_here() -> Mapping[str, Approach]:
    """All that this machine can run: LightGBM stays away, and that is logged, where the system has no libgomp."""
    try:
        from models.contenders import leaf_wise  # noqa: F401  # whether it can be imported is the question
    except OSError as error:
        _logger.warning("%s does not compete: %s; expected the system's package libgomp1", LIGHTGBM, error)
        return {name: approach for name, approach in CONTENDERS.items() if name != LIGHTGBM}
    return CONTENDERS
