"""`StatementDigest`: by what the decision log and an event know the same statement, where neither may tell its text."""

from hashlib import blake2b, sha256
from typing import Final

from smart_routing.request import Request
from smart_routing.routing import MAX_SQL_BYTES


class StatementDigest:
    """A keyed digest of (SQL, user, source, catalog, schema); who has not the key can neither make nor guess one."""

    def __init__(self, user_key: bytes) -> None:
        self._key: Final = sha256(b"statement\0" + user_key).digest()

    def __call__(self, request: Request) -> str | None:
        """32 hex; None for a text so long that the router does not read it either."""
        if len(request.sql) > MAX_SQL_BYTES:
            return None
        who = (request.user, request.source or "", request.catalog or "", request.schema or "", request.sql)
        return blake2b("\0".join(who).encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).hexdigest()
