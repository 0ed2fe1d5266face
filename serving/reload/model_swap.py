"""`ModelSwap`: which version decides; a swap to a new one that is watched, and the swap back."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from serving.metrics import Metrics
from serving.reload.tripwire import Subject, Swap, Tripwire
from smart_routing.features.schema import SCHEMA_HASH
from smart_routing.inference import Model
from smart_routing.logs import log_event
from smart_routing.router import Router
from smart_routing.sources.source import BundleRef

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How many versions stay in memory, the two that are always kept among them, and the bytes of their models."""

    versions: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The version that decides, where it came from and since when."""

    ref: BundleRef
    source: str
    since: datetime


class ModelSwap:
    """Replaces the router's models, each time by one assignment; for any thread."""

    def __init__(
        self,
        router: Router,
        *,
        tripwire: Tripwire,
        metrics: Metrics,
        keep: Keeping,
        clock: Callable[[], datetime],
    ) -> None:
        self._router = router
        self._tripwire = tripwire
        self._metrics = metrics
        self._keep = keep
        self._clock = clock
        self._lock = threading.Lock()
        self._refs: dict[str, BundleRef] = {}
        self.in_force: InForce | None = None

    @property
    def current(self) -> Model | None:
        return self._router.models.current

    def loaded(self, ref: BundleRef) -> Model | None:
        """The version where it is still in memory: it was verified and timed before."""
        wanted = (ref.model_version, ref.manifest_sha256)
        found = (one for one in self._router.models.all if (one.version, one.bundle.manifest_sha256) == wanted)
        return next(found, None)

    def publish(self, ref: BundleRef, model: Model, *, source: str, undo: Callable[[str], None] | None) -> None:
        """`model` decides from now on; with `undo` its decisions are watched, and `undo` is called where they trip."""
        with self._lock:
            old = self.current
            self._put_in_force(ref, model, source)
        if old is None or undo is None:
            self._tripwire.trust(Subject.MODEL, model.version)
        else:
            self._tripwire.watch(Swap(subject=Subject.MODEL, old=old.version, new=model.version, undo=undo))
        log_event(_log, "model_loaded", model_version=model.version, source=source)

    def step_back(self, version: str, reason: str) -> BundleRef | None:
        """The version before takes the place of `version`: what is in force then.

        None, and nothing changes, where `version` is not in force or nothing was before it.
        """
        with self._lock:
            models, left = self._router.models, self.in_force
            good = models.previous
            if left is None or good is None or models.current is None or models.current.version != version:
                return None
            back = self._refs[good.version]
            self._put_in_force(back, good, left.source)
        self._tripwire.trust(Subject.MODEL, good.version)
        log_event(
            _log, "model_rolled_back", level=logging.ERROR, model_version=good.version, left=version, reason=reason
        )
        return back

    def came_from(self, source: str) -> None:
        """What is in force turns out to be what `source` names."""
        with self._lock:
            if self.in_force is not None and self.current is not None:
                self._tell(self.current, InForce(ref=self.in_force.ref, source=source, since=self.in_force.since))

    def _put_in_force(self, ref: BundleRef, model: Model, source: str) -> None:
        models = self._router.models.followed_by(model, most=self._keep.versions, most_bytes=self._keep.bytes)
        self._router.models = models
        self._refs = {**self._refs, model.version: ref}
        self._refs = {one.version: self._refs[one.version] for one in models.all}
        self._tell(model, InForce(ref=ref, source=source, since=self._clock()))

    def _tell(self, model: Model, in_force: InForce) -> None:
        self.in_force = in_force
        self._metrics.model_info.clear()
        self._metrics.model_info.labels(model.version, SCHEMA_HASH, in_force.source).set(1)
