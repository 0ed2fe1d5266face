"""Where the programs are that `make services` installs, and the Java that Trino needs."""

import os
import re
import shutil
from pathlib import Path
from typing import Final

from infra.local.processes import MissingProgramError, Program

ROOT: Final = Path(__file__).parents[3]
JAVA_RELEASE: Final = 25
"""trino-gateway 20 needs it; Trino 476 would do with 24."""
_RELEASE: Final = re.compile(r'^JAVA_VERSION="(\d+)', re.MULTILINE)


def cache_folder() -> Path:
    """Where `make services` puts what it builds and fetches."""
    return Path(os.environ.get("SMART_ROUTING_CACHE") or Path.home() / ".cache" / "smart-routing")


def postgres_program(name: str) -> Program:
    debian_folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return Program("PostgreSQL", (name,), tuple(debian_folders))


def mariadb_program(name: str) -> Program:
    return Program("MariaDB", (name,), (Path("/usr/sbin"),))


def redis_program(name: str) -> Program:
    return Program("Redis", (name,))


def s3_program() -> Program:
    return Program("The S3 server", ("versitygw",), (cache_folder() / "bin",))


def supervisor_program() -> Program:
    return Program("The supervisor of the stack", ("process-compose",), (cache_folder() / "bin",))


def prometheus_program() -> Program:
    return Program("Prometheus", ("prometheus",))


def alertmanager_program() -> Program:
    return Program("Alertmanager", ("prometheus-alertmanager", "alertmanager"))


def chromium_program() -> Program:
    return Program("Chromium", ("chromium", "chromium-browser", "google-chrome"))


def trino_launcher() -> Path:
    """The program that starts Trino 476; raises `MissingProgramError`."""
    return _fetched("Trino", cache_folder() / "trino-server-476" / "bin" / "launcher")


def gateway_jar() -> Path:
    """trino-gateway 20 with all it needs; raises `MissingProgramError`."""
    return _fetched("trino-gateway", cache_folder() / "gateway-ha-20-jar-with-dependencies.jar")


def _fetched(title: str, file: Path) -> Path:
    if not file.exists():
        raise MissingProgramError(f"{title} is not installed ({file} not found): run `make services`")
    return file


def java_home() -> Path:
    """The home of a Java of `JAVA_RELEASE` or newer; raises `MissingProgramError`."""
    found = next((home for home in _java_homes() if _java_release(home) >= JAVA_RELEASE), None)
    if found is None:
        raise MissingProgramError(
            f"Java {JAVA_RELEASE} or newer is not in JAVA_HOME, PATH or /usr/lib/jvm: install the package "
            f"temurin-{JAVA_RELEASE}-jdk (adoptium.net), or set JAVA_HOME"
        )
    return found


def _java_homes() -> list[Path]:
    named, program = os.environ.get("JAVA_HOME"), shutil.which("java")
    on_path = [Path(program).resolve().parents[1]] if program else []
    return [*([Path(named)] if named else []), *on_path, *sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)]


def _java_release(home: Path) -> int:
    """Its feature release; 0 where there is none."""
    release = home / "release"
    found = _RELEASE.search(release.read_text()) if release.is_file() else None
    return int(found[1]) if found else 0
