# SPDX-License-Identifier: GPL-2.0-or-later
"""What every way of labelling gives, and what a label must be."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Labelled", "Labeller", "with_labels", "without_labels"]

#: Names under which files keep results beside a calculator; an old one must not survive a new label.
_OLD = (
    "energy",
    "free_energy",
    "forces",
    "stress",
    "virial",
    "virials",
    "energies",
    "stresses",
    "magmom",
    "dipole",
)


@dataclass(frozen=True, eq=False)
class Labelled:
    """One frame after labelling.

    Attributes
    ----------
    index : int
        Its place among the frames that were given, from 0.
    atoms : ase.Atoms
        A copy of the frame. Its calculator holds energy [eV], forces [eV/Å] and, in a periodic cell, stress
        [eV/Å³, ASE's sign]; or it has none.
    problem : str
        Why there are no labels; empty if there are.
    """

    index: int
    atoms: Atoms
    problem: str = ""


class Labeller(ABC):
    """Gives frames energies, forces and stresses."""

    @property
    @abstractmethod
    def description(self) -> str:
        """Where the labels come from, on one line: what files say of their frames."""

    @abstractmethod
    def label(self, frames: Iterable[Atoms]) -> Iterator[Labelled]:
        """Label frames, in their order; only some are held in memory.

        A frame that cannot be labelled comes back with the reason.

        Raises
        ------
        ValueError
            If no frame could be labelled like this at all: one line that says why.
        OSError
            If a program cannot be started.
        """

    def label_all(self, frames: Iterable[Atoms]) -> list[Atoms]:
        """The frames with their labels, if all could be labelled.

        Raises
        ------
        ValueError
            "frame n: ..." for the first one that could not; or as `label`.
        """
        done = []
        for labelled in self.label(frames):
            if labelled.problem:
                raise ValueError(f"frame {labelled.index}: {labelled.problem}")
            done.append(labelled.atoms)
        return done


def without_labels(atoms: Atoms) -> Atoms:
    """A copy that says nothing of energies, forces or stresses; all else stays."""
    copy = atoms.copy()
    copy.calc = None
    for name in _OLD:
        copy.info.pop(name, None)
        copy.arrays.pop(name, None)
    return copy


def with_labels(atoms: Atoms, energy: float, forces: np.ndarray, stress: np.ndarray | None) -> Atoms:
    """A copy with labels in its calculator.

    Parameters
    ----------
    atoms : ase.Atoms
    energy : float
        eV.
    forces : array_like, shape (n_atoms, 3)
        eV/Å.
    stress : array_like, shape (6,) or (3, 3), optional
        eV/Å³ in ASE's sign.

    Raises
    ------
    ValueError
        If a shape is wrong or a number is not finite.
    """
    from ase.calculators.singlepoint import SinglePointCalculator

    energy, forces = float(energy), np.array(forces, dtype=float)
    if not np.isfinite(energy):
        raise ValueError(f"the energy is {energy}")
    if forces.shape != (len(atoms), 3):
        raise ValueError(f"forces of shape {forces.shape}, expected {(len(atoms), 3)}")
    infinite = np.flatnonzero(~np.isfinite(forces).all(axis=1))
    if len(infinite):
        raise ValueError(f"the force on atom {infinite[0] + 1} is not finite")
    results: dict = {"energy": energy, "forces": forces}
    if stress is not None:
        voigt = np.array(stress, dtype=float)
        if voigt.shape == (3, 3):
            voigt = voigt[(0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)]
        if voigt.shape != (6,) or not np.isfinite(voigt).all():
            raise ValueError("the stress is not 6 finite numbers")
        results["stress"] = voigt
    copy = without_labels(atoms)
    copy.calc = SinglePointCalculator(copy, **results)
    return copy
