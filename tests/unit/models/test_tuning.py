from collections.abc import Iterable
from datetime import timedelta
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from models.params import PARAMS_FILE, TrainParams, read_params
from models.tuning.folds import FOLDS, Fold, Quality, folds_of, judge, quality
from models.tuning.params_file import with_params, write_params
from models.tuning.search import Found, Trial, trials
from models.tuning.space import SPACE, params_at, point_of
from smart_routing.errors import SettingsError, TrainingError
from smart_routing.history.keys import HistoryKeys
from smart_routing.history.timeline import Run, Timeline
from smart_routing.labels import LabelRule
from tests.unit.models.examples import example, rows

RULE = LabelRule()
CURRENT = read_params()
FEW = CURRENT.model_copy(update={"rounds": CURRENT.rounds.model_copy(update={"most": 20})})
BLOCK = [example(number, heavy=number % 3 == 0) for number in range(240)]
NOTHING = Timeline(())


def found(rate: float, loss: float = 0.1) -> Quality:
    return Quality(rate, loss)


def trial(number: int, quality: Quality) -> Trial:
    return Trial(number=number, params=CURRENT, folds=(quality,))


def by_softness(params: TrainParams) -> tuple[Quality, ...]:
    """Judges without a booster: the nearer to one half, the better."""
    return (found(abs(params.labels.softness - 0.5)),)


@pytest.fixture(scope="module")
def folds() -> tuple[Fold, ...]:
    return folds_of(BLOCK, RULE, params=FEW, history=NOTHING)


def test_every_fold_learns_from_all_before_what_it_judges(folds: tuple[Fold, ...]) -> None:
    assert [(len(fold.learnt), len(fold.judged)) for fold in folds] == [(120, 40), (160, 40), (200, 40)]
    assert [one for fold in folds for one in fold.judged] == BLOCK[120:]
    for fold in folds:
        assert list(fold.learnt) == BLOCK[: len(fold.learnt)]
        assert fold.learnt_vectors.shape == (len(fold.learnt), fold.judged_vectors.shape[1])


def test_what_ended_after_the_block_changes_no_vector(folds: tuple[Fold, ...]) -> None:
    last = BLOCK[-1]
    earlier, later = (
        Run(
            keys=HistoryKeys.of(last.request, last.template, ()),
            ended_at=last.request.submitted_utc + timedelta(seconds=seconds),
            heavy=True,
            cpu_seconds=9999.0,
            memory_bytes=1,
        )
        for seconds in (-7200, 1)
    )
    for one, other in zip(folds_of(BLOCK, RULE, params=FEW, history=Timeline((later,))), folds, strict=True):
        np.testing.assert_array_equal(one.learnt_vectors.toarray(), other.learnt_vectors.toarray())
        np.testing.assert_array_equal(one.judged_vectors, other.judged_vectors)
    known = folds_of(BLOCK, RULE, params=FEW, history=Timeline((earlier,)))[-1].judged_vectors[-1]
    assert (known == 9999.0).any()


def test_metadata_statements_teach_but_are_not_judged() -> None:
    asked = [*BLOCK[:-1], example(239, heavy=False, sql="show tables")]
    folds = folds_of(asked, RULE, params=FEW, history=NOTHING)
    assert list(folds[-1].judged) == BLOCK[200:239]


def test_part_of_one_class_is_refused_by_name() -> None:
    light_end = [*BLOCK[:200], *(example(number, heavy=False) for number in range(200, 240))]
    with pytest.raises(TrainingError, match=f"judged part of fold {FOLDS} block has 40 read statements, 0 of them"):
        folds_of(light_end, RULE, params=FEW, history=NOTHING)


def test_judging_is_repeatable_and_stops_between_folds(folds: tuple[Fold, ...]) -> None:
    first, second = (judge(folds, FEW, rule=RULE, stopped=lambda: False) for _ in range(2))
    assert first == second
    assert first is not None
    assert [one.false_positive_rate for one in first] == [0.0] * FOLDS
    asked = iter([False, True])
    assert judge(folds, FEW, rule=RULE, stopped=lambda: next(asked)) is None


def scored_units(heavies: Iterable[float], lights: Iterable[float]) -> Quality:
    heavy, light = list(heavies), list(lights)
    return quality(rows([*heavy, *light], [True] * len(heavy) + [False] * len(light)))


@pytest.mark.parametrize(
    ("heavies", "lights", "rate"),
    [
        ([0.5, 0.9], [0.1, 0.4, 0.6, 0.7], 0.5),
        ([0.05, *[0.9] * 19], [0.1, 0.4, 0.6, 0.95], 0.25),
        ([0.05, *[0.9] * 18], [0.1, 0.4, 0.6, 0.95], 1.0),
        ([0.05, 0.06, *[0.9] * 38], [0.1, 0.4, 0.6, 0.95], 0.25),
        ([0.5], [0.5, 0.4], 0.5),
    ],
    ids=["all caught", "one of twenty missed", "none of nineteen", "two of forty", "at the threshold"],
)
def test_rate_is_that_of_the_score_that_catches_95_percent(
    heavies: list[float], lights: list[float], rate: float
) -> None:
    assert scored_units(heavies, lights).false_positive_rate == rate


def test_repeats_of_a_heavy_statement_on_a_day_count_once() -> None:
    repeated = rows([0.2] * 30 + [0.9, 0.5], [True] * 31 + [False], unit=["same"] * 30 + ["other", "light"])
    assert quality(repeated).false_positive_rate == 1.0


def test_log_loss_decides_between_equal_rates() -> None:
    assert scored_units([0.9], [0.1]).log_loss == pytest.approx(-np.log(0.9))
    assert found(0.1, 0.2) < found(0.1, 0.3) < found(0.2, 0.1)
    assert Quality.mean([found(0.1, 0.2), found(0.3, 0.4)]).as_json() == pytest.approx(
        {"false_positive_rate": 0.2, "log_loss": 0.3}
    )


def test_first_trial_has_the_current_parameters_as_they_are() -> None:
    odd = CURRENT.model_copy(update={"labels": CURRENT.labels.model_copy(update={"softness": 3.14159})})
    assert next(trials(odd, by_softness, seed=1)).params == odd


def test_same_seed_makes_the_same_trials_within_the_limits() -> None:
    first, second, other = (list(islice(trials(CURRENT, by_softness, seed=seed), 15)) for seed in (1, 1, 2))
    assert first == second != other
    assert [one.number for one in first] == list(range(15))
    for one in first:
        point = point_of(one.params)
        assert all(limits.low <= point[limits.name] <= limits.high for limits in SPACE)
        assert one.params.vocabulary == CURRENT.vocabulary
        assert one.params.rounds.most == CURRENT.rounds.most


def test_search_comes_nearer() -> None:
    *_, last = _growing(list(islice(trials(CURRENT, by_softness, seed=0), 40)))
    assert last.improved
    assert last.best.quality.false_positive_rate < last.current.quality.false_positive_rate / 5


def test_search_ends_with_the_judge() -> None:
    judged = iter([(found(0.5),), None])
    assert len(list(trials(CURRENT, lambda _: next(judged), seed=0))) == 1


def _growing(made: list[Trial]) -> Iterable[Found]:
    known = Found(current=made[0], best=made[0])
    for one in made[1:]:
        known = known.with_trial(one)
        yield known


def test_equal_trial_does_not_beat_the_current_one() -> None:
    known = Found(current=trial(0, found(0.2)), best=trial(0, found(0.2))).with_trial(trial(1, found(0.2)))
    assert (known.improved, known.trials) == (False, 2)
    assert str(known) == "current parameters: FPR 20.00%, log-loss 0.1000; none of 1 other trials was better"


def test_both_figures_are_told() -> None:
    known = Found(current=trial(0, found(0.2)), best=trial(0, found(0.2))).with_trial(trial(1, found(0.1)))
    assert known.improved
    assert str(known) == (
        "current parameters: FPR 20.00%, log-loss 0.1000; best of 2 trials, number 1: FPR 10.00%, log-loss 0.1000"
    )


def moved() -> TrainParams:
    return params_at({limits.name: limits.low + (limits.high - limits.low) / 2 for limits in SPACE}, CURRENT)


def test_written_file_keeps_comments_and_other_keys(tmp_path: Path) -> None:
    file = tmp_path / "params.toml"
    write_params(moved(), file, template=PARAMS_FILE)
    assert read_params(file) == moved()
    before, after = PARAMS_FILE.read_text().splitlines(), file.read_text().splitlines()
    changed = {line.split(" = ")[0] for line, other in zip(before, after, strict=True) if line != other}
    assert changed == {limits.name.split(".")[1] for limits in SPACE}
    write_params(CURRENT, file, template=file)
    assert file.read_text() == PARAMS_FILE.read_text()


def test_comment_behind_a_value_stays() -> None:
    text = PARAMS_FILE.read_text().replace("eta = 0.05", "eta = 0.05  # slow = better")
    assert f"eta = {moved().booster.eta}  # slow = better\n" in with_params(text, moved())


def test_file_without_a_line_for_a_parameter_is_not_written() -> None:
    lines = [line for line in PARAMS_FILE.read_text().splitlines() if line not in ("[labels]", "softness = 0.5")]
    with pytest.raises(SettingsError, match="expected a line `key = value`"):
        with_params("\n".join(["labels = {softness = 0.5}", *lines]), moved())


def test_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere/params\.toml cannot be written: No such file"):
        write_params(moved(), tmp_path / "nowhere" / "params.toml", template=PARAMS_FILE)
