"""The gate: a pure verdict on a candidate from the evidence, check by check."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field

from models.behaviour.checks import Behaviour, BehaviourCheck
from models.evaluate import EvaluationReport
from models.footprint import Footprint
from models.strata import LEAST_HEAVY, LEAST_TEMPLATES, PartDifference
from smart_routing.toml_file import read_toml

LEAST_CASES: Final = 20
"""Before a share of them is judged."""
GATE_FILE: Final = Path(__file__).with_name("gate.toml")
_COST: Final = "cost on the holdout"
_WINS: Final = "cheaper than the champion beyond chance, the interval below zero"
_KEEPS_UP: Final = "not dearer than the champion beyond chance, the interval not above zero"
_PARTS: Final = "cost in parts of the holdout"


class Demand(StrEnum):
    """What a challenger's cost must be, compared with the champion's on the same rows."""

    BEATS = "beats"
    KEEPS_UP = "keeps up"


class Budgets(BaseModel):
    """What a model may take at most."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decision_p99_ms: float = Field(gt=0)
    bundle_bytes: int = Field(gt=0)


class BehaviourDemands(BaseModel):
    """Smallest share of cases in which a model does what it should, by `Behaviour`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    comments: float = Field(ge=0, le=1)
    case: float = Field(ge=0, le=1)
    blanks: float = Field(ge=0, le=1)
    aliases: float = Field(ge=0, le=1)
    added_joins: float = Field(ge=0, le=1)
    known_heavy: float = Field(ge=0, le=1)
    known_light: float = Field(ge=0, le=1)

    def least(self, behaviour: Behaviour) -> float:
        share: float = getattr(self, behaviour.value)
        return share

    def judges(self, found: BehaviourCheck) -> bool:
        """Where every case is demanded a single one refutes; a share of few cases says little."""
        return found.cases >= (1 if self.least(found.behaviour) == 1.0 else LEAST_CASES)


class GateThresholds(BaseModel):
    """The content of gate.toml, where each is explained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    confidence: float = Field(gt=0, lt=1)
    target_bound: float = Field(gt=0, lt=1)
    min_light_share: float = Field(ge=0, lt=1)
    challenger: Demand
    challenger_after_drift: Demand
    budgets: Budgets
    behaviour: BehaviourDemands

    def after_drift(self) -> Self:
        """What is asked of a candidate that was made because the data or the truth had moved."""
        return self.model_copy(update={"challenger": self.challenger_after_drift})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that the gate looks at. `parts`: the cost against the champion's where a part of the holdout can tell."""

    report: EvaluationReport
    parts: tuple[PartDifference, ...]
    behaviour: tuple[BehaviourCheck, ...]
    footprint: Footprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One demand: of what, what was found, what was expected, and whether that is met."""

    what: str
    found: str
    expected: str
    passed: bool

    def __str__(self) -> str:
        return f"{self.what}: {self.found}; expected {self.expected}"


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """Passed where every check is."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """The checks that the candidate fails, in a sentence each."""
        return tuple(str(check) for check in self.checks if not check.passed)


def read_gate(path: Path = GATE_FILE) -> GateThresholds:
    """Thresholds of a TOML file; raises `SettingsError` that names the file and the key."""
    return read_toml(path, GateThresholds)


def judge(evidence: Evidence, thresholds: GateThresholds) -> GateVerdict:
    """Every check, passed or not."""
    report = evidence.report
    return GateVerdict(
        (
            _certificate(report, thresholds),
            _light_share(report, thresholds),
            *_cost(report, thresholds.challenger),
            *_parts(evidence),
            *_budgets(evidence.footprint, thresholds.budgets),
            *(_behaviour(found, thresholds.behaviour) for found in evidence.behaviour),
        )
    )


def _certificate(report: EvaluationReport, thresholds: GateThresholds) -> Check:
    certificate = report.threshold.certificate
    wanted = thresholds.target_bound
    if certificate is None:
        found = "no certificate, the calibration block supports no bound on the false negative rate"
    elif report.refuted:
        missed = report.routed.unit_false_negative_rate
        found = f"the holdout refutes the bound {certificate.bound:.0%}, {missed} of heavy units missed"
    else:
        found = f"bound {certificate.bound:.0%}, which the holdout does not refute"
    held = certificate is not None and certificate.bound <= wanted and not report.refuted
    return Check(what="certificate", found=found, expected=f"a bound of at most {wanted:.0%} that holds", passed=held)


def _light_share(report: EvaluationReport, thresholds: GateThresholds) -> Check:
    found, wanted = report.routed.light_share, thresholds.min_light_share
    return Check(
        what="light share on the holdout",
        found=f"{found:.1%}",
        expected=f"at least {wanted:.0%}",
        passed=found >= wanted,
    )


def _cost(report: EvaluationReport, demand: Demand) -> Iterator[Check]:
    """As demanded beside the champion, beyond chance, unless the holdout refutes the champion's own certificate.

    Without such a champion: cheaper than the heuristic, and than sending everything to large, which needs no model.
    """
    what, cost, champion, difference = _COST, report.routed.cost, report.champion, report.cost_difference
    if champion is not None and difference is not None and not report.champion_refuted:
        found = f"{cost:.1f} CPU s, {difference} against the champion's {champion.cost:.1f}"
        wins = demand is Demand.BEATS
        expected = _WINS if wins else _KEEPS_UP
        passed = difference.high < 0 if wins else difference.low <= 0
        yield Check(what=what, found=found, expected=expected, passed=passed)
        return
    doubt = ", and these rows refute the champion's certificate" if report.champion_refuted else ""
    rivals = {"the heuristic's": report.heuristic.cost, "that of sending everything to large": report.all_large.cost}
    for name, rival in rivals.items():
        yield Check(
            what=what, found=f"{cost:.1f} CPU s{doubt}", expected=f"below {name}, {rival:.1f}", passed=cost < rival
        )


def _parts(evidence: Evidence) -> Iterator[Check]:
    """In no part dearer than the champion beyond chance; a champion that these rows refute is no measure here either.

    A champion that misses too much is cheap wherever what it misses is cheap.
    """
    if evidence.report.champion is None or evidence.report.champion_refuted:
        return
    expected = "in none dearer than the champion beyond chance"
    dearer = [part for part in evidence.parts if part.difference.low > 0]
    if not dearer:
        enough = f"{LEAST_HEAVY} heavy rows and {LEAST_TEMPLATES} templates"
        told = f"{len(evidence.parts)} with at least {enough}, none dearer"
        yield Check(what=_PARTS, found=told, expected=expected, passed=True)
    for part in dearer:
        told = f"{part.difference} CPU s where {part.way} is {part.name} ({part.rows} rows, {part.heavy} heavy)"
        yield Check(what=_PARTS, found=told, expected=expected, passed=False)


def _budgets(footprint: Footprint, budgets: Budgets) -> Iterator[Check]:
    latency, size = footprint.decision_p99_ms, footprint.bundle_bytes
    yield Check(
        what="p99 of a decision",
        found=f"{latency:.2f} ms",
        expected=f"at most {budgets.decision_p99_ms:g} ms",
        passed=latency <= budgets.decision_p99_ms,
    )
    yield Check(
        what="size of the bundle",
        found=f"{size:,} bytes",
        expected=f"at most {budgets.bundle_bytes:,}",
        passed=size <= budgets.bundle_bytes,
    )


def _behaviour(found: BehaviourCheck, demands: BehaviourDemands) -> Check:
    """Too few cases are told, and not judged."""
    least, share = demands.least(found.behaviour), found.share
    told = f"{found.right} of {found.cases} right" if found.cases else "no case"
    columns = f", mostly by {', '.join(found.columns)}" if found.columns else ""
    doubt = "" if demands.judges(found) else ", too few to judge"
    return Check(
        what=f"behaviour {found.behaviour}",
        found=f"{told}{columns}{doubt}",
        expected=f"at least {least:.0%}",
        passed=not demands.judges(found) or share is None or share >= least,
    )
