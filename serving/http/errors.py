"""The one place where errors become HTTP."""

import logging
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from serving.http.reply import Reply
from serving.wire import error_bytes, query_id_of
from smart_routing.errors import SmartRoutingError
from smart_routing.logs import log_event, place_of

_log = logging.getLogger(__name__)


def failure(error: Exception, content: bytes = b"") -> Reply:
    """The status that a domain error carries; a 500 for any other, where not even a fallback could be formed."""
    if isinstance(error, SmartRoutingError):
        return Reply(error_bytes(str(error), query_id_of(content)), error.status)
    _report(error)
    return Reply(error_bytes("Inference engine failed", query_id_of(content)), HTTPStatus.INTERNAL_SERVER_ERROR)


async def on_domain_error(_: Request, error: Exception) -> Response:
    """`failure` for the admin port."""
    reply = failure(error)
    return Response(reply.content, reply.status, media_type="application/json")


def _report(error: Exception) -> None:
    """Type and place only: messages may quote the statement."""
    log_event(_log, "route_failed", level=logging.ERROR, error=type(error).__name__, where=place_of(error))
