"""A backtest for people."""

import math
from collections.abc import Iterator, Mapping

from models.backtest.result import Backtest, Standing
from models.contenders.field import OURS
from models.evaluate import Share
from models.report import block_lines


def table(found: Backtest) -> str:
    """The blocks, the contenders at both thresholds, the parts of the holdout, and the label noise."""
    contenders = found.contenders.items()
    certified = {name: judged.certified for name, judged in contenders if judged.certified}
    lines = [
        *block_lines(found.split),
        "",
        *_standings("own threshold", {name: judged.own for name, judged in contenders}),
        "",
        *_standings(f"bound of {found.bound:.0%}", certified),
        "95% intervals over templates; cost in CPU seconds lost by wrong decisions, of which ours less its",
        "",
        *_savings(found),
        "",
        *_parts(found),
        "",
        str(found.noise_ceiling),
    ]
    return "\n".join(lines)


def _standings(title: str, standings: Mapping[str, Standing]) -> Iterator[str]:
    yield f"{title:<17}FNR, rows             by CPU  FPR, rows               light   PR-AUC  cost      ours less its"
    for name, standing in standings.items():
        figures, ranking = standing.figures, standing.figures.average_precision
        yield (
            f"{name:<17}{_share(figures.false_negative_rate):<22}"
            f"{figures.cpu_weighted_false_negative_rate:<8.1%}{_share(figures.false_positive_rate):<24}"
            f"{figures.light_share:<8.1%}{'-' if ranking is None else f'{ranking:.3f}':<8}{figures.cost:<10.1f}"
            f"{standing.difference}{_promise(standing)}"
        )


def _savings(found: Backtest) -> Iterator[str]:
    """Nodes and what is saved, at own thresholds."""
    yield f"{'nodes':<17}small + large + router    of the symmetric fleet saved   by routing alone"
    for name, judged in found.contenders.items():
        at = judged.own_saving.at_targets
        fleet = f"{at.nodes.small} + {at.nodes.large} + {at.nodes.router} = {at.nodes.split}"
        yield f"{name:<17}{fleet:<26}{_share(at.saving):<31}{_share(at.routing_alone)}"
    whole = found.contenders[OURS].own_saving
    yield (
        f"the log's peak hour scaled by {whole.scale:,.0f} to a symmetric fleet of "
        f"{whole.at_targets.nodes.symmetric} nodes; inputs and targets are those of models/capacity.toml"
    )


def _promise(standing: Standing) -> str:
    if standing.refuted:
        return "  refuted"
    return "  certified" if standing.threshold.certificate else ""


def _parts(found: Backtest) -> Iterator[str]:
    """Ours in each part, and what each rival's decisions cost there."""
    rivals = [name for name in found.contenders if name != OURS]
    yield f"{'part':<34}rows   heavy  FNR, rows             FPR, rows               cost      {_cells(rivals)}"
    for way, parts in found.contenders[OURS].strata.items():
        for name, ours in parts.items():
            costs = [f"{found.contenders[rival].strata[way][name].figures.cost:.1f}" for rival in rivals]
            doubt = "" if ours.judged else "not judged"
            yield f"{f'{way} {name}'[:32]:<34}{_part(ours)}{_cells(costs)}{doubt}".rstrip()


def _part(ours: Standing) -> str:
    figures = ours.figures
    missed, alarms = _share(figures.false_negative_rate), _share(figures.false_positive_rate)
    return f"{figures.rows:<7}{figures.heavy:<7}{missed:<22}{alarms:<24}{figures.cost:<10.1f}"


def _cells(words: list[str]) -> str:
    return "".join(f"{word:<15}" for word in words)


def _share(share: Share) -> str:
    return "-" if math.isnan(share.value) else str(share)
