"""Template fingerprints."""

import pytest

from smart_routing.features.text import normalised_tokens
from smart_routing.querylog.anonymize import template_fingerprint


def fingerprint(sql: str) -> str:
    return template_fingerprint(normalised_tokens(sql))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("select 1", "select 2.5e3", id="numbers"),
        pytest.param("select * from t where a = -5", "select * from t where a = 5", id="signs"),
        pytest.param("select 'a'", "select 'it''s'", id="strings"),
        pytest.param("select date '2026-01-01'", "select date '2025-12-31'", id="dates"),
        pytest.param("select a from t", "SELECT  A\n\tFROM T", id="case-and-space"),
        pytest.param("select a from t", "select a /* why */ from t -- because", id="comments"),
        pytest.param("select a from t", "select a from t ; ;", id="semicolons"),
        pytest.param("select 1 from t where a in (1)", "select 1 from t where a in (1, -2, 3)", id="in-numbers"),
        pytest.param("select 1 where a not in ('x')", "select 1 where a not in ('x','y')", id="in-strings"),
        pytest.param("select 1 where a in (date '2026-01-01')", "select 1 where a in (null, ?)", id="in-other-items"),
        pytest.param("select 1 where (a, b) in ((1, 2))", "select 1 where (a, b) in ((1, 2), (3, 4))", id="in-rows"),
        pytest.param("select 'open", "select  'OPEN", id="unclosed-string"),
    ],
)
def test_same_template(one: str, other: str) -> None:
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("select a from t", "select b from t", id="columns"),
        pytest.param("select a from t", "select a from u", id="tables"),
        pytest.param("select a - 1 from t", "select a 1 from t", id="minus-between-operands"),
        pytest.param("select 1 where a in (1)", "select 1 where a not in (1)", id="not"),
        pytest.param("select 1 where a in (b)", "select 1 where a in (1)", id="in-column"),
        pytest.param("select 1 where a in (select b from t)", "select 1 where a in (select c from t)", id="in-query"),
        pytest.param("select 1 where a in (1) and b = 2", "select 1 where a in (1) or b = 2", id="after-the-list"),
        pytest.param("select concat(1, 2)", "select concat(1, 2, 3)", id="arguments-are-no-list"),
        pytest.param("select a, b", "select ab", id="token-borders"),
    ],
)
def test_different_templates(one: str, other: str) -> None:
    assert fingerprint(one) != fingerprint(other)


def test_it_is_sixteen_hex_digits_and_stays_the_same() -> None:
    assert template_fingerprint(("select", "<num>")) == "d6f8855b62f8fe88"


@pytest.mark.parametrize(
    "tokens",
    [
        pytest.param([], id="empty"),
        pytest.param([";"], id="semicolon"),
        pytest.param(["in"], id="in-at-the-end"),
        pytest.param(["in", ")"], id="close-first"),
        pytest.param(["in", "("], id="open-list"),
        pytest.param(["-"], id="sign-alone"),
        pytest.param(["in", "("] * 200_000, id="many-open-lists"),
        pytest.param(["in"] + ["("] * 400_000, id="deep-list"),
        pytest.param(["\ud800"], id="surrogate"),
    ],
)
@pytest.mark.timeout(5)
def test_any_tokens_have_a_fingerprint(tokens: list[str]) -> None:
    assert len(template_fingerprint(tokens)) == 16
