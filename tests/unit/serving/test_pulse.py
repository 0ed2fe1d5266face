from serving.process.pulse import STUCK_LOOKS, Pulses


def looks(pulses: Pulses, *, beats: bool = False, count: int = STUCK_LOOKS + 1) -> bool:
    """Whether worker 0 is stuck at the last of `count` looks; with `beats` it beats before each."""
    is_stuck = False
    for _ in range(count):
        if beats:
            pulses.beat(0)
        is_stuck = pulses.is_stuck(0)
    return is_stuck


def test_worker_that_has_not_begun_is_not_stuck() -> None:
    pulses = Pulses(2)
    assert not looks(pulses, count=10 * STUCK_LOOKS)
    assert not pulses.any_begun


def test_worker_that_beats_is_not_stuck_until_it_stops() -> None:
    pulses = Pulses(2)
    assert not looks(pulses, beats=True, count=600)
    assert pulses.any_begun
    assert not looks(pulses, count=STUCK_LOOKS - 1)
    assert looks(pulses, count=1)


def test_process_in_the_place_of_another_has_its_time() -> None:
    pulses = Pulses(1)
    pulses.beat(0)
    assert looks(pulses)
    pulses.begin(0)
    assert not looks(pulses)


def test_late_beat_counts() -> None:
    pulses = Pulses(1)
    pulses.beat(0)
    assert not looks(pulses, count=STUCK_LOOKS - 1)
    pulses.beat(0)
    assert not looks(pulses, count=STUCK_LOOKS - 1)
