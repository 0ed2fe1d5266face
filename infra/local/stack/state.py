"""What a stack says of itself to other programs: stack.json and environment.sh in its folder."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from infra.local.processes import Server
from infra.local.stack.parts import Part
from infra.local.stack.site import Site

STATE: Final = "stack.json"
ENVIRONMENT: Final = "environment.sh"


class NoStackError(Exception):
    """There is no stack in the folder, or none that can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPart:
    """A part that was started; a step has neither URL nor ports."""

    name: str
    log: Path
    ports: tuple[int, ...] = ()
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A stack that was started; `environment` is for commands and flows that work with it."""

    folder: Path
    parts: tuple[StackPart, ...]
    token_file: Path
    policy_file: Path
    environment: dict[str, str]

    @classmethod
    def of(cls, site: Site, parts: Sequence[Part]) -> Self:
        """Raises `MissingProgramError`."""
        return cls(
            folder=site.folder,
            parts=tuple(_stack_part(site, part) for part in parts),
            token_file=site.token_file,
            policy_file=site.policy_file,
            environment=site.settings(),
        )

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The stack in a folder; raises `NoStackError`."""
        file = folder / STATE
        try:
            return msgspec.json.decode(file.read_bytes(), type=cls, dec_hook=lambda kind, value: kind(value))
        except FileNotFoundError as error:
            raise NoStackError(f"none runs in {folder}") from error
        except (OSError, msgspec.MsgspecError) as error:
            raise NoStackError(f"{file} is not the file of a stack: {error}") from error

    def url(self, part: str) -> str:
        """The URL of a server; raises `KeyError` where it was not started."""
        return self.urls[part]

    @property
    def urls(self) -> dict[str, str]:
        return {part.name: part.url for part in self.parts if part.url is not None}

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(port for part in self.parts for port in part.ports)

    def write(self) -> None:
        state, shell = self.folder / STATE, self.folder / ENVIRONMENT
        for file in (state, shell):
            file.touch(mode=0o600)
        state.write_bytes(msgspec.json.format(msgspec.json.encode(self, enc_hook=_plain), indent=2))
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(self.environment.items())]
        shell.write_text("".join(lines))


def forget(folder: Path) -> None:
    """Removes what a stack said of itself, once it is down."""
    for name in (STATE, ENVIRONMENT):
        (folder / name).unlink(missing_ok=True)


def _stack_part(site: Site, part: Part) -> StackPart:
    work = part.work(site)
    url = work.url if isinstance(work, Server) else None
    return StackPart(name=part.name, log=work.log, ports=part.ports(site.ports), url=url)


def _plain(value: Any) -> str:
    return str(value)
