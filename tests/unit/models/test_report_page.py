"""The report page: what was trained, how good it is, and that nothing of a log becomes markup."""

import json
import math
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from models.candidate import Candidate, Exam, Examination, examine, make_candidate
from models.dataset import Example, Labelled
from models.gate import Check, GateVerdict, read_gate
from models.lineage import evidence_metrics
from models.params import read_params
from models.reports.page import FIGURES, REPORT, ReportContent, report_page, write_report
from smart_routing.labels import LabelRule
from tests.unit.models.examples import example

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GATE = read_gate()
MARKUP = "<script>alert(1)</script>"
PICTURES = {
    "precision_recall.png",
    "scores_by_class.png",
    "cost_against_threshold.png",
    "reliability.png",
    "frontier.png",
}


def hostile(number: int) -> Example:
    """Light and heavy by turns, of a tenant, a source and with terms that are markup."""
    found = example(number, heavy=number % 3 == 0)
    sql = f'{found.request.sql} and o.o_comment <> 1 -- "{MARKUP}"'
    request = replace(found.request, schema=MARKUP, source=f"{MARKUP}{number % 2}", sql=sql)
    return replace(found, request=request)


@pytest.fixture(scope="module")
def candidate() -> Candidate:
    params = read_params()
    params = params.model_copy(update={"rounds": params.rounds.model_copy(update={"most": 20})})
    examples = tuple(hostile(number) for number in range(600))
    labelled = Labelled(examples=examples, records=600, excluded=0, merged=0, dropped=0)
    return make_candidate(labelled, LabelRule(), params=params, gate=GATE)


@pytest.fixture(scope="module")
def exam(candidate: Candidate) -> Exam:
    split = candidate.split
    return Exam(before=split.train + split.calibration, holdout=split.holdout, history=candidate.labelled.history)


@pytest.fixture(scope="module")
def examination(candidate: Candidate, exam: Exam) -> Examination:
    """By a clock that stands still."""
    return examine(candidate.model, exam, GATE, champion=None, bundle_bytes=1000, clock=lambda: 0.0)


@pytest.fixture
def content(candidate: Candidate, examination: Examination) -> ReportContent:
    return ReportContent.of_training(candidate, examination)


def test_report_is_a_page_its_pictures_and_figures_without_nan(content: ReportContent, tmp_path: Path) -> None:
    write_report(content, tmp_path / "evaluation")
    assert {path.name for path in (tmp_path / "evaluation").iterdir()} == PICTURES | {REPORT, FIGURES}
    page = (tmp_path / "evaluation" / REPORT).read_text()
    assert page.count('<img alt="') == len(PICTURES)
    assert page.count('src="data:image/png;base64,') == len(PICTURES)

    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    figures = json.loads((tmp_path / "evaluation" / FIGURES).read_text(), parse_constant=refuse)
    assert figures["review"]["told"]["ece"] == content.review.told.ece
    assert figures["review"]["strata"]["tenant"][f"lake.{MARKUP}"]["heavy"] == content.examination.report.routed.heavy


def test_page_tells_certificate_frontier_rivals_parts_and_gains(content: ReportContent, candidate: Candidate) -> None:
    page = report_page(content)
    certificate = candidate.model.bundle.threshold.certificate
    assert certificate is not None
    for told in (
        f"<b>Certificate:</b> {escape(str(certificate))}",
        "does not refute the certificate",
        '<th class="name">bound</th>',
        '<td class="name">routed</td>',
        '<td class="name">all large</td>',
        '<td class="name">template: unseen</td>',
        "Expected calibration error",
        f"{candidate.trained.rounds} trees",
        next(iter(candidate.trained.gain)),
    ):
        assert told in page


def test_nothing_of_a_log_becomes_markup(content: ReportContent) -> None:
    page = report_page(content)
    assert "<script" not in page
    assert "tenant: lake.&lt;script&gt;" in page


def test_parts_with_few_heavies_are_marked(content: ReportContent) -> None:
    few = replace(content.examination.report.routed, heavy=29)
    enough = replace(few, heavy=30)
    strata = {"source": {"a": few, "b": enough}}
    page = report_page(replace(content, review=replace(content.review, strata=strata)))
    assert page.count("not judged") == 1


def test_a_failed_gate_tells_its_reasons(content: ReportContent) -> None:
    verdict = GateVerdict((Check(what="cost", found="> twice the champion's", expected="less", passed=False),))
    page = report_page(replace(content, examination=replace(content.examination, verdict=verdict)))
    assert '<b class="failed">failed</b>' in page
    assert "cost: &gt; twice the champion&#x27;s; expected less</p>" in page


def test_version_of_another_run_is_told_without_its_making(
    candidate: Candidate, examination: Examination, exam: Exam, tmp_path: Path
) -> None:
    write_report(ReportContent.of_version(candidate.model, exam, examination), tmp_path)
    page = (tmp_path / REPORT).read_text()
    assert "Columns of most gain" not in page
    assert '<td class="name">before</td>' in page
    assert page.count('<img alt="') == len(PICTURES)
    first_of_log = report_page(ReportContent.of_version(candidate.model, replace(exam, before=()), examination))
    assert '<td class="name">before</td>' not in first_of_log


def test_where_rules_decide_all_heavies_there_is_nothing_to_draw(content: ReportContent, tmp_path: Path) -> None:
    found = content.examination.rows
    by_rule = replace(found, score=np.where(found.heavy, np.inf, found.score))
    ruled = replace(content, examination=replace(content.examination, rows=by_rule))
    write_report(ruled, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {REPORT, FIGURES}
    assert "Pictures" not in (tmp_path / REPORT).read_text()


def test_metrics_name_both_sets_of_figures_reliability_and_the_bound(content: ReportContent) -> None:
    metrics = evidence_metrics(content.examination.evidence) | content.review.metrics()
    report = content.examination.report
    assert metrics["routed_unit_fnr_high"] == report.routed.unit_false_negative_rate.high
    assert metrics["model_fpr"] == report.model.false_positive_rate.value
    assert metrics["routed_pr_auc"] == report.routed.average_precision
    assert metrics["certified_bound"] == 0.1
    assert (metrics["ece"], metrics["brier"]) == (content.review.told.ece, content.review.told.brier)
    assert {"routed_fnr_low", "routed_light_share", "routed_cost_cpu_seconds", "raw_ece"} <= metrics.keys()
    assert not any(math.isnan(value) for value in metrics.values())


def test_page_shows_in_a_browser_without_a_request(content: ReportContent, chromium: "Browser", tmp_path: Path) -> None:
    write_report(content, tmp_path)
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / REPORT).as_uri())
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
