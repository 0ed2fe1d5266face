"""The monitoring frame: the same vectors as everywhere, and no text."""

from dataclasses import replace

import numpy as np
import pytest

from monitoring.frame import COLUMNS, monitoring_frame, near
from smart_routing.features.context import bucket
from smart_routing.features.schema import DENSE_NAMES
from smart_routing.features.vector import featurize
from smart_routing.inference import Model
from tests.unit.monitoring.samples import WINDOW_DAY, Fleet

REQUESTS = Fleet().requests(30, day=WINDOW_DAY, seed=3)


def test_dense_columns_are_what_featurize_gives(model: Model) -> None:
    frame = monitoring_frame(REQUESTS, model)
    expected = [featurize(request, vocabulary=model.bundle.vocabulary)[: len(DENSE_NAMES)] for request in REQUESTS]
    np.testing.assert_array_equal(frame[list(DENSE_NAMES)].to_numpy(), np.stack(expected))


def test_scores_and_decisions_are_the_models(model: Model) -> None:
    frame = monitoring_frame(REQUESTS, model)
    expected = np.minimum(0.25 * frame["join_keywords"], 1.0)
    np.testing.assert_allclose(frame["heavy_probability"], expected)
    assert (frame["heavy"] == (frame["heavy_probability"] >= model.threshold)).all()


def test_rules_statements_are_left_out(model: Model) -> None:
    ruled = [replace(REQUESTS[0], sql=sql) for sql in ("show tables", "drop table a", "start transaction", " ")]
    frame = monitoring_frame([*ruled, REQUESTS[1]], model)
    assert len(frame) == 1
    assert frame["submitted_at"][0] == REQUESTS[1].submitted_at


def test_frame_holds_no_text_and_no_user(model: Model) -> None:
    request = replace(REQUESTS[0], sql="select secret_column from t where name = 'Ada'", user="ada.lovelace")
    frame = monitoring_frame([request], model)
    told = frame.to_csv()
    assert not any(word in told for word in ("secret_column", "Ada", "lovelace"))
    assert frame["user"][0] == bucket("user", "ada.lovelace")


def test_context_columns_name_tenant_and_source_even_where_absent(model: Model) -> None:
    nowhere = replace(REQUESTS[0], catalog=None, schema=None, source=None)
    frame = monitoring_frame([REQUESTS[0], nowhere], model)
    assert frame["tenant"].tolist() == [f"lake.{REQUESTS[0].schema}", "."]
    assert frame["source"].tolist() == ["dbeaver", ""]


def test_a_frame_without_rows_has_the_same_columns_and_types(model: Model) -> None:
    empty = monitoring_frame([], model)
    assert tuple(empty.columns) == COLUMNS
    assert empty.dtypes.equals(monitoring_frame(REQUESTS, model).dtypes)


@pytest.mark.parametrize(
    ("sql", "terms", "unknown"),
    [
        pytest.param("select a from t", 1, 3 / 4, id="one known word"),
        pytest.param("select a group by", 2, 1 / 4, id="a known pair covers both its words"),
        pytest.param("by group a", 0, 1.0, id="words of a pair apart are unknown"),
        pytest.param("(((", 0, 1.0, id="nothing known"),
    ],
)
def test_terms_known_and_tokens_unknown(model: Model, sql: str, terms: float, unknown: float) -> None:
    frame = monitoring_frame([replace(REQUESTS[0], sql=sql)], model)
    assert frame["known_terms"][0] == terms
    assert frame["unknown_token_share"][0] == pytest.approx(unknown)


@pytest.mark.parametrize(
    ("probability", "threshold", "expected"),
    [
        (0.5, 0.5, True),
        (0.66, 0.5, True),
        (0.67, 0.5, False),
        (0.005, 0.01, False),
        (0.0051, 0.01, True),
        (0.0, 0.01, False),
    ],
)
def test_near_is_within_a_factor_of_the_thresholds_odds(probability: float, threshold: float, expected: bool) -> None:
    assert near(probability, threshold) is expected
