# SPDX-License-Identifier: GPL-2.0-or-later
"""Progress of samplers that read files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from mdsieve.io.trajectories import RawFrame

Item = TypeVar("Item")
_COMPRESSED = (".gz", ".bz2", ".xz")


class Line(Protocol):
    """A line of progress."""

    def __call__(self, n_frames: int, n_kept: int | None, share: float | None = None) -> None:
        """Show where the work is."""


class ShareDone:
    """How much of some files has been read, by bytes.

    Parameters
    ----------
    paths : sequence of paths
    """

    def __init__(self, paths: Sequence[str | os.PathLike]) -> None:
        files = [Path(path) for path in paths]
        is_known = all(path.is_file() and path.suffix not in _COMPRESSED for path in files)
        self._total = sum(path.stat().st_size for path in files) if is_known else 0
        self._done = 0

    def after(self, frame: RawFrame) -> float | None:
        """The share after this frame; None where it cannot be known."""
        self._done += frame.size
        if not self._total or not frame.is_text:
            return None
        return min(1.0, self._done / self._total)


@contextmanager
def showing_progress(is_wanted: bool) -> Iterator[Callable[[str], Line]]:
    """Begin a line of progress with a title; the line is called with frames seen, frames kept and, where it
    is known, the share of the work that is done: the time left is then shown.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[counts]}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    if not (is_wanted and console.is_terminal):
        yield lambda _: lambda *_: None
        return
    with Progress(*columns, console=console) as lines:

        def begin(title: str) -> Line:
            task = lines.add_task(title, total=None, counts="")

            def report(n_frames: int, n_kept: int | None, share: float | None = None) -> None:
                kept = "" if n_kept is None else f", {n_kept} kept"
                total = None if share is None else 1.0
                lines.update(task, counts=f"{n_frames} frames{kept}", total=total, completed=share)

            return report

        yield begin


def counting(items: Iterable[Item], report: Line) -> Iterator[Item]:
    """The same, and each that has passed is reported to a line of progress."""
    for n, item in enumerate(items, start=1):
        yield item
        report(n, None)
