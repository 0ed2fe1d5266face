"""Children of children are found while they live, and only then."""

import os
import subprocess

from tests.process_tree import alive, tree


def test_children_of_children_are_found_until_they_end() -> None:
    command = ["sh", "-c", 'sh -c "$0"; :', "echo $$; read line"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as outer:
        assert outer.stdout is not None
        inner = int(outer.stdout.readline())
        assert tree([outer.pid]) == alive([outer.pid, inner]) == {outer.pid, inner}
    assert alive([outer.pid, inner]) == set()


def test_process_that_nobody_asked_for_its_exit_code_has_ended() -> None:
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert alive([process.pid]) == set()
