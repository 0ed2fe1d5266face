"""`LoadedModels`: the versions in memory, one of them in force, and which of them may stay."""

from dataclasses import dataclass, field
from itertools import accumulate, takewhile
from typing import Final

from smart_routing.errors import UnknownModelVersionError
from smart_routing.inference import Model

IN_MEMORY: Final = 9
"""Bytes of memory for each of `model.onnx`: what ONNX Runtime 1.31 makes of hundreds of trees, as measured."""


@dataclass(frozen=True, slots=True)
class LoadedModels:
    """The versions a request may be decided by: the one in force, the one before it, and older ones for pins.

    `uses` has versions in the order of their last use, the latest last; it goes on from one `LoadedModels` to the next.
    """

    current: Model | None = None
    previous: Model | None = None
    older: tuple[Model, ...] = ()
    uses: dict[str, None] = field(default_factory=dict, compare=False, repr=False)

    @property
    def all(self) -> tuple[Model, ...]:
        """The one in force first."""
        return tuple(model for model in (self.current, self.previous, *self.older) if model is not None)

    def find(self, pin: str | None) -> Model | None:
        """The version that `pin` names, its suffix optional; the current one without a pin.

        Raises `UnknownModelVersionError` for a version that is not loaded.
        """
        if pin is None:
            return self.current
        for model in self.all:
            if pin in (model.version, model.version.rpartition("-")[0]):
                self._used(model)
                return model
        loaded = ", ".join(model.version for model in self.all) or "none"
        raise UnknownModelVersionError(f"model version {pin[:80]!r} is not loaded: expected one of {loaded}")

    def followed_by(self, model: Model, *, most: int, most_bytes: int) -> "LoadedModels":
        """`model` in force and the one that was before it, whatever they take; of the others those used last.

        At most `most` versions stay in all, and older ones only while all take no more than about `most_bytes`.
        """
        previous = self.current
        if previous is not None:
            self._used(previous)
        others = [other for other in self.all if other is not model and other is not previous]
        last_use = {version: place for place, version in enumerate(list(self.uses))}
        others.sort(key=lambda other: last_use.get(other.version, -1), reverse=True)
        sizes = accumulate(map(_bytes, others), initial=_bytes(model) + (_bytes(previous) if previous else 0))
        next(sizes)
        fitting = takewhile(lambda pair: pair[1] <= most_bytes, zip(others, sizes, strict=True))
        kept = LoadedModels(model, previous, tuple(other for other, _ in fitting)[: max(most - 2, 0)], self.uses)
        kept._forget_uses()
        return kept

    def _used(self, model: Model) -> None:
        self.uses.pop(model.version, None)
        self.uses[model.version] = None

    def _forget_uses(self) -> None:
        loaded = {model.version for model in self.all}
        for version in [version for version in list(self.uses) if version not in loaded]:
            self.uses.pop(version, None)


def _bytes(model: Model) -> int:
    return IN_MEMORY * len(model.bundle.model)
