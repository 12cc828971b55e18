# SPDX-License-Identifier: GPL-2.0-or-later
"""What a distillation came to: a table, and a curve of the errors against the share of frames taken."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mdsieve.io.replacing import replacing

__all__ = ["draw", "rows_of_table", "write_curve", "write_table"]

_ERRORS = ("energy_mae", "energy_rmse", "force_mae", "force_rmse", "best_energy_mae", "best_force_mae")
_MARKS = {"random": ("s", "#e9a23b"), "grid": ("^", "#6a8f3c"), "bank": ("D", "#7b5ea7")}


def write_table(record: Mapping[str, Any], path: Path) -> None:
    """Write the rows as CSV."""
    rows = rows_of_table(record)
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_curve(record: Mapping[str, Any], path: Path) -> None:
    """Write the picture of `draw` as PNG."""
    with replacing(path) as temporary:
        draw(record).savefig(temporary, format="png", dpi=150)


def rows_of_table(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows with names of columns that say units: meV/atom and meV/Å; of further sets with ``NAME:``."""
    rows = []
    for row in record["rows"]:
        line: dict[str, Any] = {
            name: "" if row[name] is None else row[name]
            for name in (
                "method",
                "iteration",
                "frames",
                "added",
                "share",
                "environments",
                "environments_with_forces",
            )
        }
        line["share"] = f"{row['share']:.5g}"
        for k, (set_name, errors) in enumerate(row["errors"].items()):
            for name in _ERRORS:
                unit = "meV_per_A" if "force" in name else "meV_per_atom"
                column = f"{name}_{unit}" if k == 0 else f"{set_name}:{name}_{unit}"
                line[column] = "" if errors[name] is None else f"{1000 * errors[name]:.5g}"
        rows.append(line)
    return rows


def draw(record: Mapping[str, Any]):
    """Mean absolute errors against the share of the pool's frames, one column of plots a set.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    names = list(record["rows"][0]["errors"])
    figure = Figure(figsize=(5.2 * len(names), 6.4), layout="constrained")
    plots = figure.subplots(2, len(names), sharex=True, squeeze=False)
    kinds = (("energy_mae", "energy MAE / meV/atom"), ("force_mae", "force MAE / meV/Å"))
    for column, set_name in enumerate(names):
        plots[0, column].set_title(set_name)
        plots[1, column].set_xlabel("frames taken / % of the pool")
        for axes, (error, label) in zip(plots[:, column], kinds, strict=True):
            _plot(axes, record["rows"], set_name, error)
            axes.set_ylabel(label)
    return figure


def _plot(axes: Any, rows: list[dict[str, Any]], set_name: str, error: str) -> None:
    def points(method: str) -> tuple[list[float], list[float]]:
        found = [
            (100 * row["share"], 1000 * row["errors"][set_name][error])
            for row in rows
            if row["method"] == method and row["errors"][set_name][error] is not None
        ]
        return [x for x, _ in found], [y for _, y in found]

    axes.plot(*points("uncertain"), "o-", color="#30638e", ms=4, lw=1.3, label="uncertain environments")
    for method, (mark, colour) in _MARKS.items():
        x, y = points(method)
        if x:
            axes.plot(x, y, mark, color=colour, ms=6, label=method)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.legend(fontsize="small", frameon=False)
