"""Who asked what, as categories; and which tenants, sources, users and templates a version has not met."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from monitoring.drift.tally import Chosen
from monitoring.frame import CONTEXT_COLUMNS, SUBMITTED_AT, TEMPLATE, TENANT

KNOWN_UNITS: Final = 10
"""Independent statements from which on a tenant is known: fewer say little of how its statements usually are."""

NEW_COLUMNS: Final = {kind: f"new_{kind}" for kind in CONTEXT_COLUMNS}
ONCE: Final = "once"

_DAY: Final = 24 * 60 * 60 * 10**6  # in microseconds, as a frame keeps its times


def contexts(frame: pd.DataFrame) -> pd.DataFrame:
    """The times and names of a `monitoring_frame`, names as categories, and which rows are independent (`ONCE`)."""
    names = {kind: frame[kind].astype("category") for kind in CONTEXT_COLUMNS}
    told = frame[[SUBMITTED_AT]].assign(**names)
    return told.assign(**{ONCE: independent(told)})


def independent(told: pd.DataFrame) -> Chosen:
    """True for the first row of each template x tenant x day: repeats of a statement are one piece of evidence."""
    template, tenant = (told[kind].cat.codes.to_numpy(dtype=np.int64) for kind in (TEMPLATE, TENANT))
    day = told[SUBMITTED_AT].astype("int64").to_numpy() // _DAY
    unit = (day - day.min(initial=0)) * (tenant.max(initial=0) + 1) + tenant
    unit = unit * (template.max(initial=0) + 1) + template
    first: Chosen = ~pd.Series(unit).duplicated().to_numpy()
    return first


def units_of_tenants(told: pd.DataFrame) -> "pd.Series[int]":
    """Independent statements by tenant."""
    units = told.loc[told[ONCE], TENANT].value_counts()
    return pd.Series(units.to_numpy(), index=units.index.astype(object))


def new_tenants(known: pd.DataFrame, met: pd.DataFrame) -> frozenset[str]:
    """The tenants of which `met` has more independent statements than `known`, and `known` less than `KNOWN_UNITS`."""
    now = units_of_tenants(met)
    usual = units_of_tenants(known).reindex(now.index, fill_value=0)
    return frozenset(now.index[(usual < KNOWN_UNITS) & (usual < now)])


def new_names(known: pd.DataFrame, met: pd.DataFrame) -> Mapping[str, Chosen]:
    """By column of `NEW_COLUMNS`, the rows of `met` with a name that `known` has not."""
    new = {column: ~met[kind].isin(known[kind].unique()).to_numpy() for kind, column in NEW_COLUMNS.items()}
    return new | {NEW_COLUMNS[TENANT]: met[TENANT].isin(new_tenants(known, met)).to_numpy()}


def new_in_reference(told: pd.DataFrame, learnt: Chosen) -> Mapping[str, Chosen]:
    """What is usual: names of held-out statements that the learnt ones have not; none of a learnt one is new."""
    new = {column: np.zeros(len(told), dtype=np.bool_) for column in NEW_COLUMNS.values()}
    for column, found in new_names(told[learnt], told[~learnt]).items():
        new[column][~learnt] = found
    return new
