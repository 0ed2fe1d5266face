"""The page of a backtest: what it shows, that it needs nothing else, and that names of a log are text on it."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.backtest.curve import MOST_POINTS, curve
from models.backtest.html import Cell, Row, table
from models.backtest.judge import backtest
from models.backtest.page import rolling_page, split_page
from models.capacity import read_capacity
from models.evaluate import figures
from models.replay import Every, replay
from models.reports.plots import svg
from tests.unit.models.contests import FIELD, RULE, contest_over, days
from tests.unit.models.examples import rows

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_VOID = {"meta", "br"}


class Read(HTMLParser):
    """Tags as they close, headings, cells of all tables, and whatever would be fetched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.rows: list[list[str]] = []
        self.fetched: list[str] = []
        self.drawings: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.fetched += [f"{found[name]}" for name in ("src", "href", "xlink:href", "action") if name in found]
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")
        if tag == "svg":
            self.drawings.append(f"{found['aria-label']}")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["h2"]:
            self.headings.append(data)
        if "td" in self.open:
            self.rows[-1][-1] += f"{data} "

    def row(self, name: str) -> list[str]:
        return [cell.strip() for cell in next(row for row in self.rows if row and row[0].strip() == name)]


@pytest.fixture(scope="module")
def split() -> str:
    return split_page(backtest(contest_over(days(9)), FIELD, capacity=read_capacity()))


@pytest.fixture(scope="module")
def rolling() -> str:
    return rolling_page(
        replay(contest_over(days(7)), Every.DAILY, approaches=FIELD, capacity=read_capacity(), tell=lambda _: None)
    )


@pytest.fixture(params=["split", "rolling"])
def page(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


def test_page_is_whole_and_fetches_nothing(page: str) -> None:
    read = Read(page)
    assert read.open == []
    assert [place for place in read.fetched if not place.startswith("#")] == []
    assert set(re.findall(r"""[\w:]+=["']?https?://[^"']+""", page)) <= {
        'xmlns="http://www.w3.org/2000/svg',
        'xmlns:xlink="http://www.w3.org/1999/xlink',
    }
    assert re.search(r"<script|@import|url\((?!#)", page) is None


def test_names_of_a_log_are_text(page: str) -> None:
    assert "<b>" not in page
    assert "&lt;b&gt;dbt&lt;/b&gt;" in page
    assert [row[1].split() for row in Read(page).rows if row and row[0].strip() == "source"] == [["<b>dbt</b>"]]


def test_split_page_has_every_part(split: str) -> None:
    read = Read(split)
    assert read.drawings == [
        "FNR against FPR", "Cost against light share", "Frontier of bounds", "Saving against utilisation",
    ]  # fmt: skip
    assert read.headings == [
        "At own thresholds", "At a bound of 10%", "Curves",
        "What each bound would take, on the calibration block", "In parts, at own thresholds", "Label noise", "Nodes",
    ]  # fmt: skip
    assert read.row("oracle")[1].startswith("0.0%")
    assert read.row("all_heavy")[4] == "0.0%"


def test_rolling_page_has_every_step(rolling: str) -> None:
    read = Read(rolling)
    assert read.drawings == [
        "FNR by step", "Light share by step", "Cost by step", "Saving against utilisation",
    ]  # fmt: skip
    assert read.row("2026-10-11 to 2026-10-12")[1:4] == ["48", "24", "10%"]
    assert read.row("2026-10-05 to 2026-10-06")[1].startswith("train block has 0 read statements")
    assert read.row("full")[-1] == "0 of 2 steps refuted"


def test_page_without_a_certificate_says_none() -> None:
    read = Read(split_page(backtest(contest_over(days(1)), FIELD, capacity=read_capacity())))
    assert [row[-1].strip() for row in read.rows if row and row[0].strip() == "full"][:2] == ["none", "none"]
    assert read.row("all_heavy")[4] == "0.0%"


def test_parts_that_are_not_judged_say_so(split: str) -> None:
    parts = {
        tuple(row[1].strip().split(maxsplit=1)): int(row[3]) for row in Read(split).rows if row and row[0] == "tenant "
    }
    assert parts
    assert all((name[1:] == ("not judged",)) == (heavy < 30) for name, heavy in parts.items())


def test_cells_and_heads_are_escaped() -> None:
    made = table(("<i>",), [Row([Cell("a&b", "<script>")], muted=True)])
    assert '<th class="name">&lt;i&gt;</th>' in made
    assert '<tr class="muted"><td class="name">a&amp;b<small>&lt;script&gt;</small></td></tr>' in made


def test_same_drawing_is_the_same_bytes() -> None:
    drawn = [svg(lambda axes: axes.set(xlabel="a <b>", xlim=(0, 1)), name='one "1"') for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert drawn[0].startswith('<svg role="img" aria-label="one &quot;1&quot;" ')
    assert "a &lt;b&gt;" in drawn[0]


def test_curve_is_what_each_threshold_gives() -> None:
    scored = rows([0.9, 0.5, 0.5, 0.2, -np.inf, np.inf, 0.7], [True, True, False, False, False, False, False])
    found = curve(scored, RULE)
    for place, threshold in enumerate([0.2, 0.5, 0.7, 0.9, 1.0]):
        expected = figures(scored, threshold=threshold, rule=RULE)
        assert found.false_negative_rate[place] == pytest.approx(expected.false_negative_rate.value)
        assert found.false_positive_rate[place] == pytest.approx(expected.false_positive_rate.value)
        assert found.light_share[place] == pytest.approx(expected.light_share)
        assert found.cost[place] == pytest.approx(expected.cost)
    assert len(found.cost) == 5


def test_curve_of_many_rows_is_thinned_and_keeps_its_ends() -> None:
    many = 3 * MOST_POINTS
    found = curve(rows(np.linspace(0, 1, many).tolist(), [number % 2 == 0 for number in range(many)]), RULE)
    assert len(found.cost) == MOST_POINTS
    assert (found.light_share[0], found.light_share[-1]) == (0.0, 1.0)


@pytest.mark.service
def test_a_browser_shows_it_without_a_request(chromium: "Browser", page: str, tmp_path: Path) -> None:
    path = tmp_path / "backtest.html"
    path.write_text(page, encoding="utf-8")
    shown = chromium.new_page(viewport={"width": 1400, "height": 900})
    asked: list[str] = []
    told: list[str] = []
    shown.on("request", lambda request: asked.append(request.url))
    shown.on("console", lambda message: told.append(message.text))
    shown.goto(path.as_uri())
    assert (asked, told) == ([path.as_uri()], [])
    boxes = [shown.locator("svg").nth(place).bounding_box() for place in range(4)]
    assert all(box is not None and box["width"] > 400 and box["height"] > 200 for box in boxes)
    assert shown.evaluate("document.documentElement.scrollWidth") <= 1400
    shown.close()
