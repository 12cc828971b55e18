# SPDX-License-Identifier: GPL-2.0-or-later
"""Farthest point sampling on a structure kernel: only the similarities of the picks are computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mdsieve.samplers.contract import GreedySampler, seed_of
from mdsieve.samplers.farthest_point import given_start
from mdsieve.similarity.kernel import StructureKernel, distances

__all__ = ["KernelFPS"]


class KernelFPS(GreedySampler):
    """Farthest point sampling with the distances d = √(2 - 2K) of a kernel.

    Fitted on a `StructureKernel` instead of rows. k picks take k rows of similarities, and with
    ``start="central"`` the mean similarities, which are one product of vectors for the average kernel and
    all pairs (not held) for REMatch.

    Parameters
    ----------
    n_to_select : int, float or None
        Number or share of structures to pick. None: all that `distance` lets through; without it, half.
    distance : float or None
        Stop when every structure is within this distance of a picked one.
    start : "central", "random" or int
        The first pick, if there is no earlier set: the structure with the largest mean similarity to all
        (equation 9 of the paper of the Li-Si set), a random one, or the one of that index.
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None
        For ``start="random"``.

    Attributes
    ----------
    selected_idx_, select_distance_, support_
        See `Sampler`. The distance of a pick is that to the nearest structure picked before it; infinite for
        the first of all.

    Notes
    -----
    Picked structures are never looked at again, so that a kernel with K(A, A) < 1 does no harm. Similarities
    above 1 count as 1. With the normalised average kernel, `FPS` on its `vectors` gives the same picks
    faster.
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

    def fit(
        self, X: StructureKernel, y: None = None, *, X_selected: Sequence[int] | None = None
    ) -> KernelFPS:
        """Pick structures.

        Parameters
        ----------
        X : StructureKernel
        y : ignored
        X_selected : sequence of int, optional
            Structures of the kernel that are there already: what is picked is picked in addition to them.

        Raises
        ------
        ValueError
            If a parameter is out of its range, or an index is not one of a structure.
        """
        if not isinstance(X, StructureKernel):
            raise ValueError(f"{type(X).__name__}: expected a StructureKernel; for rows there is FPS")
        earlier = np.unique(np.asarray([] if X_selected is None else X_selected, dtype=np.int64))
        n = len(X)
        if len(earlier) and not 0 <= earlier[0] <= earlier[-1] < n:
            raise ValueError(f"X_selected: expected structures from 0 to {n - 1}")
        if len(earlier) == n:
            raise ValueError("X_selected: all structures are there already")
        self.seed_ = seed_of(self.random_state)
        self._kernel, self._earlier = X, earlier
        try:
            wanted = self._n_wanted(n - len(earlier))
            picks = self._pick(np.empty((n, 0)), earlier if len(earlier) else None, wanted)
        finally:
            del self._kernel, self._earlier
        self._remember(picks, n)
        return self

    def selection(self, sources: Sequence[str] | None = None) -> Any:
        """What was picked and how, to be written to files; see `Sampler.selection`."""
        return super().selection(sources).with_configuration(**self.kernel_description_)

    def _begin(self, X: np.ndarray, X_selected: np.ndarray | None) -> tuple[int, float, str] | None:
        self.kernel_description_ = self._kernel.describe()
        first = given_start(self.start, len(X), self._rng())
        self._nearest = np.full(len(X), -np.inf)
        if X_selected is not None:
            for index in X_selected:
                self._is_left[index] = False
                self._take(int(index))
            return None
        if first is not None:
            return first
        central = int(np.argmax(self._kernel.mean_similarity()))
        return central, np.inf, "start: closest on average to all"

    def _scores(self) -> np.ndarray:
        return distances(self._nearest)

    def _take(self, index: int) -> None:
        np.maximum(self._nearest, self._kernel.row(index), out=self._nearest)

    def _reason(self, score: float) -> str:
        return f"farthest from those before: {score:.6g}"

    def _end(self) -> None:
        super()._end()
        self.__dict__.pop("_nearest", None)
