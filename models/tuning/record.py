"""What a search leaves in MLflow: a run for every trial below the run of the search."""

from models.tracking import Tracking
from models.tuning.search import Found, Trial
from models.tuning.space import point_of


def log_trial(tracking: Tracking, trial: Trial, *, parent: str, seconds: float) -> None:
    """Its parameters, what each fold said, and their mean; `seconds` is what it took."""
    with tracking.run(f"trial {trial.number}", parent=parent) as run_id:
        tracking.log_params(run_id, point_of(trial.params))
        each = {
            f"fold_{number}_{name}": value
            for number, fold in enumerate(trial.folds, start=1)
            for name, value in fold.as_json().items()
        }
        tracking.log_metrics(run_id, {**trial.quality.as_json(), **each, "seconds": seconds})


def log_found(tracking: Tracking, run_id: str, found: Found) -> None:
    """Of the run of the search: how good the current parameters are, and the best."""
    sides = {"current": found.current, "best": found.best}
    metrics = {
        f"{side}_{name}": value for side, trial in sides.items() for name, value in trial.quality.as_json().items()
    }
    tracking.log_metrics(run_id, {**metrics, "trials": found.trials, "best_trial": found.best.number})
