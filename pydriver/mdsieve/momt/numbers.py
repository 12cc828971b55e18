# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers of an analysis: as words with their errors, and as files."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from mdsieve._version import __version__
from mdsieve.io.replacing import replacing
from mdsieve.momt.blocks import Bootstrap, Estimate
from mdsieve.momt.samples import Samples


def with_error(estimate: Estimate) -> str:
    """``-4.6496(13)``: the error in units of the last digit; ``-4.65(?)`` where there is none."""
    value, error = estimate
    if not math.isfinite(value):
        return "-"
    if not math.isfinite(error):
        return f"{value:.4g}(?)"
    if error <= 0.0:
        return f"{value:.6g}(0)"
    decimals = 1 - math.floor(math.log10(error))  # two digits of the error
    if round(error * 10.0**decimals) >= 20:  # one will do
        decimals -= 1
    if decimals <= 0:
        return f"{value:.0f}({error:.0f})"
    return f"{value:.{decimals}f}({round(error * 10.0**decimals)})"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, the first row its head; columns to the right but the first."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(
            word.ljust(width) if k == 0 else word.rjust(width)
            for k, (word, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def plain(value: Any) -> Any:
    """A value as JSON has it: dataclasses and estimates as objects, what is not finite as null."""
    if isinstance(value, Estimate):
        return {"value": plain(value.value), "error": plain(value.error)}
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(
    path: str | os.PathLike,
    kind: str,
    numbers: Mapping[str, Any],
    *,
    command: str,
    samples: Samples | None = None,
    bootstrap: Bootstrap | None = None,
) -> None:
    """Write numbers with what they were made of.

    Parameters
    ----------
    path : path
    kind : str
        Of the analysis.
    numbers : mapping
        See `plain`.
    command : str
        What made them.
    samples : Samples, optional
        Their files are named.
    bootstrap : Bootstrap, optional
        Its blocks and seed are told.
    """
    content: dict[str, Any] = {
        "format": f"mdsieve momt {kind}",
        "version": 1,
        "command": command,
        "versions": {"mdsieve": __version__, "numpy": np.__version__},
    }
    if samples is not None:
        content["weight"] = samples.weight.name
        content["units"] = samples.weight.units
        content["records"] = [
            {"file": r.source, "samples": len(r), "first_step": r.step[0], "last_step": r.step[-1]}
            for r in samples.records
        ]
    if bootstrap is not None:
        content["errors"] = bootstrap.describe()
    content |= numbers
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(plain(content), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def write_csv(path: str | os.PathLike, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table; what is not finite is left empty."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in rows:
            writer.writerow([_cell(value) for value in row])


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return f"{value:.10g}" if isinstance(value, float) else value
