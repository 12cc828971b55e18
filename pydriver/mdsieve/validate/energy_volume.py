# SPDX-License-Identifier: GPL-2.0-or-later
"""Energy against volume of perfect crystals, with the Birch-Murnaghan equation of state."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mdsieve.validate.contract import Curve, Measured, Number, Property
from mdsieve.validate.crystals import Crystal, relaxed_crystal

if TYPE_CHECKING:
    from mdsieve.validate.subject import Subject

__all__ = ["EnergyVolume"]


class EnergyVolume(Property):
    """E(V) of FCC, BCC and HCP about their best volumes; volume and bulk modulus by `ase.eos`.

    Parameters
    ----------
    starts : sequence of Crystal
    free_ratio : bool
        Whether c/a of HCP is relaxed at its best volume; it is kept at the others.
    reach : float
        How far the volume goes up and down; the equation of state is fitted within 0.3 times as far.
    n_points : int
        Of each curve, odd.
    """

    name: ClassVar[str] = "volumes"

    def __init__(
        self,
        starts: Sequence[Crystal],
        *,
        free_ratio: bool = False,
        reach: float = 0.2,
        n_points: int = 41,
    ) -> None:
        self.starts = starts
        self.free_ratio = free_ratio
        self.reach = reach
        self.n_points = n_points

    def measure(self, subject: Subject) -> Measured:
        """See `Property.measure`."""
        from ase.eos import EquationOfState
        from ase.units import GPa

        numbers: list[Number] = []
        curves: list[Curve] = []
        for start in self.starts:
            crystal = relaxed_crystal(subject, start, free_ratio=self.free_ratio)
            factors = np.linspace(1.0 - self.reach, 1.0 + self.reach, self.n_points)
            volumes, energies = [], []
            for factor in factors:
                atoms = crystal.scaled(factor ** (1.0 / 3.0)).supercell()
                volumes.append(crystal.volume * factor)
                energies.append(subject.energy(atoms) / len(atoms))
            name = crystal.name
            curves.append(
                Curve(
                    f"energy-volume-{crystal.lattice}",
                    f"volume of {name} [Å³/atom]",
                    "energy [eV/atom]",
                    np.array(volumes),
                    {"energy": np.array(energies)},
                )
            )
            near = np.abs(factors - 1.0) <= 0.3 * self.reach + 1e-12
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    state = EquationOfState(
                        np.array(volumes)[near], np.array(energies)[near], eos="birchmurnaghan"
                    )
                    best, _, modulus = state.fit()
            except (RuntimeError, ValueError, Warning):
                raise ValueError(f"{name}: no equation of state fits E(V)") from None
            numbers.append(Number(f"{name} volume", "Å³/atom", float(best)))
            numbers.append(Number(f"{name} bulk modulus", "GPa", float(modulus) / GPa))
        return Measured(tuple(numbers), curves=tuple(curves))
