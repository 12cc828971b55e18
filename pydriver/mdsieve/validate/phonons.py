# SPDX-License-Identifier: GPL-2.0-or-later
"""Phonon dispersion of a crystal by finite displacements, through phonopy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mdsieve.extras import require
from mdsieve.validate.contract import Curve, Measured, Number, Property, Row
from mdsieve.validate.crystals import Crystal, relaxed_crystal

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.validate.subject import Subject

__all__ = ["PhononDispersion", "phonons_of"]

_CURVE = "phonons"


class PhononDispersion(Property):
    """Frequencies along the path through the Brillouin zone that ASE has for the lattice.

    Parameters
    ----------
    start : Crystal
    free_ratio : bool
        Whether c/a of HCP is relaxed, too.
    length : float
        Å between a displaced atom and its images, at least.
    displacement : float
        Å.
    n_points : int
        Wave vectors on the path.

    Raises
    ------
    MissingPackageError
        If phonopy is not installed.
    """

    name: ClassVar[str] = "phonons"

    def __init__(
        self,
        start: Crystal,
        *,
        free_ratio: bool = False,
        length: float = 10.0,
        displacement: float = 0.01,
        n_points: int = 120,
    ) -> None:
        require("phonopy", "the phonon dispersion", "phonons")
        self.start = start
        self.free_ratio = free_ratio
        self.length = length
        self.displacement = displacement
        self.n_points = n_points

    def measure(self, subject: Subject) -> Measured:
        """See `Property.measure`."""
        crystal = relaxed_crystal(subject, self.start, free_ratio=self.free_ratio)
        cell = crystal.primitive()
        phonons = phonons_of(subject, cell, length=self.length, displacement=self.displacement)
        path = cell.cell.bandpath(npoints=self.n_points)
        phonons.run_qpoints(path.kpts)
        frequencies = np.array(phonons.qpoints.frequencies)  # THz
        along, places, labels = path.get_linear_kpoint_axis()
        ticks = [
            (float(place / along[-1]), "Γ" if label == "G" else label)
            for place, label in zip(places, labels, strict=True)
        ]
        branches = {f"branch {k + 1}": frequencies[:, k] for k in range(frequencies.shape[1])}
        curve = Curve(
            f"{_CURVE}-{crystal.lattice}",
            f"wave vector, {crystal.name}",
            "frequency [THz]",
            along / along[-1],
            branches,
            ticks,
        )
        name = crystal.name
        return Measured(
            (
                Number(f"{name} highest frequency", "THz", float(frequencies.max())),
                Number(f"{name} lowest frequency", "THz", float(frequencies.min())),
            ),
            curves=(curve,),
        )

    def compare(self, measured: Measured | None, reference: Measured | None) -> list[Row]:
        """The extremes, and the root mean square difference along the path."""
        rows = super().compare(measured, reference)
        if measured is not None and reference is not None:
            mine, other = (np.array(list(one.curves[0].columns.values())) for one in (measured, reference))
            if mine.shape == other.shape:
                error = float(np.sqrt(((mine - other) ** 2).mean()))
                rows.append(Row(self.name, "RMS difference along the path", "THz", error, None))
        return rows


def phonons_of(subject: Subject, cell: Atoms, *, length: float = 10.0, displacement: float = 0.01) -> Any:
    """A `phonopy.Phonopy` with the force constants of a primitive cell.

    Parameters
    ----------
    subject : Subject
    cell : ase.Atoms
    length : float
        Heights of the supercell [Å], at least.
    displacement : float
        Å.

    Raises
    ------
    MissingPackageError
        If phonopy is not installed.
    """
    from ase import Atoms

    phonopy = require("phonopy", "the phonon dispersion", "phonons")
    structure = require("phonopy.structure.atoms", "the phonon dispersion", "phonons")
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell.cell.array), axis=0)
    repeats = np.maximum(np.ceil(length / heights - 1e-6), 1).astype(int)
    unit = structure.PhonopyAtoms(
        symbols=cell.get_chemical_symbols(), cell=cell.cell.array, positions=cell.positions
    )
    phonons = phonopy.Phonopy(unit, np.diag(repeats), primitive_matrix="P")
    phonons.generate_displacements(distance=displacement)
    forces = []
    for shifted in phonons.supercells_with_displacements:
        atoms = Atoms(shifted.symbols, positions=shifted.positions, cell=shifted.cell, pbc=True)
        forces.append(subject.forces(atoms))
    phonons.forces = forces
    phonons.produce_force_constants()
    phonons.symmetrize_force_constants()
    return phonons
