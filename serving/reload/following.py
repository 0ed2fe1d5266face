"""What follows the model and the history, put together as settings say."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from prometheus_client import Gauge

from serving.metrics import Metrics
from serving.reload.history_watch import HistoryWatch
from serving.reload.latency_gate import LatencyGate
from serving.reload.memory import give_back
from serving.reload.model_swap import Keeping, ModelSwap
from serving.reload.quarantine import Quarantine
from serving.reload.reloader import Reloader
from serving.reload.tripwire import Subject, TripLimits, Tripwire
from serving.service import Clocks
from smart_routing.router import Router
from smart_routing.settings import HistorySettings, ReloadSettings, ServingSettings
from smart_routing.sources.source import ModelSource
from smart_routing.sources.store import BundleStore
from smart_routing.stored_file import FileStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The process around them; `cpu` tells the seconds of CPU of the calling thread, `pause` lets others run."""

    clocks: Clocks
    cpu: Callable[[], float]
    pause: Callable[[], None]
    random: Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """Whatever swaps the model or the history of `router`, and the tripwire that both hang on."""

    router: Router
    metrics: Metrics
    around: Around
    settings: ServingSettings
    limits: ReloadSettings
    tripwire: Tripwire

    def reloader(self, source: ModelSource) -> Reloader:
        limits, around = self.limits, self.around
        swap = ModelSwap(
            self.router,
            tripwire=self.tripwire,
            metrics=self.metrics,
            keep=Keeping(versions=limits.kept_versions, bytes=limits.kept_bytes),
            clock=around.clocks.now,
        )
        return Reloader(
            source,
            swap,
            store=BundleStore(self.settings.state_dir),
            gate=LatencyGate(
                most_seconds=limits.max_decision_ms / 1000,
                most_slowdown=limits.max_slowdown,
                clock=around.cpu,
                pause=around.pause,
            ),
            quarantine=self._quarantine(Subject.MODEL, self.metrics.model_quarantined),
            metrics=self.metrics,
            source_name=self.settings.source,
            poll_seconds=self.settings.poll_seconds,
            clock=around.clocks.now,
            random=around.random,
            give_back=give_back,
        )

    def history(self, file: FileStore, history: HistorySettings) -> HistoryWatch:
        return HistoryWatch(
            file,
            self.router,
            quarantine=self._quarantine(Subject.HISTORY, self.metrics.history_quarantined),
            tripwire=self.tripwire,
            metrics=self.metrics,
            poll_seconds=history.poll_seconds,
            clock=self.around.clocks.now,
        )

    def _quarantine(self, subject: Subject, gauge: Gauge) -> Quarantine:
        return Quarantine(self.settings.state_dir / f"quarantined-{subject}.json", gauge)


def trip_limits(settings: ReloadSettings) -> TripLimits:
    return TripLimits(
        heavy_rise=settings.trip_heavy_rise,
        heavy_fall=settings.trip_heavy_fall,
        error_rise=settings.trip_error_rise,
        decisions=settings.trip_decisions,
        seconds=settings.trip_seconds,
    )
