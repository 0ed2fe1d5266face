"""Docs that say what code says must say the same."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from smart_routing.features.schema import DENSE_FEATURES
from smart_routing.settings import ALL_SETTINGS

ROOT = Path(__file__).parents[2]


def rows(page: str) -> list[list[str]]:
    """Cells of every table row of a page, its head left out."""
    lines = [line for line in (ROOT / "docs" / page).read_text().splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_configuration_page_lists_every_setting_with_its_default_and_description() -> None:
    expected = []
    for settings in ALL_SETTINGS:
        for name, field in settings.model_fields.items():
            default = field.get_default(call_default_factory=True)
            shown = "unset" if default is None else f"`{default}`"
            expected.append([f"`{settings.variable(name)}`", shown, field.description])
    assert rows("configuration.md") == expected


def test_features_page_lists_every_dense_feature_in_order() -> None:
    assert rows("features.md") == [[f"`{f.name}`", f.group, f.doc] for f in DENSE_FEATURES]


def test_every_path_that_docs_name_exists() -> None:
    described = {path for path in (ROOT / "docs").rglob("*.md") if path.name != "configuration.md"}
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *described]
    pattern = re.compile(
        r"\b(?:smart_routing|models|flows|monitoring|serving|infra|tests|docs|requirements)/[\w./-]*\w"
    )
    named = {(page.name, path) for page in pages for path in pattern.findall(page.read_text())}
    missing = sorted((page, path) for page, path in named if not exists(path))
    assert missing == []


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow's, on import
def test_mlproject_passes_every_value_as_one_word() -> None:
    from mlflow.projects.utils import load_project  # a second and a half that only this test pays

    project = load_project(str(ROOT))  # type: ignore[no-untyped-call]  # MLflow leaves it untyped
    for name in yaml.safe_load((ROOT / "MLproject").read_text())["entry_points"]:
        entry = project.get_entry_point(name)
        values = {parameter: "it's a 7" for parameter, found in entry.parameters.items() if found.type == "string"}
        numbers = {parameter: "7" for parameter in entry.parameters if parameter not in values}
        words = shlex.split(entry.compute_command(values | numbers, str(ROOT)))
        assert words.count("it's a 7") == len(values)


def exists(path: str) -> bool:
    return (ROOT / path).exists() or any(ROOT.glob(f"{path}*"))


def test_mlproject_has_an_entry_point_for_every_step() -> None:
    project = yaml.safe_load((ROOT / "MLproject").read_text())
    steps = {"main", "train", "ingest", "evaluate", "promote", "rollback", "drift", "backtest", "tune"}
    assert set(project["entry_points"]) == steps


def test_mlproject_commands_name_flows_and_options_that_exist() -> None:
    project = yaml.safe_load((ROOT / "MLproject").read_text())
    for entry in project["entry_points"].values():
        module = re.search(r"-m flows\.(\w+)", entry["command"])
        assert module is not None
        source = (ROOT / "flows" / f"{module[1]}.py").read_text() + (ROOT / "flows" / "command.py").read_text()
        for option in re.findall(r"--[\w-]+", entry["command"]):
            assert f'"{option}"' in source
