"""`PolicyWatch`: keeps a router's policy equal to the policy file."""

import logging
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from serving.metrics import Metrics
from smart_routing.errors import SettingsError
from smart_routing.logs import log_event
from smart_routing.policy import Policy, PolicyFile
from smart_routing.router import Router

_log = logging.getLogger(__name__)


class PolicyOutcome(StrEnum):
    """How a look at a file that changed ended."""

    LOADED = "loaded"
    REJECTED = "rejected"


class PolicyWatch:
    """Looks at the file and hands the policy in force to `router`; a file that cannot be used changes nothing."""

    def __init__(
        self, file: PolicyFile, router: Router, *, metrics: Metrics, poll_seconds: float, clock: Callable[[], datetime]
    ) -> None:
        self._file = file
        self._router = router
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._clock = clock
        for outcome in PolicyOutcome:
            metrics.policy_reloads.labels(outcome)

    def start(self) -> None:
        """The first look; raises `SettingsError`: a router without the overrides it was given is not to start."""
        self._follow(self._file.poll(now=self._clock()))

    def step(self) -> float:
        """One look; returns the seconds until the next."""
        now = self._clock()
        try:
            policy = self._file.poll(now=now)
        except SettingsError as error:
            self._metrics.policy_reloads.labels(PolicyOutcome.REJECTED).inc()
            log_event(_log, "policy_rejected", level=logging.ERROR, reason=str(error))
            policy = self._file.in_force(now=now)
        self._follow(policy)
        return self._poll_seconds

    def _follow(self, policy: Policy) -> None:
        if policy.revision != self._router.policy.revision:
            self._router.policy = policy
            self._metrics.policy_reloads.labels(PolicyOutcome.LOADED).inc()
            log_event(
                _log,
                "policy_loaded",
                policy_revision=policy.revision,
                mode=policy.rollout.mode,
                all_large=policy.rollout.all_large,
                overrides=len(policy.overrides),
            )
