"""`python -m serving`: the router with uvicorn set up as it should be."""

import argparse
import sys

import uvicorn

from serving.app import open_history, prepare, s3_client
from serving.known_heavy.opening import open_known_heavy
from smart_routing.errors import SmartRoutingError
from smart_routing.logs import configure_logging
from smart_routing.settings import HistorySettings, KnownHeavySettings, ServingSettings
from smart_routing.sources.opening import open_source


def main() -> int:
    """Serve until a signal; settings that cannot be used end it with one line and exit code 2."""
    argparse.ArgumentParser(
        prog="python -m serving", description="Serve the router. Settings: docs/configuration.md."
    ).parse_args()
    configure_logging(sys.stderr)
    try:
        settings = ServingSettings.load()
        prepare(settings)
        open_source(settings.source, s3_client)
        open_known_heavy(KnownHeavySettings.load())
        open_history(HistorySettings.load())
    except SmartRoutingError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    uvicorn.run(
        "serving.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        access_log=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
