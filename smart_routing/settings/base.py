"""What all settings have in common: where they are read from, and that an unknown one is an error."""

import os
from typing import Any, Final, Self

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from smart_routing.errors import SettingsError

PREFIX: Final = "SMART_ROUTING_"
OUTSIDE: Final = frozenset({"SMART_ROUTING_TEST_DATA", "SMART_ROUTING_CACHE"})
"""Variables of the build and the tests, which no component reads."""


class Settings(BaseSettings):
    """Base of all components: an unknown or unusable variable is an error that names it."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Settings from the environment, `overrides` first; raises `SettingsError`."""
        _reject_unknown_variables()
        try:
            return cls(**overrides)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise SettingsError(f"{cls.variable(field)} is {first['input']!r}: {first['msg']}") from error

    @classmethod
    def variable(cls, field: str) -> str:
        """The environment variable of a field."""
        return f"{cls.model_config.get('env_prefix', '')}{field}".upper()


def _reject_unknown_variables() -> None:
    from smart_routing.settings import ALL_SETTINGS  # all of them are built on this module

    known = {settings.variable(field) for settings in ALL_SETTINGS for field in settings.model_fields}
    for name in os.environ:
        if name.startswith(PREFIX) and name not in known | OUTSIDE:
            raise SettingsError(f"{name} is not a setting: docs/configuration.md lists them all")
