"""The repository agrees with itself, and names neither a package index nor somebody's machine."""

import re
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
INDEX_HOST = re.compile(
    rb"(?:pypi|pythonhosted|npmjs)\.(?:org|com)|crates\.io|(?:proxy|sum)\.golang\.org|maven\.(?:apache\.)?org|deb\.debian\.org"
)
MACHINE_PATH = re.compile(rb"(?<![\w.:/$}-])/(?:root|home|work|Users)/")
LOCK_LINE = re.compile(
    r"[a-z0-9._-]+(?:\[[a-z0-9,_-]+\])?==[^ ]+(?: ; .+)? \\"  # a pin, continued by its hashes
    r"|    --hash=sha256:[0-9a-f]{64}(?: \\)?"
    r"|    # .*"
)


def files() -> list[Path]:
    """What is or would be committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def lines_with(pattern: re.Pattern[bytes]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.decode(errors='replace').strip()[:120]}"
        for path in files()
        for number, line in enumerate(path.read_bytes().splitlines(), start=1)
        if pattern.search(line)
    ]


def test_conda_environment_is_the_training_environment() -> None:
    dependencies = yaml.safe_load((ROOT / "conda.yaml").read_text())["dependencies"]
    (pip,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
    assert sorted(pip) == sorted(project()["project"]["dependencies"] + project()["dependency-groups"]["train"])


@pytest.mark.parametrize("parts", [(b"pypi", b".org"), (b"repo1.maven", b".org"), (b"proxy.golang", b".org")], ids=repr)
def test_index_host_is_recognised(parts: tuple[bytes, bytes]) -> None:
    assert INDEX_HOST.search(b"https://" + b"".join(parts) + b"/simple")


@pytest.mark.parametrize("folder", [b"root", b"home", b"work"])
def test_machine_path_is_recognised(folder: bytes) -> None:
    assert MACHINE_PATH.search(b'log = "/' + folder + b'/somebody"')


def test_no_file_names_a_package_index() -> None:
    assert lines_with(INDEX_HOST) == []


def test_no_file_names_a_machine_path() -> None:
    assert lines_with(MACHINE_PATH) == []


@pytest.mark.parametrize("lock", ["serve", "train", "dev", "rivals"])
def test_lock_holds_pins_and_hashes_only(lock: str) -> None:
    lines = (ROOT / "requirements" / f"{lock}.txt").read_text().splitlines()
    assert [line for line in lines if not LOCK_LINE.fullmatch(line)] == []
    assert all(after.startswith("    --hash=") for line, after in pairwise(lines) if "==" in line)


def test_makefile_installs_the_locked_uv() -> None:
    version = re.search(r"^UV_VERSION := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert version is not None
    assert f"uv=={version[1]}" in project()["dependency-groups"]["dev"]
