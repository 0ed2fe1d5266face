"""Handing large objects to tasks."""

from typing import TypeVar, cast

from prefect.utilities.annotations import opaque

Value = TypeVar("Value")


def whole(value: Value) -> Value:
    """The same value for a task, which gets it as it is.

    Prefect looks into every argument for futures, object by object, which takes seconds for a labelled log.
    """
    return cast(Value, opaque(value))
