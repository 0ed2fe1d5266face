"""The whole system on one host: up, down, status. `make stack` and `make stack-down` run it."""

import argparse
import getpass
import secrets
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from infra.local.processes import LOOPBACK, MissingProgramError, Server, ServerError, prepare, require, tail
from infra.local.servers.observability import alertmanager_site, prometheus_site
from infra.local.servers.programs import ROOT, supervisor_program
from infra.local.stack.lock import BusyError, alone, interrupt_on
from infra.local.stack.parts import ROUTER_WORKERS, Part, UnknownPartError, select
from infra.local.stack.site import Ports, Site, is_taken
from infra.local.stack.state import ENVIRONMENT, NoStackError, Stack, forget
from infra.local.stack.supervisor import PartState, Supervisor, SupervisorError
from smart_routing.errors import SmartRoutingError
from smart_routing.policy_change import PolicyChange, change_policy
from smart_routing.policy_store import LocalPolicy
from smart_routing.rollout import RouterMode

READY_SECONDS: Final = 360.0
MAX_RESTARTS: Final = 3
"""A server that ends so often before it is ready will not become so."""
DONE: Final = "Completed"
EXIT_CODES: Final[dict[type[Exception], int]] = {UnknownPartError: 2, MissingProgramError: 3}
"""All other failures are 1."""


class StackError(Exception):
    """The stack cannot do what was asked; the message says why."""


def main() -> int:
    options = _parser().parse_args()
    interrupt_on(signal.SIGTERM, signal.SIGHUP)
    try:
        return _carry_out(options, options.folder.resolve())
    except (
        StackError,
        BusyError,
        SupervisorError,
        NoStackError,
        UnknownPartError,
        MissingProgramError,
        ServerError,
        SmartRoutingError,
    ) as error:
        sys.stderr.write(f"stack: {error}\n")
        return EXIT_CODES.get(type(error), 1)
    except KeyboardInterrupt:
        sys.stderr.write("stack: interrupted\n")
        return 130


def _carry_out(options: argparse.Namespace, folder: Path) -> int:
    if options.order == "status":
        return status(folder)
    if options.order == "up":
        with alone(folder):
            return up(folder, only=options.only.split(), free_ports=options.free_ports)
    with alone(folder, waiting=_tell_that_it_waits):
        return down(folder)


def _tell_that_it_waits() -> None:
    print("stack: waits until the order under way is done; Ctrl-C there ends that sooner", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.stack", description=__doc__)
    parser.add_argument("order", choices=["up", "down", "status"])
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "stack", help="where it keeps everything")
    parser.add_argument("--only", default="", metavar="PARTS", help='parts or groups, "trino serving"; default all')
    parser.add_argument("--free-ports", action="store_true", help="any free ports instead of the documented ones")
    return parser


def up(folder: Path, *, only: Sequence[str], free_ports: bool) -> int:
    """Brings the stack up and tells where its parts are; one that runs already is left as it is."""
    parts, supervisor = select(only), Supervisor(folder)
    if supervisor.is_alive():
        return already_up(Stack.read(folder), supervisor.states(), parts=parts)
    if supervisor.processes():
        raise StackError(f"processes of a stack without its supervisor are left in {folder}: run `make stack-down`")
    site, begun = Site(folder, Ports.free() if free_ports else Ports()), time.monotonic()
    _refuse_taken_ports(site, parts)
    require(supervisor_program())
    stack = _lay_out(site, parts)
    with _down_on_failure(supervisor):
        supervisor.start(site, parts)
        _await(supervisor, stack, begun=begun)
    print(f"stack: ready after {time.monotonic() - begun:.0f} s\n\n{_table(stack)}")
    print(f"\nstack: for commands that work with it: source {_short(folder / ENVIRONMENT)}")
    return 0


def down(folder: Path) -> int:
    """Ends the stack; raises `StackError` where one of its ports is still taken after that."""
    supervisor = Supervisor(folder)
    count = len(supervisor.processes())
    if not count:  # a machine that was switched off leaves its files
        supervisor.socket.unlink(missing_ok=True)
        forget(folder)
        print(f"stack: none runs in {_short(folder)}")
        return 0
    supervisor.stop()
    taken = _ports_still_taken(folder)
    forget(folder)
    if taken:
        raise StackError(f"port {', '.join(taken)} is still taken, by somebody else: all processes of the stack ended")
    print(f"stack: down, {count} processes ended; the data stay in {_short(folder)}")
    return 0


def _ports_still_taken(folder: Path) -> list[str]:
    with suppress(NoStackError):  # a stack may have lost its file; its processes have ended all the same
        return [str(port) for port in Stack.read(folder).ports if is_taken(port)]
    return []


def status(folder: Path) -> int:
    """Prints the state of each part; exit code 1 unless all are as they should be."""
    stack, states = Stack.read(folder), Supervisor(folder).states()
    width = max(len(name) for name in states)
    for part in stack.parts:
        state = states[part.name]
        print(f"{part.name:{width}}  {'ready' if _is_ready(state) else state.status.lower():10}  {state.restarts}")
    return 0 if all(map(_is_ready, states.values())) else 1


def already_up(stack: Stack, states: Mapping[str, PartState], *, parts: Sequence[Part]) -> int:
    """Tells where its parts are; raises `StackError` where not all of `parts` are there, or not all ready."""
    missing = {part.name for part in parts} - {part.name for part in stack.parts}
    print(f"stack: runs already, nothing was started\n\n{_table(stack)}")
    if missing:
        raise StackError(f"it was started without {', '.join(sorted(missing))}: run `make stack-down` first")
    if waiting := [f"{name} ({state.status.lower()})" for name, state in states.items() if not _is_ready(state)]:
        raise StackError(f"not all of it is ready: {', '.join(waiting)}; ask again, or run `make stack-down` first")
    return 0


def _refuse_taken_ports(site: Site, parts: Sequence[Part]) -> None:
    taken = [f"{port} ({part.name})" for part in parts for port in part.ports(site.ports) if is_taken(port)]
    if taken:
        raise StackError(f"ports taken by somebody else, nothing was started: {', '.join(taken)}")


def _lay_out(site: Site, parts: Sequence[Part]) -> Stack:
    """All that the parts want to find: folders, tokens, the policy, the data of databases, what Prometheus reads."""
    site.folder.mkdir(parents=True, exist_ok=True)
    _write_token(site.token_file)
    if not site.policy_file.exists():
        change, now = PolicyChange(mode=RouterMode.FULL), datetime.now(UTC)
        change_policy(LocalPolicy(site.policy_file), change, by=getpass.getuser(), now=now, reason="a new stack")
    for part in parts:
        work = part.work(site)
        work.folder.mkdir(exist_ok=True)
        if isinstance(work, Server):
            prepare(work)
    if any(part.group == "monitoring" for part in parts):
        _lay_out_monitoring(site)
    stack = Stack.of(site, parts)
    stack.write()
    return stack


def _write_token(file: Path) -> None:
    file.parent.mkdir(mode=0o700, exist_ok=True)
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32))


def _lay_out_monitoring(site: Site) -> None:
    ports = site.ports
    targets = {
        "router": range(ports.router_admin, ports.router_admin + ROUTER_WORKERS),
        "collector": (ports.collector,),
        "exporter": (ports.exporter,),
        "trino-gateway": (ports.gateway,),
        "alertmanager": (ports.alertmanager,),
    }
    prometheus_site(
        site.of("prometheus"),
        targets={job: [f"{LOOPBACK}:{port}" for port in taken] for job, taken in targets.items()},
        tokens={"router": "none", "exporter": "none", "collector": site.token()},
    )
    alertmanager_site(site.of("alertmanager"), chat_url=f"http://{LOOPBACK}:9/no-chat-yet")


@contextmanager
def _down_on_failure(supervisor: Supervisor) -> Iterator[None]:
    try:
        yield
    except BaseException:
        supervisor.stop()
        forget(supervisor.folder)
        raise


def _await(supervisor: Supervisor, stack: Stack, *, begun: float) -> None:
    """Tells which part is ready when, until all are; raises `StackError`."""
    waiting, logs = [part.name for part in stack.parts], {part.name: part.log for part in stack.parts}
    while waiting:
        states = supervisor.states()
        for name in [name for name in waiting if _is_ready(states[name])]:
            print(f"stack: {name} ready after {time.monotonic() - begun:.0f} s", flush=True)
            waiting.remove(name)
        late = time.monotonic() - begun > READY_SECONDS
        if failed := [name for name in waiting if _has_failed(states[name], late=late)]:
            raise StackError(f"{failed[0]} did not become ready, all is ended again\n{tail(logs[failed[0]])}")
        time.sleep(0.3)


def _is_ready(state: PartState) -> bool:
    return state.healthy or (state.status == DONE and state.exit_code == 0)


def _has_failed(state: PartState, *, late: bool) -> bool:
    """A part that waits for another one has not failed, however late it is."""
    ended = state.status == DONE and state.exit_code != 0
    return ended or state.restarts >= MAX_RESTARTS or (late and state.status != "Pending")


def _table(stack: Stack) -> str:
    rows = [("part", "URL", "log"), *((part.name, part.url or "", _short(part.log)) for part in stack.parts)]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{name:{first}}  {url:{second}}  {log}" for name, url, log in rows)


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


if __name__ == "__main__":
    sys.exit(main())
