# SPDX-License-Identifier: GPL-2.0-or-later
"""Means of unit vectors: what the average kernel is the product of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve.encoders.contract import AtomEncoder, stacked
from mdsieve.similarity.kernel import unit_rows

if TYPE_CHECKING:
    from ase import Atoms


class UnitMean(AtomEncoder):
    """The mean of a frame's atoms' vectors, each of length 1.

    The product of two such rows is the average kernel K; brought to length 1 their Euclidean distance is
    √(2 - 2K) of the normalised kernel (`mdsieve.similarity.average_kernel.AverageKernel`).

    Parameters
    ----------
    encoder : AtomEncoder
        Describes the atoms.
    """

    name = "unit mean"

    def __init__(self, encoder: AtomEncoder) -> None:
        self.encoder = encoder

    def describe(self) -> dict[str, Any]:
        """That, and what describes the atoms."""
        return {"encoder": self.name, "of": self.encoder.describe()}

    def encode_atoms(self, frames: Sequence[Atoms]) -> list[np.ndarray]:
        """Unit vectors of the atoms."""
        return [unit_rows(rows) for rows in self.encoder.encode_atoms(frames)]

    def _encode(self, frames: Sequence[Atoms]) -> np.ndarray:
        return stacked([rows.mean(axis=0) for rows in self.encode_atoms(frames)], self.name)
