# SPDX-License-Identifier: GPL-2.0-or-later
"""How the driver shows that it lives: a live line on a terminal, plain lines in a log."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

logger = logging.getLogger("mdsieve.driver")


@dataclass
class Summary:
    """Counters of a campaign in this session.

    Attributes
    ----------
    seen, kept, junk, pending : int
        Frames.
    waiting, scoring, storing : float
        Seconds.
    bank : dict
        Element → entries.
    junk_by : dict
        What turned frames down → how many.
    """

    seen: int = 0
    kept: int = 0
    junk: int = 0
    pending: int = 0
    waiting: float = 0.0
    scoring: float = 0.0
    storing: float = 0.0
    bank: dict[str, int] = field(default_factory=dict)
    junk_by: Counter[str] = field(default_factory=Counter)

    def add_junk(self, reason: str) -> None:
        """Count a frame that was turned down."""
        self.junk += 1
        self.junk_by[reason] += 1

    @contextmanager
    def timed(self, what: Literal["waiting", "scoring", "storing"]) -> Iterator[None]:
        """Add the seconds of a block to one of the counters."""
        start = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, what, getattr(self, what) + time.perf_counter() - start)

    def line(self) -> str:
        """All of it in one line."""
        pending = f", {self.pending} pending" if self.pending else ""
        counts = ", ".join(f"{reason}: {count}" for reason, count in self.junk_by.most_common())
        reasons = f" ({counts})" if counts else ""
        bank = " ".join(f"{element} {size}" for element, size in self.bank.items()) or "empty"
        return (
            f"{self.seen} frames seen, {self.kept} kept, {self.junk} junk{reasons}{pending} | bank {bank} | "
            f"s scoring {self.scoring:.1f} storing {self.storing:.1f} waiting {self.waiting:.1f}"
        )


class Progress:
    """Shows a `Summary` now and then.

    Parameters
    ----------
    interval : float
        Seconds between plain lines.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._last_time = time.monotonic()
        self._last_seen = 0
        self._status = None
        if sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("waiting for LAMMPS")
            self._status.start()

    def show(self, summary: Summary) -> None:
        """Called often; shows something only when it is due and there is news."""
        now = time.monotonic()
        if (
            now - self._last_time < (0.2 if self._status else self._interval)
            or summary.seen == self._last_seen
        ):
            return
        rate = (summary.seen - self._last_seen) / (now - self._last_time)
        line = f"{summary.line()} | {rate:.1f} frames/s"
        if self._status:
            self._status.update(line)
        else:
            logger.info(line)
        self._last_time, self._last_seen = now, summary.seen

    def close(self) -> None:
        """Clear the live line."""
        if self._status:
            self._status.stop()
            self._status = None
