"""What only the PostgreSQL store promises: a table of an earlier release still serves."""

from contextlib import closing

import psycopg2
import pytest

from smart_routing.querylog.store import AppendResult, open_store
from tests.unit.querylog.samples import record


@pytest.mark.service
def test_table_without_the_running_column_is_read_and_then_completed(postgres_url: str) -> None:
    store, known = open_store(postgres_url), record("q1")
    store.append([known])
    with closing(psycopg2.connect(postgres_url)) as connection, connection.cursor() as cursor:
        cursor.execute("alter table query_log drop column running")
        connection.commit()
    assert list(store.read()) == [known]
    running = record("q2", state="RUNNING")
    assert store.append([known, running]) == AppendResult(added=1, duplicates=1)
    assert store.append([record("q2")]) == AppendResult(added=1, duplicates=0)
    assert list(store.read()) == [known, record("q2")]
