"""Retrain: answer a verdict with a new candidate, which a person promotes unless a setting lets it serve at once."""

import getpass
from argparse import Namespace
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from flows.alerting import keep_page
from flows.command import CommandParser, add_events, run
from flows.deployment_lock import deployment_lock
from flows.promote_model import promote
from flows.reconcile_aliases import reconcile
from flows.train_classifier import USUAL_RULE, TrainingSummary, train_classifier_flow
from models.registry import ModelRegistry
from models.trigger import Trigger, trained_since
from monitoring.alerts.markdown import literal
from smart_routing import protocol
from smart_routing.errors import LockHeldError
from smart_routing.labels import LabelRule
from smart_routing.settings import DeploymentSettings, RegistrySettings

AUTOMATIC: Final = "retrain-on-drift"
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """What came of a verdict: `version` is the candidate's number, None where none was made; `told` says why."""

    told: str
    trigger: Trigger
    version: int | None = None
    passed: bool = False
    promoted: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return self.told


@flow(name="retrain-on-drift")
def retrain_on_drift_flow(
    reason: str,
    verdict: str = "retrain",
    *,
    triggered_by: str = "prefect",
    model_version: str = UNKNOWN,
    tenants: tuple[str, ...] = (),
    events: str | None = None,
) -> Retraining:
    """Train by the label rule of the version that serves, unless the same verdict was answered a short while ago."""
    trigger = Trigger(by=triggered_by, reason=reason, verdict=verdict, model_version=model_version, tenants=tenants)
    answered = answered_by(trigger)
    done = Retraining(told=answered, trigger=trigger) if answered else train(trigger, events)
    get_run_logger().info(done.told)
    keep_page("retraining", page(done), title="Why a model was trained, or not")
    return done


@task(cache_policy=NO_CACHE)
def answered_by(trigger: Trigger) -> str | None:
    """Which training answered the same cause within the cool-down; None where none did."""
    hours = DeploymentSettings.load().cooldown_hours
    since = datetime.now(UTC) - timedelta(hours=hours)
    run_id = trained_since(ModelRegistry.connect(RegistrySettings.load()).tracking, trigger, since)
    return run_id and f"No training: run {run_id} answered the same verdict within {hours:g} hours."


def train(trigger: Trigger, events: str | None) -> Retraining:
    rule = serving_rule()
    try:
        summary = train_classifier_flow(
            events, cpu_seconds=rule.cpu_seconds, memory_bytes=rule.memory_bytes, trigger=trigger
        )
    except LockHeldError as error:
        return Retraining(told=f"No training: {error}.", trigger=trigger)
    promoted = may_serve(summary, trigger)
    return Retraining(
        told=told(summary, promoted=promoted),
        trigger=trigger,
        version=summary.version,
        passed=summary.passed,
        promoted=promoted,
    )


@task(cache_policy=NO_CACHE)
def serving_rule() -> LabelRule:
    """What the version that serves calls heavy, so that the next one means the same."""
    model = ModelRegistry.connect(RegistrySettings.load()).read()
    number = model.aliased(protocol.ALIAS_PRODUCTION)
    return (number is not None and model.version(number).label_rule) or USUAL_RULE


def may_serve(summary: TrainingSummary, trigger: Trigger) -> bool:
    """Let a candidate that passed serve, where the setting allows it and the blamed version is still in its place."""
    settings = DeploymentSettings.load()
    if not settings.auto_promote or not summary.passed or summary.version is None:
        return False
    with deployment_lock(settings):
        serving = reconcile().serving
        if serving is not None and not trigger.model_version.startswith(f"v{serving}-"):
            get_run_logger().info("version %s serves by now, nothing is promoted", serving)
            return False
        promote(summary.version, by=AUTOMATIC, reason=trigger.reason, force=False)
    return True


def told(summary: TrainingSummary, *, promoted: bool) -> str:
    if not summary.passed:
        return f"Version {summary.version} did not pass the gate: {'; '.join(summary.reasons)}."
    waits = "serves" if promoted else "waits at staging for somebody to promote it"
    return f"Version {summary.version} passed the gate and {waits}."


def page(done: Retraining) -> str:
    """The trail for people."""
    trigger = done.trigger
    rows = {
        "Verdict": trigger.verdict,
        "On version": trigger.model_version,
        "Reason": trigger.reason,
        "Tenants": ", ".join(trigger.tenants) or "none in particular",
        "Started by": trigger.by,
    }
    table = "\n".join(f"| {name} | {literal(value)} |" for name, value in rows.items())
    return f"{literal(done.told)}\n\n| | |\n|---|---|\n{table}\n"


def main() -> None:
    parser = CommandParser(module="flows.retrain_on_drift", description=str(__doc__))
    parser.add_argument("--reason", required=True, help="why; kept as a tag of run and version")
    parser.add_argument("--verdict", default="retrain", help="what it answers (default %(default)s)")
    parser.add_argument(
        "--model-version",
        default=UNKNOWN,
        metavar="V",
        help="the version that it blames, in whose place alone it may serve",
    )
    add_events(parser)
    run(parser, _command)


def _command(options: Namespace) -> Retraining:
    return retrain_on_drift_flow(
        options.reason,
        options.verdict,
        triggered_by=getpass.getuser(),
        model_version=options.model_version,
        events=options.events,
    )


if __name__ == "__main__":
    main()
