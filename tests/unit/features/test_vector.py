import pickle
from datetime import UTC, datetime

import numpy as np
import pytest

from smart_routing.errors import BundleError
from smart_routing.features.context import bucket, context_buckets, table_names
from smart_routing.features.facts import FACT_NAMES, read_facts
from smart_routing.features.schema import DENSE_NAMES
from smart_routing.features.statement import read_statement
from smart_routing.features.vector import featurize, vector_length
from smart_routing.features.vocabulary import Vocabulary
from smart_routing.request import Request

VOCABULARY = Vocabulary(
    idf={"select": 1.0, "count (": 2.0},
    share={bucket("user", "ana"): 0.5, bucket("table", "lake.ads.orders"): 0.25, bucket("table", "lake.ads.t"): 0.1},
    columns=(bucket("user", "ana"), "count (", "select"),
)


def request(sql: str, **changes: object) -> Request:
    fields: dict[str, object] = {
        "query_id": "q",
        "user": "ana",
        "source": "dbeaver",
        "catalog": "lake",
        "schema": "ads",
        "submitted_at": datetime(2026, 10, 11, 23, 30, tzinfo=UTC),
    }
    return Request(sql=sql, **{**fields, **changes})  # type: ignore[arg-type]  # a test names the fields it changes


def value(vector: np.ndarray, name: str) -> float:
    return float(vector[DENSE_NAMES.index(name)])


def tables(sql: str, **changes: object) -> tuple[str, ...]:
    return table_names(request(sql, **changes), read_facts(sql).tables)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select * from Orders", ("lake.ads.orders",)),
        ("select * from other.Orders;", ("lake.other.orders",)),
        ('select * from tpch."sf0.05".lineitem', ("tpch.sf0.05.lineitem",)),
        ("with c as (select * from t) select * from c, u", ("lake.ads.t", "lake.ads.u")),
        ("select * from daily_view v join daily_view w using (x)", ("lake.ads.daily_view",)),
        ("select * from t where a = ?", ("lake.ads.t",)),
        ("select 1", ()),
    ],
    ids=["unqualified", "schema", "qualified", "cte", "view", "prepared", "none"],
)
def test_tables_are_completed_as_trino_would(sql: str, expected: tuple[str, ...]) -> None:
    assert tables(sql) == expected


def test_trailing_semicolon_changes_nothing_but_the_text() -> None:
    with_it, without = (featurize(request(sql), vocabulary=VOCABULARY) for sql in ("select 1;", "select 1"))
    dense = len(DENSE_NAMES)
    differing = ~np.isclose(with_it[:dense], without[:dense], equal_nan=True)
    assert set(np.array(DENSE_NAMES)[differing]) == {"sql_length", "token_count"}


def test_absent_is_nan_and_present_is_not() -> None:
    vector = featurize(request("select 1", user="bob"), vocabulary=VOCABULARY)
    assert vector.shape == (vector_length(VOCABULARY),)
    assert vector.dtype == np.float32
    user, count, select = vector[len(DENSE_NAMES) :]
    assert np.isnan([user, count]).all()
    assert select == 1.0


def test_tfidf_grows_with_the_logarithm_of_the_count() -> None:
    vector = featurize(request("select count(a), count(b)"), vocabulary=VOCABULARY)
    assert vector[len(DENSE_NAMES) + 1] == pytest.approx((1 + np.log(2)) * 2.0)


def test_tree_features_are_nan_where_the_parse_failed() -> None:
    vector = featurize(request("select a frm t 1"), vocabulary=VOCABULARY)
    assert np.isnan(value(vector, "join_count"))
    assert value(vector, "parse_status") == 1.0
    assert value(vector, "token_count") == 5.0


def test_shares_tell_the_known_from_the_unseen() -> None:
    vector = featurize(request("select * from orders, t, unseen"), vocabulary=VOCABULARY)
    assert value(vector, "user_share") == 0.5
    assert value(vector, "source_share") == 0.0
    assert value(vector, "table_share") == 0.0
    seen = featurize(request("select * from orders, t"), vocabulary=VOCABULARY)
    assert value(seen, "table_share") == pytest.approx(0.1)


def test_time_is_utc() -> None:
    vector = featurize(request("select 1"), vocabulary=VOCABULARY)
    assert (value(vector, "hour_of_day"), value(vector, "day_of_week")) == (23.0, 6.0)


def test_buckets_hold_no_name() -> None:
    assert not any("ana" in name or "ads" in name for name in context_buckets(request("select 1"), ()))


def test_statement_already_read_gives_the_same_vector() -> None:
    asked = request("select count(*) from t")
    for statement in (read_statement(asked.sql), read_facts(asked.sql)):
        again = featurize(asked, vocabulary=VOCABULARY, statement=statement)
        np.testing.assert_array_equal(featurize(asked, vocabulary=VOCABULARY), again)


def test_vector_begins_with_what_the_text_says() -> None:
    assert DENSE_NAMES[: len(FACT_NAMES)] == FACT_NAMES


def test_facts_survive_the_way_from_another_process() -> None:
    asked = request("select o.a, count(*) from Orders o join tpch.tiny.t using (a) group by 1")
    facts = pickle.loads(pickle.dumps(read_facts(asked.sql)))  # noqa: S301  # it was made a line ago
    found = featurize(asked, vocabulary=VOCABULARY, statement=facts)
    np.testing.assert_array_equal(found, featurize(asked, vocabulary=VOCABULARY))


def test_vocabulary_survives_its_bytes() -> None:
    again = Vocabulary.from_bytes(VOCABULARY.to_bytes())
    assert again == VOCABULARY
    assert again.digest == VOCABULARY.digest


@pytest.mark.parametrize("content", [b"", b"[]", b'{"columns": []}'], ids=["empty", "list", "missing"])
def test_broken_vocabulary_is_a_bundle_error(content: bytes) -> None:
    with pytest.raises(BundleError, match=r"vocabulary\.json"):
        Vocabulary.from_bytes(content)
