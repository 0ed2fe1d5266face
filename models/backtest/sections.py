"""The parts of a backtest's page."""

from collections.abc import Iterator, Mapping
from typing import Final

from models.backtest.cells import NONE, difference, dollars, minute, percent, share
from models.backtest.html import Cell, Row, heading, paragraph, table
from models.backtest.noise import NoiseCeiling
from models.backtest.result import Judged, Standing
from models.backtest.rolling import Promises, Rolling, Turn
from models.calibrate import FrontierPoint
from models.capacity import CapacityInputs, Saving
from models.contenders.field import OURS
from models.split import Split, summaries
from models.strata import LEAST_HEAVY
from smart_routing.labels import LabelRule

_HEADS: Final = (
    "contender",
    "FNR, rows",
    "FNR by CPU",
    "FPR, rows",
    "light share",
    "PR-AUC",
    "cost, CPU s",
    "ours less its, CPU s",
    "nodes saved",
    "certificate",
)
_INTERVALS: Final = (
    "In small type: 95% intervals, whole templates drawn with replacement; of a rate of 0 or 100% the exact binomial "
    "one over templates. Cost: CPU seconds lost by wrong decisions (heavy on small until killed, light on large). Ours "
    "less its: the difference of costs on the same rows, green where the interval says that ours is cheaper, red where "
    "it says that ours is dearer. Nodes saved: the share of a symmetric fleet's nodes that the split one does without, "
    "at the target utilisation named below. In parts, intervals of differences are of 1 - 0.05 / k for k judged parts."
)


def lead(rule: LabelRule) -> str:
    """What a heavy statement is, and who decides which."""
    memory = f"{rule.memory_bytes / 2**20:,.1f}".removesuffix(".0")
    return (
        f"Heavy: CPU time of {rule.cpu_seconds:g} s or more, peak memory over {memory} MiB, or "
        "failed for its size. Contenders decide read statements; writes go to large whatever anybody decides."
    )


def blocks(split: Split) -> str:
    """Size and span of each block of time."""
    return table(
        ("block", "reads", "heavy", "first (UTC)", "last (UTC)"),
        [
            Row([name, f"{block.reads:,}", f"{block.heavy:,}", minute(block.first), minute(block.last)])
            for name, block in summaries(split.blocks).items()
        ],
    )


def headline(
    contenders: Mapping[str, Judged], *, own: Mapping[str, str], certified: Mapping[str, str], bound: str
) -> Iterator[str]:
    """Every contender at its own threshold and at the bound; `own` and `certified` tell of certificates by name."""
    yield heading("At own thresholds")
    yield table(
        _HEADS,
        [Row(_figures(name, judged.own, judged.own_saving, own[name])) for name, judged in contenders.items()],
    )
    yield heading(f"At {bound}")
    yield table(
        _HEADS,
        [
            Row(_figures(name, judged.certified, judged.certified_saving, certified[name]))
            for name, judged in contenders.items()
            if judged.certified and judged.certified_saving
        ],
    )
    yield paragraph(_INTERVALS)


def _figures(name: str, found: Standing, saving: Saving, promise: str) -> list[str | Cell]:
    figures = found.figures
    ranking = NONE if figures.average_precision is None else f"{figures.average_precision:.3f}"
    return [
        name,
        share(figures.false_negative_rate, f"{figures.missed:,} of {figures.heavy:,}"),
        percent(figures.cpu_weighted_false_negative_rate),
        share(figures.false_positive_rate),
        percent(figures.light_share),
        ranking,
        f"{figures.cost:,.1f}",
        NONE if name == OURS else difference(found.difference),
        share(saving.at_targets.saving),
        promise,
    ]


def promise(found: Standing) -> str:
    """The certified bound, and what the rows say of it."""
    certificate = found.threshold.certificate
    if certificate is None:
        return "none"
    return f"{certificate.bound:.0%}, {'refuted' if found.refuted else 'not refuted'}"


def kept(promises: Promises) -> str:
    """How many steps' certificates their own rows contradict."""
    return (
        f"{promises.refuted_steps} of {promises.certified_steps} steps refuted" if promises.certified_steps else "none"
    )


def frontier(contenders: Mapping[str, Judged]) -> Iterator[str]:
    """What each bound takes of each contender that ranks."""
    yield heading("What each bound would take, on the calibration block")
    yield table(
        ("contender", "bound", "misses allowed", "threshold", "FPR", "light share"),
        [
            Row([name, f"{point.bound:.0%}", *_point(point)], muted=point.threshold is None)
            for name, judged in contenders.items()
            for point in judged.frontier
        ],
    )


def strata(contenders: Mapping[str, Judged]) -> Iterator[str]:
    """Ours in each part of the rows, and our cost less each rival's there."""
    rivals = [name for name in contenders if name != OURS]
    yield heading("In parts, at own thresholds")
    yield paragraph(
        f"Ours in each part, and our cost less each rival's on its rows. A part with fewer than {LEAST_HEAVY} heavies, "
        "in grey, is not judged. Seen: known from the training block. Near: a cost within a factor of 2 of a limit."
    )
    yield table(
        (
            "cut by",
            "part",
            "reads",
            "heavy",
            "FNR",
            "FPR",
            "light share",
            "cost, CPU s",
            *(f"less {name}" for name in rivals),
        ),
        [
            Row(
                [
                    way,
                    Cell(part, "" if ours.judged else "not judged"),
                    *_part(ours),
                    *(difference(contenders[rival].strata[way][part].difference) for rival in rivals),
                ],
                muted=not ours.judged,
            )
            for way, parts in contenders[OURS].strata.items()
            for part, ours in parts.items()
        ],
        names=2,
    )


def steps(found: Rolling) -> Iterator[str]:
    """Ours in each step, what rivals lost there, and the steps that nobody decided."""
    rivals = [name for name in found.pooled if name != OURS]
    yield heading("Steps, at own thresholds")
    yield table(
        (
            "step (UTC)",
            "reads",
            "heavy",
            "certified bound",
            "threshold",
            "FNR, template-days",
            "FPR, rows",
            "light share",
            "cost, CPU s",
            *(f"cost of {name}" for name in rivals),
        ),
        [
            Row([str(turn.step), *_turn(turn), *(f"{turn.own[name].figures.cost:,.1f}" for name in rivals)])
            for turn in found.turns
        ],
    )
    yield heading("Not decided")
    yield table(("step (UTC)", "why"), [Row([str(skipped.step), skipped.reason]) for skipped in found.skipped], names=2)


def noise(found: NoiseCeiling) -> Iterator[str]:
    """How far labels can be told at all."""
    yield heading("Label noise")
    yield paragraph(
        f"{found.mixed:,} template-schemas of these rows, with {found.mixed_rows:,} reads, have both labels. Whoever "
        f"looks at template and schema alone pays for {found.contested:,} of the {found.heavy:,} heavies "
        f"({found.share:.1%}) with a miss or a false alarm each."
    )


def capacity(inputs: CapacityInputs, ours: Saving) -> Iterator[str]:
    """What the saving is counted with (models/capacity.toml), and the nodes that come out for ours."""
    at, targets = ours.at_targets, inputs.utilisation
    yield heading("Nodes")
    yield paragraph(
        f"The log's peak hour, scaled by {ours.scale:,.0f}, is that of {inputs.fleet_nodes:,} symmetric nodes at "
        f"{targets.symmetric:.0%} of {inputs.usable_vcpu_per_node:g} usable vCPU. Peaks of the parts add up to no less "
        "than the peak of the whole: what is saved comes from running hotter, which routing makes bearable for light "
        "statements."
    )
    yield table(
        ("ours at its own threshold", "figure"),
        [
            Row(["target utilisation, small and large", f"{targets.small:.0%} and {targets.large:.0%}"]),
            Row(
                [
                    "peak cores of all, of small, of large",
                    " · ".join(f"{cores:,.0f}" for cores in (ours.peaks.whole, ours.peaks.small, ours.peaks.large)),
                ]
            ),
            Row(
                [
                    "nodes: small + large + router",
                    f"{at.nodes.small:,} + {at.nodes.large:,} + {at.nodes.router:,} = {at.nodes.split:,}",
                ]
            ),
            Row(["nodes: symmetric; all on large", f"{at.nodes.symmetric:,}; {at.nodes.all_heavy:,}"]),
            Row(["saved of the symmetric fleet", share(at.saving)]),
            Row(["saved at equal utilisation", share(ours.at_equal_utilisation.saving)]),
            Row(["saved by routing alone, against all on large at the same target", share(at.routing_alone)]),
            Row([f"dollars saved a week, at {inputs.dollars_per_node_week:,.2f} a node", dollars(at.dollars_a_week)]),
        ],
    )


def _point(point: FrontierPoint) -> list[str]:
    if point.threshold is None or point.false_positive_rate is None or point.light_share is None:
        return [
            "too few heavy template-schema-days" if point.misses_allowed is None else f"{point.misses_allowed}",
            NONE,
            NONE,
            NONE,
        ]
    rates = (percent(point.false_positive_rate), percent(point.light_share))
    return [f"{point.misses_allowed}", f"{point.threshold:.4f}", *rates]


def _part(ours: Standing) -> list[str | Cell]:
    figures = ours.figures
    missed, alarms = share(figures.false_negative_rate), share(figures.false_positive_rate)
    counts = (f"{figures.rows:,}", f"{figures.heavy:,}")
    return [*counts, missed, alarms, percent(figures.light_share), f"{figures.cost:,.1f}"]


def _turn(turn: Turn) -> list[str | Cell]:
    ours = turn.own[OURS]
    figures, certificate = ours.figures, ours.threshold.certificate
    bound = (
        Cell(f"{certificate.bound:.0%}", *(("refuted", "bad") if ours.refuted else ())) if certificate else Cell("none")
    )
    return [
        f"{figures.rows:,}",
        f"{figures.heavy:,}",
        bound,
        f"{ours.threshold.value:.4f}",
        share(figures.unit_false_negative_rate),
        share(figures.false_positive_rate),
        percent(figures.light_share),
        f"{figures.cost:,.1f}",
    ]
