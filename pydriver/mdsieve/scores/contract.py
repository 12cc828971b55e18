# SPDX-License-Identifier: GPL-2.0-or-later
"""What a score needs, gives, learns and remembers: the contract between scorers and those who call them.

A scorer's state is the replay of its *deltas* in the order of the kept frames. `Scorer.propose` makes a
delta of a kept frame and changes nothing; `Scorer.restore` is the only way to change the state, for a delta
that was just made as for one read from a store. So a resumed scorer equals one that never stopped.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import SymmetryFunctions

__all__ = ["ATOMS", "FINGERPRINTS", "ElementRows", "Environments", "Score", "Scorer"]

#: What a scorer may need of a frame.
FINGERPRINTS, ATOMS = "fingerprints", "atoms"


@dataclass(frozen=True, eq=False)
class ElementRows:
    """The environments of one element in a frame.

    Attributes
    ----------
    places : ndarray of int, shape (n,)
        Where they stand among the frame's environments, ascending.
    fingerprints : ndarray of float, shape (n, n_features)
        Unscaled.
    """

    places: np.ndarray
    fingerprints: np.ndarray


@dataclass(frozen=True, eq=False)
class Environments:
    """What a frame offers to scorers: its environments in the order of their atom IDs.

    Attributes
    ----------
    symbols : tuple of str
        The descriptor's elements.
    n_features : tuple of int
        Length of the fingerprint of each.
    elements : ndarray of int32, shape (n,)
        Element number of each environment, index into `symbols`.
    atom_ids : ndarray of int64, shape (n,)
        Ascending.
    fingerprints : ndarray of float, shape (total,)
        Unscaled, one after the other. Empty if no scorer needs them.
    atoms : ase.Atoms, optional
        The whole frame, which may have atoms without an environment; IDs in ``atoms.arrays["id"]``, or atoms
        number from 1.
    run, step : int
        Where the frame comes from.
    """

    symbols: tuple[str, ...]
    n_features: tuple[int, ...]
    elements: np.ndarray
    atom_ids: np.ndarray
    fingerprints: np.ndarray
    atoms: Atoms | None = None
    run: int = 0
    step: int = 0

    @classmethod
    def from_atoms(
        cls, functions: SymmetryFunctions, atoms: Atoms, *, run: int = 0, step: int = 0, n_jobs: int = 1
    ) -> Environments:
        """All environments of a structure, as a driver would have them from LAMMPS.

        Parameters
        ----------
        functions : SymmetryFunctions
        atoms : ase.Atoms
            Atom IDs are taken from ``atoms.arrays["id"]`` if there; else atoms are numbered from 1.
        run, step : int
        n_jobs : int
            Number of threads.

        Raises
        ------
        ValueError
            As `SymmetryFunctions.create_by_element`.
        """
        from mdsieve.bank import flat_fingerprints

        rows = functions.create_by_element(atoms, n_jobs=n_jobs)
        elements, flat, order, atom_ids = flat_fingerprints(functions, atoms, rows)
        n_features = tuple(functions.n_features[symbol] for symbol in functions.elements)
        ids = atom_ids[order]
        return cls(tuple(functions.elements), n_features, elements, ids, flat, atoms, run, step)

    def __len__(self) -> int:
        return len(self.elements)

    @cached_property
    def by_element(self) -> tuple[ElementRows, ...]:
        """The fingerprints as one matrix an element, in the order of `symbols`; empty ones for elements that
        the frame has not.
        """
        ends = self._ends
        rows = []
        for number, width in enumerate(self.n_features):
            places = np.flatnonzero(self.elements == number)
            begin = ends[places] - width
            rows.append(ElementRows(places, self.fingerprints[begin[:, None] + np.arange(width)]))
        return tuple(rows)

    def fingerprint(self, place: int) -> np.ndarray:
        """Fingerprint of one environment, shape (n_features of its element,)."""
        end = self._ends[place]
        return self.fingerprints[end - self.n_features[self.elements[place]] : end]

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum(np.take(np.asarray(self.n_features, np.int64), self.elements))


@dataclass(frozen=True, eq=False)
class Score:
    """What a scorer says of a frame.

    Attributes
    ----------
    frame : float
        The frame's number: larger means newer or odder; infinite if there is nothing yet to compare with;
        NaN only if there can be none, and then the reason says why. No condition holds for it.
    per_atom : ndarray of float, shape (n,), or None
        For each environment, in their order.
    atom : int
        ID of the atom that made the frame's number, 0 if none did.
    reason : str
        What about it, in words for the user (a symmetry function, a calculator that failed); may be empty.
    """

    frame: float
    per_atom: np.ndarray | None = None
    atom: int = 0
    reason: str = ""

    def __post_init__(self) -> None:
        if math.isnan(self.frame) and not self.reason:
            raise ValueError("a score is not a number")

    @classmethod
    def largest(cls, per_atom: np.ndarray, atom_ids: np.ndarray, reason: str = "") -> Score:
        """The score of a frame whose number is that of its most extreme atom, the first in the order of IDs;
        0 without atoms.

        Raises
        ------
        ValueError
            If a number is NaN.
        """
        if not len(per_atom):
            return cls(0.0, per_atom)
        first = int(np.argmax(per_atom))
        if math.isnan(per_atom[first]):
            raise ValueError(f"the score of atom {atom_ids[first]} is not a number")
        return cls(float(per_atom[first]), per_atom, int(atom_ids[first]), reason)

    @classmethod
    def none(cls, reason: str) -> Score:
        """There is no number for this frame, and why."""
        return cls(math.nan, reason=reason)

    def times(self, factor: float) -> Score:
        """The same score in other units."""
        per_atom = None if self.per_atom is None else factor * self.per_atom
        return Score(factor * self.frame, per_atom, self.atom, self.reason)

    @property
    def cautious(self) -> float | None:
        """What junk and stop conditions look at: the largest finite number, because a scorer that has seen
        nothing yet cannot call a frame odd. None if there is none.
        """
        if math.isfinite(self.frame):
            return self.frame
        if self.per_atom is None:
            return None
        finite = self.per_atom[np.isfinite(self.per_atom)]
        return float(finite.max()) if len(finite) else None


class Scorer(ABC):
    """Gives frames a number, and learns from those that are kept.

    Attributes
    ----------
    name : str
        The rule's word.
    needs : frozenset of str
        `FINGERPRINTS`, `ATOMS`, or both; of the class, or of each scorer by what it was made of.
    """

    name: ClassVar[str]
    needs: frozenset[str]

    @abstractmethod
    def score(self, environments: Environments) -> Score:
        """The number of a frame by what has been learnt so far; nothing changes."""

    @abstractmethod
    def propose(self, environments: Environments) -> bytes | None:
        """What keeping this frame would add to the state; nothing changes.

        Returns
        -------
        bytes or None
            The delta that `restore` takes; None if the frame adds nothing.
        """

    @abstractmethod
    def restore(self, delta: bytes) -> None:
        """Take one delta into the state.

        Raises
        ------
        ValueError
            If it is not a delta of such a scorer.
        """

    def learn(self, environments: Environments) -> bytes | None:
        """Learn from a kept frame.

        Returns
        -------
        bytes or None
            The delta that was taken, to be stored.
        """
        delta = self.propose(environments)
        if delta is not None:
            self.restore(delta)
        return delta

    def replay(self, deltas: Sequence[bytes]) -> None:
        """Take many deltas, in their order.

        Raises
        ------
        ValueError
            If one is not of such a scorer.
        """
        for delta in deltas:
            self.restore(delta)

    @abstractmethod
    def header(self) -> bytes:
        """All that decides its numbers besides the deltas: ranges, reference, bandwidth, what it was fitted
        on. Two scorers of equal headers and deltas give the same numbers.
        """
