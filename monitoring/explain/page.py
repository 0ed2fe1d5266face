"""The page for people: a form, and under it why a statement got its decision. It needs no network."""

from collections.abc import Iterable
from html import escape
from math import isnan
from typing import Final

from monitoring.explain.chart import bar_chart, shown_name
from monitoring.explain.contributions import Contribution
from monitoring.explain.explanation import Explanation, FeatureValue, Opinion, ThresholdKind
from monitoring.explain.form import FORM_FIELDS
from monitoring.explain.similar import PastStatement, SimilarStatements
from smart_routing.labels import QueryWeight
from smart_routing.page import html_page, html_table
from smart_routing.request import Request
from smart_routing.routing import Reason

_TOLD: Final = {
    Reason.OVERRIDE: "The policy file orders it.",
    Reason.TOO_LARGE: "Its text is over 1 MiB, which is not read.",
    Reason.UNPARSABLE: "It has no text to judge.",
    Reason.TRANSACTION: "It is part of a transaction, which lives on one cluster.",
    Reason.WRITE_STATEMENT: "It writes, and writes are heavy by policy.",
    Reason.METADATA_STATEMENT: "It reads no data.",
    Reason.KNOWN_HEAVY_TEMPLATE: "Its template failed for its size before.",
    Reason.MODEL: "The model decided.",
    Reason.MODEL_ERROR: "The model failed on it.",
}
_STYLE: Final = """
form { display: grid; grid-template-columns: repeat(4, 1fr); gap: .6em 1em; background: #f4f6f9; padding: 1em;
  border-radius: 6px }
label { display: block; font-size: .85em; color: #4a5566 } .wide { grid-column: 1 / -1 }
input, textarea { display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .35em .5em;
  border: 1px solid #c3cad5; border-radius: 4px } textarea { font-family: monospace; min-height: 8em }
button { font: inherit; padding: .4em 1.4em; justify-self: start; border: 0; border-radius: 4px; background: #24507f;
  color: #fff }
svg { width: 100%; font-size: 11px } svg .up { fill: #c2571a } svg .down { fill: #2b6cb0 } svg .axis { stroke: #9aa5b4 }
"""


def form_page() -> str:
    """The form alone."""
    return html_page("Why was my statement sent there?", _form(None), style=_STYLE)


def error_page(message: str) -> str:
    """The form and what was wrong."""
    return html_page(
        "Why was my statement sent there?", f'<p class="note">{escape(message)}</p>{_form(None)}', style=_STYLE
    )


def explanation_page(request: Request, explanation: Explanation) -> str:
    """The explanation, then the form as it was filled in; the text of the statement is shown to its sender only."""
    weight = "Heavy: the large cluster" if explanation.decision == QueryWeight.HEAVY else "Light: the small cluster"
    parts = [
        f"<p>{escape(_TOLD.get(explanation.reason, explanation.reason))} {_verdict(explanation)}</p>",
        *(f'<p class="note">{escape(note)}</p>' for note in explanation.notes),
        _origin(explanation),
        _form(request),
        _moved(explanation.opinion) if explanation.opinion else "",
        _past(explanation.similar) if explanation.similar else "",
        _features(explanation.opinion.features) if explanation.opinion else "",
    ]
    return html_page(weight, "".join(parts), style=_STYLE)


def _form(request: Request | None) -> str:
    values = {} if request is None else {name: getattr(request, name) or "" for name in FORM_FIELDS}
    inputs = "".join(
        f'<label>{name}<input name="{name}" value="{escape(values.get(name, ""))}"{" required" * (name == "user")}>'
        "</label>"
        for name in FORM_FIELDS[:-1]
    )
    return (
        f'<form method="post">{inputs}<label class="wide">SQL<textarea name="sql" required>'
        f"\n{escape(values.get('sql', ''))}</textarea></label><button>Explain</button></form>"
    )


def _verdict(explanation: Explanation) -> str:
    opinion = explanation.opinion
    if opinion is None:
        return ""
    side = "at or above" if opinion.heavy_probability >= opinion.threshold else "below"
    known = (
        "for statements of whose past something is known"
        if opinion.threshold_kind == ThresholdKind.WITH_HISTORY
        else "for statements of whose past nothing is known"
    )
    says = "P(heavy) is" if explanation.reason is Reason.MODEL else "The model alone would say: P(heavy) is"
    return (
        f"{says} <b>{opinion.heavy_probability:.3f}</b>, {side} the threshold <b>{opinion.threshold:.3f}</b> {known}."
    )


def _origin(explanation: Explanation) -> str:
    told = (
        ("reason", explanation.reason),
        ("model", explanation.model_version),
        ("history snapshot", explanation.history_snapshot or "none"),
        ("template", explanation.template or "not read"),
    )
    return f'<p class="small">{" · ".join(f"{name} <code>{escape(value)}</code>" for name, value in told)}</p>'


def _moved(opinion: Opinion) -> str:
    parts = opinion.parts
    return (
        "<h2>What moved the score</h2>"
        f"<p>Log-odds that each part added; together {parts.margin:+.2f}, which is calibrated to P(heavy) "
        f"{opinion.heavy_probability:.3f}. Right, in orange, is heavier; left, in blue, is lighter.</p>"
        f"{bar_chart(parts)}"
        + _table(("column", "what it is", "value", "added"), map(_moved_row, (*parts.raised, *parts.lowered)))
    )


def _moved_row(part: Contribution) -> tuple[str, ...]:
    return shown_name(part), part.meaning, _number(part.value), f"{part.log_odds:+.3f}"


def _past(similar: SimilarStatements) -> str:
    until = "" if similar.complete else f"; only the latest {similar.searched} statements of the log were searched"
    heading = f"<h2>Similar statements of the same tenant, last {similar.days:g} days</h2>"
    if not similar.runs:
        return f"{heading}<p>None{until}.</p>"
    share = "unknown" if similar.heavy_share is None else f"{similar.heavy_share:.0%}"
    median, most = _number(similar.cpu_seconds_p50), _number(similar.cpu_seconds_p90)
    return (
        f"{heading}<p>{similar.runs} of the same template; heavy: {share}; CPU seconds: median {median}, "
        f"90th percentile {most}{until}. The latest:</p>"
        + _table(("query", "created (UTC)", "weight", "CPU seconds", "memory, MiB"), map(_past_row, similar.examples))
    )


def _past_row(past: PastStatement) -> tuple[str, ...]:
    memory = past.peak_memory_bytes / 2**20
    created = f"{past.created_at:%Y-%m-%d %H:%M:%S}"
    return past.query_id, created, past.weight or "unknown", _number(past.cpu_seconds), _number(memory)


def _features(features: tuple[FeatureValue, ...]) -> str:
    rows = ((feature.name, feature.meaning, feature.group, _number(feature.value)) for feature in features)
    table = _table(("feature", "what it is", "from", "value"), rows)
    return f"<h2>All features</h2><details><summary>{len(features)} values</summary>{table}</details>"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return html_table(heads, rows, numbers=_QUANTITIES)


_QUANTITIES: Final = frozenset({"value", "added", "CPU seconds", "memory, MiB"})


def _number(value: float | None) -> str:
    return "absent" if value is None or isnan(value) else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
