# SPDX-License-Identifier: GPL-2.0-or-later
"""SOAP averaged over the atoms of a frame, by DScribe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mdsieve.encoders.contract import AtomEncoder, of_each, stacked
from mdsieve.extras import require

if TYPE_CHECKING:
    from ase import Atoms

Average = Literal["inner", "outer"]


class Soap(AtomEncoder):
    """Average SOAP power spectrum (`dscribe.descriptors.SOAP`; Himanen et al., Comput. Phys. Commun. 247,
    106949 (2020)). Needs ``pip install 'mdsieve[soap]'``.

    Parameters
    ----------
    species : sequence of str
        Elements that may occur.
    r_cut : float
        Cutoff radius [Å].
    n_max, l_max : int
        Radial and angular basis.
    sigma : float
        Width of the Gaussians [Å].
    average : {"outer", "inner"}
        Power spectra averaged over the atoms, or expansion coefficients averaged before the spectrum is made.
    """

    name = "soap"

    def __init__(
        self,
        species: Sequence[str],
        *,
        r_cut: float = 5.0,
        n_max: int = 6,
        l_max: int = 4,
        sigma: float = 0.5,
        average: Average = "outer",
    ) -> None:
        from ase.data import atomic_numbers

        for symbol in species:
            if symbol not in atomic_numbers:
                raise ValueError(f"species {symbol!r} is not an element")
        self.species = sorted(set(species), key=atomic_numbers.__getitem__)
        self.r_cut = r_cut
        self.n_max = n_max
        self.l_max = l_max
        self.sigma = sigma
        self.average = average
        self._made: dict[tuple[bool, str], Any] = {}
        self._soap(False, average)  # wrong parameters are told now

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_made": {}}

    def describe(self) -> dict[str, Any]:
        """All parameters."""
        return {
            "encoder": self.name,
            "species": self.species,
            "r_cut": self.r_cut,
            "n_max": self.n_max,
            "l_max": self.l_max,
            "sigma": self.sigma,
            "average": self.average,
        }

    @property
    def n_features(self) -> int:
        """Length of a row."""
        return self._soap(False, self.average).get_number_of_features()

    def encode_atoms(self, frames: Sequence[Atoms]) -> list[np.ndarray]:
        """The power spectrum of each atom."""
        return of_each(lambda atoms: self._create(atoms, "off"), frames)

    def _encode(self, frames: Sequence[Atoms]) -> np.ndarray:
        return stacked(of_each(lambda atoms: self._create(atoms, self.average), frames), self.name)

    def _create(self, atoms: Atoms, average: str) -> np.ndarray:
        unknown = sorted(set(atoms.get_chemical_symbols()) - set(self.species))
        if unknown:
            raise ValueError(f"element {' '.join(unknown)} is not among the species {' '.join(self.species)}")
        return np.asarray(self._soap(bool(atoms.pbc.any()), average).create(atoms), dtype=np.float64)

    def _soap(self, periodic: bool, average: str) -> Any:
        """DScribe's object; those of frames with and without a cell differ."""
        key = periodic, average
        if key not in self._made:
            descriptors = require("dscribe.descriptors", "SOAP", "soap")
            self._made[key] = descriptors.SOAP(
                species=self.species,
                r_cut=self.r_cut,
                n_max=self.n_max,
                l_max=self.l_max,
                sigma=self.sigma,
                average=average,
                periodic=periodic,
                sparse=False,
                dtype="float64",
            )
        return self._made[key]
