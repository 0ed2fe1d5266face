"""Which commit of this code is running."""

import subprocess
from typing import Final

UNKNOWN: Final = "unknown"


def git_commit() -> str:
    """The commit checked out, with `-dirty` where files differ from it; `unknown` outside of a checkout."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    return described.stdout.strip()
