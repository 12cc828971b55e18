# SPDX-License-Identifier: GPL-2.0-or-later
"""What a selection that goes through its frames one by one remembers for a report."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from mdsieve._version import __version__
from mdsieve.io.trajectories import RawFrame
from mdsieve.samplers.selection import Selection


class StreamRecord:
    """Frames seen, and those kept with a number and a reason."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.places: list[tuple[str, int]] = []
        self._kept: list[tuple[int, float, str]] = []

    def see(self, frame: RawFrame) -> None:
        """A frame was looked at."""
        self.places.append((frame.source, frame.index))

    def keep(self, score: float, reason: str) -> None:
        """The frame that was looked at last is kept."""
        self._kept.append((len(self.places) - 1, score, reason))

    def selection(self, configuration: dict[str, Any]) -> Selection:
        """All of it as a selection."""
        indices, scores, reasons = zip(*self._kept, strict=True) if self._kept else ((), (), ())
        return Selection(
            indices=np.array(indices, dtype=np.int64),
            rank=np.arange(len(indices)),
            score=np.array(scores, dtype=float),
            reason=tuple(reasons),
            configuration=configuration,
            seed=None,
            versions={"mdsieve": __version__, "numpy": np.__version__},
            n_candidates=len(self.places),
            source=tuple(self.places[i][0] for i in indices),
        )

    def write_report(self, path: str | os.PathLike, configuration: dict[str, Any]) -> None:
        """Write the page; `configuration` has the rule's name as ``"sampler"``."""
        from mdsieve.report.selection import write_selection_report

        write_selection_report(
            self.selection(configuration),
            path,
            rows=None,
            places=self.places,
            seconds=time.monotonic() - self._began,
        )
