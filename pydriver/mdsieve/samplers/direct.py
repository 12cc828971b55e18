# SPDX-License-Identifier: GPL-2.0-or-later
"""DIRECT: features to principal components, clusters of these, members of each cluster."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mdsieve.io.feature_file import FeatureFile, row_blocks
from mdsieve.samplers.contract import Picks, Sampler, seed_of
from mdsieve.samplers.direct_clusters import Hierarchy, build_hierarchy
from mdsieve.samplers.direct_members import Chosen, Places, centroids, choose_members, distances_from
from mdsieve.samplers.principal_components import fit_components

if TYPE_CHECKING:
    from mdsieve.samplers.coverage import Coverage

__all__ = ["DIRECT", "OrderSensitivity"]

#: Scores beyond this size wait in a file without a name.
SCORES_IN_MEMORY = 1 << 30


@dataclass(frozen=True)
class OrderSensitivity:
    """What changes when BIRCH takes the rows in another order.

    Attributes
    ----------
    overlap : ndarray of float, shape (n_orders,)
        Share of the picks that stay.
    agreement : ndarray of float, shape (n_orders,)
        Adjusted Rand index of the clusters: 1 for the same ones, about 0 for unrelated ones.
    coverage : ndarray of float, shape (n_orders,)
        Mean coverage of the components by the new picks.
    """

    overlap: np.ndarray
    agreement: np.ndarray
    coverage: np.ndarray


class DIRECT(Sampler):
    """Dimensionality reduction, clustering, stratified sampling (Qi et al., arXiv:2307.13710).

    Features are standardised, brought to their principal components, these weighted by the share of the
    variance that they explain, the rows clustered by BIRCH, and members of every cluster picked.

    Parameters
    ----------
    n_to_select : int, float or None
        Number or share of rows to pick: of as many clusters as that takes. None: what `n_clusters` and
        `per_cluster`, or `threshold`, imply; without them half of the rows.
    per_cluster : int
        Members a cluster. The first is the nearest to the centroid.
    n_clusters : int or None
        Number of clusters. None: so many that `n_to_select` rows are found.
    n_components : int or None
        Principal components kept. None: those with eigenvalues above 1 (Kaiser's rule).
    weighted : bool
        Multiply components by their share of the variance.
    threshold : float or None
        Radius of BIRCH's sub-clusters. None: searched, so that there are enough and not many more. With a
        threshold and no number the sub-clusters are the clusters.
    branching : int
        Entries a node of BIRCH's tree.
    order : {"content", "given"}
        Rows enter BIRCH in an order that depends on their values and the seed, not on their places: rows that
        are shuffled give the same picks. Or in the order given.
    places : {"interlaced", "steps"}
        Members sorted by distance are taken at places first, last, middle, quarters, …, so that a larger
        `per_cluster` only adds picks; or at constant steps, as printed in the paper.
    duplicates : bool
        Pick members of small clusters again until there are `per_cluster`; else the shortfall is stated.
    compatibility : "maml" or None
        Pick what the program maml picks: its threshold search, scikit-learn's BIRCH on rows in the order
        given, its centres. `threshold` is the first one tried (None: 0.5). No earlier set; all rows are
        held, memory and time grow with the square of the number of sub-clusters.
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None
        Seed of the order by content, which also decides between members that are equally near.

    Attributes
    ----------
    selected_idx_, select_distance_, support_, n_features_in_, shortfall_, seed_
        See `Sampler`. The first of every cluster comes before the second of any, members of large clusters
        before those of small ones; distances are those from the centroid, in weighted components.
    labels_ : ndarray of int, shape (n_rows,)
        Cluster of each row; with ``compatibility=None`` numbered from the largest.
    centroids_ : ndarray of float, shape (n_clusters, n_components)
        Means of the clusters, in weighted components; of an earlier set its rows count as well.
    components_ : PrincipalComponents
    threshold_ : float
        The one that was used.
    n_subclusters_ : int
        Of BIRCH, from which Ward's hierarchy makes the clusters. Above 50 000 nearest pairs are joined
        instead.
    passes_ : list of (float, int, int)
        Thresholds tried, sub-clusters found, rows read until that was known.

    Notes
    -----
    A row's label is that of the sub-cluster that took it in, so that no cluster is empty and the centroid is
    the mean of the rows that it stands for. Up to about 2000 distinct rows are clustered by Ward alone.
    With an earlier set its rows are clustered too; a cluster that holds some of them needs so many fewer,
    and clusters are cut so that `n_to_select` others are left.
    """

    def __init__(
        self,
        n_to_select: int | float | None = None,
        *,
        per_cluster: int = 1,
        n_clusters: int | None = None,
        n_components: int | None = None,
        weighted: bool = True,
        threshold: float | None = None,
        branching: int = 50,
        order: Literal["content", "given"] = "content",
        places: Places = "interlaced",
        duplicates: bool = False,
        compatibility: Literal["maml"] | None = None,
        random_state: Any = 0,
    ) -> None:
        self.n_to_select = n_to_select
        self.per_cluster = per_cluster
        self.n_clusters = n_clusters
        self.n_components = n_components
        self.weighted = weighted
        self.threshold = threshold
        self.branching = branching
        self.order = order
        self.places = places
        self.duplicates = duplicates
        self.compatibility = compatibility
        self.random_state = random_state

    # fitting

    def fit_file(self, features: FeatureFile | str | os.PathLike, *, X_selected=None) -> DIRECT:
        """Pick rows of a file that need not fit into memory; twice read, in blocks.

        Parameters
        ----------
        features : FeatureFile or path
            Candidates.
        X_selected : array-like of float, shape (n_earlier, n_features), optional
            Rows of an existing set.

        Raises
        ------
        OSError, ValueError
            As `FeatureFile`; as `fit`.
        """
        if not isinstance(features, FeatureFile):
            with FeatureFile(features) as opened:
                return self.fit_file(opened, X_selected=X_selected)
        self.n_features_in_ = features.shape[1]
        earlier = self._earlier_rows(X_selected)
        self.seed_ = seed_of(self.random_state)
        picks = self._pick_from(features, earlier, self._n_wanted(len(features)))
        self._remember(picks, len(features))
        return self

    def _pick(self, X: np.ndarray, X_selected: np.ndarray | None, n_wanted: int | None) -> Picks:
        return self._pick_from(X, X_selected, n_wanted)

    def _count_without_number(self, n_rows: int) -> int | None:
        is_told = self.n_clusters is not None or self.threshold is not None
        return None if is_told or self.compatibility else super()._count_without_number(n_rows)

    def _pick_from(
        self, rows: np.ndarray | FeatureFile, earlier: np.ndarray | None, n_wanted: int | None
    ) -> Picks:
        self._check(rows.shape[0], n_wanted, earlier)
        self.components_ = fit_components(rows, self.n_components)
        if self.compatibility == "maml":
            chosen = self._maml(rows, n_wanted)
        else:
            scores, keys = self._scores_and_keys(rows, earlier)
            chosen = self._choose(scores, keys, rows.shape[0], n_wanted)
        return self._picks(chosen, n_wanted)

    def _picks(self, chosen: Chosen, n_wanted: int | None) -> Picks:
        wanted = len(self.centroids_) * self.per_cluster if n_wanted is None else n_wanted
        if self.n_clusters is not None and n_wanted is None:
            wanted = self.n_clusters * self.per_cluster - self._n_held
        sizes = np.bincount(self.labels_, minlength=len(self.centroids_))
        n = len(chosen.rows) if self.compatibility else min(len(chosen.rows), wanted)
        reasons = [
            f"{'nearest the centroid' if r == 0 else f'number {r + 1}'} of a cluster of {sizes[c]}"
            for c, r in zip(chosen.clusters[:n].tolist(), chosen.rounds[:n].tolist(), strict=True)
        ]
        return Picks(chosen.rows[:n], chosen.distances[:n], reasons, max(0, wanted - n))

    # parts

    def _scores_and_keys(
        self, rows: np.ndarray | FeatureFile, earlier: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Scores of the rows and, after them, of those of the earlier set; a number of each row's content."""
        n_rows, n_features = rows.shape
        n = n_rows + (0 if earlier is None else len(earlier))
        scores = _room((n, len(self.components_.axes)))
        keys = np.empty(n, dtype=np.uint64)
        drawn = np.random.default_rng(self.seed_).integers(2**63, size=(n_features,), dtype=np.uint64)
        factors = 2 * np.asarray(drawn) + 1
        for start, block in _all_blocks(rows, earlier):
            part = slice(start, start + len(block))
            scores[part] = self.components_.scores(block, weighted=self.weighted)
            keys[part] = content_keys(block, factors)
        return scores, keys

    def _choose(self, scores: np.ndarray, keys: np.ndarray, n_rows: int, n_wanted: int | None) -> Chosen:
        order = np.argsort(keys, kind="stable") if self.order == "content" else None
        n_earlier = len(scores) - n_rows
        n_clusters = self.n_clusters
        if n_clusters is None and n_wanted is not None:
            n_clusters = min(-(-n_wanted // self.per_cluster) + n_earlier, len(scores))
        hierarchy = build_hierarchy(
            scores, n_clusters, order=order, threshold=self.threshold, branching=self.branching
        )
        self.threshold_ = hierarchy.threshold
        self.n_subclusters_ = hierarchy.n_subclusters
        self.passes_ = hierarchy.passes
        if n_clusters is None:
            n_clusters = hierarchy.n_subclusters
        elif self.n_clusters is None and n_earlier:
            n_clusters = self._enough(hierarchy, n_rows, n_wanted or 0)
        labels = hierarchy.labels(n_clusters)
        self.centroids_ = centroids(scores, labels)
        distances = distances_from(scores, self.centroids_, labels)
        self.labels_ = labels[:n_rows]
        held = np.bincount(labels[n_rows:], minlength=len(self.centroids_))
        self._n_held = int(np.minimum(held, self.per_cluster).sum())
        return choose_members(
            self.labels_,
            distances[:n_rows],
            self.per_cluster,
            n_earlier=held,
            ties=keys[:n_rows],
            places=self.places,
            duplicates=self.duplicates,
        )

    def _enough(self, hierarchy: Hierarchy, n_rows: int, n_wanted: int) -> int:
        """The fewest clusters that need as many members as wanted in addition to the earlier rows.

        A cluster that is divided in two never needs fewer, so that halving finds it.
        """
        few, many = 1, hierarchy.n_subclusters
        while few < many:
            middle = (few + many) // 2
            labels = hierarchy.labels(middle)
            held = np.bincount(labels[n_rows:], minlength=int(labels.max()) + 1)
            if np.maximum(self.per_cluster - held, 0).sum() >= n_wanted:
                many = middle
            else:
                few = middle + 1
        return few

    def _maml(self, rows: np.ndarray | FeatureFile, n_wanted: int | None) -> Chosen:
        from mdsieve.samplers.direct_maml import maml_clusters, maml_members, maml_scores

        rows = np.concatenate([block for _, block in row_blocks(rows)])
        scores = maml_scores(rows, len(self.components_.axes), self.weighted)
        n_clusters = self.n_clusters
        if n_clusters is None and n_wanted is not None:
            n_clusters = -(-n_wanted // self.per_cluster)
        threshold = 0.5 if self.threshold is None else float(self.threshold)
        clusters = maml_clusters(scores, n_clusters, threshold, self.branching)
        self.threshold_ = clusters.threshold
        self.labels_ = clusters.labels
        self.centroids_ = np.array([clusters.centres[i] for i in sorted(clusters.centres)])
        self.n_subclusters_ = len(self.centroids_) if n_clusters is None else n_clusters
        self.passes_ = []
        self._n_held = 0
        return maml_members(scores, clusters, self.per_cluster)

    def _check(self, n_rows: int, n_wanted: int | None, earlier: np.ndarray | None) -> None:
        for name, least in (("per_cluster", 1), ("n_clusters", 1), ("branching", 2)):
            value = getattr(self, name)
            is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if not (value is None and name == "n_clusters") and not (is_whole and value >= least):
                raise ValueError(f"{name}={value!r}: expected a whole number of at least {least}")
        if self.n_clusters is not None and self.n_clusters > n_rows:
            raise ValueError(f"n_clusters={self.n_clusters}: expected at most {n_rows}, the rows there are")
        if n_wanted is not None and self.n_clusters and n_wanted > self.n_clusters * self.per_cluster:
            raise ValueError(
                f"n_to_select={n_wanted}: {self.n_clusters} clusters of {self.per_cluster} give fewer"
            )
        for name, words in (
            ("order", ("content", "given")),
            ("places", ("interlaced", "steps")),
            ("compatibility", (None, "maml")),
        ):
            if getattr(self, name) not in words:
                raise ValueError(f"{name}={getattr(self, name)!r}: expected {' or '.join(map(repr, words))}")
        if self.compatibility and earlier is not None:
            raise ValueError("compatibility='maml' knows no earlier set")

    # what came of it

    def scores(self, X) -> np.ndarray:
        """Components of rows as they were clustered, shape (n_rows, n_components); after a fit."""
        return self.components_.scores(np.asarray(X, dtype=float), weighted=self.weighted)

    def coverage(self, X, indices: np.ndarray | None = None, **settings: int) -> Coverage:
        """How much of the rows' range some of them cover; see `mdsieve.samplers.coverage.coverage`.

        Parameters
        ----------
        X : array-like of float, shape (n_rows, n_features)
            The rows of the fit.
        indices : ndarray of int, optional
            Default: the rows that were picked.
        **settings
            ``n_bins``, ``joint_bins``.
        """
        from mdsieve.samplers.coverage import coverage

        return coverage(self.scores(X), self.selected_idx_ if indices is None else indices, **settings)

    def order_sensitivity(self, X, n_orders: int = 3, *, n_bins: int = 1000) -> OrderSensitivity:
        """Fit again with the rows in other orders, and compare with the picks of this fit.

        Parameters
        ----------
        X : array-like of float, shape (n_rows, n_features)
            The rows of the fit, without an earlier set.
        n_orders : int
            Random orders tried, from the seed of the fit.
        n_bins : int
            Of the coverage.
        """
        from sklearn.base import clone
        from sklearn.metrics import adjusted_rand_score

        X = np.asarray(X, dtype=float)
        overlap, agreement, covered = [], [], []
        for which in range(1, n_orders + 1):
            order = np.random.default_rng([self.seed_ or 0, which]).permutation(len(X))
            again = clone(self).set_params(order="given").fit(X[order])
            picked = order[again.selected_idx_]
            labels = np.empty(len(X), dtype=np.int64)
            labels[order] = again.labels_
            overlap.append(len(np.intersect1d(picked, self.selected_idx_)) / max(1, len(self.selected_idx_)))
            agreement.append(adjusted_rand_score(self.labels_, labels))
            covered.append(self.coverage(X, picked, n_bins=n_bins).mean)
        return OrderSensitivity(np.array(overlap), np.array(agreement), np.array(covered))


def content_keys(rows: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """A number for each row that depends on all its bits, shape (n_rows,)."""
    bits = (np.ascontiguousarray(rows, dtype=np.float64) + 0.0).view(np.uint64)  # -0 is 0
    keys = ((bits ^ (bits >> np.uint64(29))) * factors).sum(axis=1, dtype=np.uint64)
    keys ^= keys >> np.uint64(32)
    keys *= np.uint64(0xD6E8FEB86659FD93)
    return keys ^ (keys >> np.uint64(32))


def _all_blocks(
    rows: np.ndarray | FeatureFile, earlier: np.ndarray | None
) -> Iterator[tuple[int, np.ndarray]]:
    yield from row_blocks(rows)
    if earlier is not None:
        for start, block in row_blocks(earlier):
            yield rows.shape[0] + start, block


def _room(shape: tuple[int, int]) -> np.ndarray:
    """An array in memory, or, if it is large, in a file that vanishes with it."""
    if 8 * shape[0] * shape[1] <= SCORES_IN_MEMORY:
        return np.empty(shape)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype=np.float64, mode="w+", shape=shape)
