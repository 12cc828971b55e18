# SPDX-License-Identifier: GPL-2.0-or-later
"""A potential that is looked at, however it is given."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve.io.wording import shown, shown_error
from mdsieve.pair_style import PairStyle

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import LengthUnit
    from mdsieve.io.n2p2_potential import EnergyUnit
    from mdsieve.potentials.ensemble import NetworkEnsemble
    from mdsieve.validate.crystals import Crystal

__all__ = ["Subject"]

_ENSEMBLES = {".h5", ".hdf5"}


class Subject:
    """A potential with its ASE calculator.

    Parameters
    ----------
    name : str
        What reports call it.
    calculator : ase.calculators.calculator.Calculator
        Of energy and forces.
    pair_style : PairStyle, optional
        The same potential in LAMMPS, which then runs its MD.
    ensemble : NetworkEnsemble, optional
        If it is one: its spread can be looked at.
    """

    def __init__(
        self,
        name: str,
        calculator: Any,
        *,
        pair_style: PairStyle | None = None,
        ensemble: NetworkEnsemble | None = None,
    ) -> None:
        self.name = name
        self.calculator = calculator
        self.pair_style = pair_style
        self.ensemble = ensemble
        #: What `relaxed_crystal` has found of it so far.
        self.crystals: dict[tuple[Crystal, bool], Crystal] = {}

    @classmethod
    def open(
        cls,
        words: str,
        elements: Sequence[str] | None = None,
        *,
        length_unit: LengthUnit = "angstrom",
        energy_unit: EnergyUnit = "eV",
    ) -> Subject:
        """A potential by one of its names.

        Parameters
        ----------
        words : str
            Lines of LAMMPS, ``pair_style ...; pair_coeff ...``, or a file that holds them;
            ``module:function`` that makes an ASE calculator; an ensemble's file (``.h5``); a folder of
            n2p2.
        elements : sequence of str, optional
            Of LAMMPS' atom types, where the lines do not say them.
        length_unit, energy_unit : str
            Of a folder of n2p2, if it does not say them.

        Raises
        ------
        ValueError, OSError
            If it is none of these, or cannot be read.
        """
        path = Path(words) if len(words) < 4096 and "\n" not in words else None
        if words.lstrip().startswith("pair_style") and (path is None or not path.exists()):
            return cls.of_pair_style(PairStyle.from_text(words, elements))
        if path is not None and path.suffix.lower() in _ENSEMBLES:
            from mdsieve.potentials.ensemble import NetworkEnsemble

            return cls.of_ensemble(NetworkEnsemble.load(path), str(path))
        if path is not None and path.is_dir():
            from mdsieve.potentials.n2p2 import read_n2p2

            made = read_n2p2(path, length_unit=length_unit, energy_unit=energy_unit)
            return cls.of_ensemble(made, str(path))
        if path is not None and path.is_file():
            return cls.of_pair_style(PairStyle.from_file(path, elements), str(path))
        if ":" in words and not words.lstrip().startswith(("/", ".")):
            from mdsieve.labels.by_calculator import calculator_from

            return cls(words, calculator_from(words))
        raise ValueError(
            f"'{shown(words)}': expected 'pair_style ...; pair_coeff ...', a file with such lines, an "
            "ensemble (.h5), a folder of n2p2 or module:function"
        )

    @classmethod
    def of_pair_style(cls, pair_style: PairStyle, name: str | None = None) -> Subject:
        """A pair style of LAMMPS."""
        from mdsieve.lammps_potential import LammpsPotential

        return cls(name or pair_style.text, LammpsPotential(pair_style), pair_style=pair_style)

    @classmethod
    def of_ensemble(cls, ensemble: NetworkEnsemble, name: str = "ensemble") -> Subject:
        """The mean of an ensemble."""
        return cls(name, ensemble.calculator(), ensemble=ensemble)

    def check(self, atoms: Atoms) -> None:
        """Compute one structure, before anything longer is begun.

        Raises
        ------
        ValueError
            "name: ..." if that does not work.
        """
        try:
            if not np.isfinite(self.forces(atoms)).all():
                raise ValueError("forces that are not finite")
        except Exception as error:  # a user's calculator may raise anything
            raise ValueError(f"{shown(self.name, 120)}: {shown_error(error)}") from None

    def energy(self, atoms: Atoms) -> float:
        """Potential energy [eV].

        Raises
        ------
        ValueError
            If it is not finite.
        """
        found = float(self._with(atoms).get_potential_energy())
        if not np.isfinite(found):
            raise ValueError(f"an energy of {found}")
        return found

    def forces(self, atoms: Atoms) -> np.ndarray:
        """Forces, shape (n_atoms, 3) [eV/Å]."""
        return np.array(self._with(atoms).get_forces())

    def stress(self, atoms: Atoms) -> np.ndarray:
        """Stress, shape (6,) [eV/Å³]; from energies of strained cells if the calculator has none."""
        copy = self._with(atoms)
        if self._has_stress:
            return np.array(copy.get_stress())
        from ase.calculators.fd import calculate_numerical_stress

        is_free = "free_energy" in self.calculator.implemented_properties
        return calculate_numerical_stress(copy, eps=1e-4, voigt=True, force_consistent=is_free)

    def relaxed(self, atoms: Atoms, *, largest_force: float = 1e-3, steps: int = 500) -> Atoms:
        """A copy with its atoms where the forces vanish, in the same cell.

        Parameters
        ----------
        atoms : ase.Atoms
        largest_force : float
            eV/Å.
        steps : int

        Raises
        ------
        ValueError
            If the forces have not become as small.
        """
        from ase.optimize import BFGSLineSearch

        copy = self._with(atoms)
        if np.linalg.norm(copy.get_forces(), axis=1).max() > largest_force:
            search = BFGSLineSearch(copy, logfile=None)  # type: ignore[arg-type]
            if not search.run(fmax=largest_force, steps=steps):
                left = float(np.linalg.norm(copy.get_forces(), axis=1).max())
                raise ValueError(f"atoms did not come to rest: {left:.2g} eV/Å left after {steps} steps")
        copy.calc = None
        return copy

    def _with(self, atoms: Atoms) -> Atoms:
        copy = atoms.copy()
        copy.calc = self.calculator
        return copy

    @cached_property
    def _has_stress(self) -> bool:
        return "stress" in self.calculator.implemented_properties
