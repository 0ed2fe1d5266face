import math
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from models import package
from models.candidate import make_candidate, write_candidate
from models.convert import compare
from models.dataset import Labelled, label
from models.gate import read_gate
from models.params import LabelParams, TrainParams, read_params
from models.train import evenly_spaced, labels, soft_labels, targets_of, train
from models.vectors import matrix
from models.vocabulary import VocabularyParams, fit_vocabulary
from smart_routing.bundle import CONTENT, MANIFEST, read_bundle
from smart_routing.errors import BundleError, SettingsError
from smart_routing.features.facts import read_facts
from smart_routing.features.schema import DENSE_NAMES
from smart_routing.features.statement import ParseLimits, ParseStatus
from smart_routing.features.vector import featurize
from smart_routing.history.measures import NO_HISTORY
from smart_routing.inference import Model
from smart_routing.labels import LabelRule
from smart_routing.querylog.records import QueryRecord
from tests.unit.models.examples import example

RULE = LabelRule()
GATE = read_gate()
EXAMPLES = tuple(example(number, heavy=number % 3 == 0) for number in range(600))
LABELLED = Labelled(examples=EXAMPLES, records=600, excluded=0, merged=0, dropped=0)


@pytest.fixture(scope="module")
def params() -> TrainParams:
    whole = read_params()
    return whole.model_copy(update={"rounds": whole.rounds.model_copy(update={"most": 30})})


def test_same_data_and_seed_give_the_same_bytes(params: TrainParams, tmp_path: Path) -> None:
    digests = [
        write_candidate(make_candidate(LABELLED, RULE, params=params, gate=GATE), tmp_path / name)
        for name in ("first", "second")
    ]
    assert digests[0] == digests[1]
    for name in (*CONTENT, MANIFEST):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_bundle_scores_as_the_candidate_did_and_holds_no_literal(params: TrainParams, tmp_path: Path) -> None:
    candidate = make_candidate(LABELLED, RULE, params=params, gate=GATE)
    write_candidate(candidate, tmp_path / "bundle")
    loaded = Model.load(read_bundle(tmp_path / "bundle"), version="7")
    vector = candidate.model.vector(EXAMPLES[0].request)
    assert loaded.version.startswith("v7-")
    assert loaded.score(vector) == candidate.model.score(vector)
    assert loaded.bundle.threshold == candidate.calibration.threshold
    golden = (tmp_path / "bundle" / "golden.jsonl").read_text()
    assert "ana" not in golden
    assert set(re.findall(r"o_custkey = (\w+)", golden)) == {"1"}


def test_candidate_tells_heavy_from_light(params: TrainParams) -> None:
    candidate = make_candidate(LABELLED, RULE, params=params, gate=GATE)
    holdout = candidate.split.holdout
    decided = [candidate.model.score(candidate.model.vector(found.request)) for found in holdout]
    assert (np.array(decided) >= candidate.model.threshold).tolist() == labels(holdout).tolist()


def test_matrix_rows_are_what_featurize_gives() -> None:
    vocabulary = fit_vocabulary(EXAMPLES[:50])
    rows = matrix(EXAMPLES[:5], vocabulary)
    for row, found in zip(rows, EXAMPLES, strict=False):
        np.testing.assert_array_equal(row, featurize(found.request, vocabulary=vocabulary))


def test_vocabulary_keeps_the_most_frequent_terms_within_its_caps() -> None:
    small = fit_vocabulary(EXAMPLES[:50], VocabularyParams(max_terms=10, min_rows=2))
    assert len(small.idf) == 10
    assert "<num>" in small.idf
    assert all(0 < share <= 1 for share in small.share.values())


def test_pruned_vocabulary_gives_the_same_values_in_fewer_columns() -> None:
    whole = fit_vocabulary(EXAMPLES[:50])
    kept = whole.columns[::3]
    pruned = whole.pruned(kept)
    request = EXAMPLES[0].request
    wide, narrow = featurize(request, vocabulary=whole), featurize(request, vocabulary=pruned)
    places = [len(DENSE_NAMES) + whole.places[column] for column in kept]
    np.testing.assert_array_equal(narrow[len(DENSE_NAMES) :], wide[places])


@pytest.mark.parametrize(
    ("converted", "told"),
    [
        ([0.2, 0.8, 0.4999995], "1 decisions flipped"),
        ([0.2, 0.80002, 0.5], "largest difference 2.0e-05"),
        ([float("nan"), 0.8, 0.5], "largest difference nan"),
    ],
    ids=["flip", "difference", "no number"],
)
def test_engines_that_disagree_end_the_run(converted: list[float], told: str) -> None:
    native = np.array([0.2, 0.8, 0.5], dtype=np.float32)
    with pytest.raises(BundleError, match=told):
        compare(native, np.array(converted, dtype=np.float32), threshold=0.5)


def test_unknown_parameter_is_an_error_that_names_file_and_key(tmp_path: Path) -> None:
    path = tmp_path / "params.toml"
    path.write_text("[booster]\nmax_deth = 5\n")
    with pytest.raises(SettingsError, match=r"params\.toml(.|\n)*max_deth"):
        read_params(path)


def test_golden_rows_are_spread_over_the_examples(params: TrainParams) -> None:
    candidate = make_candidate(LABELLED, RULE, params=params, gate=GATE)
    golden = package.golden_rows(candidate.model, EXAMPLES)
    assert len(golden) == package.GOLDEN_ROWS
    assert len({row.submitted_at for row in golden}) == package.GOLDEN_ROWS


def test_parse_caps_of_training_are_those_of_serving(params: TrainParams, tmp_path: Path) -> None:
    limits = ParseLimits(tokens=16)
    capped = tuple(replace(found, statement=read_facts(found.request.sql, limits)) for found in EXAMPLES)
    labelled = replace(LABELLED, examples=capped, limits=limits)
    candidate = make_candidate(labelled, RULE, params=params, gate=GATE)
    write_candidate(candidate, tmp_path / "bundle")
    loaded = Model.load(read_bundle(tmp_path / "bundle"), version="1")
    assert {found.statement.parse_status for found in capped} == {ParseStatus.PARSED, ParseStatus.TOO_MANY_TOKENS}
    for found, row in zip(capped[:6], matrix(capped[:6], loaded.bundle.vocabulary), strict=True):
        np.testing.assert_array_equal(loaded.vector(found.request), row)


@pytest.mark.parametrize(
    ("cpu_seconds", "memory_bytes", "heavy", "expected"),
    [
        (1.0, 0, True, 0.5),
        (math.e, 0, True, 1 / (1 + math.exp(-2))),
        (1 / math.e, 0, False, 1 / (1 + math.exp(2))),
        (0.1, 100, True, 0.5),
        (0.01, 1, True, 1.0),
        (0.0, 0, False, 0.0),
    ],
    ids=["at the limit", "above it", "below it", "memory at its limit", "killed for its size", "nothing"],
)
def test_soft_label_says_how_far_from_the_limit_a_cost_is(
    cpu_seconds: float, memory_bytes: int, heavy: bool, expected: float
) -> None:
    found = replace(example(0, heavy=heavy), cpu_seconds=cpu_seconds, peak_memory_bytes=memory_bytes)
    rule = LabelRule(cpu_seconds=1.0, memory_bytes=100)
    params = LabelParams(softness=0.5, prior_runs=1e9)
    assert soft_labels([found], rule, params) == pytest.approx([expected], abs=1e-6)


def test_soft_label_weighs_what_the_other_runs_of_the_template_in_the_schema_were() -> None:
    runs = [replace(example(0, heavy=False), cpu_seconds=1.0, peak_memory_bytes=0) for _ in range(6)]
    elsewhere = replace(runs[0], request=replace(runs[0].request, schema="elsewhere"))
    found = soft_labels(
        [*runs, elsewhere], LabelRule(cpu_seconds=1.0, memory_bytes=100), LabelParams(softness=0.5, prior_runs=2.0)
    )
    assert found == pytest.approx([2 * 0.5 / 8] * 6 + [2 * 0.5 / 3])


def test_what_a_search_learns_from_knows_no_label_that_it_is_watched_on(params: TrainParams) -> None:
    runs = [replace(example(0, heavy=False), cpu_seconds=1.0, peak_memory_bytes=0) for _ in range(8)]
    later = [replace(example(0, heavy=True, sql=runs[0].request.sql), cpu_seconds=9.0) for _ in range(2)]
    rule = LabelRule(cpu_seconds=1.0, memory_bytes=100)
    found = targets_of([*runs, *later], rule, params)
    assert found.learnt == pytest.approx(soft_labels(runs, rule, params.labels))
    assert (found.whole[:8] > found.learnt).all()
    assert found.watched == pytest.approx(found.whole[8:])


def test_row_of_the_matrix_has_the_past_as_it_was_known_then() -> None:
    first = example(0, heavy=True).request
    record = QueryRecord(
        query_id="q0", sql=first.sql, user=first.user, catalog=first.catalog, schema=first.schema, state="FINISHED",
        cpu_seconds=7.0, wall_seconds=7.0, create_time=first.submitted_at, end_time=first.submitted_at,
    )  # fmt: skip
    asked = [
        replace(EXAMPLES[0], request=replace(first, submitted_at=first.submitted_at + delay))
        for delay in (timedelta(0), timedelta(minutes=30), timedelta(hours=3))
    ]
    column = DENSE_NAMES.index("template_cpu_max")
    found = matrix(asked, fit_vocabulary(EXAMPLES[:5]), label([record], RULE).history)[:, column]
    np.testing.assert_array_equal(found, np.array([np.nan, np.nan, 7.0], dtype=np.float32))


def test_longer_block_is_thinned_evenly_and_the_rest_is_not_looked_at(params: TrainParams) -> None:
    thin = params.model_copy(update={"rows": params.rows.model_copy(update={"most": 200})})
    whole = evenly_spaced(EXAMPLES, 200)
    assert list(whole) == list(EXAMPLES[::3])
    assert evenly_spaced(EXAMPLES, 600) is EXAMPLES
    found, expected = train(EXAMPLES[1:], RULE, thin, history=NO_HISTORY), evenly_spaced(EXAMPLES[1:], 200)
    assert found.vocabulary.share == fit_vocabulary(expected).share
