"""The body of POST /v1/route, which the router and explanations take alike."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from smart_routing.errors import RequestError
from smart_routing.request import MAX_NAME_LENGTH, Request

Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME_LENGTH)]


class SessionProperties(msgspec.Struct, frozen=True):
    """The two session properties that a decision rests on."""

    catalog: Name | None = None
    schema: Name | None = None


class RouteBody(msgspec.Struct, frozen=True, rename="camel"):
    """The body of a request; fields that are not listed here are ignored."""

    query_id: Name
    user: Name
    sql_text: str
    source: Name | None = None
    session_properties: SessionProperties | None = None
    submitted_at: datetime | None = None

    def request(self, *, in_transaction: bool, now: datetime) -> Request:
        """`now` stands in for a missing `submittedAt`; raises `RequestError` for one that UTC does not have."""
        session = self.session_properties or SessionProperties()
        return Request(
            query_id=self.query_id,
            sql=self.sql_text,
            user=self.user,
            submitted_at=_utc(self.submitted_at or now),
            source=self.source,
            catalog=session.catalog,
            schema=session.schema,
            in_transaction=in_transaction,
        )


def _utc(moment: datetime) -> datetime:
    """In UTC, which one without a time zone is taken for; raises `RequestError` beyond the years 1 to 9999."""
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise RequestError(f"submittedAt is {moment}: expected a time whose year in UTC is 1 to 9999") from error


def read_body(content: bytes) -> RouteBody:
    """Raises `RequestError` for a body that is not the contract."""
    try:
        return _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"body is not a routing request: {error}") from error


def in_transaction(transaction_id: str | None) -> bool:
    """Whether the client's X-Trino-Transaction-Id names a live transaction."""
    return transaction_id is not None and transaction_id.strip().lower() not in ("none", "")


_decoder = msgspec.json.Decoder(RouteBody)
