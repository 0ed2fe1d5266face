"""`python -m serving`: the router on its server, in this process or in several."""

import argparse
import sys

from serving.accepting import bind
from serving.app import Components, assemble
from serving.server import serve
from serving.workers import Workers
from smart_routing.errors import SmartRoutingError
from smart_routing.logs import configure_logging
from smart_routing.settings import ServingSettings


def main() -> int:
    """Serve until a signal; settings that cannot be used end it with one line and exit code 2."""
    argparse.ArgumentParser(
        prog="python -m serving", description="Serve the router. Settings: docs/configuration.md."
    ).parse_args()
    configure_logging(sys.stderr)
    try:
        settings = ServingSettings.load()
        components = assemble(settings)
        listener = bind(settings.host, settings.port)
    except SmartRoutingError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code

    def work(parts: Components) -> None:
        serve(
            parts.data_app(),
            listener,
            drain_seconds=settings.drain_seconds,
            owns_listener=settings.workers == 1,
        )

    if settings.workers > 1:
        return Workers(settings.workers, lambda: work(assemble(settings, is_prepared=True)), listener=listener).run()
    work(components)
    return 0


if __name__ == "__main__":
    sys.exit(main())
