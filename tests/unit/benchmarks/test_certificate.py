"""When the proof of the certificate counts as one."""

import pytest

from benchmarks.certificate import prove
from models.simulation import Deployment
from smart_routing.errors import TrainingError


def drawn(*, broken: int = 16, naive_broken: int = 81, least_light: float = 0.31) -> list[Deployment]:
    return [
        Deployment(
            bound=0.05,
            false_negative_rate=0.06 if number < broken else 0.05,
            naive_false_negative_rate=0.06 if number < naive_broken else 0.05,
            light_share=least_light if number == 0 else 0.9,
        )
        for number in range(200)
    ]


@pytest.mark.parametrize(
    ("changed", "holds"),
    [({}, True), ({"broken": 17}, False), ({"naive_broken": 80}, False), ({"least_light": 0.3}, False)],
    ids=["all well", "bounds broken", "a hand would do", "too little light"],
)
def test_proof_holds_only_where_every_bar_is_met(changed: dict[str, float], holds: bool) -> None:
    assert prove(drawn(**changed), heavy_units=100).holds is holds  # type: ignore[arg-type]  # counts and a share


def test_no_certificate_at_all_proves_nothing() -> None:
    with pytest.raises(TrainingError, match="10 heavy units support no bound"):
        prove([], heavy_units=10)
