"""The one place where errors become HTTP."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from serving.wire import error_bytes, query_id_of
from smart_routing.errors import SmartRoutingError


async def on_domain_error(request: Request, error: Exception) -> Response:
    """The status that the error class carries."""
    status = error.status if isinstance(error, SmartRoutingError) else HTTPStatus.INTERNAL_SERVER_ERROR
    return _response(request, str(error), status)


async def on_unforeseen_error(request: Request, _: Exception) -> Response:
    """Not even a fallback could be formed."""
    return _response(request, "Inference engine failed", HTTPStatus.INTERNAL_SERVER_ERROR)


def _response(request: Request, message: str, status: HTTPStatus) -> Response:
    query_id = query_id_of(getattr(request.state, "content", b""))
    return Response(error_bytes(message, query_id), status, media_type="application/json")
