"""Where a bundle comes from: what every source offers, and the one that is a folder."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from smart_routing.bundle import CONTENT, MANIFEST, read_bundle_file
from smart_routing.errors import BundleError, RegistryError

MANIFEST_DIGEST: Final = f"{Path(MANIFEST).stem}.sha256"
"""File beside the manifest of a path source that holds the manifest's sha256, as `sha256sum` writes it or bare."""

FILES: Final = (MANIFEST, *CONTENT)

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_VERSION: Final = re.compile(r"[A-Za-z0-9._+-]{1,100}")
"""Replies tell the version in a header, the decision log and metrics in a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleRef:
    """One version as a source names it: its number without the `v`, and the manifest's digest, which identifies it.

    `quarantined` is the reason a version must not be served. Raises `BundleError` for what is no digest, or no name.
    """

    version: str
    manifest_sha256: str
    location: str
    quarantined: str | None = None

    def __post_init__(self) -> None:
        if not _VERSION.fullmatch(self.version):
            raise BundleError(
                f"{self.location[:200]!r}: version is {self.version[:80]!r}: expected up to 100 of A-Z a-z 0-9 . _ + -"
            )
        if not _SHA256.fullmatch(self.manifest_sha256):
            raise BundleError(
                f"{self.location}: manifest digest is {self.manifest_sha256[:80]!r}: expected 64 hex digits"
            )

    @property
    def model_version(self) -> str:
        """The name of the version once it is loaded, which replies tell (`smart_routing.inference.Model.version`)."""
        return f"v{self.version}-{self.manifest_sha256[:6]}"


class ModelSource(Protocol):
    """Something that knows which version is in force and can hand over its files.

    Its methods raise `RegistryError` where the source cannot be asked, `BundleError` where what it has is no bundle.
    """

    def resolve(self) -> BundleRef:
        """The version in force now."""

    def download(self, ref: BundleRef, folder: Path) -> None:
        """Put the files of `ref` into the empty `folder`; whoever calls verifies them."""

    def report_served(self, ref: BundleRef, *, at: datetime) -> None:
        """Keep on record that `ref` has begun to serve, where the source keeps records."""


class FolderSource:
    """A local folder, or a symbolic link to one, with `manifest.sha256` in it; its name is the version."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def resolve(self) -> BundleRef:
        folder = self._path.resolve()
        if not folder.is_dir():
            raise RegistryError(f"{self._path} is not a folder: expected one with {MANIFEST} in it")
        digest = parse_digest(read_bundle_file(folder, MANIFEST_DIGEST))
        return BundleRef(version=version_of(folder.name), manifest_sha256=digest, location=str(folder))

    def download(self, ref: BundleRef, folder: Path) -> None:
        for name in FILES:
            (folder / name).write_bytes(read_bundle_file(Path(ref.location), name))

    def report_served(self, ref: BundleRef, *, at: datetime) -> None:
        """A folder keeps no record."""


def version_of(folder_name: str) -> str:
    """`v1.2.0` -> `1.2.0`; a name of another kind stays as it is."""
    return folder_name.removeprefix("v") if re.match(r"v\d", folder_name) else folder_name


def parse_digest(content: bytes) -> str:
    """The digest in a `manifest.sha256`: its first word."""
    words = content[:200].decode("ascii", "replace").split()
    return words[0].lower() if words else ""
