# SPDX-License-Identifier: GPL-2.0-or-later
"""LAMMPS' unit styles in ASE's units (eV, Å) and picoseconds."""

from __future__ import annotations

from dataclasses import dataclass

STYLES = ("lj", "real", "metal", "si", "cgs", "electron", "micro", "nano")


@dataclass(frozen=True)
class UnitStyle:
    """Factors that take numbers of one LAMMPS unit style to ours.

    Attributes
    ----------
    name : str
        The word of LAMMPS' ``units`` command.
    energy, force, velocity, pressure, time : float
        To eV, eV/Å, Å per ASE time unit, eV/Å³ and ps. All are 1 for ``lj``: reduced numbers stay as they
        are.
    """

    name: str
    energy: float
    force: float
    velocity: float
    pressure: float
    time: float

    @property
    def reduced(self) -> bool:
        """Whether the numbers have no physical unit (``units lj``)."""
        return self.name == "lj"


def unit_style(name: str) -> UnitStyle:
    """The factors of a LAMMPS unit style.

    Raises
    ------
    ValueError
        If LAMMPS has no such style.
    """
    from ase import units
    from ase.calculators.lammps import convert

    if name not in STYLES:
        raise ValueError(f"units {name}: expected one of {', '.join(STYLES)}")
    if name == "lj":
        return UnitStyle(name, 1.0, 1.0, 1.0, 1.0, 1.0)
    quantities = ("energy", "force", "velocity", "pressure", "time")
    factors = {quantity: float(convert(1.0, quantity, name, "ASE")) for quantity in quantities}
    factors["time"] /= 1000.0 * units.fs
    return UnitStyle(name, **factors)
