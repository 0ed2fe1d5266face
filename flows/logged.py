"""What was decided and what ran, as flows read it: logs, events, the key of digests, the history; gaps are told."""

from datetime import datetime
from pathlib import Path

from prefect.logging import get_run_logger

from flows.query_events import read_records
from models.dataset import RETRY_WINDOW
from monitoring.truth.join import LATEST
from monitoring.window import CLOCKS_APART, Window
from smart_routing.decision_log import LoggedDecision, read_decisions, read_or_make_key
from smart_routing.errors import BundleError, QueryLogError, StoredFileError
from smart_routing.history.measures import History
from smart_routing.history.snapshot import Snapshot
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.s3 import connect
from smart_routing.settings import HistorySettings, S3Settings, ServingSettings
from smart_routing.statement_digest import StatementDigest
from smart_routing.stored_file import open_file


def read_logged(decisions: str | None, since: datetime) -> tuple[list[LoggedDecision], str | None]:
    folder = Path(decisions) if decisions else ServingSettings.load().decision_log
    if folder is None or not folder.exists():
        return [], f"there is no decision log at {folder}" if folder else "the routers keep no decision log"
    return list(read_decisions(folder, written_since=since - CLOCKS_APART)), None


def find_digest() -> StatementDigest | None:
    """None where this machine has not the routers' key."""
    path = ServingSettings.load().user_key_file
    return StatementDigest(read_or_make_key(path, b"")) if path.exists() else None


def find_histories() -> dict[str, History]:
    """The snapshot that routers follow now, by its name; older ones are gone."""
    address = HistorySettings.load().snapshot
    file = open_file(address, lambda: connect(S3Settings.load().endpoint_url), what="history snapshot")
    try:
        found = file.read()
        snapshots = [Snapshot.from_bytes(found.content)] if found else []
    except (StoredFileError, BundleError) as error:
        get_run_logger().warning("pasts are not compared: %s", error)
        return {}
    return {snapshot.snapshot: snapshot for snapshot in snapshots}


def read_stored(events: str | None, since: datetime, window: Window) -> tuple[tuple[QueryRecord, ...], str | None]:
    """Records of [since, the window's end), and of some time around it, as clocks differ and statements are retried."""
    return read_created(events, since=since - CLOCKS_APART - RETRY_WINDOW, until=window.end + CLOCKS_APART + LATEST)


def read_created(events: str | None, *, since: datetime, until: datetime) -> tuple[tuple[QueryRecord, ...], str | None]:
    """A store that does not answer leaves all decisions without an event; events that were named must be there."""
    try:
        return tuple(read_records(events, since=since, until=until)), None
    except QueryLogError as error:
        if events is not None:
            raise
        return (), f"the query log cannot be read: {error}"
