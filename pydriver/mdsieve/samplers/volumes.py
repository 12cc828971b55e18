# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames at other volumes, to widen a set before it is thinned out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["VOLUME_FACTORS", "augment_volumes"]

#: What the paper of the bank's rule widened its sets with.
VOLUME_FACTORS = (0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)


def augment_volumes(frames: Iterable[Atoms], factors: Sequence[float] = VOLUME_FACTORS) -> Iterator[Atoms]:
    """Each frame at other volumes: cell and positions scaled alike by the cube root of each factor.

    Parameters
    ----------
    frames : iterable of ase.Atoms
        With a cell that has a volume.
    factors : sequence of float
        Of the volume; 1.0 is the frame as it is, labels included. 0.8 to 1.5 in Li et al., J. Chem. Phys.
        160, 074109 (2024).

    Yields
    ------
    ase.Atoms
        Copies, all factors of the first frame, then of the second. ``info["volume_factor"]`` says which.
        Energies, forces, stresses and velocities hold for factor 1.0 only and are left out elsewhere.

    Raises
    ------
    ValueError
        If a factor is not above 0, or a frame has no volume.
    """
    for factor in factors:
        if not (np.isfinite(factor) and factor > 0):
            raise ValueError(f"volume factor {factor!r}: expected a number above 0")
    for number, atoms in enumerate(frames):
        if not abs(atoms.cell.volume) > 0:
            raise ValueError(f"frame {number}: it has no cell whose volume could be changed")
        for factor in factors:
            scaled = atoms.copy()
            scaled.info["volume_factor"] = float(factor)
            if factor == 1.0:
                scaled.calc = atoms.calc
            else:
                scaled.set_cell(atoms.cell * factor ** (1.0 / 3.0), scale_atoms=True)
                scaled.arrays.pop("momenta", None)
            yield scaled
