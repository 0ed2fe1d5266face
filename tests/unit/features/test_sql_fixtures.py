"""Every feature against its blocks in tests/fixtures/sql; a feature without a block fails."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from smart_routing.features.sql import TREE_FEATURES
from smart_routing.features.statement import ParseStatus, read_statement
from smart_routing.features.text import TEXT_FEATURES
from smart_routing.features.tree import walk

FIXTURES = Path(__file__).parents[2] / "fixtures" / "sql"
ON_TEXT = {feature.__name__: feature for feature in TEXT_FEATURES}
ON_TREES = {feature.__name__: feature for feature in TREE_FEATURES}


@dataclass(frozen=True)
class Block:
    feature: str
    remark: str
    sql: str
    expected: float


def blocks(name: str) -> list[Block]:
    """Blocks are `-- feature[: remark]`, a statement that ends with `;`, and the expected value with `;`."""
    found = []
    for block in (FIXTURES / name).read_text().strip().split("\n\n"):
        head, _, body = block.partition("\n")
        sql, _, expected = body.removesuffix(";").rpartition(";\n")
        feature, _, remark = head.removeprefix("-- ").partition(": ")
        found.append(Block(feature, remark, sql, float(expected)))
    return found


BLOCKS = [*blocks("text.sql"), *blocks("tree.sql")]


@pytest.mark.parametrize("block", BLOCKS, ids=[f"{b.feature}-{b.remark}" if b.remark else b.feature for b in BLOCKS])
def test_feature_has_the_value_its_fixture_expects(block: Block) -> None:
    statement = read_statement(block.sql)
    if block.feature in ON_TEXT:
        value = ON_TEXT[block.feature](statement.text)
    else:
        assert statement.parse_status is ParseStatus.PARSED
        assert statement.tree is not None
        value = ON_TREES[block.feature](walk(statement.tree))
    assert value == pytest.approx(block.expected, abs=1e-6)


def test_every_feature_has_a_fixture() -> None:
    assert set(ON_TEXT) | set(ON_TREES) == {block.feature for block in BLOCKS}
