# SPDX-License-Identifier: GPL-2.0-or-later
"""Who writes a store: told apart from a dead process, and from another with the same number."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def this_process() -> dict:
    """What tells this process from every other: ``host``, ``pid`` and ``start``."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "start": _start_time(os.getpid())}


def _start_time(pid: int) -> str:
    """When a process began, in clock ticks after boot; empty where the system does not tell."""
    words = _stat(pid)
    return words[19] if words else ""


def _stat(pid: int) -> list[str]:
    """What Linux tells of a process, from its state on; empty elsewhere."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def is_alive(writer: dict) -> bool:
    """Whether a writer still runs, as far as this machine can know."""
    if writer["host"] != socket.gethostname():
        return False
    try:
        os.kill(writer["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    if _stat(writer["pid"])[:1] == ["Z"]:  # killed, and nobody has asked for its exit code yet
        return False
    return _start_time(writer["pid"]) == writer["start"]
