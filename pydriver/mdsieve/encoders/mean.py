# SPDX-License-Identifier: GPL-2.0-or-later
"""Mean fingerprints, scaled over all environments in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve.encoders.contract import Encoder, of_each, stacked

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import SymmetryFunctions


class FingerprintSummaries(Encoder):
    """Of each column of each element: mean, least and largest value in a frame, and how many atoms there are.

    What `scaled_means` needs to scale by the range over all environments without a second look at them.

    Parameters
    ----------
    functions : SymmetryFunctions
    """

    name = "summaries"

    def __init__(self, functions: SymmetryFunctions) -> None:
        self.functions = functions

    def describe(self) -> dict[str, Any]:
        """Hash and elements of the functions."""
        return {
            "encoder": self.name,
            "descriptor_hash": self.functions.hash,
            "elements": self.functions.elements,
        }

    def _encode(self, frames: Sequence[Atoms]) -> np.ndarray:
        return stacked(of_each(self._summary, frames), self.name)

    def _summary(self, atoms: Atoms) -> np.ndarray:
        means, least, largest, counts = [], [], [], []
        for _, rows in self.functions.create_by_element(atoms).values():
            is_here = len(rows) > 0
            nothing = np.zeros(rows.shape[1])
            means.append(rows.mean(axis=0) if is_here else nothing)
            least.append(rows.min(axis=0) if is_here else nothing)
            largest.append(rows.max(axis=0) if is_here else nothing)
            counts.append(np.full(rows.shape[1], float(len(rows))))
        return np.concatenate([*means, *least, *largest, *counts])


def scaled_means(summaries: np.ndarray, fitted_on: np.ndarray | None = None) -> np.ndarray:
    """Mean fingerprints, each column scaled to 0 … 1 by its range over all environments.

    Equation 8 of Li et al., J. Chem. Phys. 160, 074109, for each element. Columns that do not vary, and
    elements that a frame has not, are 0.

    Parameters
    ----------
    summaries : ndarray, shape (n_frames, 4 n)
        Of `FingerprintSummaries`.
    fitted_on : ndarray, shape (m, 4 n), optional
        Summaries whose ranges are used; default: these.

    Returns
    -------
    ndarray of float, shape (n_frames, n)
    """
    means, _, _, counts = np.split(summaries, 4, axis=1)
    _, least, largest, there = np.split(summaries if fitted_on is None else fitted_on, 4, axis=1)
    low = np.where(there > 0, least, np.inf).min(axis=0, initial=np.inf)
    high = np.where(there > 0, largest, -np.inf).max(axis=0, initial=-np.inf)
    width = high - low
    varies = np.isfinite(width) & (width > 0)
    low, width = np.where(varies, low, 0.0), np.where(varies, width, 1.0)
    return np.where(varies & (counts > 0), (means - low) / width, 0.0)
