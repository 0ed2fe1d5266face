"""The steps between the servers of a stack; each may be done again."""

import argparse
import sys
import time
from typing import Final

import httpx

from infra.local.servers import Backend, S3Server, add_backend, backend_is_healthy, create_database

HEALTHY_SECONDS: Final = 120.0
"""Within these the gateway finds a cluster healthy that is: it looks every 5 s."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.local.stack.steps", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    databases = steps.add_parser("databases", help="make databases on a PostgreSQL server")
    databases.add_argument("server")
    databases.add_argument("names", nargs="+")
    bucket = steps.add_parser("bucket", help="make a bucket on the S3 server")
    bucket.add_argument("endpoint")
    bucket.add_argument("name")
    backends = steps.add_parser("backends", help="tell trino-gateway of the two clusters")
    backends.add_argument("gateway")
    backends.add_argument("small")
    backends.add_argument("large")
    options = parser.parse_args()
    if options.step == "databases":
        for name in options.names:
            create_database(options.server, name)
    elif options.step == "bucket":
        S3Server(endpoint_url=options.endpoint).create_bucket(options.name)
    else:
        return _add_backends(options.gateway, small=options.small, large=options.large)
    return 0


def _add_backends(gateway: str, *, small: str, large: str) -> int:
    members = (
        Backend(name="small-1", url=small, group="small"),
        Backend(name="large-1", url=large, group="large"),
    )
    for member in members:
        add_backend(gateway, member)
    waiting, deadline = [member.name for member in members], time.monotonic() + HEALTHY_SECONDS
    while waiting := [name for name in waiting if not _is_healthy(gateway, name)]:
        if time.monotonic() > deadline:
            sys.stderr.write(f"{', '.join(waiting)} not healthy in {HEALTHY_SECONDS:.0f} s, says the gateway\n")
            return 1
        time.sleep(0.5)
    return 0


def _is_healthy(gateway: str, name: str) -> bool:
    try:
        return backend_is_healthy(gateway, name)
    except httpx.HTTPError:  # it does not know of a new one for a moment
        return False


if __name__ == "__main__":
    sys.exit(main())
