"""A model version on disk: the files of a bundle, the manifest that vouches for them, and the way to read both."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from smart_routing.errors import BundleError, SettingsError
from smart_routing.features.schema import DENSE_NAMES, SCHEMA_HASH
from smart_routing.features.statement import ParseLimits
from smart_routing.features.vocabulary import Vocabulary
from smart_routing.labels import LabelRule
from smart_routing.probability import AS_SCORED, ProbabilityMap

MANIFEST: Final = "manifest.json"
MODEL: Final = "model.onnx"
BOOSTER: Final = "booster.ubj"
VOCABULARY: Final = "vocabulary.json"
THRESHOLD: Final = "threshold.json"
FEATURE_SCHEMA: Final = "feature_schema.json"
LABEL: Final = "label.json"
GOLDEN: Final = "golden.jsonl"
CONTENT: Final = (MODEL, BOOSTER, VOCABULARY, THRESHOLD, FEATURE_SCHEMA, LABEL, GOLDEN)

MOST_LIMITS: Final = ParseLimits(bytes=2**20, depth=1000, tokens=20_000, type_depth=12)
"""The widest caps that a model may be trained under: beyond them a statement could hold a router up."""

_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A bound on the share of heavy statements sent to the small cluster, and what it rests on.

    With probability `confidence` over the calibration block, the false negative rate is at most `bound`; `heavies`
    calibration units (template x schema x day) carry it, of which `misses_allowed` may score below the threshold.
    """

    bound: float
    confidence: float
    heavies: int
    misses_allowed: int

    def __str__(self) -> str:
        return (
            f"FNR <= {self.bound:.0%} at {self.confidence:.0%} confidence, from {self.heavies} heavy "
            f"template-schema-days of which {self.misses_allowed} may be missed"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Heavy at or above the score `value`; `certificate` is None where the data support no bound (all heavy: value 0).

    `without_history`, at most `value`, is for requests of whose past nothing is known, as all are where no snapshot of
    the history is at hand: the same bound holds there. `probability` makes scores and thresholds what people are told;
    no decision depends on it.
    """

    value: float
    without_history: float
    certificate: Certificate | None
    probability: ProbabilityMap = AS_SCORED

    def to_bytes(self) -> bytes:
        return _json(asdict(self))

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Bundles made before probabilities were calibrated tell their scores."""
        document = json.loads(content)
        certificate, probability = document["certificate"], document.get("probability")
        return cls(
            value=float(document["value"]),
            without_history=float(document["without_history"]),
            certificate=Certificate(**certificate) if certificate else None,
            probability=ProbabilityMap(**probability) if probability else AS_SCORED,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenRow:
    """A request and the score that every loader of the bundle must reproduce. Its literals and its user are neutral."""

    sql: str
    catalog: str
    schema: str
    submitted_at: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """The verified content of one version; immutable, byte for byte what training wrote."""

    manifest_sha256: str
    model: bytes
    vocabulary: Vocabulary
    threshold: Threshold
    label_rule: LabelRule
    parse_limits: ParseLimits
    golden: tuple[GoldenRow, ...]


def feature_schema_bytes(limits: ParseLimits) -> bytes:
    """This code's feature schema as a bundle records it, with the caps that its statements were read under."""
    return _json({"hash": SCHEMA_HASH, "dense": DENSE_NAMES, "parse_limits": asdict(limits)})


def golden_bytes(rows: tuple[GoldenRow, ...]) -> bytes:
    return b"".join(_json(asdict(row)) + b"\n" for row in rows)


def write_bundle(folder: Path, content: Mapping[str, bytes]) -> str:
    """Write the files of `CONTENT` and their manifest into an empty folder; returns the manifest's sha256.

    Nothing written depends on clock or machine, so equal content gives equal bytes.
    """
    if set(content) != set(CONTENT):
        raise BundleError(f"bundle files are {sorted(content)}: expected {sorted(CONTENT)}")
    folder.mkdir(parents=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)
    manifest = _json({"files": {name: _digest(content[name]) for name in CONTENT}})
    (folder / MANIFEST).write_bytes(manifest)
    return _digest(manifest)


def read_bundle(folder: Path, *, manifest_sha256: str | None = None) -> Bundle:
    """Read and verify a bundle; any missing, altered or foreign file is a `BundleError` that names it.

    `manifest_sha256` is what the registry's tag (or `manifest.sha256` beside a path source) says of the manifest.
    """
    manifest = _manifest(folder, manifest_sha256)
    content = _verified(folder, manifest)
    return Bundle(
        manifest_sha256=_digest(manifest),
        model=content[MODEL],
        parse_limits=_part(content, FEATURE_SCHEMA, _parse_limits),
        vocabulary=_part(content, VOCABULARY, Vocabulary.from_bytes),
        threshold=_part(content, THRESHOLD, Threshold.from_bytes),
        label_rule=_part(content, LABEL, lambda data: LabelRule.from_json(json.loads(data))),
        golden=_part(content, GOLDEN, _golden),
    )


def read_booster(folder: Path, *, manifest_sha256: str) -> bytes:
    """XGBoost's own form of the model, which only explanations need; verified as `read_bundle` does."""
    return _verified(folder, _manifest(folder, manifest_sha256))[BOOSTER]


def read_bundle_file(folder: Path, name: str) -> bytes:
    """Raises `BundleError` for a file that is missing or unreadable."""
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise BundleError(f"bundle file {name} cannot be read: {error.strerror}") from error


def _manifest(folder: Path, expected: str | None) -> bytes:
    manifest = read_bundle_file(folder, MANIFEST)
    if expected is not None and _digest(manifest) != expected:
        raise BundleError(f"{MANIFEST} has sha256 {_digest(manifest)}: expected {expected}")
    return manifest


def _verified(folder: Path, manifest: bytes) -> dict[str, bytes]:
    """Every content file, its digest compared with the manifest's."""
    try:
        expected: dict[str, str] = json.loads(manifest)["files"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"{MANIFEST} cannot be read: {error!r}") from error
    if not isinstance(expected, dict) or set(expected) != set(CONTENT):
        raise BundleError(f"{MANIFEST} does not list exactly {', '.join(CONTENT)}")
    content = {name: read_bundle_file(folder, name) for name in CONTENT}
    for name, data in content.items():
        if _digest(data) != expected[name]:
            raise BundleError(f"{name} has sha256 {_digest(data)}: the manifest says {expected[name]}")
    return content


def _part(content: Mapping[str, bytes], name: str, parse: Callable[[bytes], _Part]) -> _Part:
    try:
        return parse(content[name])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SettingsError) as error:
        raise BundleError(f"{name} of the bundle cannot be read: {error!r}") from error


def _parse_limits(content: bytes) -> ParseLimits:
    """The caps that a bundle's feature schema records; raises `BundleError` for the schema of another code."""
    document = json.loads(content)
    found, limits = document["hash"], ParseLimits(**document["parse_limits"])
    if found != SCHEMA_HASH or document["dense"] != list(DENSE_NAMES):
        raise BundleError(f"feature schema of the bundle is {found}: this code has {SCHEMA_HASH}, and its columns")
    for name, value in asdict(limits).items():
        most = getattr(MOST_LIMITS, name)
        if not isinstance(value, int) or not 0 < value <= most:
            raise BundleError(f"parse limit {name} of the bundle is {value!r}: expected 1 to {most}")
    return limits


def _golden(content: bytes) -> tuple[GoldenRow, ...]:
    return tuple(GoldenRow(**json.loads(line)) for line in content.splitlines())


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
