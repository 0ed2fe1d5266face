"""Small files of parameters and thresholds: TOML checked against a pydantic model."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from smart_routing.errors import SettingsError

Content = TypeVar("Content", bound=BaseModel)


def read_toml(path: Path, model: type[Content], **more: Any) -> Content:
    """The content of a file, `more` added; raises `SettingsError` that names the file, the key and what is wrong."""
    try:
        return model(**tomllib.loads(path.read_text()), **more)
    except ValidationError as error:
        raise SettingsError(f"{path}: {first_complaint(error)}") from error
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"{path}: {error}") from error


def first_complaint(error: ValidationError) -> str:
    """Where, what and why of the first thing that is wrong, in one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "content"
    return f"{where} is {first['input']!r}: {first['msg']}"
