"""Where benchmarks keep what they found: a JSON file with everything, and a section of docs/performance.md."""

import json
import os
import platform
import re
from pathlib import Path
from typing import Any, Final

from infra.local.servers.programs import ROOT
from models.finite import finite

PAGE: Final = ROOT / "docs" / "performance.md"
RESULTS: Final = ROOT / "benchmarks" / "results"


def write_json(document: dict[str, Any], path: Path) -> None:
    """NaN as null, which JSON lacks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(finite(document), indent=1) + "\n")


def write_section(text: str, page: Path) -> None:
    """Puts the section in the place of the one of its heading, or at the end of the page."""
    before = page.read_text() if page.exists() else "# Performance\n"
    heading = re.escape(text.partition("\n")[0])
    old = re.compile(rf"^{heading}$.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    after, replaced = old.subn(lambda _: f"{text}\n", before)
    page.write_text((after if replaced else f"{before.rstrip()}\n\n{text}").rstrip() + "\n")


def machine() -> str:
    """Processors, memory and load of this machine."""
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    name = model[1] if model else platform.machine()
    return f"{os.cpu_count()} cores of {name}, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f} at the start"
