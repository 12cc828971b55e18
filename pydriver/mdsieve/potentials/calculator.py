# SPDX-License-Identifier: GPL-2.0-or-later
"""An ensemble of networks as ASE takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

if TYPE_CHECKING:
    from mdsieve.potentials.ensemble import NetworkEnsemble

__all__ = ["EnsembleCalculator"]


class EnsembleCalculator(Calculator):
    """The mean of an ensemble's members with their spread, or one member alone.

    Results beside ASE's own, the same numbers as the score spread has: ``energies_spread``, shape (n_atoms,)
    [eV], the standard deviation of the members' atomic energies with n - 1 (atomic uncertainty,
    arXiv:2311.05407); ``energy_spread`` [eV], that of the energy with n; ``forces_spread``, shape (n_atoms,)
    [eV/Å], √⟨|F - ⟨F⟩|²⟩ (model deviation, Phys. Rev. Mater. 3, 023804). They are 0 for a single member.

    Parameters
    ----------
    ensemble : NetworkEnsemble
    member : int, optional
        Which member's energy, forces and stress; default: the mean. The spread is always that of all.
    n_jobs : int
        Threads for fingerprints.

    Raises
    ------
    IndexError
        If there is no such member.
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]  # noqa: RUF012

    def __init__(self, ensemble: NetworkEnsemble, *, member: int | None = None, n_jobs: int = 1) -> None:
        super().__init__()
        if member is not None and not -ensemble.n_members <= member < ensemble.n_members:
            raise IndexError(f"member {member}: there are {ensemble.n_members}")
        self.ensemble = ensemble
        self.member = member
        self.n_jobs = n_jobs

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """What ASE calls."""
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        has_volume = self.atoms.cell.rank == 3
        said = self.ensemble.predict(self.atoms, forces=True, stress=has_volume, n_jobs=self.n_jobs)
        assert said.forces is not None
        energy = float(self._chosen(said.energy))
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "energies": self._chosen(said.atomic),
            "forces": self._chosen(said.forces),
            "energy_spread": float(said.energy.std()),
            "energies_spread": _sample_deviation(said.atomic),
            "forces_spread": np.sqrt(said.forces.var(axis=0).sum(axis=1)),
        }
        if said.stress is not None:
            self.results["stress"] = self._chosen(said.stress)

    def _chosen(self, values: np.ndarray) -> np.ndarray:
        return values.mean(axis=0) if self.member is None else values[self.member]


def _sample_deviation(values: np.ndarray) -> np.ndarray:
    return values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1:])
