"""A backtest for people."""

from collections.abc import Iterator, Mapping

from models.backtest.result import Backtest, Judged, Standing
from models.backtest.rolling import Rolling, Turn
from models.contenders.field import OURS
from models.reports.text import block_lines


def table(found: Backtest) -> str:
    """The blocks, the contenders at both thresholds, the parts of the holdout, and the label noise."""
    lines = [*block_lines(found.split), "", *_judged(found.contenders, bound=f"bound of {found.bound:.0%}")]
    return "\n".join([*lines, "", str(found.noise_ceiling)])


def rolling_table(found: Rolling) -> str:
    """The steps, what was skipped, and over all steps the contenders, the parts of their rows, and the label noise."""
    rivals = [name for name in found.pooled if name != OURS]
    lines = [
        f"{'step':<26}rows   heavy  FNR, units            bound   light   cost      {_cells(rivals)}",
        *(_turn(turn) for turn in found.turns),
        *(f"{skipped.step}  skipped: {skipped.reason}" for skipped in found.skipped),
        "",
        *_promises(found),
        "",
        *_judged(found.pooled, bound="bound of the step"),
    ]
    return "\n".join([*lines, "", str(found.noise_ceiling)])


def _judged(contenders: Mapping[str, Judged], *, bound: str) -> Iterator[str]:
    yield from _standings("own threshold", {name: judged.own for name, judged in contenders.items()})
    yield ""
    yield from _standings(bound, {name: judged.certified for name, judged in contenders.items() if judged.certified})
    yield "95% intervals over templates; cost in CPU seconds lost by wrong decisions, of which ours less its"
    yield ""
    yield from _savings(contenders)
    yield ""
    yield from _parts(contenders)


def _turn(turn: Turn) -> str:
    """Ours at its own threshold, and what each rival's decisions cost."""
    ours = turn.own[OURS]
    figures, certificate = ours.figures, ours.threshold.certificate
    bound = f"{certificate.bound:.0%}" if certificate else "none"
    costs = [f"{standing.figures.cost:.1f}" for name, standing in turn.own.items() if name != OURS]
    told = f"{figures.unit_false_negative_rate!s:<22}{bound:<8}{figures.light_share:<8.1%}{figures.cost:<10.1f}"
    return f"{turn.step}  {figures.rows:<7}{figures.heavy:<7}{told}{_cells(costs)}{'refuted' * ours.refuted}".rstrip()


def _promises(found: Rolling) -> Iterator[str]:
    yield f"{'certificates':<17}own threshold           bound of the step"
    for name in found.pooled:
        told = [
            f"{promises.refuted_steps} refuted of {promises.certified_steps}"
            for promises in (found.own_promises(name), found.certified_promises(name))
        ]
        yield f"{name:<17}{told[0]:<24}{told[1]}"


def _standings(title: str, standings: Mapping[str, Standing]) -> Iterator[str]:
    yield f"{title:<17}FNR, rows             by CPU  FPR, rows               light   PR-AUC  cost      ours less its"
    for name, standing in standings.items():
        figures, ranking = standing.figures, standing.figures.average_precision
        yield (
            f"{name:<17}{figures.false_negative_rate!s:<22}"
            f"{figures.cpu_weighted_false_negative_rate:<8.1%}{figures.false_positive_rate!s:<24}"
            f"{figures.light_share:<8.1%}{'-' if ranking is None else f'{ranking:.3f}':<8}{figures.cost:<10.1f}"
            f"{standing.difference}{_promise(standing)}"
        )


def _savings(contenders: Mapping[str, Judged]) -> Iterator[str]:
    """Nodes and what is saved, at own thresholds."""
    yield f"{'nodes':<17}small + large + router    of the symmetric fleet saved   by routing alone"
    for name, judged in contenders.items():
        at = judged.own_saving.at_targets
        fleet = f"{at.nodes.small} + {at.nodes.large} + {at.nodes.router} = {at.nodes.split}"
        yield f"{name:<17}{fleet:<26}{at.saving!s:<31}{at.routing_alone}"
    whole = contenders[OURS].own_saving
    yield (
        f"the log's peak hour scaled by {whole.scale:,.0f} to a symmetric fleet of "
        f"{whole.at_targets.nodes.symmetric} nodes; inputs and targets are those of models/capacity.toml"
    )


def _promise(standing: Standing) -> str:
    if standing.refuted:
        return "  refuted"
    return "  certified" if standing.threshold.certificate else ""


def _parts(contenders: Mapping[str, Judged]) -> Iterator[str]:
    """Ours in each part, and what each rival's decisions cost there."""
    rivals = [name for name in contenders if name != OURS]
    yield f"{'part':<34}rows   heavy  FNR, rows             FPR, rows               cost      {_cells(rivals)}"
    for way, parts in contenders[OURS].strata.items():
        for name, ours in parts.items():
            costs = [f"{contenders[rival].strata[way][name].figures.cost:.1f}" for rival in rivals]
            doubt = "" if ours.judged else "not judged"
            yield f"{f'{way} {name}'[:32]:<34}{_part(ours)}{_cells(costs)}{doubt}".rstrip()


def _part(ours: Standing) -> str:
    figures = ours.figures
    rates = f"{figures.false_negative_rate!s:<22}{figures.false_positive_rate!s:<24}"
    return f"{figures.rows:<7}{figures.heavy:<7}{rates}{figures.cost:<10.1f}"


def _cells(words: list[str]) -> str:
    return "".join(f"{word:<15}" for word in words)
