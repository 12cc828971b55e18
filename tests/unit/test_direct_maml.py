# SPDX-License-Identifier: GPL-2.0-or-later
"""``compatibility="maml"`` picks what maml itself picks; what it does otherwise is better."""

import logging

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mdsieve.samplers.direct import DIRECT


@pytest.fixture(scope="module")
def maml_steps():
    """maml's own steps; they need nothing but scikit-learn."""
    try:
        from maml.sampling.clustering import BirchClustering
        from maml.sampling.pca import PrincipalComponentAnalysis
        from maml.sampling.stratified_sampling import SelectKFromClusters
    except ImportError as error:
        pytest.fail(f"{error}: this test compares with maml, pip install --no-deps maml")
    for name in ("clustering", "pca", "stratified_sampling"):
        logging.getLogger(f"maml.sampling.{name}").setLevel(logging.WARNING)

    def pick(rows, n, k, threshold, weighted=True):
        pipeline = make_pipeline(
            StandardScaler(),
            PrincipalComponentAnalysis(weighting_PCs=weighted),
            BirchClustering(n=n, threshold_init=threshold),
            SelectKFromClusters(k=k),
        )
        return np.sort(pipeline.fit_transform(rows)["selected_indexes"])

    return pick


def features(n, seed):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(12, 5)) * [3, 2, 1, 0.5, 0.3]
    hidden = centres[rng.integers(12, size=n)] + 0.3 * rng.normal(size=(n, 5))
    return np.tanh(hidden @ rng.normal(size=(5, 10)) * 0.3) + 0.02 * rng.normal(size=(n, 10))


@pytest.mark.filterwarnings("ignore:Number of subclusters found")  # maml's own search
@pytest.mark.parametrize(
    ("n", "k", "threshold", "weighted"),
    [(50, 1, 0.1, True), (50, 1, 0.5, True), (20, 5, 0.2, True), (None, 1, 0.3, True), (30, 2, 0.5, False)],
)
def test_the_picks_are_those_of_maml(maml_steps, n, k, threshold, weighted):
    rows = features(1200, seed=4)
    theirs = maml_steps(rows, n, k, threshold, weighted)
    ours = DIRECT(
        n_clusters=n, per_cluster=k, threshold=threshold, weighted=weighted, compatibility="maml"
    ).fit(rows)
    np.testing.assert_array_equal(np.sort(ours.selected_idx_), np.unique(theirs))
    assert ours.shortfall_ == (n * k - len(theirs) if n else 0)


def test_mamls_centres_are_not_the_centroids(maml_steps):
    rows = features(1200, seed=5)
    theirs = DIRECT(50, threshold=0.05, compatibility="maml").fit(rows)
    scores = theirs.scores(rows)
    centroids = np.array([scores[theirs.labels_ == i].mean(axis=0) for i in range(50)])
    assert (np.linalg.norm(theirs.centroids_ - centroids, axis=1) > 1e-6).mean() > 0.5
    nearest = [
        np.flatnonzero(theirs.labels_ == i)[
            np.linalg.norm(scores[theirs.labels_ == i] - centroids[i], axis=1).argmin()
        ]
        for i in range(50)
    ]
    assert len(np.intersect1d(nearest, maml_steps(rows, 50, 1, 0.05))) < 40


def test_maml_knows_no_earlier_set():
    rows = features(100, seed=6)
    with pytest.raises(ValueError, match="no earlier set"):
        DIRECT(5, compatibility="maml").fit(rows, X_selected=rows[:2])
