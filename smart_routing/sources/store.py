"""`BundleStore`: verified bundles on local disk, and which of them was served last."""

import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, mkstemp
from typing import Final

from smart_routing.bundle import Bundle, read_booster, read_bundle
from smart_routing.errors import BundleError
from smart_routing.logs import log_event
from smart_routing.sources.source import BundleRef

_log = logging.getLogger(__name__)

KEPT_BUNDLES: Final = 4

Download = Callable[[BundleRef, Path], None]


class BundleStore:
    """A folder per manifest digest below `root`. Workers may share it: what appears there is whole and fixed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._bundles = root / "bundles"
        self._pointer = root / "last-known-good.json"

    def fetch(self, ref: BundleRef, download: Download) -> Bundle:
        """The verified bundle of `ref`, downloaded unless it is here, else `BundleError` or what `download` raises.

        Where this disk is full or read-only, it is read by way of the system's temporary folder, and not kept.
        """
        with suppress(BundleError):
            bundle = self.read(ref)
            with suppress(OSError):
                os.utime(self._bundles / ref.manifest_sha256)
            return bundle
        try:
            return self._keep(ref, download)
        except OSError as error:
            reason = error.strerror
            log_event(_log, "bundle_not_kept", level=logging.WARNING, version=ref.version, reason=reason)
        with TemporaryDirectory() as scratch:
            return _downloaded(ref, download, Path(scratch))

    def _keep(self, ref: BundleRef, download: Download) -> Bundle:
        self._bundles.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self._bundles, prefix=".incoming-") as scratch:
            incoming = Path(scratch) / "bundle"
            incoming.mkdir()
            bundle = _downloaded(ref, download, incoming)
            _sync(incoming)
            self._adopt(incoming, self._bundles / ref.manifest_sha256)
        return bundle

    def has(self, ref: BundleRef) -> bool:
        """Whether the bundle of `ref` lies here, unverified."""
        return (self._bundles / ref.manifest_sha256).is_dir()

    def read(self, ref: BundleRef) -> Bundle:
        """The bundle of `ref` as it lies here; raises `BundleError` where it is missing or altered."""
        return read_bundle(self._bundles / ref.manifest_sha256, manifest_sha256=ref.manifest_sha256)

    def booster(self, ref: BundleRef) -> bytes:
        """XGBoost's own form of the model of `ref`; raises `BundleError` where it is missing or altered."""
        return read_booster(self._bundles / ref.manifest_sha256, manifest_sha256=ref.manifest_sha256)

    def last_known_good(self) -> BundleRef | None:
        """What `remember` was told last, if anything."""
        try:
            document = json.loads(self._pointer.read_bytes())
            return BundleRef(
                version=document["version"], manifest_sha256=document["manifest_sha256"], location=str(self._root)
            )
        except (OSError, ValueError, KeyError, TypeError, BundleError):
            return None

    def remember(self, ref: BundleRef) -> None:
        """Make `ref` the last known good one, and drop bundles that have not been used for longest."""
        handle, scratch = mkstemp(dir=self._root, prefix=".pointer-")
        with os.fdopen(handle, "w") as file:
            json.dump({"version": ref.version, "manifest_sha256": ref.manifest_sha256}, file)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).replace(self._pointer)
        self._prune(keep=ref.manifest_sha256)

    def _adopt(self, incoming: Path, folder: Path) -> None:
        """Give a verified folder its place; one that is there already was altered, or another worker was faster."""
        try:
            incoming.rename(folder)
        except OSError:
            with suppress(BundleError):
                read_bundle(folder, manifest_sha256=folder.name)
                return
            rmtree(folder, ignore_errors=True)
            incoming.rename(folder)
        _sync_folder(folder.parent)

    def _prune(self, *, keep: str) -> None:
        folders = [path for path in self._bundles.iterdir() if not path.name.startswith(".") and path.name != keep]
        for path in sorted(folders, key=_last_used, reverse=True)[KEPT_BUNDLES - 1 :]:
            rmtree(path, ignore_errors=True)


def _downloaded(ref: BundleRef, download: Download, folder: Path) -> Bundle:
    download(ref, folder)
    return read_bundle(folder, manifest_sha256=ref.manifest_sha256)


def _last_used(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _sync(folder: Path) -> None:
    """Everything in `folder` is on the disk before its name says that it is whole."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
