# SPDX-License-Identifier: GPL-2.0-or-later
"""Pooled symmetry functions: how the fingerprints of each element lie in a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve.encoders.contract import AtomEncoder, of_each, stacked

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import SymmetryFunctions


class PooledSymmetryFunctions(AtomEncoder):
    """Mean and standard deviation over the atoms of each element, column by column.

    A row is, element after element in the order of the functions: the means of its columns, then the
    standard deviations (divided by n, not n - 1). An element that the frame has not counts as zeros. Both
    are independent of the size of the cell.

    Parameters
    ----------
    functions : SymmetryFunctions
    n_jobs : int
        Threads that search neighbours and compute fingerprints of a frame.
    """

    name = "pooled"

    def __init__(self, functions: SymmetryFunctions, *, n_jobs: int = 1) -> None:
        self.functions = functions
        self.n_jobs = n_jobs

    def describe(self) -> dict[str, Any]:
        """Hash of the functions, elements and what is pooled."""
        return {
            "encoder": self.name,
            "descriptor_hash": self.functions.hash,
            "elements": self.functions.elements,
            "pooled": ["mean", "standard deviation"],
        }

    @property
    def n_features(self) -> int:
        """Length of a row."""
        return 2 * sum(self.functions.n_features.values())

    def encode_atoms(self, frames: Sequence[Atoms]) -> list[np.ndarray]:
        """Fingerprints of all atoms; elements with fewer functions than others end in zeros."""
        return of_each(self._atoms, frames)

    def _encode(self, frames: Sequence[Atoms]) -> np.ndarray:
        return stacked(of_each(self._pooled, frames), self.name)

    def _pooled(self, atoms: Atoms) -> np.ndarray:
        parts = []
        for _, rows in self.functions.create_by_element(atoms, n_jobs=self.n_jobs).values():
            if len(rows):
                parts += [rows.mean(axis=0), rows.std(axis=0)]
            else:
                parts.append(np.zeros(2 * rows.shape[1]))
        return np.concatenate(parts)

    def _atoms(self, atoms: Atoms) -> np.ndarray:
        values = np.zeros((len(atoms), max(self.functions.n_features.values())))
        for which, rows in self.functions.create_by_element(atoms, n_jobs=self.n_jobs).values():
            values[which, : rows.shape[1]] = rows
        return values
