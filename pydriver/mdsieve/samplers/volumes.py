# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames at other densities, to widen a set before it is thinned out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["BOND_LENGTH_FACTORS", "augment_volumes", "scale_bond_lengths"]

#: Factors of the bond length in Li et al., J. Chem. Phys. 160, 074109 (2024): 0.8 to 1.5.
BOND_LENGTH_FACTORS = (0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)


def scale_bond_lengths(
    frames: Iterable[Atoms], factors: Sequence[float] = BOND_LENGTH_FACTORS
) -> Iterator[Atoms]:
    """Scale cell and positions of each frame by each factor.

    Parameters
    ----------
    frames : iterable of ase.Atoms
        Frames with a cell that has a volume.
    factors : sequence of float
        Factors of all lengths; the volume changes by their cubes. 1.0 is the frame as it is, labels
        included. The default is that of Li et al., J. Chem. Phys. 160, 074109 (2024).

    Yields
    ------
    ase.Atoms
        Copies, all factors of the first frame, then of the second. ``info["length_factor"]`` is the factor.
        Energies, forces, stresses and velocities hold for factor 1.0 only and are left out elsewhere.

    Raises
    ------
    ValueError
        If a factor is not above 0, or a frame has no volume.
    """
    _require_positive(factors, "length factor")
    for atoms, factor in _with_volume(frames, factors):
        yield _scaled(atoms, factor, length_factor=float(factor))


def augment_volumes(frames: Iterable[Atoms], factors: Sequence[float]) -> Iterator[Atoms]:
    """Scale the volume of each frame by each factor, as `scale_bond_lengths` does with their cube roots.

    Parameters
    ----------
    frames : iterable of ase.Atoms
        Frames with a cell that has a volume.
    factors : sequence of float
        Factors of the volume. The 0.8 to 1.5 of Li et al. are factors of the bond length: use
        `scale_bond_lengths` for these.

    Yields
    ------
    ase.Atoms
        As `scale_bond_lengths`, with ``info["volume_factor"]``.

    Raises
    ------
    ValueError
        If a factor is not above 0, or a frame has no volume.
    """
    _require_positive(factors, "volume factor")
    for atoms, factor in _with_volume(frames, factors):
        yield _scaled(atoms, factor ** (1.0 / 3.0), volume_factor=float(factor))


def _require_positive(factors: Sequence[float], name: str) -> None:
    for factor in factors:
        if not (np.isfinite(factor) and factor > 0):
            raise ValueError(f"{name} {factor!r}: expected a number above 0")


def _with_volume(frames: Iterable[Atoms], factors: Sequence[float]) -> Iterator[tuple[Atoms, float]]:
    """Yield each frame with each factor."""
    for number, atoms in enumerate(frames):
        if not abs(atoms.cell.volume) > 0:
            raise ValueError(f"frame {number}: it has no cell whose volume could be changed")
        for factor in factors:
            yield atoms, factor


def _scaled(atoms: Atoms, factor: float, **info: float) -> Atoms:
    scaled = atoms.copy()
    scaled.info.update(info)
    if factor == 1.0:
        scaled.calc = atoms.calc
    else:
        scaled.set_cell(atoms.cell * factor, scale_atoms=True)
        scaled.arrays.pop("momenta", None)
    return scaled
