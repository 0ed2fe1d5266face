"""What the log files of the whole stack do not hold, after all that the other tests sent through it."""

import pytest

from tests.fleet import USERS, Fleet, Session, Statement
from tests.leaks import leaks

pytestmark = pytest.mark.timeout(900)

PLANTED = "planted-e2a7c1d94b"
"""In a statement that runs, one that does not parse and one whose text Trino keeps, as a view."""

OURS = ("router", "collector", "mlflow", "prefect", "prefect-worker", "deployments", "databases", "backends")
"""Trino and its gateway log statements by themselves."""


def test_no_log_of_ours_holds_sql_or_a_token(fleet: Fleet) -> None:
    for sql in (
        f"select '{PLANTED}'",
        f"selec '{PLANTED}'",
        f"create view memory.default.planted as select '{PLANTED}' a",
    ):
        fleet.send(Statement(sql=sql, session=Session(user=USERS[0])))
    fleet.await_events()
    folder, token = fleet.stack.folder, fleet.stack.token_file.read_text().strip()
    stores = [folder / "collector" / "spill", folder / "collector" / "rejects.jsonl"]
    assert leaks([folder / part for part in OURS], [PLANTED, token], stores=stores) == []
