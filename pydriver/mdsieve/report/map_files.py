# SPDX-License-Identifier: GPL-2.0-or-later
"""A map of frames as a table and as a picture."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mdsieve.io.replacing import replacing
from mdsieve.maps import FrameMap


def write_map_table(found: FrameMap, columns: Mapping[str, Sequence[Any]], path: str | os.PathLike) -> None:
    """Write x, y and the columns of each frame as CSV."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "y", *columns])
        for (x, y), *rest in zip(found.points.tolist(), *columns.values(), strict=True):
            writer.writerow([f"{x:.8g}", f"{y:.8g}", *("" if value is None else value for value in rest)])


def write_map_picture(
    found: FrameMap,
    path: str | os.PathLike,
    *,
    colours: Sequence[float | None] | None = None,
    label: str = "",
    marked: Sequence[bool] | None = None,
) -> None:
    """Draw the map; PNG, SVG or PDF by the name's ending.

    Parameters
    ----------
    colours : sequence of float, optional
        Value that colours each point; None: grey.
    label : str
        What the colours are.
    marked : sequence of bool, optional
        Points drawn with a red rim above the others: the kept frames.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    axes = figure.subplots()
    x, y = found.points.T
    values = np.array(
        [np.nan if c is None else c for c in (colours if colours is not None else [None] * len(x))], float
    )
    axes.scatter(x[np.isnan(values)], y[np.isnan(values)], s=8, color="0.75", linewidths=0)
    some = ~np.isnan(values)
    if some.any():
        drawn = axes.scatter(
            x[some], y[some], s=12, c=values[some], linewidths=0, rasterized=some.sum() > 3000
        )
        figure.colorbar(drawn, label=label)
    if marked is not None and any(marked):
        mine = np.array(marked, bool)
        axes.scatter(
            x[mine], y[mine], s=30, facecolors="none", edgecolors="#d1495b", label=f"kept ({mine.sum()})"
        )
        axes.legend(fontsize="small", frameon=False)
    axes.set_xlabel(found.axes[0])
    axes.set_ylabel(found.axes[1])
    axes.spines[["top", "right"]].set_visible(False)
    ending = os.path.splitext(path)[1].lstrip(".").lower() or "png"
    with replacing(path) as temporary:
        figure.savefig(temporary, format=ending, dpi=150)
