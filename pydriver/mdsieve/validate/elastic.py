# SPDX-License-Identifier: GPL-2.0-or-later
"""Elastic constants by finite strains, with the atoms of each strained cell at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mdsieve.validate.contract import Curve, Measured, Number, Property
from mdsieve.validate.crystals import Crystal, Lattice, relaxed_crystal

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.validate.subject import Subject

__all__ = ["ElasticConstants", "elastic_matrix"]

_PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))  # Voigt: xx yy zz yz xz xy


class ElasticConstants(Property):
    """The elastic matrix of a crystal at its best volume, and what its symmetry leaves of it.

    HCP has a stress left unless c/a is relaxed too.

    Parameters
    ----------
    start : Crystal
    free_ratio : bool
        Whether c/a of HCP is relaxed, too.
    strain : float
        Up and down.
    """

    name: ClassVar[str] = "elastic"

    def __init__(
        self,
        start: Crystal,
        *,
        free_ratio: bool = False,
        strain: float = 0.002,
    ) -> None:
        self.start = start
        self.free_ratio = free_ratio
        self.strain = strain

    def measure(self, subject: Subject) -> Measured:
        """See `Property.measure`."""
        from ase.units import GPa

        crystal = relaxed_crystal(subject, self.start, free_ratio=self.free_ratio)
        matrix = elastic_matrix(subject, crystal.supercell(), strain=self.strain) / GPa
        name = crystal.name
        numbers = [
            Number(f"{name} {label}", "GPa", value) for label, value in _constants(matrix, crystal.lattice)
        ]
        least = float(np.linalg.eigvalsh(matrix).min())
        numbers.append(Number(f"{name} lowest eigenvalue", "GPa", least))
        facts = {f"{name} mechanically stable": "yes" if least > 0 else "no"}
        rows = {f"C{i}": matrix[i - 1] for i in range(1, 7)}
        curve = Curve(
            f"elastic-{crystal.lattice}", "column", "GPa", np.arange(1.0, 7.0), rows, is_drawn=False
        )
        return Measured(tuple(numbers), facts, (curve,))


def elastic_matrix(subject: Subject, atoms: Atoms, *, strain: float = 0.002) -> np.ndarray:
    """C_ij = ∂σ_i/∂ε_j of any crystal that is free of stress, made symmetric.

    Parameters
    ----------
    subject : Subject
    atoms : ase.Atoms
    strain : float
        Engineering strain up and down, by which the stress is divided as a central difference.

    Returns
    -------
    ndarray of float, shape (6, 6)
        eV/Å³; xx, yy, zz, yz, xz, xy.

    Raises
    ------
    ValueError
        If atoms do not come to rest.
    """
    matrix = np.empty((6, 6))
    for column, (first, second) in enumerate(_PAIRS):
        stresses = []
        for sign in (1.0, -1.0):
            tensor = np.zeros((3, 3))
            tensor[first, second] += 0.5 * sign * strain
            tensor[second, first] += 0.5 * sign * strain
            copy = atoms.copy()
            copy.set_cell(copy.cell.array @ (np.eye(3) + tensor), scale_atoms=True)
            stresses.append(subject.stress(subject.relaxed(copy, largest_force=1e-4)))
        matrix[:, column] = (stresses[0] - stresses[1]) / (2.0 * strain)
    return 0.5 * (matrix + matrix.T)


def _constants(matrix: np.ndarray, lattice: Lattice) -> list[tuple[str, float]]:
    """The independent constants, averages over what symmetry makes equal, and the bulk modulus (Voigt)."""
    modulus = ("bulk modulus", float(matrix[:3, :3].mean()))
    if lattice == "hcp":
        return [
            ("C11", float(0.5 * (matrix[0, 0] + matrix[1, 1]))),
            ("C12", float(matrix[0, 1])),
            ("C13", float(0.5 * (matrix[0, 2] + matrix[1, 2]))),
            ("C33", float(matrix[2, 2])),
            ("C44", float(0.5 * (matrix[3, 3] + matrix[4, 4]))),
            modulus,
        ]
    return [
        ("C11", float(np.diag(matrix)[:3].mean())),
        ("C12", float((matrix[0, 1] + matrix[0, 2] + matrix[1, 2]) / 3.0)),
        ("C44", float(np.diag(matrix)[3:].mean())),
        modulus,
    ]
