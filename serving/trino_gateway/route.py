"""`GatewayRoute`: trino-gateway's question answered in the router's mode, and never with an error."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from serving.http.headers import Headers
from serving.service import RoutingService, Tracking
from serving.trino_gateway.wire import NO_GROUP, GatewayBody, GatewayReply, client_group, read_gateway_body, trace_token
from serving.wire import RoutingGroups
from smart_routing.errors import RequestError, RequestTooLargeError
from smart_routing.logs import log_event, place_of
from smart_routing.protocol import HEADER_TRACE_TOKEN
from smart_routing.rollout import Rollout, RouterMode

_log = logging.getLogger(__name__)


class GatewayOutcome(StrEnum):
    """How a question of the gateway ended; a label of `smart_routing_gateway_replies_total`."""

    ROUTED = "routed"
    CLIENT_GROUP = "client_group"
    WITHHELD = "withheld"
    OFF = "off"
    NO_QUERY = "no_query"
    BAD_BODY = "bad_body"
    BODY_TOO_LARGE = "body_too_large"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes of a reply and how it came about."""

    content: bytes
    outcome: GatewayOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRoute:
    """`honour_client_group` lets a client's own X-Trino-Routing-Group take the place of the decision's group."""

    service: RoutingService
    groups: RoutingGroups
    deadline_ms: float
    honour_client_group: bool
    new_decision_id: Callable[[], str]

    def __post_init__(self) -> None:
        for outcome in GatewayOutcome:
            self.service.metrics.gateway_replies.foresee(outcome)

    async def reply(self, headers: Headers, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """The body of a 200; what cannot be decided goes to large, as far as the mode lets the router say so."""
        try:
            answer = await self._answer(headers, read)
        except RequestTooLargeError:
            answer = self._undecided(GatewayOutcome.BODY_TOO_LARGE)
        except RequestError:
            answer = self._undecided(GatewayOutcome.BAD_BODY)
        except Exception as error:  # a 500 would be logged by the gateway, and counted by nobody
            _report(error)
            answer = self._undecided(GatewayOutcome.FAILED)
        self.service.metrics.gateway_replies.count(answer.outcome)
        return answer.content

    @property
    def _rollout(self) -> Rollout:
        return self.service.router.policy.rollout

    async def _answer(self, headers: Headers, read: Callable[[], Awaitable[bytes]]) -> Answer:
        arrived = self.service.clocks.monotonic()
        if self._rollout.mode == RouterMode.OFF:
            return Answer(NO_GROUP, GatewayOutcome.OFF)
        body = read_gateway_body(await read())
        if not body.trino_query_properties.is_new_query_submission:
            return Answer(NO_GROUP, GatewayOutcome.NO_QUERY)
        answer = await self._decide(body, headers, deadline=arrived + self.deadline_ms / 1000)
        self.service.metrics.total_seconds.observe(self.service.clocks.monotonic() - arrived)
        return answer

    async def _decide(self, body: GatewayBody, headers: Headers, *, deadline: float) -> Answer:
        token, decision_id, rollout = trace_token(headers), self.new_decision_id(), self._rollout
        request = body.request(headers, decision_id=decision_id, now=self.service.clocks.now())
        treatment = rollout.treatment(request.user)
        decision = await self.service.decide(
            request, deadline=deadline, tracking=Tracking(token or decision_id, treatment)
        )
        wanted = client_group(headers) if self.honour_client_group and not rollout.all_large else None
        reply = GatewayReply(
            routing_group=(wanted or self.groups.of(decision.weight)) if treatment.is_routed else None,
            external_headers={} if token else {HEADER_TRACE_TOKEN: decision_id},
        )
        return Answer(reply.to_bytes(), _outcome(is_routed=treatment.is_routed, is_wanted=wanted is not None))

    def _undecided(self, outcome: GatewayOutcome) -> Answer:
        group = self.groups.large if self._rollout.routes_anybody else None
        return Answer(GatewayReply(routing_group=group).to_bytes(), outcome)


def _outcome(*, is_routed: bool, is_wanted: bool) -> GatewayOutcome:
    if not is_routed:
        return GatewayOutcome.WITHHELD
    return GatewayOutcome.CLIENT_GROUP if is_wanted else GatewayOutcome.ROUTED


def _report(error: Exception) -> None:
    """Type and place only: messages may quote the statement."""
    log_event(
        _log,
        "gateway_route_failed",
        level=logging.ERROR,
        error=type(error).__name__,
        where=place_of(error),
    )
