# SPDX-License-Identifier: GPL-2.0-or-later
"""Range: which symmetry function of which atom lies outside of what a bank has seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mdsieve import _core
from mdsieve.scores.contract import FINGERPRINTS, Environments, Score, Scorer

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.bank import EnvironmentBank

__all__ = ["OutOfRange", "RangeScorer", "out_of_range"]


@dataclass(frozen=True)
class OutOfRange:
    """One symmetry function of one atom that lies outside.

    Attributes
    ----------
    frame : int
        Number of the frame, from 0.
    atom : int
        ID of the atom.
    element : str
    function : str
        The symmetry function in words.
    value, lower, upper : float
        Its value and the range of the bank's entries, unscaled.
    excess : float
        How far outside, in scaled units.
    """

    frame: int
    atom: int
    element: str
    function: str
    value: float
    lower: float
    upper: float
    excess: float


class RangeScorer(Scorer):
    """The largest excess beyond the range of a bank's entries, in scaled units; 0 inside.

    Parameters
    ----------
    bank : EnvironmentBank
        Its scaling must be known. Whoever keeps frames lets it grow; this scorer has nothing of its own.

    Raises
    ------
    ValueError
        If the bank's scaling is not known yet.
    """

    name: ClassVar[str] = "range"
    needs: frozenset[str] = frozenset({FINGERPRINTS})

    def __init__(self, bank: EnvironmentBank) -> None:
        self._bank = bank
        self._native = bank._require_native()

    def score(self, environments: Environments) -> Score:
        """The excess of each atom and the largest; infinite for an element without entries."""
        per_atom = np.zeros(len(environments))
        for element, rows in enumerate(environments.by_element):
            if len(rows.places):
                excess = _excess(self._native, element, rows.fingerprints)
                per_atom[rows.places] = excess.max(axis=1, initial=0.0)
        extents = _core.frame_extents(
            list(environments.n_features),
            environments.elements,
            environments.atom_ids,
            environments.fingerprints,
        )
        found = _core.range_excess(self._native, *extents)
        reason = ""
        if found.column >= 0:
            symbol = environments.symbols[found.element]
            reason = self._bank.functions.feature_names[symbol][found.column]
        return Score(found.value, per_atom, found.atom, reason)

    def propose(self, environments: Environments) -> None:
        """Nothing: the bank learns."""
        return

    def restore(self, delta: bytes) -> None:
        """Refuse any delta: there can be none."""
        raise ValueError("a delta of range: the bank learns, not the range")

    def header(self) -> bytes:
        """Nothing: the bank decides."""
        return b""


def out_of_range(bank: EnvironmentBank, frames: Iterable[Atoms], *, n_jobs: int = 1) -> Iterator[OutOfRange]:
    """Everything outside of the range of a bank's entries: what n2p2 warns of as extrapolation.

    Parameters
    ----------
    bank : EnvironmentBank
        Of the training set, for example.
    frames : iterable of ase.Atoms
    n_jobs : int
        Threads that compute fingerprints.

    Yields
    ------
    OutOfRange
        By frame, element, atom and symmetry function. An element of which the bank has no entry has no range
        and is left out.

    Raises
    ------
    ValueError
        If the bank's scaling is not known yet, or an element is not the bank's.
    """
    native = bank._require_native()
    functions = bank.functions
    for number, atoms in enumerate(frames):
        environments = Environments.from_atoms(functions, atoms, n_jobs=n_jobs)
        for element, rows in enumerate(environments.by_element):
            if not len(rows.places) or not native.size(element):
                continue
            lower, upper = _core.bank_range(native, element)
            symbol = functions.elements[element]
            excess = _excess(native, element, rows.fingerprints)
            for row, column in zip(*np.nonzero(excess > 0), strict=True):
                yield OutOfRange(
                    number,
                    int(environments.atom_ids[rows.places[row]]),
                    symbol,
                    functions.feature_names[symbol][column],
                    float(rows.fingerprints[row, column]),
                    float(lower[column]),
                    float(upper[column]),
                    float(excess[row, column]),
                )


def _excess(native: _core.EnvironmentBank, element: int, rows: np.ndarray) -> np.ndarray:
    """How far each value is outside, in scaled units; infinite without entries."""
    if not native.size(element):
        return np.full(rows.shape, np.inf)
    lower, upper = _core.bank_range(native, element)
    return np.maximum(np.maximum(rows - upper, lower - rows), 0.0) * np.abs(native.scaling.factor[element])
