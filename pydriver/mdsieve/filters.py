# SPDX-License-Identifier: GPL-2.0-or-later
"""Sanity filters: frames that nobody should spend a reference calculation on."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Rejection", "SanityFilters"]

#: The word for all pairs of elements that have no distance of their own.
ALL = "all"


@dataclass(frozen=True)
class Rejection:
    """Why a frame was turned down.

    Attributes
    ----------
    kind : str
        What rejections are counted by: ``distance Al-Ni``, ``volume``, ``energy``, ``force``, ``structure``.
    text : str
        With atoms and numbers.
    """

    kind: str
    text: str


class SanityFilters:
    """Bounds that a structure must keep to.

    Parameters
    ----------
    shortest : float or dict of str to float, optional
        Shortest distance allowed [Å]: for all pairs of atoms, or for pairs of elements such as ``"Al-Ni"``
        and, under ``"all"``, for the others.
    volume : (float, float), optional
        Least and largest volume an atom [Å³]; checked in cells that are periodic in three directions.
    energy : (float, float), optional
        Least and largest energy an atom [eV]; checked where there is an energy.
    force : float, optional
        Largest length of a force [eV/Å]; checked where there are forces.

    Raises
    ------
    ValueError
        If a bound is not a number in its range, or a pair of elements is unknown.
    """

    def __init__(
        self,
        *,
        shortest: float | Mapping[str, float] | None = None,
        volume: tuple[float, float] | None = None,
        energy: tuple[float, float] | None = None,
        force: float | None = None,
    ) -> None:
        self._shortest = _distances(shortest)
        self._volume = None if volume is None else _interval("volume", volume)
        self._energy = None if energy is None else _interval("energy", energy)
        if force is not None and not (np.isfinite(force) and force > 0):
            raise ValueError(f"force is {force!r}: expected a number above 0")
        self._force = force

    @property
    def fields(self) -> set[str]:
        """What `fix select` must send for all of them to be checked: ``pe``, ``f``."""
        return ({"pe"} if self._energy else set()) | ({"f"} if self._force else set())

    def check(self, atoms: Atoms) -> Rejection | None:
        """The first bound that a structure breaks, None if it keeps to all.

        Parameters
        ----------
        atoms : ase.Atoms
            Energy and forces are taken from its calculator's results if there.
        """
        return (
            self._check_volume(atoms)
            or self._check_energy(atoms)
            or self._check_force(atoms)
            or self._check_distances(atoms)
        )

    def apply(self, frames: Iterable[Atoms]) -> tuple[list[int], Counter[str]]:
        """Sort out a data set.

        Returns
        -------
        passed : list of int
            Numbers of the frames that keep to all bounds.
        rejected : Counter
            Frames turned down, by kind.
        """
        passed: list[int] = []
        rejected: Counter[str] = Counter()
        for number, atoms in enumerate(frames):
            rejection = self.check(atoms)
            if rejection is None:
                passed.append(number)
            else:
                rejected[rejection.kind] += 1
        return passed, rejected

    def _check_volume(self, atoms: Atoms) -> Rejection | None:
        if self._volume is None or not len(atoms) or not atoms.pbc.all():
            return None
        value = atoms.cell.volume / len(atoms)
        return _outside("volume", value, self._volume, "Å³ an atom")

    def _check_energy(self, atoms: Atoms) -> Rejection | None:
        energy = _result(atoms, "energy")
        if self._energy is None or energy is None or not len(atoms):
            return None
        return _outside("energy", float(energy) / len(atoms), self._energy, "eV an atom")

    def _check_force(self, atoms: Atoms) -> Rejection | None:
        forces = _result(atoms, "forces")
        if self._force is None or forces is None or not len(atoms):
            return None
        lengths = np.linalg.norm(forces, axis=1)
        worst = int(np.argmax(lengths))  # a NaN comes first
        if lengths[worst] <= self._force:
            return None
        text = (
            f"force {lengths[worst]:.4g} eV/Å on atom {_id(atoms, worst)}, expected at most {self._force:g}"
        )
        return Rejection("force", text)

    def _check_distances(self, atoms: Atoms) -> Rejection | None:
        if not self._shortest or len(atoms) == 0:
            return None
        from ase.data import chemical_symbols

        from mdsieve.descriptors import neighbour_pairs

        try:
            pairs, vectors = neighbour_pairs(atoms, max(self._shortest.values()))
        except ValueError as error:  # atoms at one place, cells without a volume
            return Rejection("structure", str(error))
        if not len(pairs):
            return None
        distances = np.linalg.norm(vectors, axis=1)
        table = self._table(set(atoms.numbers.tolist()))
        shortfall = table[atoms.numbers[pairs[:, 0]], atoms.numbers[pairs[:, 1]]] - distances
        worst = int(np.argmax(shortfall))
        if shortfall[worst] <= 0:
            return None
        i, j = (int(k) for k in pairs[worst])
        name = "-".join(sorted((chemical_symbols[atoms.numbers[i]], chemical_symbols[atoms.numbers[j]])))
        text = (
            f"distance {name} {distances[worst]:.4g} Å between atoms {_id(atoms, i)} and {_id(atoms, j)}, "
            f"expected at least {shortfall[worst] + distances[worst]:g}"
        )
        return Rejection(f"distance {name}", text)

    def _table(self, numbers: set[int]) -> np.ndarray:
        """Shortest distances by two atomic numbers; below 0 where there is none."""
        from ase.data import chemical_symbols

        size = max(numbers) + 1
        table = np.full((size, size), -1.0)
        for a, b in itertools.product(numbers, repeat=2):
            key = "-".join(sorted((chemical_symbols[a], chemical_symbols[b])))
            table[a, b] = self._shortest.get(key, self._shortest.get(ALL, -1.0))
        return table


def _distances(shortest: float | Mapping[str, float] | None) -> dict[str, float]:
    from ase.data import atomic_numbers

    given = {} if shortest is None else shortest if isinstance(shortest, Mapping) else {ALL: shortest}
    result: dict[str, float] = {}
    for pair, value in given.items():
        if isinstance(value, bool) or not (np.isfinite(value) and value > 0):
            raise ValueError(f"shortest of {pair} is {value!r}: expected a distance above 0")
        symbols = pair.split("-")
        if pair != ALL and not (len(symbols) == 2 and all(s in atomic_numbers for s in symbols)):
            raise ValueError(f"shortest of {pair!r}: expected 'all' or two elements, e.g. 'Al-Ni'")
        key = ALL if pair == ALL else "-".join(sorted(symbols))
        if key in result:
            raise ValueError(f"shortest of {pair} is given twice")
        result[key] = float(value)
    return result


def _interval(name: str, bounds: tuple[float, float]) -> tuple[float, float]:
    if len(bounds) != 2 or not float(bounds[0]) < float(bounds[1]):
        raise ValueError(f"{name} is {list(bounds)}: expected the least and the largest value")
    return float(bounds[0]), float(bounds[1])


def _outside(kind: str, value: float, bounds: tuple[float, float], unit: str) -> Rejection | None:
    if bounds[0] <= value <= bounds[1]:
        return None
    return Rejection(kind, f"{kind} {value:.4g} {unit}, expected {bounds[0]:g} to {bounds[1]:g}")


def _result(atoms: Atoms, name: str):
    return None if atoms.calc is None else atoms.calc.results.get(name)


def _id(atoms: Atoms, index: int) -> int:
    return int(atoms.arrays["id"][index]) if "id" in atoms.arrays else index + 1
