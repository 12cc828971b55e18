# SPDX-License-Identifier: GPL-2.0-or-later
"""The average kernel: the mean similarity of all pairs of atoms, as one vector a structure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from mdsieve.similarity.kernel import Indices, StructureKernel, unit_rows

__all__ = ["AverageKernel", "Normalisation"]

Normalisation = Literal["printed", "normalised"]


class AverageKernel(StructureKernel):
    """K(A, B) = mean over all pairs of atoms of their normalised similarity.

    The mean of the products of unit vectors is the product of their means, so a structure is one vector, the
    mean of its atoms' unit vectors, and K one dot product.

    Parameters
    ----------
    environments : iterable of ndarray of float, shape (n_atoms, n_features)
        Vectors of the atoms, such as SOAP power spectra; one array a structure, gone through once.
    normalisation : {"printed", "normalised"}
        As the paper of the Li-Si set prints it: K(A, A) is at most 1, and below it where atoms differ, so
        that a structure has a distance to itself. Or divided by √(K(A, A) K(B, B)): then √(2 - 2K) is the
        Euclidean distance of unit vectors, which are `vectors`.

    Attributes
    ----------
    vectors : ndarray of float, shape (n, n_features)

    Raises
    ------
    ValueError
        If there is no structure, an array is not one of finite rows, or their widths differ.
    """

    name = "average"

    def __init__(
        self, environments: Iterable[np.ndarray], normalisation: Normalisation = "normalised"
    ) -> None:
        if normalisation not in ("printed", "normalised"):
            raise ValueError(f"normalisation {normalisation!r}: expected 'printed' or 'normalised'")
        self.normalisation = normalisation
        means: list[np.ndarray] = []
        for number, rows in enumerate(environments):
            try:
                means.append(unit_rows(rows).mean(axis=0))
            except ValueError as error:
                raise ValueError(f"structure {number}: {error}") from None
            if len(means[-1]) != len(means[0]):
                raise ValueError(
                    f"structure {number}: {len(means[-1])} columns, expected {len(means[0])} as in the first"
                )
        if not means:
            raise ValueError("a kernel needs at least one structure")
        vectors = np.array(means)
        self.vectors = unit_rows(vectors) if normalisation == "normalised" else vectors

    def __len__(self) -> int:
        return len(self.vectors)

    def row(self, index: int) -> np.ndarray:
        """Similarities of one structure with all, shape (n,)."""
        return self.vectors @ self.vectors[index]

    def block(self, rows: Indices, columns: Indices) -> np.ndarray:
        """Similarities of some structures with some others, see `StructureKernel`."""
        return self.vectors[np.asarray(rows)] @ self.vectors[np.asarray(columns)].T

    def mean_similarity(self) -> np.ndarray:
        """Mean similarity of each structure with all, shape (n,): one product with the mean vector."""
        return self.vectors @ self.vectors.mean(axis=0)

    def describe(self) -> dict[str, Any]:
        """Name and normalisation."""
        return {"kernel": self.name, "normalisation": self.normalisation}
