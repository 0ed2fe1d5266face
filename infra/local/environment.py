"""Where the project's own programs keep what they keep, when it is not to be below `var/`."""

from pathlib import Path
from typing import Final

from smart_routing.settings import ALL_SETTINGS

_USUAL: Final = "var/"
_KEPT: Final = {
    settings.variable(name): str(field.default)
    for settings in ALL_SETTINGS
    for name, field in settings.model_fields.items()
    if _USUAL in str(field.default)
}


def kept_below(folder: Path) -> dict[str, str]:
    """The variables that lead every file and folder of the settings below another folder."""
    return {variable: default.replace(_USUAL, f"{folder}/") for variable, default in _KEPT.items()}
