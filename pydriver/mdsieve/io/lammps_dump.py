# SPDX-License-Identifier: GPL-2.0-or-later
"""Text dumps of LAMMPS, snapshot by snapshot: what they say, or a line that says what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TextIO

import numpy as np

from mdsieve.io.wording import shown

if TYPE_CHECKING:
    from ase import Atoms

MARK = "ITEM: TIMESTEP"

_POSITIONS = (("x", "y", "z"), ("xu", "yu", "zu"), ("xs", "ys", "zs"), ("xsu", "ysu", "zsu"))
_VELOCITIES = ("vx", "vy", "vz")
_FORCES = ("fx", "fy", "fz")
_LONGEST_LINE = 1 << 20


class DumpError(ValueError):
    """``line N: what is wrong``."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")


class _Lines:
    """The lines of a file, counted."""

    def __init__(self, file: TextIO, first: int = 1) -> None:
        self._file = file
        self.number = first - 1

    def next(self) -> str | None:
        line = self._file.readline(_LONGEST_LINE)
        if not line:
            return None
        self.number += 1
        if len(line) == _LONGEST_LINE:
            raise DumpError(self.number, f"more than {_LONGEST_LINE} characters in one line")
        return line

    def require(self, what: str) -> str:
        line = self.next()
        if line is None:
            raise DumpError(self.number, f"the file ends, expected {what}")
        return line

    def take(self, n: int) -> list[str]:
        return list(islice(iter(self.next, None), n))

    def error(self, what: str) -> DumpError:
        return DumpError(self.number, what)


@dataclass(frozen=True)
class DumpHeader:
    """What stands before the atoms of a snapshot.

    Attributes
    ----------
    step, n_atoms : int
    cell : ndarray, shape (3, 3)
        Cell vectors as rows [Å].
    origin : ndarray, shape (3,)
        Lower corner of the box.
    periodic : list of bool
    columns : dict of str to int
        Place of each column by its name.
    """

    step: int
    n_atoms: int
    cell: np.ndarray
    origin: np.ndarray
    periodic: list[bool]
    columns: dict[str, int]

    @property
    def position_names(self) -> Sequence[str]:
        """The columns to take positions from."""
        return next(place for place in _POSITIONS if set(place) <= set(self.columns))

    def cartesian(self, values: np.ndarray) -> np.ndarray:
        """Positions from the numbers in `position_names`, shape (n, 3)."""
        return values @ self.cell + self.origin if self.position_names[0].startswith("xs") else values


def read_dump(file: TextIO, types: Sequence[str] | None = None, first_line: int = 1) -> Iterator[Atoms]:
    """The snapshots of a text dump.

    Parameters
    ----------
    file : text file
    types : sequence of str, optional
        Element symbols of the atom types 1, 2, …; needed where the dump has no column ``element``.
    first_line : int
        Number of the first line, for messages.

    Yields
    ------
    ase.Atoms
        In the order of the atom IDs; ``arrays["id"]`` and ``info["timestep"]`` hold what the dump says.
        Positions as they stand there, scaled ones with the box multiplied in. Velocities (Å/ps) and forces
        (eV/Å) of ``units metal`` if there are any.

    Raises
    ------
    DumpError
        The line, the word or atom, and what was expected.
    """
    lines = _Lines(file, first_line)
    while (header := _next_header(lines)) is not None:
        yield _snapshot(lines, header, types)


def read_header(text: TextIO) -> DumpHeader | None:
    """The first snapshot's header, up to the line before its atoms; None if there is none.

    Raises
    ------
    DumpError
        As `read_dump`.
    """
    return _next_header(_Lines(text))


def snapshot_atoms(
    header: DumpHeader, ids: np.ndarray, numbers: np.ndarray, vectors: dict[str, np.ndarray]
) -> Atoms:
    """The atoms of a snapshot in the order of their IDs.

    Parameters
    ----------
    header : DumpHeader
    ids, numbers : ndarray of int, shape (n_atoms,)
        IDs and atomic numbers in the order of the lines.
    vectors : dict of str to ndarray, shape (n_atoms, 3)
        ``positions``, ``velocities`` (Å/ps) and ``forces`` (eV/Å), the last two if there are any.
    """
    from ase import Atoms, units
    from ase.calculators.singlepoint import SinglePointCalculator

    order = np.argsort(ids, kind="stable")
    atoms = Atoms(
        numbers=numbers[order],
        positions=header.cartesian(vectors["positions"])[order],
        cell=header.cell,
        pbc=header.periodic,
        celldisp=header.origin,
        info={"timestep": header.step},
    )
    atoms.set_array("id", ids[order])
    if "velocities" in vectors:
        atoms.set_velocities(vectors["velocities"][order] / (1000.0 * units.fs))
    if "forces" in vectors:
        atoms.calc = SinglePointCalculator(atoms, forces=vectors["forces"][order])
    return atoms


def vector_columns(header: DumpHeader) -> dict[str, Sequence[str]]:
    """The columns of each of `snapshot_atoms`' vectors that the dump has."""
    found = {"positions": header.position_names, "velocities": _VELOCITIES, "forces": _FORCES}
    return {name: columns for name, columns in found.items() if set(columns) <= set(header.columns)}


def _next_header(lines: _Lines) -> DumpHeader | None:
    while (line := lines.next()) is not None:
        if line.split() == MARK.split():
            return _header(lines)
        if is_extra(line):
            lines.require("a value")
        elif line.strip():
            raise lines.error(f"{_shown(line)}, expected '{MARK}'")
    return None


def _header(lines: _Lines) -> DumpHeader:
    step = _integer(lines, "a time step")
    line = lines.require("'ITEM: NUMBER OF ATOMS'")
    while not line.startswith(
        "ITEM: NUMBER OF ATOMS"
    ):  # ITEM: UNITS, ITEM: TIME, each with a line of its own
        if not is_extra(line):
            raise lines.error(f"{_shown(line)}, expected 'ITEM: NUMBER OF ATOMS'")
        lines.require("a value")
        line = lines.require("'ITEM: NUMBER OF ATOMS'")
    n_atoms = _integer(lines, "a number of atoms")
    cell, origin, periodic = _box(lines)
    return DumpHeader(step, n_atoms, cell, origin, periodic, _columns(lines))


def _snapshot(lines: _Lines, header: DumpHeader, types: Sequence[str] | None) -> Atoms:
    columns = header.columns
    first = lines.number + 1
    table = _table(lines, header.n_atoms, columns)
    ids = _ids(table, columns, header.n_atoms, first)
    numbers = _numbers_of(table, columns, types, first)
    vectors = {name: _vectors(table, columns, words, first) for name, words in vector_columns(header).items()}
    return snapshot_atoms(header, ids, numbers, vectors)


def is_extra(line: str) -> bool:
    """Whether it is a header that `dump_modify units yes time yes` adds; a line of its own follows."""
    return line.split() in (["ITEM:", "UNITS"], ["ITEM:", "TIME"])


def _integer(lines: _Lines, what: str) -> int:
    word = lines.require(what).strip()
    if not (word.isascii() and word.isdecimal() and len(word) < 19):
        raise lines.error(f"{_shown(word)}, expected {what}")
    return int(word)


def _box(lines: _Lines) -> tuple[np.ndarray, np.ndarray, list[bool]]:
    """Cell vectors as rows, lower corner, periodic directions."""
    words = lines.require("'ITEM: BOX BOUNDS'").split()
    if words[:3] != ["ITEM:", "BOX", "BOUNDS"]:
        raise lines.error(f"{_shown(' '.join(words))}, expected 'ITEM: BOX BOUNDS'")
    boundaries = [word for word in words[3:] if len(word) == 2 and set(word) <= set("pfsm")]
    if len(boundaries) != 3:
        raise lines.error("expected three boundaries such as pp pp ff after 'ITEM: BOX BOUNDS'")
    if words[3:4] == ["abc"]:
        rows = np.array([_numbers(lines, 4) for _ in range(3)])
        cell, origin = rows[:, :3], rows[:, 3]
    else:
        n_numbers = 3 if words[3:6] == ["xy", "xz", "yz"] else 2
        rows = np.array([_numbers(lines, n_numbers) for _ in range(3)])
        xy, xz, yz = rows[:, 2] if n_numbers == 3 else (0.0, 0.0, 0.0)
        low = rows[:, 0] - [min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0]
        high = rows[:, 1] - [max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0]
        sides = high - low
        if not (sides > 0.0).all():
            raise lines.error(f"the box has sides {sides[0]:g} {sides[1]:g} {sides[2]:g}, expected above 0")
        cell = np.array([[sides[0], 0.0, 0.0], [xy, sides[1], 0.0], [xz, yz, sides[2]]])
        origin = low
    if not (np.isfinite(cell).all() and np.isfinite(origin).all()):
        raise lines.error("the box is not finite")
    return cell, origin, [word == "pp" for word in boundaries]


def _numbers(lines: _Lines, n: int) -> list[float]:
    words = lines.require(f"{n} numbers").split()
    try:
        if len(words) == n:
            return [float(word) for word in words]
    except ValueError:
        pass
    raise lines.error(f"{_shown(' '.join(words))}, expected {n} numbers for the box")


def _columns(lines: _Lines) -> dict[str, int]:
    """Place of each column by its name."""
    words = lines.require("'ITEM: ATOMS'").split()
    if words[:2] != ["ITEM:", "ATOMS"]:
        raise lines.error(f"{_shown(' '.join(words))}, expected 'ITEM: ATOMS'")
    names = words[2:]
    if not any(set(place) <= set(names) for place in _POSITIONS):
        raise lines.error("no positions, expected columns x y z, xu yu zu, xs ys zs or xsu ysu zsu")
    return {name: place for place, name in enumerate(names)}


def _table(lines: _Lines, n_atoms: int, columns: dict[str, int]) -> list[list[str]]:
    """The words of each atom."""
    first = lines.number + 1
    table = [line.split() for line in lines.take(n_atoms)]
    n_columns = max(columns.values()) + 1
    for i, words in enumerate(table):
        if words[:1] == ["ITEM:"]:
            raise DumpError(first + i, f"{i} atoms, expected {n_atoms}")
        if len(words) != n_columns:
            raise DumpError(
                first + i, f"{len(words)} values, expected {n_columns}: {_shown(' '.join(columns))}"
            )
    if len(table) != n_atoms:
        raise lines.error(f"the file ends after {len(table)} atoms of the snapshot, expected {n_atoms}")
    return table


def _vectors(table: list[list[str]], columns: dict[str, int], names: Sequence[str], first: int) -> np.ndarray:
    """Three columns as an array (n, 3) of finite numbers."""
    places = [columns[name] for name in names]
    words = [[row[place] for place in places] for row in table]
    try:
        values = np.array(words, dtype=float).reshape(-1, 3)
    except ValueError:
        values = np.array([[_real(word) for word in row] for row in words])
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        i, k = wrong[0]
        atom = f"atom {shown(table[i][columns['id']])}: " if "id" in columns else ""
        raise DumpError(
            first + int(i),
            f"{atom}{names[k]} is {_shown(words[i][k])}, expected a finite number",
        )
    return values


def _real(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")


def _ids(table: list[list[str]], columns: dict[str, int], n_atoms: int, first: int) -> np.ndarray:
    if "id" not in columns:
        return np.arange(1, n_atoms + 1)
    ids = np.empty(n_atoms, dtype=np.int64)
    lines_of: dict[int, int] = {}
    for i, row in enumerate(table):
        word = row[columns["id"]]
        if not (word.isascii() and word.isdecimal() and len(word) < 19):
            raise DumpError(first + i, f"atom ID {_shown(word)}, expected a whole number")
        ids[i] = int(word)
        before = lines_of.setdefault(int(word), first + i)
        if before != first + i:
            raise DumpError(first + i, f"atom {word} stands in line {before} already")
    return ids


def _numbers_of(
    table: list[list[str]], columns: dict[str, int], types: Sequence[str] | None, first: int
) -> np.ndarray:
    from ase.data import atomic_numbers

    if "element" in columns:
        symbols = [row[columns["element"]] for row in table]
    elif types is None:
        raise DumpError(first - 1, "the dump names no elements: say which element each atom type is")
    elif "type" not in columns:
        raise DumpError(first - 1, "neither a column element nor type")
    else:
        symbols = []
        for i, row in enumerate(table):
            word = row[columns["type"]]
            if not (word.isascii() and word.isdecimal() and len(word) < 9 and 1 <= int(word) <= len(types)):
                raise DumpError(
                    first + i, f"atom type {_shown(word)}, but elements are given for types 1 to {len(types)}"
                )
            symbols.append(types[int(word) - 1])
    for i, symbol in enumerate(symbols):
        if symbol not in atomic_numbers:
            raise DumpError(first + i, f"{_shown(symbol)} is no element")
    return np.array([atomic_numbers[symbol] for symbol in symbols], dtype=np.int64)


def _shown(words: str) -> str:
    return f"'{shown(words)}'"


def is_dump(head: Sequence[str]) -> bool:
    """Whether the first lines of a file are those of a text dump."""
    return any(line.startswith(MARK) for line in head[:4])
