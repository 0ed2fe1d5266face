"""The parts of the stack fit together, whatever is installed."""

from collections import Counter
from pathlib import Path

import pytest

from infra.local.scale import SCALED_RULE
from infra.local.stack.parts import PARTS, UnknownPartError, select
from infra.local.stack.site import Ports, Site
from infra.local.stack.state import NoStackError, Stack, StackPart, forget
from smart_routing.labels import LabelRule
from smart_routing.settings import CollectorSettings


def names(*wanted: str) -> list[str]:
    return [part.name for part in select(wanted)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(["trino"], ["trino-small", "trino-large"], id="a group"),
        pytest.param(["trino-large"], ["trino-large"], id="a part"),
        pytest.param(["events"], ["postgres", "redis", "databases", "collector"], id="with what it needs"),
        pytest.param(["mlflow"], ["postgres", "s3", "databases", "bucket", "mlflow"], id="and what that needs"),
        pytest.param([], [part.name for part in PARTS], id="all"),
    ],
)
def test_parts_come_with_what_they_need(wanted: list[str], expected: list[str]) -> None:
    assert names(*wanted) == expected


def test_unknown_part_is_named() -> None:
    with pytest.raises(UnknownPartError, match=r"^'trinos' is no part of the stack: expected one of .*trino-small"):
        select(["trinos"])


def test_a_part_stands_after_all_that_it_waits_for() -> None:
    order = [part.name for part in PARTS]
    assert [
        (part.name, need) for part in PARTS for need in part.needs if order.index(need) >= order.index(part.name)
    ] == []


@pytest.mark.parametrize("ports", [Ports(), Ports.free()], ids=["documented", "free"])
def test_no_two_parts_want_the_same_port(ports: Ports) -> None:
    taken = Counter(port for part in PARTS for port in part.ports(ports))
    assert {port for port, count in taken.items() if count > 1} == set()
    assert set(vars_of(ports)) <= set(taken)


def vars_of(ports: Ports) -> list[int]:
    return [getattr(ports, name) for name in Ports.__slots__]


def test_collector_records_what_still_runs_past_the_rule_that_the_stack_trains_by(tmp_path: Path) -> None:
    (collector,) = select(["collector"])[-1:]
    environment = collector.work(Site(tmp_path, Ports())).environment
    cpu, memory = (
        environment[CollectorSettings.variable(name)] for name in ("running_cpu_seconds", "running_memory_bytes")
    )
    assert LabelRule(cpu_seconds=float(cpu), memory_bytes=int(memory)) == SCALED_RULE


def test_a_written_stack_is_read_again(tmp_path: Path) -> None:
    part = StackPart(name="redis", log=tmp_path / "redis" / "server.log", ports=(16379,), url="redis://127.0.0.1:16379")
    stack = Stack(
        folder=tmp_path,
        parts=(part, StackPart(name="bucket", log=tmp_path / "log")),
        token_file=tmp_path / "token",
        policy_file=tmp_path / "policy.json",
        environment={"NAME": "it's"},
    )
    stack.write()
    assert Stack.read(tmp_path) == stack
    assert (tmp_path / "environment.sh").read_text() == "export NAME='it'\"'\"'s'\n"
    forget(tmp_path)
    with pytest.raises(NoStackError, match="none runs in"):
        Stack.read(tmp_path)
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(NoStackError, match=r"stack\.json is not the file of a stack"):
        Stack.read(tmp_path)
