"""A backtest as one HTML page: tables and curves of one split, or of all steps of a rolling one."""

from models.backtest import charts, sections
from models.backtest.html import document, heading, paragraph, side_by_side
from models.backtest.result import Backtest
from models.backtest.rolling import Rolling
from models.contenders.field import OURS


def split_page(found: Backtest) -> str:
    """Everything of one split."""
    contenders, bound = found.contenders, f"a bound of {found.bound:.0%}"
    promises = {name: sections.promise(judged.own) for name, judged in contenders.items()}
    certified = {name: sections.promise(judged.certified) for name, judged in contenders.items() if judged.certified}
    return document(
        "Backtest on one split",
        [
            paragraph(sections.lead(found.rule)),
            sections.blocks(found.split),
            *sections.headline(contenders, own=promises, certified=certified, bound=bound),
            heading("Curves"),
            side_by_side(
                [
                    charts.error_rates(contenders),
                    charts.costs(contenders),
                    charts.frontiers(contenders),
                    charts.savings(contenders),
                ]
            ),
            *sections.frontier(contenders),
            *sections.strata(contenders),
            *sections.noise(found.noise_ceiling),
            *sections.capacity(found.capacity, contenders[OURS].own_saving),
        ],
    )


def rolling_page(found: Rolling) -> str:
    """Every step, and all steps as one."""
    contenders = found.pooled
    promises = {name: sections.kept(found.own_promises(name)) for name in contenders}
    certified = {
        name: sections.kept(found.certified_promises(name)) for name, judged in contenders.items() if judged.certified
    }
    return document(
        f"Rolling backtest, {found.every}",
        [
            paragraph(sections.lead(found.rule)),
            paragraph(
                "At the begin of each step (UTC) everyone learns from what had ended by then, is certified on the "
                "latest of it, and decides the step's statements. The tables have the rows of all steps as one, each "
                "decided at the threshold of its step; scores of different models make no common ranking (PR-AUC)."
            ),
            *sections.headline(contenders, own=promises, certified=certified, bound="the bound of each step"),
            heading("Step by step"),
            side_by_side([charts.step_misses(found.turns), charts.step_light(found.turns)]),
            side_by_side([charts.step_costs(found.turns), charts.savings(contenders)]),
            *sections.steps(found),
            *sections.strata(contenders),
            *sections.noise(found.noise_ceiling),
            *sections.capacity(found.capacity, contenders[OURS].own_saving),
        ],
    )
