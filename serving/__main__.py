"""`python -m serving`: the router."""

import argparse
import gc
import sys


def main() -> int:
    """Serve until a signal; settings that cannot be used end it with one line and exit code 2."""
    argparse.ArgumentParser(
        prog="python -m serving", description="Serve the router. Settings: docs/configuration.md."
    ).parse_args()
    gc.disable()  # until all is imported: to look through code for garbage takes a sixth of the start
    from serving.start import start

    return start()


if __name__ == "__main__":
    sys.exit(main())
