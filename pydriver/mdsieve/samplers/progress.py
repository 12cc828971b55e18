# SPDX-License-Identifier: GPL-2.0-or-later
"""Progress of samplers that read files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
    if not (is_wanted and console.is_terminal):
        yield lambda _: lambda *_: None
        return
    with Progress(*columns, console=console) as lines:

        def begin(title: str) -> Callable[[int, int | None], None]:
            task = lines.add_task(title, total=None, counts="")

            def report(n_frames: int, n_kept: int | None) -> None:
                kept = "" if n_kept is None else f", {n_kept} kept"
                lines.update(task, counts=f"{n_frames} frames{kept}")

            return report

        yield begin
