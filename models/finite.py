"""Documents that JSON can hold."""

import math
from typing import Any


def finite(document: dict[str, Any]) -> dict[str, Any]:
    """The same with None for what is no finite number, which JSON does not know; tuples become lists."""
    return {name: _finite(part) for name, part in document.items()}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return finite(value)
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
