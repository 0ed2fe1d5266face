"""`python -m monitoring.explain`: explanations with uvicorn set up as it should be."""

import argparse
import sys

import uvicorn

from monitoring.explain.app import create_app
from monitoring.guard import check_port
from smart_routing.errors import SmartRoutingError
from smart_routing.logs import configure_logging
from smart_routing.settings import ExplainSettings


def main() -> int:
    """Serve until a signal; settings that cannot be used end it with one line and exit code 2."""
    argparse.ArgumentParser(
        prog="python -m monitoring.explain",
        description="Serve explanations (SMART_ROUTING_EXPLAIN_PORT, 8091). Settings: docs/configuration.md.",
    ).parse_args()
    configure_logging(sys.stderr)
    try:
        settings = ExplainSettings.load()
        check_port(settings, host=settings.host, token_file=settings.token_file, what="explanations")
        app = create_app(settings)
    except SmartRoutingError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    uvicorn.run(app, host=settings.host, port=settings.port, log_config=None, access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
