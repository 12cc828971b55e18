# SPDX-License-Identifier: GPL-2.0-or-later
"""A validation as a folder: a table, JSON, CSV, pictures; and as a table for a terminal."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve._version import __version__
from mdsieve.io.replacing import replacing
from mdsieve.validate.contract import Curve, Row

if TYPE_CHECKING:
    from mdsieve.validate.validation import Validation

__all__ = ["table", "write_folder"]

_COLUMNS = ("property", "quantity", "unit", "potential", "reference", "difference")


def table(validation: Validation):
    """One line a number, for rich."""
    from rich import box
    from rich.table import Table

    made = Table(title=f"{validation.potential}", box=box.SIMPLE, caption=_caption(validation))
    for column in _COLUMNS:
        numeric = column in ("potential", "reference", "difference")
        made.add_column(column, justify="right" if numeric else "left")
    last = ""
    for row in validation.rows:
        name = "" if row.measured_by == last else row.measured_by
        last = row.measured_by
        values = [_shown(value) for value in (row.value, row.reference, row.difference)]
        made.add_row(name, row.quantity, row.unit, *values)
    return made


def write_folder(validation: Validation, folder: Path, settings: Mapping[str, Any]) -> list[Path]:
    """Write ``validation.json``, ``validation.csv``, and of each curve a CSV and a picture.

    Parameters
    ----------
    validation : Validation
    folder : path
        Is made if it is not there.
    settings : dict
        What was asked for; stands in the JSON, what is not of JSON's kinds as text.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "validation.json", folder / "validation.csv"]
    with replacing(written[0]) as temporary:
        temporary.write_text(
            json.dumps(_as_json(validation, settings), indent=1, default=str) + "\n",
            encoding="utf-8",
        )
    with replacing(written[1]) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_COLUMNS)
        rows.writerows(_cells(row) for row in validation.rows)
    for pair in validation.measured.values():
        curves: dict[str, list[Curve | None]] = {}
        for place, measured in enumerate(pair):
            for found in measured.curves if measured is not None else ():
                curves.setdefault(found.name, [None, None])[place] = found
        for name, (mine, other) in curves.items():
            for role, curve in (("potential", mine), ("reference", other)):
                if curve is not None:
                    written.append(folder / f"{name}.{role}.csv")
                    _write_curve(curve, written[-1])
            if all(curve is None or curve.is_drawn for curve in (mine, other)):
                written.append(folder / f"{name}.png")
                _draw(mine, other, written[-1])
    return written


def _caption(validation: Validation) -> str:
    return f"reference: {validation.reference}" if validation.reference else "without a reference"


def _shown(value: float | str | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.5g}"


def _cells(row: Row) -> list[str]:
    values = [row.value, row.reference, row.difference]
    words = ["" if value is None else value if isinstance(value, str) else repr(value) for value in values]
    return [row.measured_by, row.quantity, row.unit, *words]


def _as_json(validation: Validation, settings: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        {
            "property": row.measured_by,
            "quantity": row.quantity,
            "unit": row.unit,
            "potential": _finite(row.value),
            "reference": _finite(row.reference),
        }
        for row in validation.rows
    ]
    return {
        "potential": validation.potential,
        "reference": validation.reference or None,
        "settings": dict(settings),
        "version": __version__,
        "rows": rows,
        "problems": validation.problems,
    }


def _finite(value: float | str | None) -> float | str | None:
    """JSON has neither infinity nor NaN."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _write_curve(curve: Curve, path: Path) -> None:
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([curve.x_label, *curve.columns])
        table = np.column_stack([curve.x, *curve.columns.values()])
        rows.writerows([repr(value) for value in line] for line in table.tolist())


def _draw(mine: Curve | None, other: Curve | None, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 4.2), layout="constrained")
    axes = figure.subplots()
    for curve, colour, style, role in (
        (other, "#9aa5b1", "-", "reference"),
        (mine, "#d1495b", "--", "potential"),
    ):
        if curve is None:
            continue
        for number, values in enumerate(curve.columns.values()):
            label = role if number == 0 else None
            if curve.is_cloud:
                axes.plot(curve.x, values, ".", markersize=2, color=colour, label=label, rasterized=True)
                ends = [float(np.min(curve.x)), float(np.max(curve.x))]
                axes.plot(ends, ends, color="#30638e", linewidth=0.8)
            else:
                axes.plot(curve.x, values, style, color=colour, label=label)
        axes.set_xlabel(curve.x_label)
        axes.set_ylabel(curve.y_label)
        if curve.ticks:
            axes.set_xticks([place for place, _ in curve.ticks], [label for _, label in curve.ticks])
            for place, _ in curve.ticks:
                axes.axvline(place, color="#d9dee3", linewidth=0.6, zorder=0)
    axes.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
