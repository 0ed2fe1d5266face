"""The command as an operator runs it, in a process of its own and without a Prefect server."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smart_routing.policy import parse_policy
from tests.shell import Shell


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "policy.json"


@pytest.fixture
def shell(tmp_path: Path, path: Path) -> Shell:
    return Shell(
        {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "LOGNAME": "ana",
            "PREFECT_API_URL": "http://127.0.0.1:9/api",
            "SMART_ROUTING_SERVING_POLICY_FILE": str(path),
        }
    )


def test_orders_add_up_to_one_policy(shell: Shell, path: Path) -> None:
    shell.flow("set_policy", "--mode", "canary", "--share", "0.25", "--reason", "try it")
    shell.flow("set_policy", "--override", "user=etl:large", "--override", "source=a:b:small", "--ttl", "2h")
    summary = shell.flow("set_policy", "--all-large", "on", "--remove-override", "source=a:b")
    document = parse_policy(path.read_bytes(), source="p")
    (override,) = document.overrides
    assert override.expires_at is not None
    assert abs(override.expires_at - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=5)
    assert summary == {
        "file": str(path),
        "revision": 3,
        "changes": ["all_large=true", "no override source=a:b"],
        "mode": "canary",
        "canary_share": 0.25,
        "control_share": 0.01,
        "all_large": True,
        "overrides": [f"user=etl:heavy until {override.expires_at.isoformat(timespec='seconds')}"],
    }
    orders = [json.loads(line) for line in (path.parent / "policy.json.history.jsonl").read_text().splitlines()]
    assert [(order["by"], order["reason"]) for order in orders] == [("ana", "try it"), ("ana", None), ("ana", None)]


def test_people_are_told_what_is_in_force(shell: Shell) -> None:
    done = shell.python("-m", "flows.set_policy", "--mode", "shadow")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "revision 1: mode=shadow. In force: shadow, 0 overrides, 0.01 of the users as control group\n"
    )


def test_kill_switch_that_off_defeats_is_told(shell: Shell) -> None:
    done = shell.python("-m", "flows.set_policy", "--mode", "off", "--all-large", "on")
    assert "In force: off (so nothing goes to large), 0 overrides" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "nothing to change"),
        (["--mode", "halt"], "'halt' is no mode: expected off, shadow, canary, full"),
        (["--mode", "canary"], "expected a share above 0"),
        (["--mode", "canary", "--share", "10"], "'10' is no share"),
        (["--mode", "full", "--share", "0.5"], "only a canary has a share"),
        (["--all-large", "maybe"], "'maybe': expected on or off"),
        (["--override", "user=etl"], "--override is 'user=etl': expected FIELD=VALUE:GROUP, the group small or large"),
        (["--override", "usr=etl:large"], "the field one of user, source, catalog, schema"),
        (["--override", "user=etl:large", "--ttl", "soon"], "'soon': expected a whole number"),
        (["--mode", "off", "--ttl", "2h"], "only overrides expire"),
        (["--remove-override", "user=etl"], "no override of user=etl: expected one of none"),
    ],
    ids=[
        "nothing", "mode", "canary-of-nobody", "share", "share-without-canary", "all-large", "no-group", "no-field",
        "ttl", "ttl-of-nothing", "nothing-to-remove",
    ],
)  # fmt: skip
def test_unusable_order_is_told_in_one_line_and_changes_nothing(
    shell: Shell, path: Path, arguments: list[str], told: str
) -> None:
    assert told in refused(shell, *arguments)
    assert not path.exists()


@pytest.mark.parametrize(
    ("file", "told"), [("", "is unset"), ("s3://bucket", "names no object")], ids=["unset", "bucket"]
)
def test_file_that_cannot_be_written_is_told_in_one_line(shell: Shell, file: str, told: str) -> None:
    assert told in refused(shell, "--all-large", "on", SMART_ROUTING_SERVING_POLICY_FILE=file)


def test_kill_switch_takes_the_place_of_a_file_that_cannot_be_used(shell: Shell, path: Path) -> None:
    path.write_text('{"revision": 6, "mode": "full",}')
    assert "--replace keeps a copy of it" in refused(shell, "--all-large", "on")
    summary = shell.flow("set_policy", "--all-large", "on", "--replace")
    assert (summary["revision"], summary["all_large"], summary["overrides"]) == (7, True, [])


def test_option_comes_before_the_setting(shell: Shell, path: Path) -> None:
    other = path.with_name("other.json")
    assert shell.flow("set_policy", "--all-large", "on", "--file", str(other))["file"] == str(other)
    assert (other.exists(), path.exists()) == (True, False)


def refused(shell: Shell, *arguments: str, **variables: str) -> str:
    """The one line of an order that is not carried out."""
    done = shell.python("-m", "flows.set_policy", *arguments, "--json", **variables)
    assert (done.returncode, done.stdout) == (2, "")
    (complaint,) = done.stderr.splitlines()
    assert complaint.startswith("python -m flows.set_policy: ")
    return complaint
