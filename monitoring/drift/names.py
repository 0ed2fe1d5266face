"""Which tenants, sources, users and templates a version has not met: as columns that are true or false."""

from typing import Final

import pandas as pd

from monitoring.drift.tally import independent
from monitoring.frame import CONTEXT_COLUMNS, TENANT
from monitoring.reference import LEARNT, Reference

KNOWN_UNITS: Final = 10
"""Independent statements from which on a tenant is known: fewer say little of how its statements usually are."""

NEW_COLUMNS: Final = {kind: f"new_{kind}" for kind in CONTEXT_COLUMNS}


def new_tenants(known: pd.DataFrame, met: pd.DataFrame) -> frozenset[str]:
    """The tenants of `met` of which it has more than `known` has, and `known` less than `KNOWN_UNITS`."""
    before, now = (frame[TENANT][independent(frame)].value_counts() for frame in (known, met))
    usual = before.reindex(now.index, fill_value=0)
    return frozenset(now.index[(usual < KNOWN_UNITS) & (usual < now)])


def with_new(frame: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """The frame with a column of `NEW_COLUMNS` for each kind of name: true where `known` has not met it."""
    new = {column: ~frame[kind].isin(known[kind].unique()) for kind, column in NEW_COLUMNS.items() if kind != TENANT}
    new[NEW_COLUMNS[TENANT]] = frame[TENANT].isin(new_tenants(known, frame))
    return frame.assign(**new)


def reference_with_new(reference: Reference) -> pd.DataFrame:
    """What is usual: names of held-out statements that the learnt ones have not; none of a learnt one is new."""
    told = with_new(reference.held_out, reference.learnt)
    rows = reference.rows.assign(**dict.fromkeys(NEW_COLUMNS.values(), False))
    rows.loc[~rows[LEARNT], list(NEW_COLUMNS.values())] = told[list(NEW_COLUMNS.values())]
    return rows
