"""Search for better parameters of training, in the training block alone, and write them to models/params.toml."""

import os
import time
from argparse import Namespace
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.arguments import whole
from flows.command import CommandParser, add_events, add_label_rule, positive, positive_number, run
from flows.provenance import git_commit
from flows.stopping import Stop, deafen_children
from flows.train_classifier import USUAL_RULE, label_log
from models.dataset import Labelled, digest
from models.params import PARAMS_FILE, TrainParams, read_params
from models.split import split_by_time
from models.tracking import Tracking
from models.tuning.folds import Fold, folds_of, judge
from models.tuning.params_file import write_params
from models.tuning.record import log_found, log_trial
from models.tuning.search import Found, trials
from smart_routing.errors import InputError
from smart_routing.labels import LabelRule
from smart_routing.settings import RegistrySettings

USUAL_TRIALS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningSummary:
    """`found` is None where the search was stopped before it knew anything, `file` where nothing was written.

    `ended` says by what: trials, time, or the name of a signal.
    """

    run_id: str
    ended: str
    found: Found | None
    file: str | None

    def as_json(self) -> dict[str, Any]:
        found = self.found.as_json() if self.found else {"trials": 0}
        return {"run_id": self.run_id, "ended": self.ended, "file": self.file, **found}

    def __str__(self) -> str:
        found = self.found or "stopped before the current parameters were judged"
        written = f"wrote {self.file}" if self.file else "nothing was written"
        return f"{found}; ended by {self.ended}; {written}"


@flow(name="tune")
def tune_flow(
    events: str | None = None,
    *,
    cpu_seconds: float = USUAL_RULE.cpu_seconds,
    memory_bytes: int = USUAL_RULE.memory_bytes,
    most_trials: int | None = USUAL_TRIALS,
    minutes: float | None = None,
    seed: int = 0,
    out: Path = PARAMS_FILE,
    dry_run: bool = False,
) -> TuningSummary:
    """What is in `out`, or models/params.toml where that is no file yet, has to be beaten; limits may be None."""
    rule = LabelRule(cpu_seconds=cpu_seconds, memory_bytes=memory_bytes)
    current = read_params(_template(out), seed=seed)
    stop = Stop(clock=time.monotonic, seconds=minutes * 60 if minutes else None)
    with stop.listening(), Tracking.connect(RegistrySettings.load()).run("tune") as run_id:
        labelled = label_log(events, rule)
        folds = fold(run_id, whole(labelled), rule, current=current)
        file = None if dry_run else out
        found = search(run_id, whole(folds), rule, current=current, most=most_trials, stop=whole(stop), file=file)
    written = str(out) if found and found.improved and not dry_run else None
    return TuningSummary(run_id=run_id, ended=stop.reason or "trials", found=found, file=written)


@task(cache_policy=NO_CACHE)
def fold(run_id: str, labelled: Labelled, rule: LabelRule, *, current: TrainParams) -> tuple[Fold, ...]:
    """Folds of the training block of the usual split; what comes after it is for calibration and holdout."""
    block = split_by_time(labelled.reads).train
    told = {**rule.as_json(), "reads": len(block), "dataset_digest": digest(block), "seed": current.seed}
    Tracking.connect(RegistrySettings.load()).log_params(run_id, {**told, "git_commit": git_commit()})
    folds = folds_of(block, rule, params=current, history=labelled.history)
    for number, found in enumerate(folds, start=1):
        columns = found.learnt_vectors.shape[1]
        get_run_logger().info(
            "fold %d: %d to learn, %d to judge, %d columns", number, len(found.learnt), len(found.judged), columns
        )
    return folds


@task(cache_policy=NO_CACHE)
def search(
    run_id: str,
    folds: tuple[Fold, ...],
    rule: LabelRule,
    *,
    current: TrainParams,
    most: int | None,
    stop: Stop,
    file: Path | None,
) -> Found | None:
    """Every trial is a run below this one; whatever beats the rest is in the file at once."""
    tracking, found, began = Tracking.connect(RegistrySettings.load()), None, time.monotonic()
    judged = partial(judge, folds, rule=rule, stopped=lambda: stop.reason is not None)
    for trial in islice(trials(current, judged, seed=current.seed), most):
        log_trial(tracking, trial, parent=run_id, seconds=time.monotonic() - began)
        found, began = found.with_trial(trial) if found else Found(current=trial, best=trial), time.monotonic()
        get_run_logger().info("trial %d: %s; best: %s", trial.number, trial.quality, found.best.quality)
        if file and found.improved and found.best is trial:
            write_params(trial.params, file, template=_template(file))
    if found:
        log_found(tracking, run_id, found)
    return found


def _template(out: Path) -> Path:
    return out if out.exists() else PARAMS_FILE


def main() -> None:
    parser = CommandParser(module="flows.tune", description=str(__doc__))
    add_events(parser)
    add_label_rule(parser)
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument("--trials", type=positive, metavar="N", help=f"so many trials (default {USUAL_TRIALS})")
    limit.add_argument("--minutes", type=positive_number, metavar="M", help="trials until so many minutes are over")
    parser.add_argument("--seed", type=int, default=0, help="seed of the search and of the boosters (default 0)")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        default=PARAMS_FILE,
        help="what to write, if there is better (models/params.toml)",
    )
    parser.add_argument("--dry-run", action="store_true", help="search and log the runs, write no file")
    run(parser, _command)


def _command(options: Namespace) -> TuningSummary:
    _check_writable(options.out)
    read_params(_template(options.out))  # before Prefect takes its seconds
    deafen_children()
    return tune_flow(
        options.events,
        cpu_seconds=options.cpu_seconds,
        memory_bytes=options.memory_bytes,
        most_trials=None if options.minutes else options.trials or USUAL_TRIALS,
        minutes=options.minutes,
        seed=options.seed,
        out=options.out.resolve(),
        dry_run=options.dry_run,
    )


def _check_writable(out: Path) -> None:
    """Before the search, not after it."""
    if out.is_dir() or not os.access(out.parent, os.W_OK | os.X_OK):
        raise InputError(
            f"--out {out} cannot be written: expected a file in a folder that is there and may be written to"
        )


if __name__ == "__main__":
    main()
