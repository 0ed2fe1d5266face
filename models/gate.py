"""The gate: a pure verdict on a candidate from its evaluation, with every reason it was refused for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from models.evaluate import EvaluationReport
from smart_routing.toml_file import read_toml

GATE_FILE: Final = Path(__file__).with_name("gate.toml")


class GateThresholds(BaseModel):
    """The content of gate.toml, where each is explained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    confidence: float = Field(gt=0, lt=1)
    target_bound: float = Field(gt=0, lt=1)
    min_light_share: float = Field(ge=0, lt=1)


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """Passed where there is no reason against."""

    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.reasons


def read_gate(path: Path = GATE_FILE) -> GateThresholds:
    """Thresholds of a TOML file; raises `SettingsError` that names the file and the key."""
    return read_toml(path, GateThresholds)


def judge(report: EvaluationReport, thresholds: GateThresholds) -> GateVerdict:
    """Every check that the candidate fails, in a sentence each."""
    checks = (*_certificate(report, thresholds), *_light_share(report, thresholds), *_cost(report))
    return GateVerdict(tuple(checks))


def _certificate(report: EvaluationReport, thresholds: GateThresholds) -> tuple[str, ...]:
    certificate = report.threshold.certificate
    if certificate is None:
        return ("no certificate: the calibration block supports no bound on the false negative rate",)
    if certificate.bound > thresholds.target_bound:
        return (f"certified bound {certificate.bound:.0%} is above the target {thresholds.target_bound:.0%}",)
    if report.refuted:
        missed = report.routed.unit_false_negative_rate
        return (f"the holdout refutes the bound {certificate.bound:.0%}: {missed} of heavy units missed",)
    return ()


def _light_share(report: EvaluationReport, thresholds: GateThresholds) -> tuple[str, ...]:
    found, wanted = report.routed.light_share, thresholds.min_light_share
    return () if found >= wanted else (f"light share {found:.1%} on the holdout is below {wanted:.0%}",)


def _cost(report: EvaluationReport) -> tuple[str, ...]:
    """Not dearer than the champion beyond chance, unless the holdout refutes the champion itself.

    Without a champion: cheaper than the heuristic, and than sending everything to large, which needs no model.
    """
    difference = report.cost_difference
    if difference is not None and not report.champion_refuted:
        told = f"cost is {difference} CPU s above the champion's on the holdout"
        return (told,) if difference.low > 0 else ()
    rivals = {"the heuristic's": report.heuristic.cost, "that of sending everything to large": report.all_large.cost}
    cost = report.routed.cost
    return tuple(
        f"cost {cost:.1f} CPU s on the holdout is not below {name}, {rival:.1f}"
        for name, rival in rivals.items()
        if not cost < rival
    )
