"""How a model behaves where the right answer needs no label: statements rewritten, and statements beyond doubt."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from models.behaviour.exemplars import exemplars, largest_table
from models.behaviour.rewrites import Rewrite, commented, joined, realiased, recased, respaced
from models.dataset import Example
from smart_routing.features.statement import StatementKind
from smart_routing.features.vector import column_names
from smart_routing.history.measures import HistorySource
from smart_routing.inference import Model
from smart_routing.labels import QueryWeight
from smart_routing.router import Router
from smart_routing.routing import Reason, RoutingDecision

MOST_TEMPLATES: Final = 200
"""To rewrite; more would take time and say little more."""
MOST_COLUMNS: Final = 3


class Behaviour(StrEnum):
    """What is asked of a model, by the names of gate.toml."""

    COMMENTS = "comments"
    CASE = "case"
    BLANKS = "blanks"
    ALIASES = "aliases"
    ADDED_JOINS = "added_joins"
    KNOWN_HEAVY = "known_heavy"
    KNOWN_LIGHT = "known_light"


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourCheck:
    """In how many cases the model did what it should.

    `columns` are those of the vector that differed most often where a rewritten statement was decided otherwise.
    """

    behaviour: Behaviour
    cases: int
    right: int
    columns: tuple[str, ...] = ()

    @property
    def share(self) -> float | None:
        """None without a case."""
        return self.right / self.cases if self.cases else None


def check_behaviour(
    model: Model, holdout: Sequence[Example], *, before: Sequence[Example], history: HistorySource
) -> tuple[BehaviourCheck, ...]:
    """Every behaviour, at the model's own thresholds, each statement with the past that it had.

    - Comments, case, blanks and aliases change nothing that runs: the decision stays. Asked of one statement of each
      template of the holdout that the model decides, at most `MOST_TEMPLATES`, evenly spread over its time.
    - A cross join makes nothing lighter: the same statements with one, then two cross joins to the largest table that
      they read; whichever is heavy stays so.
    - Exemplars, from what came `before` the holdout, get the weight that all their runs had by far: a model that learnt
      from them and knows their past has no excuse.
    """
    known = exemplars(before, model.bundle.label_rule)
    bench = _Bench(model, history)
    sample = bench.sample(holdout)
    table = largest_table((asked.example for asked in sample), history.at(holdout[0].request.submitted_at))
    return (
        bench.invariant(Behaviour.COMMENTS, sample, commented),
        bench.invariant(Behaviour.CASE, sample, recased),
        bench.invariant(Behaviour.BLANKS, sample, respaced),
        bench.invariant(Behaviour.ALIASES, sample, realiased),
        bench.monotone(Behaviour.ADDED_JOINS, sample, table),
        bench.known(Behaviour.KNOWN_HEAVY, known.heavy, QueryWeight.HEAVY),
        bench.known(Behaviour.KNOWN_LIGHT, known.light, QueryWeight.LIGHT),
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A statement as it is in the log, and what was decided of it."""

    example: Example
    decision: RoutingDecision


class _Bench:
    """One model behind the policy chain."""

    def __init__(self, model: Model, history: HistorySource) -> None:
        self._router = Router(model=model, history=history)
        self._columns = np.array(column_names(model.bundle.vocabulary))
        self._most_bytes = model.bundle.parse_limits.bytes

    def sample(self, examples: Sequence[Example]) -> list[_Asked]:
        """The first statement of each template that the model decides, at most `MOST_TEMPLATES`, evenly spread."""
        first = {example.template: example for example in reversed(examples)}
        some = [found for found in reversed(first.values()) if found.statement.kind != StatementKind.METADATA]
        spread = some[:: -(-len(some) // MOST_TEMPLATES) or 1]
        asked = [_Asked(example, self._router.decide(example.request)) for example in spread]
        return [one for one in asked if one.decision.reason is Reason.MODEL]

    def invariant(self, behaviour: Behaviour, sample: Sequence[_Asked], rewrite: Rewrite) -> BehaviourCheck:
        """Right where the rewritten statement is decided alike.

        What cannot be rewritten is no case, nor what would be over the cap on a text then: that reads comments too.
        """
        pairs = [
            (asked.decision, self._decide(asked, sql))
            for asked in sample
            if (sql := rewrite(asked.example.request.sql)) is not None and len(sql.encode()) <= self._most_bytes
        ]
        flipped = [(one, other) for one, other in pairs if one.weight is not other.weight]
        columns = Counter(name for one, other in flipped for name in self._differing(one, other))
        return BehaviourCheck(
            behaviour=behaviour,
            cases=len(pairs),
            right=len(pairs) - len(flipped),
            columns=tuple(name for name, _ in columns.most_common(MOST_COLUMNS)),
        )

    def monotone(self, behaviour: Behaviour, sample: Sequence[_Asked], table: str | None) -> BehaviourCheck:
        """A case is a statement that is heavy at some step but the last; right where all later steps are heavy too."""
        heavy = [self._heavy_steps(asked, table) for asked in sample if table is not None]
        cases = [steps for steps in heavy if any(steps[:-1])]
        right = sum(steps == sorted(steps) for steps in cases)
        return BehaviourCheck(behaviour=behaviour, cases=len(cases), right=right)

    def known(self, behaviour: Behaviour, examples: Sequence[Example], weight: QueryWeight) -> BehaviourCheck:
        """A case is an exemplar that the model decides."""
        decisions = [self._router.decide(example.request) for example in examples]
        weights = [decision.weight for decision in decisions if decision.reason is Reason.MODEL]
        return BehaviourCheck(behaviour=behaviour, cases=len(weights), right=weights.count(weight))

    def _heavy_steps(self, asked: _Asked, table: str) -> list[bool]:
        """Whether the statement is heavy as it is, with one and with two joins added; shorter where none can be."""
        added = (joined(asked.example.request.sql, table, times=times) for times in (1, 2))
        steps = [asked.decision, *(self._decide(asked, sql) for sql in added if sql is not None)]
        return [step.weight is QueryWeight.HEAVY for step in steps]

    def _decide(self, asked: _Asked, sql: str) -> RoutingDecision:
        """Of the statement with another text."""
        return self._router.decide(replace(asked.example.request, sql=sql))

    def _differing(self, one: RoutingDecision, other: RoutingDecision) -> list[str]:
        if one.vector is None or other.vector is None:
            return []
        same = np.isclose(one.vector, other.vector, equal_nan=True)
        names: list[str] = self._columns[~same].tolist()
        return names
