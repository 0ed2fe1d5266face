"""Settings of a router whose source, state and logs are in the test's own folder."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from smart_routing.settings import ServingSettings
from tests.bundles import JoinModel
from tests.served import Served


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A path source: a link to the folder of version 1.0.0."""
    JoinModel().publish(tmp_path / "models" / "v1.0.0")
    link = tmp_path / "models" / "current"
    link.symlink_to("v1.0.0")
    return link


@pytest.fixture
def settings(tmp_path: Path, source: Path) -> Callable[..., ServingSettings]:
    """A function that makes settings, `changes` applied; nothing polls by itself within a test's time."""
    defaults: dict[str, Any] = {
        "source": str(source),
        "state_dir": tmp_path / "state",
        "decision_log": tmp_path / "decisions",
        "user_key_file": tmp_path / "user.key",
        "admin_port": 0,
        "poll_seconds": 3600,
        "policy_poll_seconds": 3600,
    }
    return lambda **changes: ServingSettings(**(defaults | changes))


@pytest.fixture
def serve(settings: Callable[..., ServingSettings]) -> Iterator[Callable[..., Served]]:
    """A function that starts a router, `changes` applied to its settings."""
    with ExitStack() as stack:

        def start(**changes: Any) -> Served:
            return stack.enter_context(Served(settings(**changes)))

        yield start


@pytest.fixture
def point_to(tmp_path: Path) -> Callable[[str, JoinModel], Path]:
    """A function that publishes a version and moves the link to it; returns its folder."""

    def move(version: str, model: JoinModel) -> Path:
        folder = tmp_path / "models" / version
        model.publish(folder)
        scratch = tmp_path / "models" / "next"
        scratch.symlink_to(version)
        scratch.replace(tmp_path / "models" / "current")
        return folder

    return move
