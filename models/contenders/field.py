"""Who competes, by the names that results go by."""

from collections.abc import Mapping
from typing import Final

from models.contenders.approach import Approach
from models.contenders.full import full
from models.contenders.rules import all_heavy, heuristic, oracle
from models.contenders.template_p90 import template_p90
from models.contenders.text_boosting import text_boosting

OURS: Final = "full"
"""Whom all are compared with."""

CONTENDERS: Final[Mapping[str, Approach]] = {
    OURS: full,
    "template_p90": template_p90,
    "text_boosting": text_boosting,
    "heuristic": heuristic,
    "all_heavy": all_heavy,
    "oracle": oracle,
}
