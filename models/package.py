"""Putting a bundle together: trees, vocabulary, threshold, label rule, and golden rows with neutral literals."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from models.convert import to_onnx
from models.dataset import Example
from models.train import Trained
from smart_routing.bundle import (
    BOOSTER,
    FEATURE_SCHEMA,
    GOLDEN,
    LABEL,
    MODEL,
    THRESHOLD,
    VOCABULARY,
    Bundle,
    GoldenRow,
    Threshold,
    feature_schema_bytes,
    golden_bytes,
    write_bundle,
)
from smart_routing.features.aliases import ALIAS, GENERATED
from smart_routing.features.statement import ParseLimits
from smart_routing.features.text import NUMBER, STRING
from smart_routing.features.vocabulary import Vocabulary
from smart_routing.inference import Model, golden_request, open_session
from smart_routing.labels import LabelRule

GOLDEN_ROWS: Final = 20
CANDIDATE: Final = "candidate"
_UNDECIDED: Final = Threshold(value=0.0, without_history=0.0, certificate=None)


def candidate(trained: Trained, rule: LabelRule, limits: ParseLimits) -> Model:
    """A model that can score but has no threshold yet; calibration needs its scores."""
    return draft(to_onnx(trained.booster), trained.vocabulary, rule=rule, limits=limits)


def draft(content: bytes, vocabulary: Vocabulary, *, rule: LabelRule, limits: ParseLimits) -> Model:
    """The same of trees of any make, as ONNX over the vocabulary's vectors."""
    bundle = Bundle(
        manifest_sha256="",
        model=content,
        vocabulary=vocabulary,
        threshold=_UNDECIDED,
        label_rule=rule,
        parse_limits=limits,
        golden=(),
    )
    return Model(CANDIDATE, bundle, open_session(content))


def with_threshold(model: Model, threshold: Threshold) -> Model:
    """The same candidate, deciding at a threshold."""
    return replace(model, bundle=replace(model.bundle, threshold=threshold))


def write(model: Model, trained: Trained, examples: Sequence[Example], folder: Path) -> str:
    """Write the candidate's bundle into an empty folder; returns the manifest's sha256."""
    bundle = model.bundle
    return write_bundle(
        folder,
        {
            MODEL: bundle.model,
            BOOSTER: bytes(trained.booster.save_raw("ubj")),
            VOCABULARY: bundle.vocabulary.to_bytes(),
            THRESHOLD: bundle.threshold.to_bytes(),
            FEATURE_SCHEMA: feature_schema_bytes(bundle.parse_limits),
            LABEL: json.dumps(bundle.label_rule.as_json(), sort_keys=True).encode(),
            GOLDEN: golden_bytes(golden_rows(model, examples)),
        },
    )


def golden_rows(model: Model, examples: Sequence[Example]) -> tuple[GoldenRow, ...]:
    """Requests spread evenly over the examples, literals and users made neutral, with the model's score."""
    step = max(1, len(examples) // GOLDEN_ROWS)
    drafts = [_neutral(example) for example in examples[::step][:GOLDEN_ROWS]]
    return tuple(replace(draft, score=round(model.score(model.vector(golden_request(draft))), 6)) for draft in drafts)


def _neutral(example: Example) -> GoldenRow:
    """The statement as its normalised tokens, which hold no literal, with the placeholders made SQL again."""
    neutral = {STRING: "'x'", NUMBER: "1", ALIAS: "x"}
    request = example.request
    return GoldenRow(
        sql=" ".join(neutral.get(token, token.replace(GENERATED, "0000")) for token in example.statement.tokens),
        catalog=request.catalog or "",
        schema=request.schema or "",
        submitted_at=request.submitted_utc.isoformat(),
        score=0.0,
    )
