"""The start-up check that trino-gateway has the routing groups that the router may answer."""

import logging
from typing import Final

import httpx
import msgspec

from serving.wire import RoutingGroups
from smart_routing.errors import SettingsError
from smart_routing.logs import log_event, redact

_log = logging.getLogger(__name__)

BACKENDS_PATH: Final = "/api/public/backends"
"""What the gateway answers without a login, unlike /gateway/backend/all."""


class GatewayBackend(msgspec.Struct, frozen=True, rename="camel"):
    """One cluster as the gateway has it; fields that are not listed here are ignored."""

    name: str
    active: bool
    routing_group: str


_decoder: Final = msgspec.json.Decoder(tuple[GatewayBackend, ...])


def check_gateway_groups(gateway: httpx.Client, groups: RoutingGroups) -> None:
    """Raises `SettingsError` for a group that no backend of the gateway has, by its exact name.

    Backends that were deactivated count: an outage of theirs must not keep a router from starting. A gateway that
    cannot be asked is no reason not to start, because it may be the one that starts last: it is logged, as is a large
    group without a spare member.
    """
    url = str(gateway.base_url)
    try:
        backends = _backends(gateway)
    except (httpx.HTTPError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        _warn("gateway_unreachable", gateway=url, reason=" ".join(str(error).split()))
        return
    known = {backend.routing_group for backend in backends}
    missing = [group for group in (groups.small, groups.large) if group not in known]
    if missing:
        raise SettingsError(
            f"trino-gateway {redact(url)} has no backend in the routing group {' nor in '.join(missing)}: "
            f"its groups are {', '.join(sorted(known)) or 'none'}, and their case counts"
        )
    members = [backend.name for backend in backends if backend.active and backend.routing_group == groups.large]
    if len(members) == 1:
        _warn("gateway_group_without_spare", routing_group=groups.large, member=members[0])


def _backends(gateway: httpx.Client) -> tuple[GatewayBackend, ...]:
    return _decoder.decode(gateway.get(BACKENDS_PATH).raise_for_status().content)


def _warn(event: str, **fields: str) -> None:
    log_event(_log, event, level=logging.WARNING, **fields)
