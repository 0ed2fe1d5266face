"""Ask the router what hurts: fuzzed requests from a seed, in its application and over HTTP, none dear, none fatal."""

import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.hostile.child import Child, child, router_variables
from benchmarks.hostile.corpus import Corpus, read_corpus, test_data_of
from benchmarks.hostile.over_http import HttpRouter
from benchmarks.hostile.record import Record, keep_finding
from benchmarks.hostile.requests import fuzzed_request
from benchmarks.hostile.trial import Trial, tried
from benchmarks.trained import make_bundle
from flows.command import CommandParser, positive, run
from infra.local.loop import EVENTS
from infra.local.processes import server_environment
from infra.local.servers import router_server
from serving.api import MAX_BODY_BYTES
from smart_routing.errors import SmartRoutingError

BATCH: Final = 1000
"""Requests between two savings of the state."""
OVER_HTTP: Final = 20
"""One in so many requests is sent to a real router too."""
_TOLD_SECONDS: Final = 60.0
"""Between two lines of progress."""


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """A run at its end."""

    record: Record

    def as_json(self) -> dict[str, Any]:
        record = self.record
        return {
            "requests": record.next,
            "seed": record.seed,
            "over_http": record.over_http,
            "median_ms": round(1000 * record.seconds_at(0.5), 3),
            "p99_ms": round(1000 * record.seconds_at(0.99), 2),
            "dearest_ms": round(1000 * record.dearest_seconds, 1),
            "outcomes": dict(record.outcomes.most_common()),
            "findings": record.findings,
        }

    def __str__(self) -> str:
        told = self.as_json()
        return (
            f"{told['requests']:,} fuzzed requests of seed {told['seed']}, {told['over_http']:,} of them over HTTP "
            f"too: median {told['median_ms']} ms, 99% within {told['p99_ms']} ms, the dearest {told['dearest_ms']} ms; "
            f"{len(self.record.findings)} findings"
        )


@dataclass(frozen=True, kw_only=True)
class _Fuzzer:
    """What a run needs; `start` gives a new child, for the first time and wherever one died."""

    corpus: Corpus
    record: Record
    state: Path
    http: HttpRouter
    start: Callable[[], Child]

    def run(self, requests: int) -> None:
        decider, told = self.start(), time.monotonic()
        while self.record.next < requests:
            numbers = range(self.record.next, min(requests, self.record.next + BATCH))
            decider = self._batch(decider, list(numbers))
            self.record.save(self.state)
            if time.monotonic() - told > _TOLD_SECONDS:
                told = time.monotonic()
                sys.stderr.write(f"fuzz: {Fuzzed(self.record)}\n")

    def _batch(self, decider: Child, numbers: list[int]) -> Child:
        """The child to go on with."""
        decider.order(numbers)
        for trial in self._trials_over_http(numbers):
            self.record.over_http += 1
            self._keep(trial)
        for trial in decider.trials():
            self.record.add(trial)
            self.record.next = trial.number + 1
            self._keep(trial)
            if trial.is_fatal:
                return self.start()
        return decider

    def _trials_over_http(self, numbers: list[int]) -> Iterator[Trial]:
        for number in numbers[::OVER_HTTP]:
            request = fuzzed_request(self.corpus, seed=self.record.seed, number=number)
            if len(request.content) <= MAX_BODY_BYTES:  # else the router hangs up before it has all of it
                yield tried(request, self.http.ask)

    def _keep(self, trial: Trial) -> None:
        if trial.complaint is None:
            return
        request = fuzzed_request(self.corpus, seed=self.record.seed, number=trial.number)
        line = keep_finding(self.state.with_suffix(".findings"), request, trial, seed=self.record.seed)
        self.record.findings.append(line)
        sys.stderr.write(f"fuzz: {line}\n")


def main() -> None:
    parser = CommandParser(module="benchmarks.fuzz", description=str(__doc__))
    parser.add_argument("--requests", type=positive, default=1_000_000, help="in all, those of --state included")
    parser.add_argument("--seed", type=int, default=0, help="of the requests (%(default)s)")
    parser.add_argument("--state", type=Path, default=Path("var/fuzz.json"), help="where a run goes on (%(default)s)")
    parser.add_argument("--bundle", type=Path, help="folder of the model; default: one made from the bundled log")
    run(parser, _command, needs_prefect=False)


def _command(options: Namespace) -> Fuzzed:
    options.state.parent.mkdir(parents=True, exist_ok=True)
    record = Record.load(options.state, seed=options.seed)
    fuzzed = fuzz(record, options.state, requests=options.requests, bundle=options.bundle)
    if record.findings:
        raise SmartRoutingError(f"{fuzzed}; the first: {record.findings[0]}")
    return fuzzed


def fuzz(record: Record, state: Path, *, requests: int, bundle: Path | None = None) -> Fuzzed:
    """Goes on until `requests` were tried in all; findings are in the record, and in files beside the state."""
    with TemporaryDirectory(prefix="fuzz-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        if bundle is None:
            bundle = folder / "bundle"
            make_bundle(str(EVENTS), bundle)
        variables = server_environment(folder, **router_variables(bundle, folder / "server"))
        url = stack.enter_context(router_server(folder / "server", variables))
        http = stack.enter_context(closing(HttpRouter(url)))
        corpus = read_corpus(test_data=test_data_of(os.environ))
        children = stack.enter_context(ExitStack())

        def start() -> Child:
            children.close()
            return children.enter_context(child(bundle, folder / "child", seed=record.seed))

        _Fuzzer(corpus=corpus, record=record, state=state, http=http, start=start).run(requests)
    return Fuzzed(record)


if __name__ == "__main__":
    main()
