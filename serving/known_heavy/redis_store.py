"""The known-heavy list in Redis: a hash of entries, a sorted set of their expiries, and a version."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final, Self

import msgspec
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from smart_routing.errors import KnownHeavyError, SettingsError
from smart_routing.known_heavy.entries import KnownHeavyEntry, SessionTemplate
from smart_routing.logs import redact

TIMEOUT_SECONDS: Final = 1.0
_ENTRIES: Final = "{smart-routing:known-heavy}:entries"
"""The braces keep all keys on one node of a Redis Cluster."""

_EXPIRIES: Final = "{smart-routing:known-heavy}:expiries"
_VERSION: Final = "{smart-routing:known-heavy}:version"

_ADD: Final = """
local entries, expiries, version = unpack(KEYS)
for i = 4, #ARGV, 3 do
  redis.call('HSET', entries, ARGV[i], ARGV[i + 1])
  redis.call('ZADD', expiries, ARGV[i + 2], ARGV[i])
end
local function drop(keys)
  for _, key in ipairs(keys) do
    redis.call('HDEL', entries, key)
    redis.call('ZREM', expiries, key)
  end
end
drop(redis.call('ZRANGEBYSCORE', expiries, '-inf', ARGV[2]))
drop(redis.call('ZRANGE', expiries, 0, -1 - ARGV[3]))
redis.call('SET', version, ARGV[1])
"""


class RedisKnownHeavy:
    """A `KnownHeavyStore`; each change is one transaction.

    `new_version` gives each change a version of its own. A counter would not do: after a Redis that lost its data it
    would come by the same numbers again.
    """

    def __init__(self, client: Redis, *, max_entries: int, new_version: Callable[[], str]) -> None:
        self._client = client
        self._max_entries = max_entries
        self._new_version = new_version
        self._add = client.register_script(_ADD)

    @classmethod
    def open(cls, url: str, *, max_entries: int, new_version: Callable[[], str]) -> Self:
        """The list in the database at `url`, without a look at it; raises `SettingsError` for what is no address."""
        try:
            client = Redis.from_url(
                url,
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 1),  # a connection that a restart has cut is made anew
            )
        except ValueError as error:
            raise SettingsError(f"known-heavy list {redact(url)} is no address of a Redis: {error}") from error
        return cls(client, max_entries=max_entries, new_version=new_version)

    def version(self) -> str:
        with _failures():
            found = self._client.get(_VERSION)
        return found.decode() if isinstance(found, bytes) else "none"

    def entries(self) -> tuple[KnownHeavyEntry, ...]:
        with _failures():
            values: list[bytes] = self._client.hvals(_ENTRIES)  # type: ignore[assignment]  # or a coroutine's, it says
        try:
            entries = [msgspec.json.decode(value, type=KnownHeavyEntry) for value in values]
        except msgspec.MsgspecError as error:
            raise KnownHeavyError(f"known-heavy list in Redis holds what is no entry: {error}") from error
        return tuple(sorted(entries, key=lambda entry: entry.expires_at))

    def add(self, entries: Sequence[KnownHeavyEntry], *, now: datetime) -> None:
        fields = [part for entry in entries for part in _fields(entry)]
        bounds: list[str | float] = [self._new_version(), now.timestamp(), self._max_entries]
        with _failures():
            self._add(keys=[_ENTRIES, _EXPIRIES, _VERSION], args=[*bounds, *fields])

    def remove(self, template: SessionTemplate) -> bool:
        key = _key(template)
        with _failures(), self._client.pipeline(transaction=True) as change:
            change.hdel(_ENTRIES, key)
            change.zrem(_EXPIRIES, key)
            change.set(_VERSION, self._new_version())
            removed, *_ = change.execute()
        return bool(removed)


def _key(template: SessionTemplate) -> str:
    return msgspec.json.encode(template).decode()


def _fields(entry: KnownHeavyEntry) -> list[str | float]:
    return [_key(entry.key), msgspec.json.encode(entry).decode(), entry.expires_at.timestamp()]


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise KnownHeavyError(f"known-heavy list in Redis cannot be reached: {error}") from error
