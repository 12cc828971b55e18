# SPDX-License-Identifier: GPL-2.0-or-later
"""Energies and bond lengths of FCC, BCC and HCP, each at its own best volume, and their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from mdsieve.validate.contract import Measured, Number, Property

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.validate.subject import Subject

__all__ = [
    "LATTICES",
    "PAPER_RATIO",
    "Crystal",
    "Crystals",
    "Lattice",
    "guessed_volume",
    "nearest",
    "relaxed_crystal",
]

Lattice = Literal["fcc", "bcc", "hcp"]

#: c/a that the hexagonal crystal of the distillation paper (arXiv:2311.05407) keeps.
PAPER_RATIO = 1.555

#: In the order of tables.
LATTICES: tuple[Lattice, ...] = ("fcc", "bcc", "hcp")

_REPEATS = {"fcc": (2, 2, 2), "bcc": (3, 3, 3), "hcp": (3, 2, 2)}

_FACTOR_STEP, _MOST_STEPS = 1.02, 20  # lengths are looked through from 0.67 to 1.49 times the guess
_TOLERANCE = 1e-8


def guessed_volume(element: str) -> float:
    """Volume of an atom in the element's crystal in ASE's table of reference states [Å³].

    Raises
    ------
    ValueError
        If the table has no crystal for it.
    """
    from mdsieve.translate import element_length

    try:
        return element_length(element, "volume") ** 3
    except ValueError:
        raise ValueError(f"{element}: no crystal of it is known here; say --volume, Å³ an atom") from None


@dataclass(frozen=True)
class Crystal:
    """A perfect crystal.

    Attributes
    ----------
    element : str
    lattice : {"fcc", "bcc", "hcp"}
    volume : float
        Å³ an atom.
    ratio : float
        c/a of HCP; nothing to the others.
    """

    element: str
    lattice: Lattice
    volume: float
    ratio: float = PAPER_RATIO

    @property
    def name(self) -> str:
        """As tables have it."""
        return self.lattice.upper()

    def primitive(self) -> Atoms:
        """The smallest cell."""
        return self._built(cubic=False)

    def conventional(self) -> Atoms:
        """A cell with right angles: 4, 2 or 4 atoms."""
        return self._built(cubic=True)

    def supercell(self) -> Atoms:
        """The distillation paper's: 32, 54 or 48 atoms."""
        return self.conventional() * _REPEATS[self.lattice]

    def scaled(self, factor: float) -> Crystal:
        """With all lengths multiplied."""
        return replace(self, volume=self.volume * factor**3)

    def _built(self, *, cubic: bool) -> Atoms:
        from ase.build import bulk

        if self.lattice == "fcc":
            return bulk(self.element, "fcc", a=(4.0 * self.volume) ** (1.0 / 3.0), cubic=cubic)
        if self.lattice == "bcc":
            return bulk(self.element, "bcc", a=(2.0 * self.volume) ** (1.0 / 3.0), cubic=cubic)
        a = (4.0 * self.volume / (np.sqrt(3.0) * self.ratio)) ** (1.0 / 3.0)
        return bulk(self.element, "hcp", a=a, c=self.ratio * a, orthorhombic=cubic)


def relaxed_crystal(subject: Subject, start: Crystal, *, free_ratio: bool = False) -> Crystal:
    """The crystal at the volume of the lowest energy that is downhill from where it starts; looked for once.

    Parameters
    ----------
    subject : Subject
    start : Crystal
    free_ratio : bool
        Whether c/a of HCP is the best between 1.4 and 1.9, too; else it is kept.

    Raises
    ------
    ValueError
        If there is no such volume.
    """
    is_ratio_free = free_ratio and start.lattice == "hcp"
    if (start, is_ratio_free) not in subject.crystals:
        search = _at_best_ratio if is_ratio_free else _at_best_volume
        subject.crystals[start, is_ratio_free] = search(subject, start)
    return subject.crystals[start, is_ratio_free]


class Crystals(Property):
    """FCC (32 atoms), BCC (54) and HCP (48).

    The cells grow and shrink without changing their shape; forces vanish in them by symmetry.

    Parameters
    ----------
    starts : sequence of Crystal
    free_ratio : bool
        Whether c/a of HCP is relaxed, too.
    """

    name: ClassVar[str] = "crystals"

    def __init__(self, starts: Sequence[Crystal], *, free_ratio: bool = False) -> None:
        self.starts = starts
        self.free_ratio = free_ratio

    def measure(self, subject: Subject) -> Measured:
        """See `Property.measure`."""
        numbers: list[Number] = []
        energies: dict[str, float] = {}
        for start in self.starts:
            crystal = relaxed_crystal(subject, start, free_ratio=self.free_ratio)
            atoms, name = crystal.supercell(), crystal.name
            energies[name] = subject.energy(atoms) / len(atoms)
            numbers.append(Number(f"{name} energy", "eV/atom", energies[name]))
            numbers.append(Number(f"{name} nearest neighbours", "Å", nearest(atoms)))
            numbers.append(Number(f"{name} volume", "Å³/atom", crystal.volume))
            if crystal.lattice == "hcp":
                numbers.append(Number(f"{name} c/a", "", crystal.ratio))
        order = " < ".join(sorted(energies, key=lambda name: energies[name]))
        return Measured(tuple(numbers), {"order of energies": order})


def nearest(atoms: Atoms) -> float:
    """Shortest distance between two atoms of a periodic structure, images included [Å]."""
    from vesin import ase_neighbor_list

    reach = 1.5 * (atoms.get_volume() / len(atoms)) ** (1.0 / 3.0)  # beyond that of the densest packing
    (distances,) = ase_neighbor_list("d", atoms, reach)
    return float(distances.min())


def _at_best_volume(subject: Subject, start: Crystal) -> Crystal:
    from scipy.optimize import minimize_scalar

    def energy(factor: float) -> float:
        atoms = start.scaled(factor).supercell()
        return subject.energy(atoms) / len(atoms)

    bracket = _bracket(energy)
    if bracket is None:
        least, most = (100.0 * _FACTOR_STEP ** (3 * way * _MOST_STEPS) for way in (-1, 1))
        raise ValueError(
            f"{start.element} {start.name}: no volume of lowest energy between {least:.0f} and {most:.0f} % "
            f"of the guess, {start.volume:.2f} Å³ an atom"
        )
    found = minimize_scalar(energy, bracket=bracket, method="brent", options={"xtol": _TOLERANCE})
    return start.scaled(float(found.x))


def _at_best_ratio(subject: Subject, start: Crystal) -> Crystal:
    from scipy.optimize import minimize_scalar

    def best(ratio: float) -> Crystal:
        return _at_best_volume(subject, replace(start, ratio=ratio))

    found = minimize_scalar(
        lambda ratio: subject.energy(best(ratio).supercell()),
        bounds=(1.4, 1.9),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return best(float(found.x))


def _bracket(energy: Callable[[float], float]) -> tuple[float, float, float] | None:
    """Three factors of lengths of which the middle one has the lowest energy; downhill from 1."""
    middle, here = 1.0, energy(1.0)
    step = _FACTOR_STEP if energy(_FACTOR_STEP) < energy(1.0 / _FACTOR_STEP) else 1.0 / _FACTOR_STEP
    for _ in range(_MOST_STEPS):
        ahead = energy(middle * step)
        if ahead >= here:
            behind = middle / step
            return min(behind, middle * step), middle, max(behind, middle * step)
        middle, here = middle * step, ahead
    return None
