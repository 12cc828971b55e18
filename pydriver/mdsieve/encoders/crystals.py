# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames as the graph networks of crystals take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms


def require_crystal(atoms: Atoms) -> None:
    """Raise a ValueError unless the frame has atoms, finite positions and three periodic directions."""
    if not len(atoms):
        raise ValueError("there are no atoms in it")
    if not atoms.pbc.all() or abs(atoms.cell.volume) < 1e-6:
        raise ValueError("it is no crystal: expected a cell, periodic in three directions")
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        raise ValueError("its positions or its cell are not finite")


def as_crystal(atoms: Atoms) -> Any:
    """A ``pymatgen.core.Structure``.

    Raises
    ------
    ValueError
        If the frame is not periodic in three directions, or has no atoms.
    """
    from pymatgen.core import Lattice, Structure

    require_crystal(atoms)
    return Structure(
        Lattice(atoms.cell.array), atoms.get_chemical_symbols(), atoms.positions, coords_are_cartesian=True
    )
