"""The gate: a pure verdict on a candidate from its evaluation, with every reason it was refused for."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.evaluate import EvaluationReport
from smart_routing.errors import SettingsError

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
    try:
        return GateThresholds(**tomllib.loads(path.read_text()))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise SettingsError(f"{path}: {error}") from error


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
    """Cheaper than the champion, unless the holdout refutes the champion itself; without one, than the heuristic."""
    if report.champion and not report.champion_refuted:
        rival, name = report.champion.cost, "champion"
    else:
        rival, name = report.heuristic.cost, "heuristic"
    if report.routed.cost <= rival:
        return ()
    return (f"cost {report.routed.cost:.1f} CPU s on the holdout is above the {name}'s {rival:.1f}",)
