# SPDX-License-Identifier: GPL-2.0-or-later
"""Exactly so many clusters of any number of rows: BIRCH, whose threshold is searched, then Ward."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Hierarchy", "build_hierarchy", "cut"]

logger = logging.getLogger(__name__)

#: So many sub-clusters may always reach the second step: it takes a moment for them.
_FEW = 2000
#: More than the clusters asked for by this much at most.
_SURPLUS = 1.25
#: Beyond, Ward's hierarchy (time to the square of the number) gives way to joining nearest pairs.
MOST_FOR_WARD = 50_000
_MOST_PASSES = 60
_ROWS_A_BLOCK = 1 << 16


@dataclass(frozen=True)
class Hierarchy:
    """Sub-clusters of rows and the order in which they are joined.

    Attributes
    ----------
    owners : ndarray of int32, shape (n_rows,)
        Sub-cluster of each row.
    first, second : ndarray of int32, shape (n_merges,)
        Sub-clusters whose clusters are joined, the nearest first.
    threshold : float
        Of the radius of a sub-cluster (root mean square distance to its mean).
    n_subclusters : int
    passes : list of (float, int, int)
        Thresholds tried, sub-clusters found, rows read until that was known.
    """

    owners: np.ndarray
    first: np.ndarray
    second: np.ndarray
    threshold: float
    n_subclusters: int
    passes: list[tuple[float, int, int]] = field(default_factory=list)

    def labels(self, n_clusters: int) -> np.ndarray:
        """Cluster of each row, shape (n_rows,): numbered 0, 1, … from the largest; as near to `n_clusters` as
        the sub-clusters and their merges allow.
        """
        n_merges = min(max(0, self.n_subclusters - n_clusters), len(self.first))
        joined = cut(self.n_subclusters, self.first[:n_merges], self.second[:n_merges])[self.owners]
        sizes = np.bincount(joined)
        order = np.argsort(-sizes, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return rank[joined]


def build_hierarchy(
    scores: np.ndarray,
    n_clusters: int | None,
    *,
    order: np.ndarray | None = None,
    threshold: float | None = None,
    branching: int = 50,
    most_for_ward: int = MOST_FOR_WARD,
) -> Hierarchy:
    """Cluster rows by BIRCH so that `Hierarchy.labels` can give exactly `n_clusters`, or any smaller number.

    The threshold is found by bisection between bounds that it never leaves. A pass over the rows that makes
    more sub-clusters than wanted is broken off: nothing ever grows with the square of the number of rows.

    Parameters
    ----------
    scores : ndarray of float64, shape (n_rows, n_components)
        In memory or memory-mapped; read in blocks.
    n_clusters : int or None
        None: the sub-clusters of `threshold` as they are.
    order : ndarray of int, shape (n_rows,), optional
        In which BIRCH takes the rows; default as they are.
    threshold : float, optional
        Instead of the search.
    branching : int
        Entries a node of BIRCH's tree.
    most_for_ward : int
        More sub-clusters than these are joined as nearest pairs, not by Ward.
    """
    if threshold is not None:
        owners, means = _grow(scores, order, float(threshold), branching, len(scores))
        passes = [(float(threshold), len(means), len(owners))]
    else:
        if n_clusters is None:
            raise ValueError("neither a number of clusters nor a threshold: expected one of them")
        owners, means, passes = _search(scores, order, n_clusters, branching)
    found = passes[-1][0]
    n = len(means)
    if n_clusters is None or n <= n_clusters:
        nothing = np.empty(0, dtype=np.int32)
        return Hierarchy(owners, nothing, nothing, found, n, passes)
    if n <= most_for_ward:
        from mdsieve._core import ward_merges

        first, second, _ = ward_merges(means)
    else:
        first, second = nearest_pairs(means)
    return Hierarchy(owners, first, second, found, n, passes)


def _search(
    scores: np.ndarray, order: np.ndarray | None, n_clusters: int, branching: int
) -> tuple[np.ndarray, np.ndarray, list[tuple[float, int, int]]]:
    """Sub-clusters, at least as many as clusters and not many more; fewer only if rows do not allow it."""
    most = max(math.ceil(_SURPLUS * n_clusters), _FEW)
    least = max(n_clusters, most // 2)
    passes: list[tuple[float, int, int]] = []

    def grow(threshold: float) -> tuple[np.ndarray, np.ndarray]:
        owners, means = _grow(scores, order, threshold, branching, most)
        passes.append((threshold, len(means), len(owners)))
        logger.debug("threshold %g: %d sub-clusters of %d rows", threshold, len(means), len(owners))
        return owners, means

    owners, means = grow(0.0)  # broken off at once where rows differ
    if len(means) <= most:
        return owners, means, passes
    low, high = 0.0, _radius(scores)
    fewer = None
    dimension = _dimension(scores)
    threshold = high * least ** (-1.0 / dimension)
    while len(passes) < _MOST_PASSES and threshold > 0.0 and high > low * (1.0 + 1e-6):
        owners, means = grow(threshold)
        if len(means) > most:
            low = threshold
        elif len(means) < least:
            high, fewer = threshold, (owners, means)
        else:
            return owners, means, passes
        if low > 0.0:
            threshold = math.sqrt(low * high)
        else:  # the number of spheres that fill a space
            factor = (len(means) / math.sqrt(least * most)) ** (1.0 / dimension)
            threshold = high * min(max(factor, 0.1), 0.8)
    if fewer is None:
        fewer = grow(high)
    passes.append((high, len(fewer[1]), len(fewer[0])))  # as near as a jump from few to many allows
    return *fewer, passes


def _grow(
    scores: np.ndarray, order: np.ndarray | None, threshold: float, branching: int, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Owners of the rows and means of the sub-clusters; broken off if these get more than most."""
    from mdsieve._core import ClusterFeatureTree

    tree = ClusterFeatureTree(scores.shape[1], threshold, branching)
    owners = np.full(len(scores), -1, dtype=np.int32)
    n_read = 0
    for which, block in _blocks(scores, order):
        found = tree.insert(block, most)
        n_read += len(found)
        if len(tree) > most:
            return owners[:n_read], tree.means()
        owners[which] = found
    return owners, tree.means()


def _blocks(scores: np.ndarray, order: np.ndarray | None) -> Iterator[tuple[slice | np.ndarray, np.ndarray]]:
    for start in range(0, len(scores), _ROWS_A_BLOCK):
        which = slice(start, start + _ROWS_A_BLOCK) if order is None else order[start : start + _ROWS_A_BLOCK]
        yield which, np.ascontiguousarray(scores[which], dtype=np.float64)


def _radius(scores: np.ndarray) -> float:
    """Root mean square distance of all rows from their mean."""
    return float(np.sqrt(_variances(scores).sum()))


def _dimension(scores: np.ndarray) -> float:
    """In how many directions the rows spread: (sum of variances)² / sum of their squares."""
    variances = _variances(scores)
    squares = float((variances**2).sum())
    return float(variances.sum()) ** 2 / squares if squares > 0 else 1.0


def _variances(scores: np.ndarray) -> np.ndarray:
    """Of each column; the scores are centred already, but for rows that came later."""
    sums, squares = np.zeros(scores.shape[1]), np.zeros(scores.shape[1])
    for _, block in _blocks(scores, None):
        sums += block.sum(axis=0)
        squares += (block**2).sum(axis=0)
    return np.maximum(squares / len(scores) - (sums / len(scores)) ** 2, 0.0)


def cut(n: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Labels after some merges of n points, shape (n,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = coo_matrix((np.ones(len(first), dtype=bool), (first, second)), shape=(n, n))
    return connected_components(edges, directed=False)[1]


def nearest_pairs(points: np.ndarray, n_neighbours: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Join points with near ones, the nearest pairs first, each point once: at most half as many merges.

    Returns
    -------
    first, second : ndarray of int32, shape (n_merges,)
    """
    from scipy.spatial import cKDTree

    distances, neighbours = cKDTree(points).query(points, k=min(n_neighbours + 1, len(points)))
    one = np.repeat(np.arange(len(points)), neighbours.shape[1])
    other, distances = neighbours.ravel(), distances.ravel()
    first, second = np.minimum(one, other), np.maximum(one, other)
    order = np.lexsort((second, first, distances))
    order = order[first[order] != second[order]]
    is_free = np.ones(len(points), dtype=bool)
    merges = []
    for a, b in zip(first[order].tolist(), second[order].tolist(), strict=True):
        if is_free[a] and is_free[b]:
            is_free[a] = is_free[b] = False
            merges.append((a, b))
    pairs = np.array(merges, dtype=np.int32).reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()
