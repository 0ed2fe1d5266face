"""drift.toml."""

from pathlib import Path

import pytest

from monitoring.drift.sides import COMPARED_COLUMNS
from monitoring.frame import CONTEXT_COLUMNS
from monitoring.thresholds import THRESHOLDS_FILE, read_thresholds
from smart_routing.errors import SettingsError


def test_thresholds_cover_every_kind_of_name() -> None:
    assert set(read_thresholds().new_share.model_dump()) == set(CONTEXT_COLUMNS)
    assert len(set(COMPARED_COLUMNS)) == len(COMPARED_COLUMNS)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("psi = 0.25", "psi = -1", "psi"),
        ("psi = 0.25", "psy = 0.25", "psy"),
        ("[page]", "[page", "drift.toml"),
        ("truth = { k = 2, n = 3 }", "truth = { k = 4, n = 3 }", "k is 4 of n 3"),
        ("truth = { k = 2, n = 3 }", "", "persistence has no truth"),
    ],
    ids=["out of range", "unknown key", "not TOML", "more than all", "a tier without a rule"],
)
def test_a_bad_file_is_named_with_its_key(before: str, after: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "drift.toml"
    path.write_text(THRESHOLDS_FILE.read_text().replace(before, after))
    with pytest.raises(SettingsError, match=told):
        read_thresholds(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        read_thresholds(tmp_path / "nowhere.toml")
