"""`Quarantine`: the version, or the snapshot, that was found bad and is not taken again; one file for all workers."""

import json
import logging
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from prometheus_client import Gauge

from smart_routing.logs import log_event
from smart_routing.whole_file import replace_file

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """What was found bad, why and when; `released` by somebody who wants it all the same."""

    name: str
    reason: str
    time: datetime
    released: bool = False

    def holds(self, name: str) -> bool:
        return self.name == name and not self.released


class Quarantine:
    """Holds one at a time: it is forgotten when the source offers another, so there is never a second.

    `held` is what the file last told, and `gauge` tells its name.
    """

    def __init__(self, path: Path, gauge: Gauge) -> None:
        self._path = path
        self._gauge = gauge
        self.held: Quarantined | None = None

    def read(self) -> Quarantined | None:
        """None where there is none; a file that cannot be used is logged and holds nothing back."""
        try:
            self._tell(_parse(self._path.read_bytes()))
        except FileNotFoundError:
            self._tell(None)
        except (OSError, ValueError, KeyError, TypeError) as error:
            log_event(_log, "quarantine_unreadable", level=logging.ERROR, file=self._path.name, error=repr(error))
            self._tell(None)
        return self.held

    def add(self, name: str, reason: str, *, time: datetime) -> None:
        """Raises `OSError` where the file cannot be written."""
        self._write(Quarantined(name=name, reason=reason, time=time))

    def release(self) -> Quarantined | None:
        """Let what is held be taken again, and this time not be judged; raises `OSError`."""
        held = self.read()
        if held is None or held.released:
            return None
        self._write(replace(held, released=True))
        return held

    def forget(self, held: Quarantined) -> None:
        """`held` is offered no longer; another one that was added meanwhile stays."""
        if self.read() == held:
            self._path.unlink(missing_ok=True)
            self._tell(None)

    def _write(self, held: Quarantined) -> None:
        replace_file(self._path, json.dumps(asdict(held) | {"time": held.time.isoformat()}).encode() + b"\n")
        self._tell(held)

    def _tell(self, held: Quarantined | None) -> None:
        if held == self.held:
            return
        self.held = held
        self._gauge.clear()
        if held is not None and not held.released:
            self._gauge.labels(held.name).set(1)


def _parse(content: bytes) -> Quarantined:
    document = json.loads(content)
    return Quarantined(**{**document, "time": datetime.fromisoformat(document["time"])})
