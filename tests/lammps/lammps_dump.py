# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames of a ``dump custom`` file, with every column and every digit."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class DumpedFrame:
    """One frame.

    Attributes
    ----------
    cell : (3, 3) array
        Rows a, b, c.
    columns : dict
        Name → values, one an atom.
    """

    step: int
    cell: np.ndarray
    origin: np.ndarray
    periodic: tuple[bool, bool, bool]
    columns: dict[str, np.ndarray]

    @property
    def n_atoms(self) -> int:
        return len(self.columns["id"])

    @property
    def ids(self) -> np.ndarray:
        return self.columns["id"].astype(int)

    @property
    def types(self) -> np.ndarray:
        return self.columns["type"].astype(int)

    def vectors(self, x: str, y: str, z: str) -> np.ndarray:
        """Three columns as an array of shape (n_atoms, 3)."""
        return np.stack([self.columns[name] for name in (x, y, z)], axis=1)


def read_dump(path: Path) -> list[DumpedFrame]:
    """All frames of a text dump in their order in the file."""
    return [_frame(block.splitlines()) for block in path.read_text().split("ITEM: TIMESTEP\n")[1:]]


def _frame(lines: list[str]) -> DumpedFrame:
    at = {line.split()[1]: number for number, line in enumerate(lines) if line.startswith("ITEM:")}
    box, atoms = at["BOX"], at["ATOMS"]
    edges = [word for word in lines[box].split()[3:] if len(word) == 2 and word not in ("xy", "xz", "yz")]
    names = lines[atoms].split()[2:]
    table = np.array([line.split() for line in lines[atoms + 1 :]], dtype=float).reshape(-1, len(names))
    cell, origin = _cell([[float(word) for word in line.split()] for line in lines[box + 1 : box + 4]])
    return DumpedFrame(
        int(lines[0]),
        cell,
        origin,
        tuple(edge == "pp" for edge in edges),
        dict(zip(names, table.T, strict=True)),
    )


def _cell(bounds: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Cell and origin from the bounds of the box, which for a triclinic one enclose it."""
    xy, xz, yz = (row[2] if len(row) > 2 else 0.0 for row in bounds)
    low = np.array([row[0] for row in bounds]) - [min(0, xy, xz, xy + xz), min(0, yz), 0]
    high = np.array([row[1] for row in bounds]) - [max(0, xy, xz, xy + xz), max(0, yz), 0]
    a, b, c = high - low
    return np.array([[a, 0, 0], [xy, b, 0], [xz, yz, c]]), low
