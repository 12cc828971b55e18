# SPDX-License-Identifier: GPL-2.0-or-later
"""Records of a run of ``fix momt``: tables of enthalpy, order parameter and bias against the step."""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mdsieve.io.wording import shown

logger = logging.getLogger(__name__)

_OF_FIX = re.compile(r"f_(\w+)\[(\d+)\]")
_STEP = "step"
_STEP_NAMES = {"step", "timestep"}
_VOLUME_NAMES = {"vol", "volume", "v_vol", "v_volume", "c_vol", "c_volume"}
_END_OF_TABLE = ("Loop time of", "Per MPI rank memory", "LAMMPS (", "ERROR")
_QUANTITIES = ("enthalpy", "order", "bias")
_LAST_STEP = 2**53
_MOST_WORDS = 2000  # looked at to learn how numbers are written


@dataclass(frozen=True, eq=False)
class Record:
    """What one walker has passed through.

    Attributes
    ----------
    source : str
        Name of the file.
    fix : str
        ID of the ``fix momt``.
    step : ndarray of int, shape (n,)
    line : ndarray of int, shape (n,)
        Where it stands in the file, from 1.
    enthalpy, order, bias : ndarray of float, shape (n,)
        H and v of the cell, O.
    volume : ndarray of float, shape (n,), or None
        Of the cell.
    columns : dict of str to ndarray
        All other columns, and the volume, under the names of the file.
    rounding : dict of str to ndarray
        Half a unit of the last digit that the file gives of `enthalpy`, `order` and `bias`.
    """

    source: str
    fix: str
    step: np.ndarray
    line: np.ndarray
    enthalpy: np.ndarray
    order: np.ndarray
    bias: np.ndarray
    volume: np.ndarray | None
    columns: dict[str, np.ndarray]
    rounding: dict[str, np.ndarray] = field(repr=False)

    def __len__(self) -> int:
        return len(self.step)

    def since(self, first_step: int) -> Record:
        """The part that does not lie before a step.

        Raises
        ------
        ValueError
            If there is none.
        """
        kept = self.step >= first_step
        if not kept.any():
            raise ValueError(f"{self.source}: no row from step {first_step} on; the last is {self.step[-1]}")
        return Record(
            self.source,
            self.fix,
            self.step[kept],
            self.line[kept],
            self.enthalpy[kept],
            self.order[kept],
            self.bias[kept],
            None if self.volume is None else self.volume[kept],
            {name: values[kept] for name, values in self.columns.items()},
            {name: values[kept] for name, values in self.rounding.items()},
        )


def read_record(path: str | os.PathLike, *, fix: str | None = None, volume: str | None = None) -> Record:
    """Read the file of ``fix ave/time`` or ``fix print``, or a log of LAMMPS.

    Parameters
    ----------
    path : path
        Rows of numbers below a line that names the columns: the step, ``f_ID[1]``, ``f_ID[2]`` and
        ``f_ID[3]`` of ``fix momt`` (H, O, v), and others. A log may hold several runs.
    fix : str, optional
        ID of the fix, where several are in the table.
    volume : str, optional
        Column of the volume [default: `Volume`, `v_vol` and the like].

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        One line that names file, line and what was expected.

    Notes
    -----
    Rows must be of single steps, not averages over some. Where a run begins with the step with which the one
    before has ended, the step counts once. A file to which a continued run has appended goes back below its
    second head, to the step of the restart file: of steps that come twice the first are taken, as of frames.
    """
    tables = [table for table in _tables(Path(path)) if table.rows]
    usable = [table for table in tables if _fixes_with_all(table, fix)]
    if not usable:
        name = "ID" if fix is None else fix
        raise ValueError(
            f"{path}: {_what_is_missing(tables, fix) or 'no table of'} the step and "
            f"f_{name}[1] f_{name}[2] f_{name}[3] (H, O, v of fix momt)"
        )
    fixes = sorted({name for table in usable for name in _fixes_with_all(table, fix)})
    if len(fixes) > 1:
        raise ValueError(f"{path}: columns of the fixes {', '.join(fixes)}: say which is fix momt")
    return _join(str(path), usable, fixes[0], volume)


@dataclass
class _Table:
    """A head and the rows below it."""

    names: list[str]
    line: int
    is_strict: bool  # every line below is a row or a comment
    rows: list[list[float]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    words: list[list[str]] = field(default_factory=list)  # of some rows


def _tables(path: Path) -> Iterator[_Table]:
    table: _Table | None = None
    bad: str | None = None  # about the line before: the last may be half written
    n_skipped = 0
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            words = line.split()
            if not words:
                continue
            if bad is not None:
                raise ValueError(bad)
            row = None if table is None else _row(words, len(table.names))
            if table is not None and row is not None:
                _add(table, row, words, number, path)
                continue
            head = _head(words)
            if head is not None:
                if table is not None:
                    yield table
                table = _Table(head, number, words[0].startswith("#"))
            elif table is None or words[0].startswith("#"):
                continue
            elif table.is_strict:
                bad = f"{path}:{number}: {shown(line)}: expected {len(table.names)} numbers"
            elif line.startswith(_END_OF_TABLE):
                yield table
                table = None
            else:
                n_skipped += 1
    if bad is not None:
        logger.warning("the last line is not whole and is left out: %s", bad)
    if n_skipped:
        logger.info("%s: %d lines between the rows of tables are left out", path, n_skipped)
    if table is not None:
        yield table


def _head(words: list[str]) -> list[str] | None:
    """Names of columns, if these words are such."""
    names = [word for word in [words[0].lstrip("#"), *words[1:]] if word]
    steps = [k for k, name in enumerate(names) if name.lower() in _STEP_NAMES]
    if not steps or not any(_OF_FIX.fullmatch(name) for name in names):
        return None
    names[steps[0]] = _STEP  # alike in all tables
    return names


def _row(words: list[str], n: int) -> list[float] | None:
    if len(words) != n:
        return None
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def _add(table: _Table, row: list[float], words: list[str], number: int, path: Path) -> None:
    if not all(map(math.isfinite, row)):
        name = table.names[[math.isfinite(x) for x in row].index(False)]
        raise ValueError(f"{path}:{number}: {shown(name)} is not finite")
    table.rows.append(row)
    table.lines.append(number)
    if len(table.words) < _MOST_WORDS:
        table.words.append(words)


def _fixes(table: _Table) -> dict[str, set[int]]:
    fixes: dict[str, set[int]] = {}
    for name in table.names:
        if match := _OF_FIX.fullmatch(name):
            fixes.setdefault(match[1], set()).add(int(match[2]))
    return fixes


def _fixes_with_all(table: _Table, wanted: str | None) -> list[str]:
    """IDs of the fixes whose first three numbers are in the table."""
    whole = [name for name, parts in _fixes(table).items() if {1, 2, 3} <= parts]
    return [name for name in whole if wanted in (None, name)]


def _what_is_missing(tables: list[_Table], fix: str | None) -> str | None:
    """Which column keeps a table from being one."""
    for table in tables:
        for name, parts in _fixes(table).items():
            lacking = sorted({1, 2, 3} - parts)
            if lacking and fix in (None, name):
                return f"line {table.line}: no column f_{name}[{lacking[0]}]: expected"
    return None


def _join(source: str, tables: list[_Table], fix: str, volume: str | None) -> Record:
    names = [name for name in tables[0].names if all(name in table.names for table in tables)]
    parts = []
    for table in tables:
        rows = np.array(table.rows)
        parts.append(rows[:, [table.names.index(name) for name in names]])
    values = dict(zip(names, np.concatenate(parts).T, strict=True))
    line = np.concatenate([table.lines for table in tables])
    appended = np.cumsum([0, *(len(table.rows) for table in tables)])[1:-1]
    step = _steps(source, values.pop(_STEP), line, appended[[table.is_strict for table in tables[1:]]])
    kept = np.ones(len(step), bool)
    kept[1:] = step[1:] > np.maximum.accumulate(step)[:-1]
    rounding = {}
    for k, quantity in enumerate(_QUANTITIES, 1):
        name = f"f_{fix}[{k}]"
        words = [row[table.names.index(name)] for table in tables for row in table.words]
        rounding[quantity] = _rounding(words, values[name])[kept]
    enthalpy, order, bias = (values.pop(f"f_{fix}[{k}]")[kept] for k in (1, 2, 3))
    columns = {name: column[kept] for name, column in values.items()}
    size = _volume(source, columns, volume)
    return Record(source, fix, step[kept], line[kept], enthalpy, order, bias, size, columns, rounding)


def _steps(source: str, values: np.ndarray, line: np.ndarray, appended: np.ndarray) -> np.ndarray:
    """Steps of all rows, int64[n]; only rows below an appended head may go back, and not to the beginning."""
    odd = np.flatnonzero((np.abs(values) > _LAST_STEP) | (values != np.round(values)))
    if len(odd):
        raise ValueError(f"{source}:{line[odd[0]]}: step {values[odd[0]]:g}: expected an integer")
    step = values.astype(np.int64)
    for at in np.flatnonzero(np.diff(step) < 0) + 1:
        if at in appended and step[at] > step[0]:
            logger.info("%s:%d: continued from step %d", source, line[at], step[at])
            continue
        raise ValueError(
            f"{source}:{line[at]}: step {step[at]} after {step[at - 1]}: expected rising steps; "
            "records of different runs are files of their own"
        )
    return step


def _volume(source: str, columns: dict[str, np.ndarray], name: str | None) -> np.ndarray | None:
    if name is None:
        name = next((key for key in columns if key.lower() in _VOLUME_NAMES), None)
        return None if name is None else columns[name]
    if name not in columns:
        raise ValueError(
            f"{source}: no column {shown(name)}: expected one of {shown(', '.join(columns), 400)}"
        )
    return columns[name]


def _rounding(words: list[str], values: np.ndarray) -> np.ndarray:
    """Half a unit of the last digit written, float64[n].

    Trailing zeros may be left out (as ``%g`` does): the word with the most digits tells how many there are.
    """
    significant = decimals = 1
    for word in words:
        digits, _, exponent = word.lstrip("+-").lower().partition("e")
        whole, _, fraction = digits.partition(".")
        significant = max(significant, len((whole + fraction).lstrip("0")))
        decimals = max(decimals, len(fraction) - int(exponent or 0))
    magnitude = np.floor(np.log10(np.maximum(np.abs(values), 1e-300))) + 1.0
    return 0.5 * np.maximum(10.0 ** np.minimum(magnitude - significant, 300.0), 10.0**-decimals)
