# SPDX-License-Identifier: GPL-2.0-or-later
"""The contract of structure kernels: similarities of some structures, as many rows as are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

#: Indices of structures.
Indices: TypeAlias = Sequence[int] | np.ndarray

__all__ = ["Indices", "PrecomputedKernel", "StructureKernel", "distances", "unit_rows"]


class StructureKernel(ABC):
    """Similarities K of some structures with each other, 1 for what is the same.

    No matrix of all pairs is held, or made unless `matrix` is called.
    """

    #: One word; what commands and selections call it.
    name: str

    @abstractmethod
    def __len__(self) -> int:
        """Number of structures."""

    @abstractmethod
    def block(self, rows: Indices, columns: Indices) -> np.ndarray:
        """Similarities of some structures with some others.

        Parameters
        ----------
        rows, columns : sequence of int

        Returns
        -------
        ndarray of float, shape (n_rows, n_columns)
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """All that decides the numbers beside the structures, as JSON can hold it."""

    def row(self, index: int) -> np.ndarray:
        """Similarities of one structure with all, shape (n,)."""
        return self.block([index], range(len(self)))[0]

    def mean_similarity(self) -> np.ndarray:
        """Mean similarity of each structure with all of them, itself included, shape (n,)."""
        return np.array([self.row(i).mean() for i in range(len(self))])

    def matrix(self) -> np.ndarray:
        """All similarities, shape (n, n)."""
        return self.block(range(len(self)), range(len(self)))


class PrecomputedKernel(StructureKernel):
    """Similarities that exist already.

    Parameters
    ----------
    similarities : ndarray of float, shape (n, n)
        May be memory-mapped.

    Raises
    ------
    ValueError
        If it is not a square matrix.
    """

    name = "precomputed"

    def __init__(self, similarities: np.ndarray) -> None:
        if similarities.ndim != 2 or similarities.shape[0] != similarities.shape[1]:
            raise ValueError(f"similarities of shape {similarities.shape}: expected a square matrix")
        self._similarities = similarities

    def __len__(self) -> int:
        return len(self._similarities)

    def block(self, rows: Indices, columns: Indices) -> np.ndarray:
        """Similarities of some structures with some others, see `StructureKernel`."""
        return np.asarray(self._similarities[np.ix_(np.asarray(rows), np.asarray(columns))], dtype=float)

    def row(self, index: int) -> np.ndarray:
        """Similarities of one structure with all, shape (n,)."""
        return np.array(self._similarities[index], dtype=float)

    def describe(self) -> dict[str, Any]:
        """Name and size."""
        return {"kernel": self.name, "n_structures": len(self)}


def distances(similarity: np.ndarray) -> np.ndarray:
    """Distances √(2 - 2K) of similarities K, 0 where K is above 1."""
    return np.sqrt(np.maximum(2.0 - 2.0 * np.asarray(similarity, dtype=float), 0.0))


def unit_rows(environments: np.ndarray) -> np.ndarray:
    """Rows divided by their lengths; a row of zeros stays one.

    Parameters
    ----------
    environments : ndarray of float, shape (n_atoms, n_features)

    Raises
    ------
    ValueError
        If it is not a matrix of finite numbers with at least one row.
    """
    rows = np.asarray(environments, dtype=float)
    if rows.ndim != 2 or not len(rows):
        raise ValueError(f"environments of shape {rows.shape}: expected one row an atom")
    if not np.isfinite(rows).all():
        raise ValueError("environments: a number is not finite")
    length = np.sqrt((rows**2).sum(axis=1))
    return rows / np.where(length > 0, length, 1.0)[:, None]
