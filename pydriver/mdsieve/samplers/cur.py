# SPDX-License-Identifier: GPL-2.0-or-later
"""CUR: rows that span the others, by leverage scores."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal

import numpy as np

from mdsieve.samplers.contract import GreedySampler

__all__ = ["CUR"]

#: Of the trace of the Gram matrix: less than this is left when the rows are spanned.
_NOTHING = 1e-12


class CUR(GreedySampler):
    r"""Rows of a CUR decomposition, one after the other, each taken out of the others (PI-CUR).

    With the thin singular value decomposition X = U S Vᵀ of what is left of the rows, the importance of row i
    is its leverage score over the leading k directions,

        π_i = Σ_{j ≤ k} U_ij²,

    the share of row i in the best approximation of rank k (Mahoney, Drineas, PNAS 106, 697 (2009), eq. 3,
    for rows and not divided by k). The row of the largest importance is picked (``rule="largest"``), or one
    at random with probability π_i / Σ π (``rule="random"``). Then every row loses its component along what is
    left of the picked one, x ← x − (x·r̂) r̂, and the importances are computed anew, so that what is spanned
    by picked rows counts no more (Imbalzano et al., J. Chem. Phys. 148, 241730 (2018), for rows).

    A matrix of rank ρ is spanned after ρ picks. Then a new round begins with the rows that were not picked.

    Parameters
    ----------
    n_to_select : int, float or None
        Number or share of rows to pick; None: half.
    n_components : int
        k.
    rule : {"largest", "random"}
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None
        For ``rule="random"``.

    Attributes
    ----------
    selected_idx_, select_distance_, support_, n_features_in_
        See `Sampler`. The distance of a pick is its importance π.
    n_rounds_ : int
        Rounds that were begun.

    Notes
    -----
    Rows are used as they are: neither centred nor scaled. Rows of an earlier set are taken out first.
    Directions come from the n_features × n_features Gram matrix, so a pick costs
    O(n_rows n_features k + n_features³); singular values below 1e-6 of the largest count as nothing.
    """

    n_rounds_: int
    _rows: np.ndarray
    _generator: np.random.Generator

    def __init__(
        self,
        n_to_select: int | float | None = None,
        *,
        n_components: int = 1,
        rule: Literal["largest", "random"] = "largest",
        random_state: Any = 0,
    ) -> None:
        self.n_to_select = n_to_select
        self.n_components = n_components
        self.rule = rule
        self.random_state = random_state

    def _begin(self, X: np.ndarray, X_selected: np.ndarray | None) -> None:
        k = self.n_components
        if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
            raise ValueError(f"n_components={k!r}: expected a whole number from 1")
        if self.rule not in ("largest", "random"):
            raise ValueError(f"rule={self.rule!r}: expected 'largest' or 'random'")
        self._rows = X
        self._generator = self._rng()
        self.n_rounds_ = 0
        self._begin_round()
        for row in () if X_selected is None else X_selected:
            self._take_out(row)

    def _begin_round(self) -> None:
        """The Gram matrix of the rows that are left, nothing taken out of them."""
        rows = self._rows[self._is_left] if self.n_rounds_ else self._rows
        self._gram = rows.T @ rows
        self._trace = float(np.trace(self._gram))
        self._spanned = np.empty((0, rows.shape[1]))
        self.n_rounds_ += 1

    def _scores(self) -> np.ndarray:
        values, vectors = self._directions()
        if not len(values) and len(self._spanned):
            self._begin_round()
            values, vectors = self._directions()
        # what was taken out of a row has no component along these
        return (
            ((self._rows @ vectors) ** 2 / values).sum(axis=1) if len(values) else np.zeros(len(self._rows))
        )

    def _directions(self) -> tuple[np.ndarray, np.ndarray]:
        """Leading eigenvalues of the Gram matrix of what is left, and their directions as columns."""
        rest = self._gram
        if len(self._spanned):
            taken = self._spanned.T @ self._spanned
            rest = rest - taken @ rest
            rest = rest - rest @ taken
            rest = 0.5 * (rest + rest.T)
        if not np.trace(rest) > _NOTHING * self._trace:
            return np.empty(0), np.empty((len(rest), 0))
        values, vectors = np.linalg.eigh(rest)
        leading = np.arange(len(values) - 1, max(len(values) - 1 - self.n_components, -1), -1)
        leading = leading[values[leading] > _NOTHING * self._trace]
        return values[leading], vectors[:, leading]

    def _best(self) -> tuple[int, float]:
        if self.rule == "largest":
            return super()._best()
        scores = np.where(self._is_left, self._scores(), 0.0)
        total = scores.sum()
        weights = scores / total if total > 0 else self._is_left / self._is_left.sum()
        index = int(self._generator.choice(len(scores), p=weights))
        return index, float(scores[index])

    def _take(self, index: int) -> None:
        self._take_out(self._rows[index])

    def _take_out(self, row: np.ndarray) -> None:
        for _ in range(2):  # twice is enough for orthogonality
            row = row - (self._spanned @ row) @ self._spanned
        length = float(np.linalg.norm(row))
        if length**2 > _NOTHING * self._trace:
            self._spanned = np.concatenate([self._spanned, row[None] / length])

    def _reason(self, score: float) -> str:
        return f"leverage {score:.6g}"

    def _end(self) -> None:
        super()._end()
        for name in ("_rows", "_gram", "_trace", "_spanned", "_generator"):
            self.__dict__.pop(name, None)
