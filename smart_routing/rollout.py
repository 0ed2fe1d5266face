"""`Rollout`: how far the gateway follows the router; modes, the control group and the order to send all to large."""

from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Final

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]

_CONTROL: Final = b"control"
_CANARY: Final = b"canary"


class RouterMode(StrEnum):
    """What operators order for everybody."""

    OFF = "off"
    SHADOW = "shadow"
    CANARY = "canary"
    FULL = "full"


class Treatment(StrEnum):
    """What the order means for one user; `mode` in the decision log. Users outside of a canary are in shadow."""

    OFF = "off"
    SHADOW = "shadow"
    CANARY = "canary"
    CONTROL = "control"
    FULL = "full"

    @property
    def is_routed(self) -> bool:
        """Whether the gateway is told the decision."""
        return self in (Treatment.CANARY, Treatment.FULL)


class Rollout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Shares are of users, 0 to 1. `all_large` sends every statement to the large group, in every mode but off."""

    mode: RouterMode = RouterMode.FULL
    canary_share: Share = 0.0
    control_share: Share = 0.01
    all_large: bool = False

    @property
    def routes_anybody(self) -> bool:
        """Whether a request that names no user may be given a group."""
        return self.mode != RouterMode.OFF and (self.all_large or self.mode != RouterMode.SHADOW)

    def treatment(self, user: str) -> Treatment:
        """The same for a user on every worker and every day; a canary that grows keeps the users it has."""
        if self.mode == RouterMode.OFF:
            return Treatment.OFF
        if self.all_large:
            return Treatment.FULL
        if self.mode == RouterMode.SHADOW:
            return Treatment.SHADOW
        if _place(user, _CONTROL) < self.control_share:
            return Treatment.CONTROL
        if self.mode == RouterMode.FULL:
            return Treatment.FULL
        return Treatment.CANARY if _place(user, _CANARY) < self.canary_share else Treatment.SHADOW


FULL_ROLLOUT: Final = Rollout()


def _place(user: str, purpose: bytes) -> float:
    """Where in [0, 1) the user's name falls; places for two purposes are independent of each other."""
    digest = blake2b(user.encode("utf-8", "surrogatepass"), digest_size=6, person=purpose).digest()
    return int.from_bytes(digest, "big") / 2**48
