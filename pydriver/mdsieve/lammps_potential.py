# SPDX-License-Identifier: GPL-2.0-or-later
"""A pair style of LAMMPS as an ASE calculator, inside this process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ase.calculators.calculator import Calculator, all_changes

from mdsieve.io.wording import shown_error
from mdsieve.lammps_box import enclosed
from mdsieve.lammps_program import lammps_environment
from mdsieve.pair_style import PairStyle

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["LammpsPotential"]


class LammpsPotential(Calculator):
    """Energy [eV], forces [eV/Å] and, in a periodic cell, stress [eV/Å³] of a pair style.

    LAMMPS stays alive between calculations, in this process; after an error it starts anew. It is ASE's own
    `ase.calculators.lammpslib.LAMMPSlib` that speaks with it, given what that one leaves out: boxes around
    structures without periods, the plugin and the potentials of the package, and a fresh start.

    Parameters
    ----------
    pair_style : PairStyle
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (ASE's contract)

    def __init__(self, pair_style: PairStyle) -> None:
        super().__init__()
        self.pair_style = pair_style
        self._library: Any = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """See ASE.

        Raises
        ------
        ValueError
            If the structure has an element that the potential has not, or LAMMPS cannot compute it.
        """
        super().calculate(atoms, properties, system_changes)
        inside = enclosed(self.atoms)
        self.pair_style = self.pair_style.for_elements(inside.get_chemical_symbols())
        self.pair_style.check_elements(inside.get_chemical_symbols())
        if self._library is None:
            self._library = _library(self.pair_style)
        try:
            self._library.calculate(inside, list(properties), list(all_changes))
        except Exception as error:  # what LAMMPS raises
            self._abandon()
            raise ValueError(f"LAMMPS: {shown_error(error, 200)}") from error
        wanted = set(self.implemented_properties)
        if not inside.pbc.all():
            wanted.remove("stress")
        self.results = {name: value for name, value in self._library.results.items() if name in wanted}

    def close(self) -> None:
        """End LAMMPS; the next calculation starts it again."""
        if self._library is not None:
            self._library.clean()
            self._library = None

    def _abandon(self) -> None:
        """Leave LAMMPS as it is after an error: what is half built in it may crash when it is taken down."""
        if self._library is not None and self._library.lmp is not None:
            self._library.lmp.opened = 0  # its destructor does nothing then
        self._library = None


def _library(style: PairStyle) -> Any:
    import mpi4py.MPI  # noqa: F401 (before LAMMPS: it brings libmpi into the process)
    from ase.calculators.lammpslib import LAMMPSlib

    os.environ.update(lammps_environment())
    return LAMMPSlib(
        lmpcmds=style.last_lines,
        atom_types=style.types,
        lammps_header=["units metal", *style.first_lines, "atom_modify map array sort 0 0"],
    )
