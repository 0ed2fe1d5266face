import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from shutil import rmtree
from typing import Any

import pytest

from serving.metrics import Metrics
from serving.reload.latency_gate import LatencyGate
from serving.reload.model_swap import Keeping, ModelSwap
from serving.reload.quarantine import Quarantine
from serving.reload.reloader import LAST_KNOWN_GOOD, REFUSAL_LASTS, Reloader, ReloadOutcome
from serving.reload.tripwire import Subject, Tripwire
from smart_routing.bundle import FEATURE_SCHEMA, LABEL, MODEL, THRESHOLD, feature_schema_bytes, write_bundle
from smart_routing.errors import RegistryError, SmartRoutingError, UnknownModelVersionError
from smart_routing.features.schema import SCHEMA_HASH
from smart_routing.features.statement import DEFAULT_LIMITS
from smart_routing.router import Router
from smart_routing.sources.source import FILES, BundleRef, FolderSource
from smart_routing.sources.store import BundleStore
from tests.bundles import JoinModel
from tests.unit.serving.reload.swaps import LIMITS


@dataclass
class FakeSource:
    """A source of folders that can be moved, broken and watched."""

    ref: BundleRef
    error: SmartRoutingError | None = None
    download_error: Exception | None = None
    downloads: list[str] = field(default_factory=list)
    report_error: SmartRoutingError | None = None
    reported: list[tuple[str, datetime]] = field(default_factory=list)

    def resolve(self) -> BundleRef:
        if self.error:
            raise self.error
        return self.ref

    def download(self, ref: BundleRef, folder: Path) -> None:
        self.downloads.append(ref.version)
        if self.download_error:
            raise self.download_error
        FolderSource(Path(ref.location)).download(ref, folder)

    def report_served(self, ref: BundleRef, *, at: datetime) -> None:
        if self.report_error:
            raise self.report_error
        self.reported.append((ref.version, at))


@dataclass
class Rig:
    """A reloader with everything around it in the test's hands."""

    root: Path
    source: FakeSource
    now: datetime = datetime(2026, 10, 5, 12, tzinfo=UTC)
    kept_versions: int = 3
    seconds_per_look: float = 0.0
    """What the gate's clock goes forward at each look."""

    def __post_init__(self) -> None:
        self.router, self.metrics = Router(), Metrics.create()
        self._cpu_seconds = 0.0
        self.tripwire = Tripwire(LIMITS, monotonic=lambda: 0.0)
        (self.root / "state").mkdir(exist_ok=True)
        self.reloader = Reloader(
            self.source,
            ModelSwap(
                self.router,
                tripwire=self.tripwire,
                metrics=self.metrics,
                keep=Keeping(versions=self.kept_versions, bytes=2**20),
                clock=lambda: self.now,
            ),
            store=BundleStore(self.root / "state"),
            gate=LatencyGate(most_seconds=1.0, most_slowdown=2.0, clock=self._cpu, pause=lambda: None),
            quarantine=Quarantine(self.root / "state" / "quarantined.json", self.metrics.model_quarantined),
            metrics=self.metrics,
            source_name="fake",
            poll_seconds=2.0,
            clock=lambda: self.now,
            random=Random(7),
            give_back=lambda: None,
        )

    def _cpu(self) -> float:
        self._cpu_seconds += self.seconds_per_look
        return self._cpu_seconds

    @property
    def serving(self) -> str | None:
        model = self.router.models.current
        return model.version.partition("-")[0] if model else None

    @property
    def loaded_from(self) -> str | None:
        return self.reloader.in_force.source if self.reloader.in_force else None

    def count(self, outcome: ReloadOutcome) -> float:
        name = "smart_routing_model_reloads_total"
        return self.metrics.registry.get_sample_value(name, {"outcome": outcome}) or 0.0


def publish(root: Path, version: str, **changes: Any) -> BundleRef:
    folder = root / f"v{version}"
    digest = JoinModel(**changes).publish(folder)
    return BundleRef(version=version, manifest_sha256=digest, location=str(folder))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, FakeSource(publish(tmp_path, "1")))


def schema(**changes: Any) -> bytes:
    """This code's feature schema but for `changes`."""
    return json.dumps(json.loads(feature_schema_bytes(DEFAULT_LIMITS)) | changes).encode()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_first_look_loads_and_the_next_finds_nothing_new(rig: Rig) -> None:
    assert 1.6 <= rig.reloader.start() <= 2.0
    assert rig.reloader.check() == ReloadOutcome.UNCHANGED
    assert (rig.serving, rig.loaded_from, rig.source.downloads) == ("v1", "fake", ["1"])


def test_new_version_is_swapped_in_and_the_old_one_kept(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    rig.source.ref = publish(tmp_path, "2", per_join=0.5)
    assert rig.reloader.check() == ReloadOutcome.LOADED
    assert rig.serving == "v2"
    assert rig.router.models.find("v1") is rig.router.models.previous
    version = rig.router.models.current.version if rig.router.models.current else ""
    labels = {"model_version": version, "feature_schema": SCHEMA_HASH, "source": "fake"}
    assert rig.metrics.registry.get_sample_value("smart_routing_model_info", labels) == 1


def test_same_bundle_under_another_number_is_another_version(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    rig.source.ref = publish(tmp_path, "2")
    assert (rig.reloader.check(), rig.serving, rig.source.downloads) == (ReloadOutcome.LOADED, "v2", ["1"])


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_byte_in_any_file_is_refused(rig: Rig, tmp_path: Path, name: str) -> None:
    rig.reloader.start()
    rig.source.ref = publish(tmp_path, "2", per_join=0.5)
    flip(tmp_path / "v2" / name)
    assert rig.reloader.check() == ReloadOutcome.REJECTED
    assert (rig.serving, rig.count(ReloadOutcome.REJECTED)) == ("v1", 1)
    refusal = rig.reloader.status.last_refusal
    assert refusal is not None
    assert (refusal.version, refusal.time) == ("2", rig.now)
    assert name in refusal.reason


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_refused(rig: Rig, tmp_path: Path, name: str) -> None:
    rig.reloader.start()
    rig.source.ref = publish(tmp_path, "2", per_join=0.5)
    (tmp_path / "v2" / name).unlink()
    assert (rig.reloader.check(), rig.serving) == (ReloadOutcome.REJECTED, "v1")


def test_whole_bundle_that_fails_its_golden_rows_is_refused(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    content = JoinModel(per_join=0.5).content() | {MODEL: JoinModel(per_join=0.4).content()[MODEL]}
    rig.source.ref = _publish_content(tmp_path / "v2", content)
    assert (rig.reloader.check(), rig.serving) == (ReloadOutcome.REJECTED, "v1")
    assert "golden row" in str(rig.reloader.status.last_refusal)


@pytest.mark.parametrize("name", [MODEL, THRESHOLD])
def test_whole_bundle_of_nonsense_is_refused(rig: Rig, tmp_path: Path, name: str) -> None:
    rig.reloader.start()
    rig.source.ref = _publish_content(tmp_path / "v2", JoinModel().content() | {name: b"nonsense"})
    assert (rig.reloader.check(), rig.serving) == (ReloadOutcome.REJECTED, "v1")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param(THRESHOLD, b"{}", "threshold.json of the bundle cannot be read: KeyError", id="no-certificate"),
        pytest.param(THRESHOLD, b"[" * 100_000, "threshold.json of the bundle cannot be read", id="nested-without-end"),
        pytest.param(LABEL, b"[]", "label.json of the bundle cannot be read", id="label-is-a-list"),
        pytest.param(FEATURE_SCHEMA, schema(dense=["other"]), "and its columns", id="columns-of-another"),
        *(
            pytest.param(
                FEATURE_SCHEMA,
                schema(parse_limits={limit: 10**9}),
                f"parse limit {limit} of",
                id=f"no-{limit}",
            )
            for limit in ("bytes", "depth", "tokens", "type_depth")
        ),
        pytest.param(FEATURE_SCHEMA, schema(parse_limits={"depth": "9"}), "is '9': expected 1 to 1000", id="text"),
    ],
)
def test_file_that_cannot_be_meant_is_named(rig: Rig, tmp_path: Path, name: str, content: bytes, said: str) -> None:
    rig.source.ref = _publish_content(tmp_path / "v2", JoinModel().content() | {name: content})
    assert rig.reloader.check() == ReloadOutcome.REJECTED
    assert said in str(rig.reloader.status.last_refusal)


def _publish_content(folder: Path, content: dict[str, bytes]) -> BundleRef:
    return BundleRef(version="2", manifest_sha256=write_bundle(folder, content), location=str(folder))


def test_refused_version_is_not_downloaded_at_each_look(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    rig.source.ref = publish(tmp_path, "2", per_join=0.5)
    flip(tmp_path / "v2" / MODEL)
    assert [rig.reloader.check() for _ in range(3)] == [ReloadOutcome.REJECTED] + [ReloadOutcome.UNCHANGED] * 2
    assert rig.source.downloads == ["1", "2"]
    flip(tmp_path / "v2" / MODEL)
    assert rig.reloader.check() == ReloadOutcome.UNCHANGED
    assert (rig.reloader.check(force=True), rig.serving) == (ReloadOutcome.LOADED, "v2")


def test_refused_version_is_tried_again_after_a_while(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    rig.source.ref = publish(tmp_path, "2", per_join=0.5)
    flip(tmp_path / "v2" / MODEL)
    rig.reloader.check()
    flip(tmp_path / "v2" / MODEL)
    rig.now += REFUSAL_LASTS + timedelta(seconds=1)
    assert rig.reloader.check() == ReloadOutcome.LOADED


def test_quarantined_version_is_refused_without_a_download(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    good = publish(tmp_path, "2", per_join=0.5)
    rig.source.ref = BundleRef(
        version="2", manifest_sha256=good.manifest_sha256, location=good.location, quarantined="missed heavies"
    )
    assert (rig.reloader.check(), rig.serving, rig.source.downloads) == (ReloadOutcome.REJECTED, "v1", ["1"])
    assert "quarantined: missed heavies" in str(rig.reloader.status.last_refusal)
    rig.source.ref = good
    assert rig.reloader.check() == ReloadOutcome.LOADED


def test_unreachable_source_keeps_the_old_version_and_is_asked_less_often(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    calm = rig.reloader.step()
    rig.source.error = RegistryError("registry is down")
    delays = [rig.reloader.step() for _ in range(8)]
    assert 1.6 <= calm <= 2.0
    assert delays[0] > calm
    assert 24 <= delays[-1] <= 30
    assert (rig.serving, rig.reloader.status.last_error) == ("v1", "registry is down")
    rig.source.error = None
    assert rig.reloader.step() <= 2.0
    assert rig.reloader.status.last_error is None


def test_registry_without_a_promoted_version_is_asked_as_often_and_has_not_failed(rig: Rig) -> None:
    rig.source.error = UnknownModelVersionError("no such alias")
    rig.reloader.start()
    assert max(rig.reloader.step() for _ in range(8)) <= 2.0
    assert rig.reloader.status.last_error == "no such alias"
    assert rig.metrics.registry.get_sample_value("smart_routing_model_reloads_total", {"outcome": "failed"}) == 0
    rig.source.error = None
    rig.reloader.step()
    assert rig.serving == "v1"


def test_source_is_told_what_serves_and_only_that(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    rig.reloader.check()
    rig.source.ref = publish(tmp_path, "2", per_join=0.5)
    flip(tmp_path / "v2" / MODEL)
    rig.reloader.check()
    assert rig.source.reported == [("1", rig.now)]


def test_source_that_cannot_be_told_does_not_stop_a_swap(rig: Rig, tmp_path: Path) -> None:
    rig.source.report_error = RegistryError("read only")
    rig.reloader.start()
    assert (rig.serving, rig.count(ReloadOutcome.LOADED)) == ("v1", 1)


def test_download_that_breaks_off_is_no_refusal(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    rig.source.ref = publish(tmp_path, "2", per_join=0.5)
    rig.source.download_error = RegistryError("connection reset")
    assert (rig.reloader.check(), rig.reloader.status.last_refusal) == (ReloadOutcome.FAILED, None)
    rig.source.download_error = None
    assert (rig.reloader.check(), rig.serving) == (ReloadOutcome.LOADED, "v2")
    assert not list((tmp_path / "state" / "bundles").glob(".incoming-*"))


def test_last_known_good_starts_while_the_source_is_down(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    later = Rig(tmp_path, FakeSource(rig.source.ref, error=RegistryError("registry is down")))
    assert later.reloader.start() == 0.0
    assert (later.serving, later.loaded_from) == ("v1", LAST_KNOWN_GOOD)
    assert (later.reloader.check(), later.loaded_from) == (ReloadOutcome.FAILED, LAST_KNOWN_GOOD)
    later.source.error = None
    assert (later.reloader.check(), later.loaded_from) == (ReloadOutcome.UNCHANGED, "fake")
    later.source.ref = publish(tmp_path, "2", per_join=0.5)
    assert (later.reloader.check(), later.serving) == (ReloadOutcome.LOADED, "v2")


def test_last_known_good_that_was_altered_does_not_start(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    flip(tmp_path / "state" / "bundles" / rig.source.ref.manifest_sha256 / MODEL)
    later = Rig(tmp_path, FakeSource(rig.source.ref, error=RegistryError("registry is down")))
    later.reloader.start()
    assert later.serving is None
    later.source.error = None
    assert later.reloader.check() == ReloadOutcome.LOADED
    assert later.router.models.current is not None


def test_last_known_good_serves_where_the_new_version_is_corrupt_at_start(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    bad = publish(tmp_path, "2", per_join=0.5)
    flip(tmp_path / "v2" / MODEL)
    later = Rig(tmp_path, FakeSource(bad))
    later.reloader.start()
    assert (later.reloader.check(), later.serving) == (ReloadOutcome.REJECTED, "v1")


def test_old_bundles_are_dropped_from_disk(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    for number in range(2, 9):
        rig.source.ref = publish(tmp_path, str(number), per_join=number / 100)
        rig.reloader.check()
    kept = {path.name for path in (tmp_path / "state" / "bundles").iterdir()}
    assert len(kept) == 4
    assert rig.source.ref.manifest_sha256 in kept


def test_failure_that_nobody_foresaw_keeps_the_old_version(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    rig.source.ref = publish(tmp_path, "2", per_join=0.5)
    rig.source.download_error = ZeroDivisionError("who knows")
    assert (rig.reloader.check(), rig.serving) == (ReloadOutcome.FAILED, "v1")


def test_disk_that_keeps_nothing_costs_no_version(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "state").rmdir()
    (tmp_path / "state").write_text("not a folder")
    rig.reloader.start()
    assert rig.serving == "v1"
    rig.source.ref = publish(tmp_path, "2", per_join=0.5)
    assert (rig.reloader.check(), rig.serving) == (ReloadOutcome.LOADED, "v2")


def move(rig: Rig, version: str, **changes: Any) -> None:
    """The source names another version now, which the router takes."""
    rig.source.ref = publish(rig.root, version, **changes)
    assert rig.reloader.check() == ReloadOutcome.LOADED


def trip(rig: Rig) -> str:
    """What the tripwire does once the version in force trips."""
    version = rig.router.models.find(None)
    assert version is not None
    rig.reloader.roll_back(version.version, "fails")
    return version.version


def another_worker(rig: Rig) -> Rig:
    """On the same folder of state; it has not looked yet."""
    return Rig(rig.root, FakeSource(rig.source.ref))


def quarantined(rig: Rig) -> str | None:
    held = rig.reloader.quarantined
    return held.name.partition("-")[0] if held else None


def test_version_that_is_in_memory_comes_back_without_download_or_session(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    first, ref = rig.router.models.current, rig.source.ref
    for number in ("2", "3"):
        move(rig, number, per_join=int(number) / 10)
    rig.source.ref = ref
    rig.source.download_error = RegistryError("down")
    rmtree(tmp_path / "state" / "bundles")
    (tmp_path / "state" / "bundles").mkdir()
    assert rig.reloader.check() == ReloadOutcome.LOADED
    assert rig.router.models.current is first
    assert [model.version[:2] for model in rig.router.models.all] == ["v1", "v3", "v2"]


def test_version_that_came_back_is_put_on_the_disk_again(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    ref = rig.source.ref
    move(rig, "2", per_join=0.5)
    rmtree(tmp_path / "state" / "bundles" / ref.manifest_sha256)
    rig.source.ref = ref
    rig.reloader.check()
    later = Rig(tmp_path, FakeSource(ref, error=RegistryError("registry is down")))
    later.reloader.start()
    assert (later.serving, later.loaded_from) == ("v1", LAST_KNOWN_GOOD)


def test_version_of_the_same_number_and_other_content_is_another(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    first = rig.router.models.current
    other = JoinModel(per_join=0.5)
    digest = other.publish(tmp_path / "other")
    rig.source.ref = BundleRef(version="1", manifest_sha256=digest, location=str(tmp_path / "other"))
    assert rig.reloader.check() == ReloadOutcome.LOADED
    assert rig.router.models.current is not first


def test_evicted_version_is_not_there_for_pins(rig: Rig) -> None:
    rig.reloader.start()
    for number in ("2", "3", "4"):
        move(rig, number, per_join=int(number) / 10)
    assert [model.version[:2] for model in rig.router.models.all] == ["v4", "v3", "v2"]
    with pytest.raises(UnknownModelVersionError):
        rig.router.models.find("v1")


def test_version_that_is_too_slow_is_refused(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    rig.seconds_per_look = 2.0
    rig.source.ref = publish(tmp_path, "2", per_join=0.5)
    assert (rig.reloader.check(), rig.serving) == (ReloadOutcome.REJECTED, "v1")
    refusal = rig.reloader.status.last_refusal
    assert refusal is not None
    assert "is too slow: p99 of a decision is 2000.00 ms: expected 1000 ms at most" in refusal.reason


def test_version_that_trips_is_left_and_not_taken_again(rig: Rig) -> None:
    rig.reloader.start()
    first = rig.router.models.current
    move(rig, "2", per_join=0.5)
    bad = trip(rig)
    assert rig.router.models.current is first
    assert (rig.count(ReloadOutcome.ROLLED_BACK), quarantined(rig)) == (1, "v2")
    rig.now += 2 * REFUSAL_LASTS
    assert [rig.reloader.check(), rig.reloader.check(force=True)] == [ReloadOutcome.REJECTED] * 2
    assert rig.router.models.current is first
    assert "version 2 is quarantined by the routers: fails" in str(rig.reloader.status.last_refusal)
    assert rig.metrics.registry.get_sample_value("smart_routing_model_quarantined", {"model_version": bad}) == 1
    assert rig.router.models.find("v2") is not None


def test_source_is_told_that_the_version_before_serves_again(rig: Rig) -> None:
    rig.reloader.start()
    move(rig, "2", per_join=0.5)
    trip(rig)
    assert [version for version, _ in rig.source.reported] == ["1", "2", "1"]


def test_quarantine_ends_when_the_source_names_another_version(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    first = rig.source.ref
    move(rig, "2", per_join=0.5)
    second = rig.source.ref
    trip(rig)
    assert rig.reloader.check() == ReloadOutcome.REJECTED
    rig.source.ref = first
    assert (rig.reloader.check(), quarantined(rig)) == (ReloadOutcome.UNCHANGED, None)
    rig.source.ref = second
    assert (rig.reloader.check(), rig.serving) == (ReloadOutcome.LOADED, "v2")


def test_released_version_is_taken_again_and_not_judged(rig: Rig) -> None:
    rig.reloader.start()
    move(rig, "2", per_join=0.5)
    trip(rig)
    assert (rig.reloader.release(), rig.serving) == (ReloadOutcome.LOADED, "v2")
    assert rig.tripwire.watched == frozenset()
    assert (rig.reloader.check(), rig.serving) == (ReloadOutcome.UNCHANGED, "v2")
    later = another_worker(rig)
    later.reloader.start()
    assert (later.reloader.check(), later.serving, later.tripwire.watched) == (
        ReloadOutcome.UNCHANGED,
        "v2",
        frozenset(),
    )


def test_only_a_new_version_after_another_is_watched(rig: Rig) -> None:
    rig.reloader.start()
    first = rig.source.ref
    assert rig.tripwire.watched == frozenset()
    move(rig, "2", per_join=0.5)
    assert rig.tripwire.watched == {Subject.MODEL}
    rig.source.ref = first
    rig.reloader.check()
    assert rig.tripwire.watched == frozenset()


def test_trip_of_a_version_that_was_left_since_changes_nothing(rig: Rig) -> None:
    rig.reloader.start()
    move(rig, "2", per_join=0.5)
    left = rig.source.ref
    move(rig, "3", per_join=0.6)
    rig.reloader.roll_back(left.model_version, "fails")
    assert (rig.serving, quarantined(rig)) == ("v3", None)


def test_other_workers_leave_the_version_too_and_refuse_it(rig: Rig) -> None:
    rig.reloader.start()
    other = another_worker(rig)
    other.reloader.start()
    move(rig, "2", per_join=0.5)
    other.source.ref = rig.source.ref
    late = another_worker(rig)
    late.source.ref = other.source.ref
    assert other.reloader.check() == ReloadOutcome.LOADED
    trip(rig)
    assert (other.reloader.check(), other.serving, quarantined(other)) == (ReloadOutcome.REJECTED, "v1", "v2")
    assert other.count(ReloadOutcome.ROLLED_BACK) == 1
    late.reloader.start()
    assert (late.reloader.check(), late.serving, late.loaded_from) == (ReloadOutcome.REJECTED, "v1", LAST_KNOWN_GOOD)


def test_worker_that_knows_only_the_bad_version_takes_the_last_known_good_one(rig: Rig) -> None:
    rig.reloader.start()
    move(rig, "2", per_join=0.5)
    late = another_worker(rig)
    late.reloader.start()
    trip(rig)
    assert (late.reloader.check(), late.serving) == (ReloadOutcome.REJECTED, "v1")


def test_quarantine_outlasts_a_restart_while_the_source_is_down(rig: Rig) -> None:
    rig.reloader.start()
    move(rig, "2", per_join=0.5)
    trip(rig)
    late = another_worker(rig)
    late.source.error = RegistryError("registry is down")
    late.reloader.start()
    assert (late.serving, quarantined(late)) == ("v1", "v2")


def test_rollback_without_a_disk_to_write_on_is_made_all_the_same(rig: Rig, tmp_path: Path) -> None:
    rig.reloader.start()
    move(rig, "2", per_join=0.5)
    (tmp_path / "state").rename(tmp_path / "elsewhere")
    trip(rig)
    assert rig.serving == "v1"
