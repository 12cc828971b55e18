# SPDX-License-Identifier: GPL-2.0-or-later
"""The order parameter of fix momt for stored frames: a structure factor of the crystal that fits the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["fcc_order"]

_HALF_SHELL = np.array([[1, 1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]])


def fcc_order(atoms: Atoms) -> float:
    """Σ_g |Σ_j exp(2πi n·s_j)|² / (4 N²) over the shortest reciprocal vectors n of an fcc crystal of m³
    conventional cells, N = 4 m³: 1 for a perfect crystal, about 1/N for a liquid (Jung and Cheng, npj Comput.
    Mater. 12, 78 (2026), divided by N).

    Raises
    ------
    ValueError
        If N is not 4 m³ or the frame has no cell.
    """
    m = round((len(atoms) / 4) ** (1 / 3))
    if 4 * m**3 != len(atoms) or atoms.cell.rank < 3:
        raise ValueError(f"axis O: expected cells of 4 m³ atoms (32, 108, 256), not one of {len(atoms)}")
    phases = 2.0 * np.pi * atoms.cell.scaled_positions(atoms.positions) @ (m * _HALF_SHELL).T
    amplitudes = np.cos(phases).sum(axis=0) ** 2 + np.sin(phases).sum(axis=0) ** 2
    return float(amplitudes.sum() / (4.0 * len(atoms) ** 2))
