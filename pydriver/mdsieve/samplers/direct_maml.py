# SPDX-License-Identifier: GPL-2.0-or-later
"""DIRECT as the program maml picks, with scikit-learn's own BIRCH."""

from __future__ import annotations

import warnings

import numpy as np

from mdsieve.samplers.direct_members import Chosen

__all__ = ["MamlClusters", "maml_clusters", "maml_members", "maml_scores"]


class MamlClusters:
    """Labels as scikit-learn predicts them, and what maml takes for the centres.

    Attributes
    ----------
    labels : ndarray of int, shape (n_rows,)
    centres : dict of int to ndarray
        Of each label the centre of its last sub-cluster, which is not its centroid.
    threshold : float
        The last one tried.
    """

    def __init__(self, labels: np.ndarray, centres: dict[int, np.ndarray], threshold: float) -> None:
        self.labels = labels
        self.centres = centres
        self.threshold = threshold


def maml_scores(rows: np.ndarray, n_components: int, weighted: bool) -> np.ndarray:
    """Components to the last digit: both members of a cluster of two are equally near its centre."""
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    standard = StandardScaler().fit_transform(rows)
    pca = PCA().fit(standard)
    scores = pca.transform(standard)[:, :n_components]
    return scores * pca.explained_variance_ratio_[:n_components] if weighted else scores


def maml_clusters(
    scores: np.ndarray, n_clusters: int | None, threshold: float, branching: int
) -> MamlClusters:
    """BIRCH whose threshold shrinks by clusters found / clusters wanted until there are enough.

    The first threshold that gives enough may give far more sub-clusters than wanted: the second step then
    holds all their distances.
    """
    from sklearn.cluster import Birch
    from sklearn.exceptions import ConvergenceWarning

    while True:
        birch = Birch(n_clusters=n_clusters, threshold=threshold, branching_factor=branching)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # too few clusters: what this loop is for
            birch.fit(np.array(scores))
        found = len(set(birch.subcluster_labels_.tolist()))
        if n_clusters is None or found >= n_clusters or threshold < 1e-300:
            break
        threshold = threshold / n_clusters * found
    labels = birch.predict(scores)
    centres = dict(zip(birch.subcluster_labels_.tolist(), birch.subcluster_centers_, strict=True))
    return MamlClusters(labels, centres, threshold)


def maml_members(scores: np.ndarray, clusters: MamlClusters, per_cluster: int) -> Chosen:
    """Constant steps through the members by distance from maml's centres; equal picks of a cluster once."""
    found: list[tuple[int, int, float, int]] = []
    for label in np.unique(clusters.labels).tolist():
        members = np.flatnonzero(clusters.labels == label)
        distances = np.linalg.norm(scores[members] - clusters.centres[label], axis=1)
        places = np.array([int(x) for x in np.linspace(0, len(members) - 1, per_cluster)])
        at = np.argpartition(distances, places)[places]
        once = dict.fromkeys(at.tolist())
        found += [(int(members[i]), label, float(distances[i]), r) for r, i in enumerate(once)]
    rows, labels, distances, rounds = zip(*found, strict=True)
    return Chosen(np.array(rows), np.array(labels), np.array(distances), np.array(rounds))
