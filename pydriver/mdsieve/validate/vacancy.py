# SPDX-License-Identifier: GPL-2.0-or-later
"""What it costs to take an atom out of a crystal and put it back elsewhere into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mdsieve.validate.contract import Measured, Number, Property
from mdsieve.validate.crystals import Crystal, relaxed_crystal

if TYPE_CHECKING:
    from mdsieve.validate.subject import Subject

__all__ = ["VacancyEnergy"]


class VacancyEnergy(Property):
    """E_f = E(N - 1 atoms, at rest) - (N - 1)/N E(N), in the cell of the perfect crystal.

    Parameters
    ----------
    start : Crystal
    free_ratio : bool
        Whether c/a of HCP is relaxed, too.
    length : float
        Å between a vacancy and its images, at least.
    """

    name: ClassVar[str] = "vacancy"

    def __init__(
        self,
        start: Crystal,
        *,
        free_ratio: bool = False,
        length: float = 10.0,
    ) -> None:
        self.start = start
        self.free_ratio = free_ratio
        self.length = length

    def measure(self, subject: Subject) -> Measured:
        """See `Property.measure`."""
        crystal = relaxed_crystal(subject, self.start, free_ratio=self.free_ratio)
        cell = crystal.conventional()
        atoms = cell * np.ceil(self.length / cell.cell.lengths()).astype(int)
        with_hole = atoms[1:]
        perfect = subject.energy(atoms) / len(atoms) * len(with_hole)
        energy = subject.energy(subject.relaxed(with_hole)) - perfect
        unrelaxed = subject.energy(with_hole) - perfect
        name = f"{crystal.name} vacancy"
        return Measured(
            (
                Number(f"{name} ({len(with_hole)} atoms)", "eV", energy),
                Number(f"{name}, atoms held", "eV", unrelaxed),
            )
        )
