# SPDX-License-Identifier: GPL-2.0-or-later
"""Farthest point sampling: each pick is the row farthest from all rows picked before."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

import numpy as np

from mdsieve import _core
from mdsieve.samplers.contract import GreedySampler

__all__ = ["FPS"]


class FPS(GreedySampler):
    """Farthest point sampling with Euclidean distances: max-min, exact in double precision.

    Parameters
    ----------
    n_to_select : int, float or None
        Number or share of rows to pick. None: all that `distance` lets through; without `distance`, half.
    distance : float or None
        Stop when every row is within this distance of a picked one.
    start : "central", "random" or int
        The first pick, if there is no earlier set: the row closest on average to all (least mean squared
        distance), a random row, or the row of that index.
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None
        For ``start="random"``.

    Attributes
    ----------
    selected_idx_, select_distance_, support_, n_features_in_
        See `Sampler`. The distance of a pick is that to the nearest row picked before it (or to the nearest
        row of `X_selected`); infinite for the first pick of all. So after k picks, `select_distance_[k]` is
        the distance of the farthest row from the picks.

    Notes
    -----
    Squared distances are sums over the columns in their order, in double precision. Of rows whose squared
    distances are equal the one with the lowest index is taken. Rows that coincide with a pick are taken only
    when nothing else is left. A row is compared with the picks only as long as it may be the next: most see
    few of them, and none is approximated. Memory: 12 bytes a row beside the rows, which stay where they are.

    The mean squared distance of a row to all others is that to the mean row plus a constant, so the central
    row is found without distances between pairs.
    """

    def __init__(
        self,
        n_to_select: int | float | None = None,
        *,
        distance: float | None = None,
        start: str | int = "central",
        random_state: Any = 0,
    ) -> None:
        self.n_to_select = n_to_select
        self.distance = distance
        self.start = start
        self.random_state = random_state

    def _begin(self, X: np.ndarray, X_selected: np.ndarray | None) -> tuple[int, float, str] | None:
        first = self._first(X)
        self._rows = X
        self._search = _core.FarthestPoints(X)
        if X_selected is None:
            return first
        for row in X_selected:
            self._search.add(row)
        return None

    def _best(self) -> tuple[int, float]:
        index, squared = self._search.farthest()
        return index, math.sqrt(squared)

    def _scores(self) -> np.ndarray:
        return np.sqrt(self._search.squared_distances())

    def _take(self, index: int) -> None:
        self._search.leave_out(index)
        self._search.add(self._rows[index])

    def _reason(self, score: float) -> str:
        return f"farthest from those before: {score:.6g}"

    def _end(self) -> None:
        super()._end()
        self.__dict__.pop("_rows", None)
        self.__dict__.pop("_search", None)

    def _first(self, X: np.ndarray) -> tuple[int, float, str]:
        first = given_start(self.start, len(X), self._rng())
        return (central_row(X), math.inf, "start: closest on average to all") if first is None else first


def given_start(start: Any, n: int, rng: np.random.Generator) -> tuple[int, float, str] | None:
    """Index, score and reason of the first pick where `start` says it without looking; None: the central one.

    Raises
    ------
    ValueError
        If `start` is none of "central", "random" and the index of one of `n`.
    """
    if isinstance(start, Integral) and not isinstance(start, bool):
        if not 0 <= int(start) < n:
            raise ValueError(f"start={start}: expected an index from 0 to {n - 1}")
        return int(start), math.inf, "start: given"
    if start == "random":
        return int(rng.integers(n)), math.inf, "start: random"
    if start == "central":
        return None
    raise ValueError(f"start={start!r}: expected 'central', 'random' or an index")


def central_row(X: np.ndarray) -> int:
    """The row with the least mean squared distance to all rows; the lowest index among equals.

    Parameters
    ----------
    X : ndarray of float, shape (n_rows, n_features)
    """
    at_a_time = max(1, (1 << 20) // max(1, X.shape[1]))
    mean = X.mean(axis=0)
    nearest, index = np.inf, 0
    for begin in range(0, len(X), at_a_time):
        squared = ((X[begin : begin + at_a_time] - mean) ** 2).sum(axis=1)
        best = int(np.argmin(squared))
        if squared[best] < nearest:
            nearest, index = float(squared[best]), begin + best
    return index
