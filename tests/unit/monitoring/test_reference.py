"""The reference: kept byte for byte, its blocks apart."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from monitoring.reference import Reference, read_reference, write_reference
from smart_routing.errors import BundleError
from tests.unit.monitoring.samples import GAIN, REFERENCE_DAY


def test_reference_reads_back_as_it_was_written(reference: Reference, tmp_path: Path) -> None:
    path = tmp_path / "new" / "reference.parquet"
    write_reference(reference, path)
    found = read_reference(path)
    pd.testing.assert_frame_equal(found.rows, reference.rows)
    assert found.gain == GAIN


def test_same_reference_gives_the_same_bytes(reference: Reference, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_reference(reference, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_blocks_stay_apart(reference: Reference) -> None:
    assert len(reference.learnt) == 600
    assert len(reference.held_out) == 300
    assert reference.learnt["submitted_at"].max() < reference.held_out["submitted_at"].min()


def test_a_reference_restarts_at_a_change(reference: Reference) -> None:
    change = REFERENCE_DAY + timedelta(hours=12)
    assert (reference.since(change).rows["submitted_at"] >= pd.Timestamp(change)).all()
    assert len(reference.since(change)) < len(reference)


def test_a_window_is_not_part_of_what_it_is_compared_with(reference: Reference) -> None:
    second_day = REFERENCE_DAY + timedelta(days=1)
    assert len(reference.outside(second_day, second_day + timedelta(days=1))) == 600
    assert len(reference.outside(second_day + timedelta(days=5), second_day + timedelta(days=6))) == 900


def test_predicted_heavy_are_held_out_and_heavy(reference: Reference) -> None:
    heavy = reference.predicted_heavy()
    assert heavy.rows["heavy"].all()
    assert not heavy.rows["learnt"].any()


def test_garbage_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "reference.parquet"
    path.write_bytes(b"PAR1 but no more")
    with pytest.raises(BundleError, match=r"reference\.parquet is no drift reference"):
        read_reference(path)


def test_another_parquet_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(BundleError, match=r"other\.parquet is no drift reference"):
        read_reference(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nowhere\.parquet is no drift reference"):
        read_reference(tmp_path / "nowhere.parquet")
