"""From settings to a router that serves, in this process or in several."""

import gc
import sys

from serving.app import Components, assemble
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
        settings = ServingSettings.load()
        components = assemble(settings)
        listener = bind(settings.host, settings.port)
    except SmartRoutingError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    gc.freeze()  # code is never garbage, and workers share the pages of what nobody looks through
    gc.enable()

    def work(parts: Components) -> None:
        is_alone = settings.workers == 1
        serve(parts.data_app(), listener, drain_seconds=settings.drain_seconds, owns_listener=is_alone)

    if settings.workers > 1:
        return Workers(settings.workers, lambda: work(assemble(settings, is_prepared=True)), listener=listener).run()
    work(components)
    return 0
