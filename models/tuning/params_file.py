"""Writing parameters into a TOML file, whose comments and other keys stay."""

import re
import tomllib
from pathlib import Path
from typing import Final

from models.params import TrainParams
from models.tuning.space import point_of
from smart_routing.errors import SettingsError
from smart_routing.whole_file import replace_file

_SECTION: Final = re.compile(r"\s*\[(?P<name>[\w.]+)\]")
_VALUE: Final = re.compile(r"(?P<before>\s*(?P<key>\w+)\s*=\s*)(?P<value>[^#]*?)(?P<after>\s*(?:#.*)?)")


def write_params(params: TrainParams, file: Path, *, template: Path) -> None:
    """Replace a file by the text of `template` with these parameters; raises `SettingsError` where that cannot be."""
    try:
        replace_file(file, with_params(template.read_text(), params).encode())
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}") from error


def with_params(text: str, params: TrainParams) -> str:
    """A TOML text with the parameters of the space, each on the line it has; raises `SettingsError` if one has none."""
    point, section, lines = point_of(params), "", []
    for line in text.splitlines():
        heading, found = _SECTION.match(line), _VALUE.fullmatch(line)
        section = heading["name"] if heading else section
        name = f"{section}.{found['key']}" if found else ""
        lines.append(f"{found['before']}{point[name]}{found['after']}" if found and name in point else line)
    written = "\n".join(lines) + "\n"
    if tomllib.loads(written) != params.model_dump(exclude={"seed"}):
        raise SettingsError("parameters cannot be written: expected a line `key = value` for each in the file")
    return written
