"""A replay never removes what it did not write, and never shares a folder."""

from pathlib import Path

import pytest

from infra.local.replay.workspace import MARK, workspace
from smart_routing.errors import InputError


def test_what_an_earlier_replay_left_is_removed_and_nothing_else_ever(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "replay"
    with workspace(folder):
        (folder / "reports").mkdir()
        (folder / "reports" / "drift.json").write_text("{}")
        (folder / "link").symlink_to(tmp_path)
    with workspace(folder):
        assert [entry.name for entry in folder.iterdir()] == [MARK]
    assert tmp_path.is_dir()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("keep")
    with pytest.raises(InputError, match=r"has thesis\.txt, which no replay wrote"), workspace(tmp_path):
        pass
    assert (tmp_path / "thesis.txt").read_text() == "keep"


def test_a_second_replay_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with workspace(tmp_path):
        (tmp_path / "mlflow.db").touch()
        with pytest.raises(InputError, match="another replay runs there"), workspace(tmp_path):
            pass
        assert (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"--out .* cannot be made or emptied"), workspace(tmp_path / name):
        pass
