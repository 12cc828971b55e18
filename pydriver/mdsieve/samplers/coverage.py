# SPDX-License-Identifier: GPL-2.0-or-later
"""How much of what there is a selection covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Coverage", "coverage"]


@dataclass(frozen=True)
class Coverage:
    """Shares of bins that hold rows and are hit by picked ones.

    Attributes
    ----------
    per_component : ndarray of float, shape (n_components,)
        Bins of one component after the other (Qi et al., arXiv:2307.13710). A selection may hit all of them
        and yet miss most combinations.
    joint : float
        Cubes of the space of all components.
    joint_most : float
        What so many picks could hit of these at most.
    n_bins, joint_bins : int
    """

    per_component: np.ndarray
    joint: float
    joint_most: float
    n_bins: int
    joint_bins: int

    @property
    def mean(self) -> float:
        """Mean over the components."""
        return float(self.per_component.mean())


def coverage(
    scores: np.ndarray, indices: np.ndarray, *, n_bins: int = 50_000, joint_bins: int = 10
) -> Coverage:
    """Coverage of all rows by some of them.

    Parameters
    ----------
    scores : array-like of float, shape (n_rows, n_components)
        Of all rows, e.g. `DIRECT.scores`.
    indices : array-like of int
        Rows that were picked.
    n_bins : int
        Equal bins from the smallest to the largest score of each component; 50 000 is the paper's for 1.3
        million rows. Far more bins than picks say no more than the number of picks.
    joint_bins : int
        The edge of a cube is the range of the widest component, divided by this.

    Raises
    ------
    ValueError
        If there are no rows, or a number of bins is below 1.
    """
    scores = np.asarray(scores, dtype=float)
    indices = np.asarray(indices, dtype=np.int64)
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"coverage: scores of shape {scores.shape}, expected rows")
    for name, value in (("n_bins", n_bins), ("joint_bins", joint_bins)):
        if value < 1:
            raise ValueError(f"coverage: {name}={value}, expected at least 1")
    low, width = scores.min(axis=0), np.ptp(scores, axis=0)
    shares = np.empty(scores.shape[1])
    for i in range(scores.shape[1]):
        bins = _bins(scores[:, i], low[i], width[i] / n_bins, n_bins)
        shares[i] = len(np.unique(bins[indices])) / len(np.unique(bins))
    edge = width.max() / joint_bins
    cubes = np.stack([_bins(scores[:, i], low[i], edge, joint_bins) for i in range(scores.shape[1])], axis=1)
    _, cube = np.unique(cubes, axis=0, return_inverse=True)
    cube = cube.ravel()
    n_cubes = int(cube.max()) + 1
    hit = len(np.unique(cube[indices]))
    most = min(1.0, len(np.unique(indices)) / n_cubes)
    return Coverage(shares, hit / n_cubes, most, n_bins, joint_bins)


def _bins(values: np.ndarray, low: float, width: float, n_bins: int) -> np.ndarray:
    """Bin of each value; the last one holds the largest."""
    if width <= 0:
        return np.zeros(len(values), dtype=np.int32)
    return np.minimum((values - low) / width, n_bins - 1).astype(np.int32)
