"""From labelled examples to the outcomes that live truth is told by."""

from collections.abc import Iterable

from models.dataset import READ_KINDS, Example
from monitoring.truth.outcomes import Outcome


def outcomes_of(examples: Iterable[Example]) -> tuple[Outcome, ...]:
    """One for each example, all of its attempts known by their ids."""
    return tuple(_outcome(example) for example in examples)


def _outcome(example: Example) -> Outcome:
    request = example.request
    return Outcome(
        query_ids=(request.query_id, *example.retries),
        template=example.template,
        tenant=f"{request.catalog or ''}.{request.schema or ''}",
        source=request.source or "",
        kind=example.statement.kind.value,
        is_read=example.statement.kind in READ_KINDS,
        submitted_at=request.submitted_utc,
        ended_at=example.ended_at,
        weight=example.weight,
        cpu_seconds=example.cpu_seconds,
        memory_bytes=example.peak_memory_bytes,
    )
