# SPDX-License-Identifier: GPL-2.0-or-later
"""What every benchmark leaves behind: the machine, the command, the rows, as JSON."""

import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and extremes."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def shown(values: dict[str, float]) -> str:
    """A `spread` as "median (least to most)"."""
    return f"{values['median']:.3g} ({values['least']:.3g} to {values['most']:.3g})"


def machine() -> dict[str, object]:
    """Processor, cores this process may use, load, memory, system."""
    return {
        "processor": _cpuinfo("model name") or platform.processor() or platform.machine(),
        "vector_instructions": [
            word for word in ("avx2", "fma", "avx512f") if word in _cpuinfo("flags").split()
        ],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": os.getloadavg(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def versions(*packages: str) -> dict[str, str]:
    """Versions of installed packages; a missing one is left out. mdsieve's own is always there."""
    from mdsieve import __version__

    found = {"mdsieve": __version__}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def store(name: str, content: dict, packages: Sequence[str] = (), output: Path | None = None) -> Path:
    """Write ``results/<name>.json``, or `output`: the content after when, where and how it was measured.

    Returns
    -------
    Path
        The file written.
    """
    path = output or RESULTS / f"{name}.json"
    record = {
        "benchmark": name,
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(*packages),
        **content,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, default=str) + "\n")
    return path


def _cpuinfo(key: str) -> str:
    """The first value of a key in /proc/cpuinfo; empty where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")
