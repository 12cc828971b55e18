# SPDX-License-Identifier: GPL-2.0-or-later
"""Agglomerative clustering: one random member of each cluster."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal

import numpy as np

from mdsieve.samplers.contract import Picks, Sampler

__all__ = ["ClusterSampler", "cut"]

Linkage = Literal["average", "complete", "single", "ward"]


class ClusterSampler(Sampler):
    """Hierarchical clusters of rows, a random member of each.

    On mean fingerprints (eq. 8 of Li et al., J. Chem. Phys. 160, 074109), or, with
    ``metric="precomputed"``, on distances between structures as a similarity gives them.

    Parameters
    ----------
    n_to_select : int, float or None
        Number or share of clusters, exactly so many; None: as many as `distance` leaves, without it half.
    distance : float or None
        Clusters farther apart than this (in the linkage's measure) are not joined; used if `n_to_select` is
        None.
    metric : {"euclidean", "precomputed"}
        Precomputed: X is a symmetric matrix of distances, shape (n_rows, n_rows).
    linkage : {"average", "complete", "single", "ward"}
        How far two clusters are apart: mean, largest or smallest distance of their members, or the growth of
        the variance within (Ward; Euclidean distances only).
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None
        Decides which member.

    Attributes
    ----------
    selected_idx_, select_distance_, support_, n_features_in_
        See `Sampler`. Large clusters come first; distances are NaN.
    labels_ : ndarray of int, shape (n_rows,)
        Cluster of each row: place in `selected_idx_`; -1 if its cluster holds a row of the earlier set.

    Notes
    -----
    Rows of an earlier set are clustered together with the candidates, and clusters that hold one need no
    member; they are cut so that exactly as many others are left. Distances of all pairs are held:
    4 n_rows² bytes and as much again to work with.
    """

    def __init__(
        self,
        n_to_select: int | float | None = None,
        *,
        distance: float | None = None,
        metric: Literal["euclidean", "precomputed"] = "euclidean",
        linkage: Linkage = "ward",
        random_state: Any = 0,
    ) -> None:
        self.n_to_select = n_to_select
        self.distance = distance
        self.metric = metric
        self.linkage = linkage
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        tags.input_tags.positive_only = tags.input_tags.pairwise
        return tags

    def _count_without_number(self, n_rows: int) -> int | None:
        return super()._count_without_number(n_rows) if self.distance is None else None

    def _pick(self, X: np.ndarray, X_selected: np.ndarray | None, n_wanted: int | None) -> Picks:
        merges = self._merges(X, X_selected)
        is_earlier = np.zeros(len(merges) + 1, dtype=bool)
        is_earlier[len(X) :] = True
        labels = self._cut(merges, is_earlier, n_wanted)
        covered = np.unique(labels[is_earlier])
        of_row = labels[: len(X)]
        names, sizes = np.unique(of_row[~np.isin(of_row, covered)], return_counts=True)
        rng = self._rng()
        picked, self.labels_ = [], np.full(len(X), -1, dtype=np.int64)
        order = np.argsort(-sizes, kind="stable")
        for place, cluster in enumerate(names[order]):
            members = np.flatnonzero(of_row == cluster)
            self.labels_[members] = place
            picked.append(int(rng.choice(members)))
        reasons = [f"of a cluster of {size}" for size in sizes[order]]
        shortfall = 0 if n_wanted is None else max(0, n_wanted - len(picked))
        return Picks(picked, [np.nan] * len(picked), reasons, shortfall)

    def _merges(self, X: np.ndarray, X_selected: np.ndarray | None) -> np.ndarray:
        """Which clusters are joined one after the other, as SciPy gives them, shape (n - 1, 4)."""
        from scipy.cluster.hierarchy import linkage
        from scipy.spatial.distance import pdist, squareform

        if self.linkage not in ("average", "complete", "single", "ward"):
            raise ValueError(f"linkage={self.linkage!r}: expected average, complete, single or ward")
        if self.metric == "euclidean":
            rows = X if X_selected is None else np.concatenate([X, X_selected])
            if len(rows) == 1:
                return np.empty((0, 4))
            return linkage(pdist(rows), self.linkage)
        if self.metric != "precomputed":
            raise ValueError(f"metric={self.metric!r}: expected 'euclidean' or 'precomputed'")
        if self.linkage == "ward":
            raise ValueError("linkage='ward' needs Euclidean distances of rows: expected another linkage")
        if X_selected is not None:
            raise ValueError("an earlier set cannot be given with metric='precomputed'")
        if X.shape[0] != X.shape[1] or not np.allclose(X, X.T, rtol=1e-9, atol=1e-12):
            raise ValueError(f"X of shape {X.shape}: expected a symmetric matrix of distances")
        if (X < 0).any():
            raise ValueError("Negative values in data: expected distances")
        if len(X) == 1:
            return np.empty((0, 4))
        return linkage(squareform(X, checks=False), self.linkage)

    def _cut(self, merges: np.ndarray, is_earlier: np.ndarray, n_wanted: int | None) -> np.ndarray:
        """Cluster of each row, so that as many as wanted hold no earlier row."""
        n = len(merges) + 1
        if n_wanted is None:
            d = self.distance
            if isinstance(d, bool) or not isinstance(d, Real) or not float(d) >= 0:
                raise ValueError(f"distance={d!r}: expected a number of at least 0")
            return cut(merges, n - int((merges[:, 2] <= float(d)).sum()))
        # splitting a cluster adds one without an earlier row, or none: every number occurs
        free, has_earlier = int((~is_earlier).sum()), [*is_earlier.tolist()]
        n_clusters = n
        for first, second, *_ in merges:
            a, b = has_earlier[int(first)], has_earlier[int(second)]
            has_earlier.append(a or b)
            after = free - (not (a and b))
            if after < n_wanted:
                break
            free, n_clusters = after, n_clusters - 1
        return cut(merges, n_clusters)


def cut(merges: np.ndarray, n_clusters: int) -> np.ndarray:
    """Labels of exactly so many clusters: the first joins of a hierarchy.

    Parameters
    ----------
    merges : ndarray, shape (n - 1, 4)
        As `scipy.cluster.hierarchy.linkage` gives it.
    n_clusters : int
        From 1 to n.

    Returns
    -------
    ndarray of int, shape (n,)
        Numbered in the order of their first rows.
    """
    n = len(merges) + 1
    parent = np.arange(2 * n - 1)
    for i, (first, second, *_) in enumerate(merges[: n - n_clusters]):
        parent[int(first)] = parent[int(second)] = n + i
    for node in range(2 * n - 2, -1, -1):  # a parent comes after its children
        parent[node] = parent[parent[node]]
    _, first, labels = np.unique(parent[:n], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[labels]
