"""A small log of query events that commands are given."""

from datetime import timedelta

from tests.unit.models.examples import START, example
from tests.unit.querylog.samples import event


def line(number: int) -> bytes:
    """The event of a statement that is heavy each third time, 20 minutes after the one before it."""
    request, heavy = example(number, heavy=number % 3 == 0).request, number % 3 == 0
    created = START + timedelta(minutes=20 * number)
    return event(
        {
            "metadata.queryId": request.query_id,
            "metadata.query": request.sql,
            "statistics.cpuTime": 2.0 if heavy else 0.1,
            "createTime": created.isoformat(),
            "endTime": (created + timedelta(seconds=3)).isoformat(),
        }
    )
