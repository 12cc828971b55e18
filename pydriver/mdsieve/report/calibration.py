# SPDX-License-Identifier: GPL-2.0-or-later
"""The calibration of a threshold as a table and as a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mdsieve.calibrate import Outcome, Pilot
from mdsieve.io.replacing import replacing

_LINES = ("#00798c", "#d1495b", "#edae49", "#66a182", "#8d6a9f", "#b5651d")


def calibration_table(pilot: Pilot, outcomes: Sequence[Outcome], marks: dict[str, Outcome | None]):
    """One line a threshold, for a terminal.

    Parameters
    ----------
    marks : dict of str to Outcome
        Lines to be marked with a word; None: nothing to mark.

    Returns
    -------
    rich.table.Table
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for symbol in pilot.elements:
        table.add_column(f"threshold {symbol}", justify="right")
    table.add_column("frames", justify="right")
    table.add_column("of them", justify="right")
    for symbol in pilot.elements:
        table.add_column(f"{symbol} environments", justify="right")
    table.add_column("", justify="left")
    marked = [outcome for outcome in marks.values() if outcome is not None]
    rows = {tuple(outcome.thresholds.values()): outcome for outcome in [*outcomes, *marked]}
    for key in sorted(rows):
        outcome = rows[key]
        words = [name for name, mark in marks.items() if mark == outcome]
        table.add_row(
            *(f"{value:.4g}" for value in outcome.thresholds.values()),
            str(outcome.n_frames),
            f"{100 * outcome.n_frames / pilot.n_frames:.1f} %",
            *(str(n) for n in outcome.n_environments.values()),
            ", ".join(words),
            style="bold" if words else None,
        )
    return table


def write_calibration_picture(
    pilot: Pilot,
    outcomes: Sequence[Outcome],
    marks: dict[str, Outcome | None],
    path: str | os.PathLike,
) -> None:
    """Kept frames and bank entries against threshold, with knee, budget and noise floor; PNG, SVG or PDF."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 6.0), layout="constrained")
    frames, entries = figure.subplots(2, 1, sharex=True)
    scales = [max(outcome.thresholds.values()) for outcome in outcomes]
    frames.plot(scales, [outcome.n_frames for outcome in outcomes], "o-", color="0.2", ms=3, lw=1.2)
    frames.set_ylabel(f"kept frames of {pilot.n_frames}")
    frames.set_ylim(bottom=0)
    for i, symbol in enumerate(pilot.elements):
        colour = _LINES[i % len(_LINES)]
        mine = [outcome.thresholds[symbol] for outcome in outcomes]
        counts = [outcome.n_environments[symbol] for outcome in outcomes]
        entries.plot(mine, counts, "o-", color=colour, ms=3, lw=1.2, label=symbol)
        floor = pilot.noise_floor.get(symbol)
        if floor is not None and floor.median > 0:
            entries.axvspan(
                floor.median, floor.high, color=colour, alpha=0.12, lw=0, label=f"thermal noise {symbol}"
            )
    for (word, mark), style in zip(marks.items(), ("--", ":"), strict=False):
        if mark is not None:
            at = max(mark.thresholds.values())
            frames.axvline(
                at, color="#d1495b", ls=style, lw=1.0, label=f"{word}: {mark.n_frames} frames at {at:.4g}"
            )
    entries.set_yscale("log")
    entries.set_ylabel("bank entries")
    entries.set_xlabel("threshold" if len(pilot.elements) == 1 else "threshold (upper: the largest)")
    for axes in (frames, entries):
        axes.set_xscale("log")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.6)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small", frameon=False)
    ending = os.path.splitext(path)[1].lstrip(".").lower() or "png"
    with replacing(path) as temporary:
        figure.savefig(temporary, format=ending, dpi=150)
