# SPDX-License-Identifier: GPL-2.0-or-later
"""Reader of n2p2's ``function.data``: symmetry functions of all atoms, structure by structure.

A structure is a line with its number of atoms, a line an atom (atomic number, then its symmetry functions in
n2p2's sorted order) and a line with charge and energies.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO

import numpy as np

from mdsieve.io.wording import shown

__all__ = ["FunctionFrame", "read_function_data"]

_TRAILER = 4  # numbers in the last line of a structure


@dataclass(frozen=True)
class FunctionFrame:
    """The symmetry functions of one structure.

    Attributes
    ----------
    numbers : ndarray of int, shape (n_atoms,)
        Atomic numbers.
    rows : list of ndarray of float
        For each atom its symmetry functions, in the file's order.
    """

    numbers: np.ndarray
    rows: list[np.ndarray]


def read_function_data(path: str | os.PathLike) -> Iterator[FunctionFrame]:
    """The structures of a ``function.data`` file, one after the other; memory does not grow with the file.

    Yields
    ------
    FunctionFrame

    Raises
    ------
    ValueError
        "path: line n: ..." for what is malformed: no number, not finite, an unknown element, another number
        of functions than the element had before, a structure cut short.
    OSError
        If the file cannot be read.
    """
    widths: dict[int, int] = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        reader = _Lines(file, os.fspath(path))
        while (words := reader.next_filled()) is not None:
            yield _frame(reader, words, widths)


class _Lines:
    """The lines of a file as words, counted."""

    def __init__(self, file: IO[str], name: str) -> None:
        self._file = file
        self._name = name
        self.number = 0

    def next_filled(self) -> list[str] | None:
        for line in self._file:
            self.number += 1
            if words := line.split():
                return words
        return None

    def following(self, n: int) -> Iterator[list[str]]:
        for line in islice(self._file, n):
            self.number += 1
            yield line.split()

    def fail(self, problem: str) -> ValueError:
        return ValueError(f"{self._name}: line {self.number}: {problem}")


def _frame(reader: _Lines, words: list[str], widths: dict[int, int]) -> FunctionFrame:
    word = words[0]
    if len(words) != 1 or not (word.isascii() and word.isdecimal() and len(word) < 10 and int(word) > 0):
        raise reader.fail(f"expected a number of atoms, found '{shown(' '.join(words))}'")
    n, announced = int(word), reader.number
    numbers: list[int] = []
    rows: list[np.ndarray] = []
    for atom in reader.following(n):
        numbers.append(_atomic_number(reader, atom))
        rows.append(_numbers(reader, atom[1:]))
        width = widths.setdefault(numbers[-1], len(rows[-1]))
        if len(rows[-1]) != width:
            raise reader.fail(
                f"{len(rows[-1])} symmetry functions of element {numbers[-1]}, which has {width} elsewhere"
            )
    trailer = next(reader.following(1), None)
    if len(rows) != n or trailer is None:
        found = len(rows)
        raise reader.fail(f"the file ends after {found} of the {n} atoms announced in line {announced}")
    if len(_numbers(reader, trailer)) != _TRAILER:
        raise reader.fail(f"expected {_TRAILER} numbers at the end of a structure, found {len(trailer)}")
    return FunctionFrame(np.array(numbers), rows)


def _atomic_number(reader: _Lines, words: list[str]) -> int:
    word = words[0] if words else ""
    if not (word.isascii() and word.isdecimal() and len(word) < 4 and 1 <= int(word) <= 118):
        raise reader.fail(f"expected an atomic number, found '{shown(word)}'")
    return int(word)


def _numbers(reader: _Lines, words: list[str]) -> np.ndarray:
    try:
        values = np.array([float(word) for word in words])
    except ValueError:
        raise reader.fail(f"expected numbers, found '{shown(' '.join(words))}'") from None
    if not all(map(math.isfinite, values)):
        raise reader.fail("a number is not finite")
    return values
