# SPDX-License-Identifier: GPL-2.0-or-later
"""What samplers that read files share: fingerprints ahead of use, progress, errors that name the frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.bank import flat_fingerprints

if TYPE_CHECKING:
    from mdsieve.descriptors import SymmetryFunctions
    from mdsieve.io.trajectories import SourceFrame

_FRAMES_AHEAD = 8  # frames a thread may be ahead of the bank


def with_fingerprints(
    frames: Iterator[SourceFrame], functions: SymmetryFunctions, n_jobs: int
) -> Iterator[tuple[SourceFrame, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]]:
    """Frames in order with their flat fingerprints and atom IDs, computed by threads a few frames ahead."""

    def compute(frame: SourceFrame):
        with naming(frame):
            rows = functions.create_by_element(frame.atoms)
            return flat_fingerprints(functions, frame.atoms, rows)

    with ThreadPoolExecutor(n_jobs) as pool:
        ahead: deque = deque()
        try:
            for frame in frames:
                ahead.append((frame, pool.submit(compute, frame)))
                if len(ahead) >= _FRAMES_AHEAD * n_jobs:
                    first, future = ahead.popleft()
                    yield first, future.result()
            while ahead:
                first, future = ahead.popleft()
                yield first, future.result()
        finally:
            for _, future in ahead:
                future.cancel()


@contextmanager
def naming(frame: SourceFrame) -> Iterator[None]:
    """Say in which frame something was wrong."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{frame.source}: frame {frame.index}: {error}") from None


@contextmanager
def showing_progress(is_wanted: bool) -> Iterator[Callable[[str], Callable[[int, int | None], None]]]:
    """Begin a line of progress with a title; the line is called with frames seen and frames kept."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[counts]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not (is_wanted and console.is_terminal)) as lines:

        def begin(title: str) -> Callable[[int, int | None], None]:
            task = lines.add_task(title, total=None, counts="")

            def report(n_frames: int, n_kept: int | None) -> None:
                kept = "" if n_kept is None else f", {n_kept} kept"
                lines.update(task, counts=f"{n_frames} frames{kept}")

            return report

        yield begin
