"""Under which keys the past of a statement is kept. Keys are hashes: a snapshot holds no name of anybody."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Self

from smart_routing.features.context import remembering
from smart_routing.request import Request

SUBJECTS: Final = ("template", "template_in_schema", "user", "source", "table")
"""Of what there is a past; a statement has one of each, but any number of tables."""


@remembering
def key(subject: str, name: str) -> int:
    """The key of a subject's name: 63 bits, so that two names in a million meet less than once in 10^7 snapshots."""
    digest = blake2b(f"{subject}={name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryKeys:
    """The keys of one statement."""

    template: int
    template_in_schema: int
    user: int
    source: int
    tables: tuple[int, ...]

    @classmethod
    def of(cls, request: Request, template: str, tables: Iterable[str]) -> Self:
        """`template` is the statement's fingerprint, `tables` are the full names that features.context gives."""
        return cls(
            template=key("template", template),
            template_in_schema=key("template_in_schema", f"{template}|{request.catalog or ''}.{request.schema or ''}"),
            user=key("user", request.user),
            source=key("source", request.source or ""),
            tables=tuple(key("table", name) for name in tables),
        )

    def __iter__(self) -> Iterator[int]:
        """One by one, in the order of `SUBJECTS`, the tables last."""
        yield from (self.template, self.template_in_schema, self.user, self.source, *self.tables)
