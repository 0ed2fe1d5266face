from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.decision import __main__ as decision
from benchmarks.decision.measure import measure
from benchmarks.decision.trained import Trained
from smart_routing.history.measures import NO_HISTORY
from smart_routing.request import Request
from smart_routing.stages import Stage
from tests.bundles import JoinModel

REQUEST = Request(query_id="q", sql="select 1", user="ana", submitted_at=datetime(2026, 10, 5, 12, tzinfo=UTC))


def test_every_contestant_decides_every_request_in_every_round(tmp_path: Path) -> None:
    asked: list[str] = []
    trained = Trained(
        model=JoinModel().load(tmp_path / "bundle", version="1"),
        history=NO_HISTORY,
        text_model=lambda request: asked.append(request.sql),
    )
    requests = [replace(REQUEST, sql=sql) for sql in ("select a from t", "drop table t", "show tables")]
    found = measure("some", requests, trained, rounds=2)
    assert (found.decisions, asked) == (3, [request.sql for request in requests] * 3)
    assert [len(timing.rates) for timing in found.timings] == [2] * 4
    assert all(min(timing.rates) > 0 and timing.p50 <= timing.p99 <= timing.p999 for timing in found.timings)
    assert {one.stage: one.reached for one in found.stages} == {
        Stage.CACHE: 3,
        Stage.TOKENS: 3,
        Stage.PARSE: 1,
        Stage.FACTS: 1,
        Stage.FEATURES: 1,
        Stage.MODEL: 1,
    }
    told = str(decision.DecisionResults("a machine", (found,)))
    assert all(timing.name in told for timing in found.timings)


def test_file_without_statements_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "s.parquet"
    pd.DataFrame({"sql": ["select 1"], "system": ["spark"]}).to_parquet(file)
    for path in (file, tmp_path / "absent.parquet"):
        with pytest.raises(SystemExit) as exit_info:
            decision.main([f"--statements={path}"])
        assert exit_info.value.code == 2
        assert str(path) in capsys.readouterr().err
