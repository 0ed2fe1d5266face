"""Which store of the known-heavy list a setting means."""

import secrets
from pathlib import Path
from typing import Final

from smart_routing.errors import SettingsError
from smart_routing.known_heavy.file import KnownHeavyFile
from smart_routing.known_heavy.store import KnownHeavyStore
from smart_routing.logs import redact
from smart_routing.settings import KnownHeavySettings

REDIS_SCHEMES: Final = ("redis://", "rediss://")


def open_known_heavy(settings: KnownHeavySettings) -> KnownHeavyStore:
    """The store that `settings` name, which is not touched; raises `SettingsError` for one that there cannot be."""
    if settings.store.startswith(REDIS_SCHEMES):
        from serving.known_heavy.redis_store import RedisKnownHeavy  # only who uses Redis loads its client

        return RedisKnownHeavy.open(
            settings.store, max_entries=settings.max_entries, new_version=lambda: secrets.token_hex(8)
        )
    if "://" in settings.store or not settings.store:
        name, shown = settings.variable("store"), redact(settings.store)
        raise SettingsError(f"{name} is {shown!r}: expected a file, or one of {', '.join(REDIS_SCHEMES)}")
    return KnownHeavyFile(Path(settings.store), max_entries=settings.max_entries)
