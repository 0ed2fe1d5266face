"""The project's commands, run as a user runs them, against the servers of a test."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.environment import kept_below
from infra.local.processes import server_environment

ROOT = Path(__file__).parents[1]
SECONDS = 600.0
"""For one command; a training beside the whole stack takes a minute, on a busy machine several."""


def own_environment(folder: Path, **extra: str) -> dict[str, str]:
    """Variables for the project's own programs, which keep everything below `folder` and nothing in the repository."""
    return server_environment(folder, **kept_below(folder) | extra)


@dataclass(frozen=True, slots=True)
class Shell:
    """Python programs run in the root of the repository with this environment and no other."""

    environment: dict[str, str]

    def python(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def flow(self, name: str, *arguments: str) -> dict[str, Any]:
        """The JSON summary of a flow that succeeds."""
        done = self.python("-m", f"flows.{name}", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return summary

    def prefect(self, *arguments: str) -> str:
        done = self.python("-m", "prefect", "--no-prompt", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
