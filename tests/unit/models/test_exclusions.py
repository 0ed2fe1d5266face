from pathlib import Path

import pytest

from models.exclusions import EXCLUSIONS_FILE, read_exclusions
from smart_routing.errors import SettingsError


def test_bundled_file_is_readable() -> None:
    assert read_exclusions(EXCLUSIONS_FILE) == ()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('[{"from": "2026-10-06T00:00Z", "to": "2026-10-05T00:00Z", "kind": "incident"}]', "expected a time after its"),
        ('[{"from": "2026-10-05T00:00", "to": "2026-10-06T00:00Z", "kind": "incident"}]', "0.from is"),
        ('[{"from": "2026-10-05T00:00Z", "to": "2026-10-06T00:00Z", "kind": "party"}]', "0.kind is 'party'"),
        ('[{"from": "2026-10-05T00:00Z", "to": "2026-10-06T00:00Z", "kind": "change", "x": 1}]', "0.x is 1"),
        ("{", "Invalid JSON"),
    ],
    ids=["backwards", "no-zone", "unknown-kind", "unknown-key", "no-json"],
)
def test_unusable_window_is_told_in_one_line(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "exclusions.json").write_text(content)
    with pytest.raises(SettingsError) as raised:
        read_exclusions(tmp_path / "exclusions.json")
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_change_names_its_cluster(tmp_path: Path) -> None:
    content = '[{"from": "2026-10-05T00:00Z", "to": "2026-10-06T00:00Z", "cluster": "small", "kind": "change"}]'
    (tmp_path / "exclusions.json").write_text(content)
    (window,) = read_exclusions(tmp_path / "exclusions.json")
    assert (window.cluster, window.kind, (window.end - window.start).days) == ("small", "change", 1)
