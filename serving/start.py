"""From settings to a router that serves, in this process or in several."""

import gc
import sys
from collections.abc import Callable

from serving.app import assemble
from serving.process.accepting import bind
from serving.process.server import serve
from serving.process.workers import Workers
from smart_routing.errors import SmartRoutingError
from smart_routing.logs import configure_logging
from smart_routing.settings import ServingSettings


def start() -> int:
    """Serve until a signal; settings that cannot be used end it with one line and exit code 2."""
    configure_logging(sys.stderr)
    try:
        return _start()
    except SmartRoutingError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _start() -> int:
    settings = ServingSettings.load()
    components = assemble(settings)
    listener = bind(settings.host, settings.port)
    gc.freeze()  # code is never garbage, and workers share the pages of what nobody looks through
    gc.enable()

    drain = settings.drain_seconds

    def work(beat: Callable[[], None]) -> None:
        parts = assemble(settings, is_prepared=True)
        serve(parts.data_app(), listener, drain_seconds=drain, owns_listener=False, beat=beat)

    if settings.workers > 1:
        return Workers(settings.workers, work, listener=listener, drain_seconds=drain).run()
    serve(components.data_app(), listener, drain_seconds=drain, owns_listener=True)
    return 0
