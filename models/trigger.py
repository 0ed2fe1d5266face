"""`Trigger`: why a model was made without anybody asking for it; kept as tags of its run and its version."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Final

from models.tracking import Tracking

TAG_TRIGGERED_BY: Final = "triggered_by"
TAG_REASON: Final = "trigger_reason"
TAG_VERDICT: Final = "verdict"
TAG_CAUSE: Final = "trigger_cause"
"""A digest by which triggers of one cause are found; a tenant's name would have to be quoted in a search."""

_LONGEST: Final = 1000
_ENDED_BADLY: Final = ("FAILED", "KILLED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Who started a training and why. Triggers with the same verdict on the same version and tenants are one cause."""

    by: str
    reason: str
    verdict: str
    model_version: str
    tenants: tuple[str, ...] = ()

    @property
    def cause(self) -> str:
        """16 hex."""
        said = "\n".join((self.verdict, self.model_version, *sorted(map(repr, self.tenants))))
        return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def tags(self) -> dict[str, str]:
        return {
            TAG_TRIGGERED_BY: self.by,
            TAG_REASON: self.reason[:_LONGEST],
            TAG_VERDICT: self.verdict,
            TAG_CAUSE: self.cause,
        }


def trained_since(tracking: Tracking, trigger: Trigger, since: datetime) -> str | None:
    """The newest run that this cause started at `since` or later and that did not fail; None without one."""
    found = tracking.runs_tagged(TAG_CAUSE, trigger.cause, since=since)
    return next((run.run_id for run in found if run.status not in _ENDED_BADLY), None)
