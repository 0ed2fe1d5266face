"""The form of the page: what a person types about a statement, as a request."""

from datetime import datetime
from typing import Final
from urllib.parse import parse_qs

from smart_routing.errors import RequestError
from smart_routing.request import Request

FORM_FIELDS: Final = ("user", "source", "catalog", "schema", "sql")
"""In the order of the page."""


def read_form(content: bytes, *, now: datetime) -> Request:
    """The request of a form that a browser sent, submitted `now`; raises `RequestError` for anything else."""
    try:
        sent = parse_qs(content.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError as error:
        raise RequestError("the form cannot be read: expected fields in UTF-8") from error
    fields = {name: values[0].strip() for name, values in sent.items()}
    if not fields.get("sql") or not fields.get("user"):
        raise RequestError("the form has no user or no SQL: expected both")
    return Request(
        query_id="explain",
        sql=fields["sql"],
        user=fields["user"],
        submitted_at=now,
        source=fields.get("source") or None,
        catalog=fields.get("catalog") or None,
        schema=fields.get("schema") or None,
    )
