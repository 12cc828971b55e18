# SPDX-License-Identifier: GPL-2.0-or-later
"""A structure as LAMMPS wants it: in a box along its own axes, with every atom inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["LammpsBox", "enclosed"]

_ROOM = 1.0  # Å between the outermost atoms and a side that is not periodic
_NO_TILT = 1e-12  # of a length: left over by rounding


def enclosed(atoms: Atoms) -> Atoms:
    """A copy that is the same structure to a potential, in a cell that holds all atoms.

    Periodic cell vectors stay as they are; the others are replaced by vectors orthogonal to all, long enough
    for the atoms, which are moved along with them.

    Raises
    ------
    ValueError
        If there is no atom, a position is not finite, or the periodic cell vectors span nothing.
    """
    if not len(atoms):
        raise ValueError("there is no atom")
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        raise ValueError("positions or cell are not finite")
    copy = atoms.copy()
    copy.calc = None
    periodic = np.asarray(atoms.pbc, dtype=bool)
    vectors = copy.cell.array[periodic]
    if periodic.any():
        lengths = np.linalg.norm(vectors, axis=1)
        if not (lengths > 0).all() or np.linalg.svd(vectors / lengths[:, None])[1].min() < 1e-6:
            raise ValueError("the periodic cell vectors span no volume")
    if periodic.all():
        return copy
    cell = copy.cell.array.copy()
    free = np.linalg.svd(vectors, full_matrices=True)[2][periodic.sum() :] if len(vectors) else np.eye(3)
    for axis, direction in zip(np.flatnonzero(~periodic), free, strict=True):
        along = copy.positions @ direction
        cell[axis] = direction * (np.ptp(along) + 2.0 * _ROOM)
        copy.positions += direction * (_ROOM - along.min())
    copy.set_cell(cell)
    return copy


@dataclass(frozen=True, eq=False)
class LammpsBox:
    """Box and positions in LAMMPS' axes, and the way back.

    Attributes
    ----------
    sides : ndarray of float, shape (6,)
        lx, ly, lz, xy, xz, yz [Å]; the corner is at 0, tilts are as small as they can be.
    positions : ndarray of float, shape (n_atoms, 3)
        Inside the box along periodic directions [Å].
    periodic : ndarray of bool, shape (3,)
    rotation : ndarray of float, shape (3, 3)
        Q with v = Q v' for a vector v' in LAMMPS' axes.
    """

    sides: np.ndarray
    positions: np.ndarray
    periodic: np.ndarray
    rotation: np.ndarray

    @classmethod
    def of(cls, atoms: Atoms) -> LammpsBox:
        """The box of a structure.

        Raises
        ------
        ValueError
            As `enclosed`.
        """
        from ase.calculators.lammps import Prism

        inside = enclosed(atoms)
        prism = Prism(inside.cell.array, inside.pbc, reduce_cell=True)
        sides = np.array(prism.get_lammps_prism())
        sides[3:][np.abs(sides[3:]) < _NO_TILT * sides[:3].max()] = 0.0
        return cls(sides, prism.vector_to_lammps(inside.positions), np.array(inside.pbc), prism.rot_mat)

    def vectors_back(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors, shape (n, 3), in the structure's own axes."""
        return vectors @ self.rotation.T

    def tensor_back(self, tensor: np.ndarray) -> np.ndarray:
        """A tensor, shape (3, 3), in the structure's own axes."""
        return self.rotation @ tensor @ self.rotation.T
