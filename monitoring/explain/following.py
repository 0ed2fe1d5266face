"""`Following`: keeps what explanations rest on equal to what routers decide by."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import xgboost as xgb

from monitoring.explain.contributions import load_booster
from monitoring.explain.explanation import InForce
from smart_routing.errors import (
    BundleError,
    KnownHeavyError,
    NoModelError,
    RegistryError,
    SettingsError,
    UnknownModelVersionError,
)
from smart_routing.history.measures import NO_HISTORY, HistorySource
from smart_routing.history.snapshot import Snapshot
from smart_routing.inference import Model
from smart_routing.known_heavy.entries import NOTHING_KNOWN, KnownHeavy
from smart_routing.known_heavy.store import KnownHeavyStore
from smart_routing.policy import NO_POLICY, Policy, PolicyFile
from smart_routing.sources.source import BundleRef, ModelSource
from smart_routing.sources.store import BundleStore
from smart_routing.stored_file import WatchedFile


@dataclass(frozen=True, slots=True)
class Clocks:
    """Wall time, aware, and seconds that never go back."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the parts come from; `policy` and `known_heavy` are None where there is none, or none within reach."""

    model: ModelSource
    store: BundleStore
    history: WatchedFile
    policy: PolicyFile | None = None
    known_heavy: KnownHeavyStore | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Loaded:
    ref: BundleRef
    model: Model
    booster: xgb.Booster


class Following:
    """Looks at the sources when asked, at most every `look_seconds`; one that fails leaves what was there before.

    For one thread at a time.
    """

    def __init__(self, sources: Sources, *, clocks: Clocks, look_seconds: float) -> None:
        self._sources = sources
        self._clocks = clocks
        self._look_seconds = look_seconds
        self._due = float("-inf")
        self._loaded: _Loaded | None = None
        self._history: HistorySource = NO_HISTORY
        self._history_tag: str | None = None
        self._in_force: InForce | None = None

    def in_force(self) -> InForce:
        """What decides now; raises `NoModelError` as long as no model could be loaded."""
        if self._in_force is None or self._clocks.monotonic() >= self._due:
            self._in_force = self._look()
            self._due = self._clocks.monotonic() + self._look_seconds
        return self._in_force

    def _look(self) -> InForce:
        notes = [*self._sources.notes]
        loaded = self._follow_model(notes)
        self._follow_history(notes)
        return InForce(
            model=loaded.model,
            booster=loaded.booster,
            history=self._history,
            policy=self._policy(notes),
            known_heavy=self._known_heavy(notes),
            notes=tuple(notes),
        )

    def _follow_model(self, notes: list[str]) -> _Loaded:
        try:
            self._loaded = self._load()
        except (BundleError, RegistryError, UnknownModelVersionError) as error:
            if self._loaded is None:
                raise NoModelError(f"no model can be explained: {error}") from error
            notes.append(f"The model is the one last loaded: {error}")
        return self._loaded

    def _load(self) -> _Loaded:
        ref = self._sources.model.resolve()
        if self._loaded is not None and _same(ref, self._loaded.ref):
            return self._loaded
        if ref.quarantined is not None:
            raise BundleError(f"version {ref.version} is quarantined: {ref.quarantined}")
        store = self._sources.store
        model = Model.load(store.fetch(ref, self._sources.model.download), version=ref.version)
        loaded = _Loaded(ref, model, load_booster(store.booster(ref), model.bundle.vocabulary))
        store.remember(ref)
        return loaded

    def _follow_history(self, notes: list[str]) -> None:
        file = self._sources.history
        try:
            tag = file.tag()
            if tag is not None and tag != self._history_tag and (found := file.read()) is not None:
                self._history, self._history_tag = Snapshot.from_bytes(found.content), found.tag
        except (SettingsError, BundleError) as error:
            notes.append(f"The history snapshot is the one last read, if any: {error}")

    def _policy(self, notes: list[str]) -> Policy:
        file, now = self._sources.policy, self._clocks.now()
        if file is None:
            return NO_POLICY
        with suppress(SettingsError):  # raised once for each state of the file; `complaint` stays
            file.poll(now=now)
        if file.complaint:
            notes.append(f"The policy is the one last read, if any: {file.complaint}")
        return file.in_force(now=now)

    def _known_heavy(self, notes: list[str]) -> KnownHeavy:
        store = self._sources.known_heavy
        if store is None:
            return NOTHING_KNOWN
        try:
            return KnownHeavy.at(self._clocks.now(), store.entries())
        except KnownHeavyError as error:
            notes.append(f"Known heavy templates could not be read: {error}")
            return NOTHING_KNOWN


def _same(one: BundleRef, other: BundleRef) -> bool:
    return (one.version, one.manifest_sha256) == (other.version, other.manifest_sha256)
