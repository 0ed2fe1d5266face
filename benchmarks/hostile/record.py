"""What a fuzzing run has found so far: kept in a file, so that a run that was stopped goes on."""

import json
import math
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from benchmarks.hostile.requests import FuzzedRequest
from benchmarks.hostile.trial import Trial
from smart_routing.errors import InputError
from smart_routing.whole_file import replace_file

_BUCKETS: Final = 50
"""Of costs, for each factor of ten: 5% wide."""


@dataclass(slots=True)
class Record:
    """Counts of outcomes and costs of the requests below `next`, of a `seed`, and what was found."""

    seed: int
    next: int = 0
    over_http: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    costs: Counter[int] = field(default_factory=Counter)
    dearest_seconds: float = 0.0
    findings: list[str] = field(default_factory=list)

    def add(self, trial: Trial) -> None:
        self.outcomes[trial.outcome] += 1
        self.costs[round(_BUCKETS * math.log10(max(trial.seconds, 1e-7)))] += 1
        self.dearest_seconds = max(self.dearest_seconds, trial.seconds)

    def seconds_at(self, share: float) -> float:
        """The cost that this share of all requests does not exceed, to 5%; 0 of none."""
        left = share * self.costs.total()
        for bucket in sorted(self.costs):
            left -= self.costs[bucket]
            if left <= 0:
                return float(10 ** (bucket / _BUCKETS))
        return 0.0

    def save(self, file: Path) -> None:
        replace_file(file, json.dumps({slot: getattr(self, slot) for slot in self.__slots__}).encode())

    @classmethod
    def load(cls, file: Path, *, seed: int) -> Self:
        """A new one where there is no file; raises `InputError` for that of another seed."""
        if not file.exists():
            return cls(seed)
        found: dict[str, Any] = json.loads(file.read_bytes())
        if found["seed"] != seed:
            raise InputError(f"--state {file} is of seed {found['seed']}: expected {seed}, or another file")
        costs = Counter({int(bucket): count for bucket, count in found.pop("costs").items()})
        return cls(**{**found, "outcomes": Counter(found["outcomes"]), "costs": costs})


def keep_finding(folder: Path, request: FuzzedRequest, trial: Trial, *, seed: int) -> str:
    """Writes the request down for whoever looks into it; returns one line on it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{seed}-{request.number}.json"
    told = {"seed": seed, "number": request.number, "complaint": trial.complaint, "path": request.path}
    content = {"headers": request.headers, "text": request.content.decode("utf-8", "replace")}
    file.write_text(json.dumps({**told, **content, "base64": b64encode(request.content).decode()}, indent=1))
    return f"request {request.number} of seed {seed}: {trial.complaint} ({file})"
