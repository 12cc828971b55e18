# SPDX-License-Identifier: GPL-2.0-or-later
"""Unit vectors of atoms in as few columns as their products need."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from mdsieve.similarity.kernel import unit_rows

__all__ = ["PrincipalRows"]

#: Length that a unit vector may lose; a product of two then changes by no more than the square of it.
RESIDUAL = 1e-5
_MOST_COLUMNS = 2000  # the axes of more would take minutes to find
_WORTH_WHILE = 0.9  # share of the columns from which on nothing is gained


class PrincipalRows:
    """Unit vectors of the atoms of each structure, projected onto the principal axes of all of them.

    As many axes are kept as leave of no vector a rest longer than 1e-5, so products of two vectors are right
    to 1e-10. Atoms' vectors often have many more columns than that takes. Where nothing would be gained the
    vectors stay where they are and are normalised when asked for.

    Parameters
    ----------
    environments : sequence of ndarray of float, shape (n_atoms, n_features)
        One array a structure, finite, of equal width.
    """

    def __init__(self, environments: Sequence[np.ndarray]) -> None:
        self._environments = environments
        self.n_columns = int(environments[0].shape[1])
        self._rows: list[np.ndarray] | None = None
        if self.n_columns > _MOST_COLUMNS:
            return
        with threadpool_limits(1):  # the products are small: threads would wait for each other
            axes = _axes(environments)
            n = self._needed(axes)
            if n <= _WORTH_WHILE * self.n_columns:
                self._rows = [unit_rows(rows) @ axes[:, :n] for rows in environments]
                self.n_columns = n

    def __len__(self) -> int:
        return len(self._environments)

    def __getitem__(self, index: int) -> np.ndarray:
        """Rows of one structure, shape (n_atoms, n_columns)."""
        return unit_rows(self._environments[index]) if self._rows is None else self._rows[index]

    def _needed(self, axes: np.ndarray) -> int:
        """Number of axes that leave no rest longer than it may be."""
        longest = np.zeros(self.n_columns + 1)  # squared rest beyond the first 0, 1, … axes
        for rows in self._environments:
            squares = (unit_rows(rows) @ axes) ** 2
            rests = np.cumsum(squares[:, ::-1], axis=1)[:, ::-1]
            longest[:-1] = np.maximum(longest[:-1], rests.max(axis=0))
        return max(1, int(np.argmax(longest <= RESIDUAL**2)))


def _axes(environments: Sequence[np.ndarray]) -> np.ndarray:
    """Orthonormal columns, those first along which the unit vectors are longest."""
    width = environments[0].shape[1]
    products = np.zeros((width, width))
    for rows in environments:
        unit = unit_rows(rows)
        products += unit.T @ unit
    return np.linalg.eigh(products)[1][:, ::-1]
