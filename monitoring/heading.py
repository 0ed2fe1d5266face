"""What a person reads of a drift report: the verdict in words, and every signal that was heard, window by window."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from monitoring.drift.signals import Drift
from monitoring.policy import Verdict, hear
from monitoring.signals import Signal
from monitoring.thresholds import DriftThresholds
from monitoring.window import Window

MOST_ROWS: Final = 40
_COLOURS: Final = {
    "no data": "#6b7280",
    "none": "#15803d",
    "alert": "#b45309",
    "retrain": "#b45309",
    "rollback": "#b91c1c",
}
_MEANINGS: Final = {
    "no data": "nothing to compare",
    "none": "nothing that lasts",
    "alert": "look at it",
    "retrain": "train on newer events",
    "rollback": "let the version before it serve again",
}
_STYLE: Final = """
<style>
.verdict{font:15px/1.5 system-ui,sans-serif;max-width:75em;margin:2em auto 1em;padding:0 1.5em;color:#1f2937}
.verdict h1{font-size:1.5em;margin:0 0 .5em}
.verdict .kind{color:#fff;border-radius:.3em;padding:.1em .5em}
.verdict .reason{font-size:1.1em;max-width:55em}
.verdict table{border-collapse:collapse;width:100%;margin:1em 0}
.verdict th{text-align:left;font-weight:600;border-bottom:2px solid #d1d5db;padding:.3em .6em}
.verdict td{border-bottom:1px solid #e5e7eb;padding:.35em .6em;vertical-align:middle}
.verdict tr.spoke td{font-weight:600}
.verdict small{color:#6b7280}
</style>
"""


def heading(version: str, verdict: Verdict, drift: Drift, *, signals: Sequence[Signal], rules: DriftThresholds) -> str:
    """HTML to stand above Evidently's drawings; names in it are no markup."""
    heard = hear(signals, rules.false_discovery_rate)
    before, now = drift.sizes
    lines = (
        f"<h1>Drift of {escape(version)}: <span class=kind style='background:{_COLOURS[verdict.kind]}'>"
        f"{escape(verdict.kind)}</span> <small>{_MEANINGS[verdict.kind]}</small></h1>",
        f"<p class=reason>{escape(verdict.reason)}</p>",
        f"<p><small>Newest window {escape(str(drift.window))}: {drift.current_rows} read statements, {now:.0f} of them "
        f"independent. Reference: {drift.reference_rows}, which given the window's mix of tenants and hours are worth "
        f"{before:.0f} independent ones. {len(signals)} questions were asked.</small></p>",
        _table(signals, heard, set(verdict.signals)),
        "<p><small>Below, Evidently draws a sample of both sides as they are, the reference without the window's mix, "
        "beside our distances. The verdict rests on the signals above, of which the columns below are only a part."
        "</small></p>",
    )
    return f"{_STYLE}<header class=verdict>{''.join(lines)}</header>"


def _table(signals: Iterable[Signal], heard: frozenset[Signal], spoken: set[Signal]) -> str:
    """A row for each question that was heard in any window: those that spoke first, then the surest."""
    series: dict[tuple[str, str | None], list[Signal]] = {}
    for signal in signals:
        series.setdefault((signal.name, signal.tenant), []).append(signal)
    told = [asked for asked in series.values() if not heard.isdisjoint(asked)]
    told.sort(key=lambda asked: (spoken.isdisjoint(asked), min(s.p_value for s in asked if s in heard)))
    if not told:
        return "<p>No signal was heard in any window.</p>"
    rows = "".join(_row(asked, heard, spoken) for asked in told[:MOST_ROWS])
    titles = (
        "tier",
        "tenant",
        "what was found, in the newest window that heard it",
        "now and usually",
        "by chance",
        "windows: short small, long large; filled where heard",
    )
    return f"<table><tr>{''.join(f'<th>{title}</th>' for title in titles)}</tr>{rows}</table>"


def _row(asked: Sequence[Signal], heard: frozenset[Signal], spoken: set[Signal]) -> str:
    newest = max((signal for signal in asked if signal in heard), key=lambda signal: signal.window.end)
    cells = (
        newest.tier.value,
        escape(newest.tenant or "all"),
        escape(newest.sentence),
        _bars(newest),
        _chance(newest.p_value),
        _dots(asked, heard),
    )
    spoke = "" if spoken.isdisjoint(asked) else " class=spoke"
    return f"<tr{spoke}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _chance(p_value: float) -> str:
    """1 in how many; beyond a million nobody can tell the difference."""
    return "&lt; 1 in 10<sup>6</sup>" if p_value < 1e-6 else f"1 in {round(1 / p_value):,}"


def _bars(signal: Signal) -> str:
    """Two bars on one scale: what was found above what was usual."""
    now, usual = signal.current or 0.0, signal.reference or 0.0
    longest = max(now, usual, 1e-9)
    widths = (90 * now / longest, 90 * usual / longest)
    return (
        f"<svg width=96 height=22 role=img aria-label='{now:.3g}, usually {usual:.3g}'>"
        f"<rect y=2 width={max(widths[0], 1):.0f} height=8 fill='#b45309'/>"
        f"<rect y=12 width={max(widths[1], 1):.0f} height=8 fill='#9ca3af'/></svg>"
    )


def _dots(asked: Sequence[Signal], heard: frozenset[Signal]) -> str:
    """A dot for each window that could tell, the oldest first, long ones larger; filled where the signal was heard."""
    dots, x = [], 8
    for signal in sorted(asked, key=lambda signal: (_length(signal.window), signal.window.end)):
        radius = 6 if _length(signal.window) >= 86_400 else 4
        fill = "#b45309" if signal in heard else "#fff"
        title = escape(f"{signal.window}: {'heard' if signal in heard else 'silent'}")
        dots.append(f"<circle cx={x} cy=10 r={radius} fill='{fill}' stroke='#b45309'><title>{title}</title></circle>")
        x += 2 * radius + 4
    return f"<svg width={x} height=20>{''.join(dots)}</svg>"


def _length(window: Window) -> float:
    return (window.end - window.start).total_seconds()
