# SPDX-License-Identifier: GPL-2.0-or-later
"""Screening by similarity to what was kept: the rule that the DV-LAE paper compares itself with."""

from __future__ import annotations

from numbers import Real
from typing import Literal

import numpy as np

from mdsieve.samplers.contract import Picks
from mdsieve.samplers.grouped import GroupedSampler

__all__ = ["SimilarityScreen"]

_BLOCK = 1 << 22  # distances at a time
_CLOSE = 1e-6  # of the threshold: nearer than this it is looked at again without cancellation


class SimilarityScreen(GroupedSampler):
    """Keep a frame if what is stored lies, on average, farther from it than a threshold.

    For every stored environment the smallest Euclidean distance to the environments of the candidate; their
    mean over all that is stored (or the largest) is the candidate's number, and the candidate is stored if
    it exceeds the threshold. Frames come in their order; the first is stored. §2.5 of the DV-LAE paper, with
    SOAP vectors and a threshold of 0.1 on the mean.

    Parameters
    ----------
    n_to_select : int, float or None
        Stop after so many picks; None: all that exceed the threshold.
    distance : float
        The threshold.
    measure : {"mean", "max"}
        Over the stored environments.

    Attributes
    ----------
    selected_idx_, select_distance_, support_, n_features_in_
        See `GroupedSampler`. The distance of a pick is its number, infinite for the first frame.

    Notes
    -----
    The number asks whether the candidate lacks what is stored, not whether what is stored lacks the
    candidate: one odd environment among ordinary ones changes nothing. That is the paper's rule.
    A frame costs n_stored × n_atoms distances. Numbers within 1e-6 of the threshold are computed again
    from differences of vectors.
    """

    def __init__(
        self,
        n_to_select: int | float | None = None,
        *,
        distance: float = 0.1,
        measure: Literal["mean", "max"] = "mean",
    ) -> None:
        self.n_to_select = n_to_select
        self.distance = distance
        self.measure = measure

    def _count_without_number(self, n_rows: int) -> int | None:
        return None

    def _pick_groups(
        self, X: np.ndarray, starts: np.ndarray, X_selected: np.ndarray | None, n_wanted: int | None
    ) -> Picks:
        threshold = self.distance
        if isinstance(threshold, bool) or not isinstance(threshold, Real) or not float(threshold) >= 0:
            raise ValueError(f"distance={threshold!r}: expected a number of at least 0")
        if self.measure not in ("mean", "max"):
            raise ValueError(f"measure={self.measure!r}: expected 'mean' or 'max'")
        stored = _Stored(X.shape[1], self.measure)
        if X_selected is not None:
            stored.add(X_selected)
        found: list[tuple[int, float, str]] = []
        n_groups = len(starts) - 1
        for group in range(n_groups):
            rows = X[starts[group] : starts[group + 1]]
            number = stored.number(rows, float(threshold))
            if number > threshold:
                reason = f"{self.measure} distance {number:.6g}" if np.isfinite(number) else "start: first"
                found.append((group, number, reason))
                stored.add(rows)
                if len(found) == n_wanted:
                    break
        indices, numbers, reasons = zip(*found, strict=True) if found else ((), (), ())
        return Picks(indices, numbers, reasons, 0 if n_wanted is None else n_wanted - len(found))


class _Stored:
    """Environments that were kept."""

    def __init__(self, n_features: int, measure: str) -> None:
        self._rows = np.empty((0, n_features))
        self._squares = np.empty(0)
        self._n = 0
        self._over = np.mean if measure == "mean" else np.max

    def add(self, rows: np.ndarray) -> None:
        needed = self._n + len(rows)
        if needed > len(self._rows):
            room = max(needed, 2 * len(self._rows))
            self._rows = np.concatenate([self._rows[: self._n], np.empty((room - self._n, rows.shape[1]))])
            self._squares = np.concatenate([self._squares[: self._n], np.empty(room - self._n)])
        self._rows[self._n : needed] = rows
        self._squares[self._n : needed] = np.einsum("ij,ij->i", rows, rows)
        self._n = needed

    def number(self, rows: np.ndarray, threshold: float) -> float:
        """The candidate's number; infinite if nothing is stored."""
        if not self._n:
            return np.inf
        number = float(self._over(self._nearest(rows)))
        if abs(number - threshold) > _CLOSE * max(threshold, 1e-3):
            return number
        return float(self._over(self._nearest_by_differences(rows)))

    def _nearest(self, rows: np.ndarray) -> np.ndarray:
        squares = np.einsum("ij,ij->i", rows, rows)
        nearest = np.empty(self._n)
        step = max(1, _BLOCK // len(rows))
        for begin in range(0, self._n, step):
            end = min(begin + step, self._n)
            part = self._rows[begin:end] @ rows.T
            part *= -2.0
            part += squares
            nearest[begin:end] = part.min(axis=1) + self._squares[begin:end]
        return np.sqrt(np.maximum(nearest, 0.0))

    def _nearest_by_differences(self, rows: np.ndarray) -> np.ndarray:
        from scipy.spatial.distance import cdist

        step = max(1, _BLOCK // len(rows))
        parts = [cdist(self._rows[b : min(b + step, self._n)], rows) for b in range(0, self._n, step)]
        return np.concatenate([part.min(axis=1) for part in parts])
