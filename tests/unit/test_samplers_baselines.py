# SPDX-License-Identifier: GPL-2.0-or-later
"""Screens and baselines against their definitions written plainly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from mdsieve.samplers.clusters import ClusterSampler, cut
from mdsieve.samplers.cur import CUR
from mdsieve.samplers.entropy import EntropySampler, differential_entropies, entropy
from mdsieve.samplers.random_frames import RandomSampler, StratifiedRandomSampler, allocate
from mdsieve.samplers.similarity_screen import SimilarityScreen
from mdsieve.scores.density import ReferenceSet


@parametrize_with_checks(
    [
        RandomSampler(),
        StratifiedRandomSampler(),
        CUR(),
        CUR(rule="random", n_components=3),
        ClusterSampler(),
        ClusterSampler(metric="precomputed", linkage="average"),
        SimilarityScreen(),
        EntropySampler(bandwidth=0.5),
    ]
)
def test_it_keeps_scikit_learns_conventions(estimator, check):
    check(estimator)


@pytest.fixture
def rows():
    return np.random.default_rng(8).normal(size=(60, 7)) * np.geomspace(1, 0.05, 7)


@pytest.fixture
def environments():
    """Rows of 25 frames with 1 to 6 environments each, and the frame of each row."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(25), rng.integers(1, 7, size=25))
    return rng.normal(size=(len(groups), 4)) + rng.normal(size=(25, 4))[groups], groups


# ---- random


def test_random_picks_are_no_row_twice_and_more_of_them_begin_alike(rows):
    few, many = (RandomSampler(n, random_state=4).fit(rows).selected_idx_ for n in (10, 30))
    assert len(set(many)) == 30
    np.testing.assert_array_equal(many[:10], few)
    assert set(RandomSampler(10, random_state=5).fit(rows).selected_idx_) != set(few)


def test_each_row_is_as_likely_as_any_other():
    X = np.zeros((6, 1))
    counts = sum(RandomSampler(2, random_state=s).fit(X).support_.astype(int) for s in range(3000))
    assert np.all(np.abs(counts - 1000) < 5 * np.sqrt(3000 * 2 / 9))


@given(
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=12),
    share=st.floats(0.01, 1.0),
    allocation=st.sampled_from(["proportional", "equal"]),
)
@settings(max_examples=200, deadline=None)
def test_strata_get_whole_numbers_that_sum_up_and_are_fair(sizes, share, allocation):
    sizes = np.array(sizes)
    n = max(1, round(share * sizes.sum()))
    counts = allocate(sizes, n, allocation)
    assert counts.sum() == n
    assert np.all((counts >= 0) & (counts <= sizes))
    if n >= len(sizes):
        assert counts.min() >= 1
    if allocation == "equal":
        open_ = counts < sizes
        assert not open_.any() or counts.max() - counts[open_].min() <= 1


def test_large_strata_get_their_share():
    np.testing.assert_array_equal(allocate(np.array([700, 200, 100]), 10, "proportional"), [7, 2, 1])
    np.testing.assert_array_equal(allocate(np.array([997, 2, 1]), 10, "proportional"), [8, 1, 1])
    np.testing.assert_array_equal(allocate(np.array([700, 2, 100]), 10, "equal"), [4, 2, 4])


def test_stratified_picks_come_from_their_strata_in_turns(rows):
    y = np.array(["bulk"] * 40 + ["surface"] * 20)
    sampler = StratifiedRandomSampler(12, random_state=1).fit(rows, y)
    assert sampler.n_of_stratum_ == {"bulk": 8, "surface": 4}
    np.testing.assert_array_equal(np.unique(y[sampler.selected_idx_], return_counts=True)[1], [8, 4])
    assert [r.rpartition(" ")[2] for r in sampler.select_reason_] == y[sampler.selected_idx_].tolist()
    assert {*y[sampler.selected_idx_[:3]]} == {"bulk", "surface"}
    with pytest.raises(ValueError, match="expected one stratum for each of 60 rows"):
        StratifiedRandomSampler().fit(rows, y[:-1])


# ---- CUR


def cur_by_svd(X, n, k, earlier=()):
    """The definition with singular vectors of matrices from which rows were taken out."""
    left, picked = X.copy(), []
    for row in earlier:
        rest = row / np.linalg.norm(row)
        left -= np.outer(left @ rest, rest)
    while len(picked) < n:
        if np.linalg.norm(left) < 1e-6 * np.linalg.norm(X):
            left = X.copy()
            left[picked] = 0
        u, s, _ = np.linalg.svd(left, full_matrices=False)
        scores = (u[:, :k][:, s[:k] > 1e-6 * np.linalg.norm(X)] ** 2).sum(axis=1)
        scores[picked] = -1
        picked.append(int(np.argmax(scores)))
        rest = left[picked[-1]].copy()
        if np.linalg.norm(rest) > 1e-6 * np.linalg.norm(X):
            rest /= np.linalg.norm(rest)
            left -= np.outer(left @ rest, rest)
    return picked


@pytest.mark.parametrize("k", [1, 2, 5])
def test_cur_picks_what_singular_vectors_say_round_after_round(k, rows):
    sampler = CUR(20, n_components=k).fit(rows)
    assert sampler.selected_idx_.tolist() == cur_by_svd(rows, 20, k)
    assert sampler.n_rounds_ == 3


def test_leverage_of_the_first_pick_is_that_of_the_leading_direction(rows):
    u, *_ = np.linalg.svd(rows, full_matrices=False)
    sampler = CUR(1).fit(rows)
    assert sampler.select_distance_[0] == pytest.approx((u[:, 0] ** 2).max(), rel=1e-10)


def test_as_many_cur_picks_as_the_rank_span_all_rows(rows):
    low_rank = rows[:, :3] @ np.random.default_rng(0).normal(size=(3, 12))
    picked = low_rank[CUR(3).fit(low_rank).selected_idx_]
    projector = np.linalg.pinv(picked) @ picked
    np.testing.assert_allclose(low_rank @ projector, low_rank, atol=1e-9)


def test_cur_takes_an_earlier_set_out_first(rows):
    earlier = rows[:2] + 0.01
    sampler = CUR(4).fit(rows, X_selected=earlier)
    # both are taken out one after the other: what is left of the second is orthogonal to the first
    q = np.linalg.qr(earlier.T)[0].T
    assert sampler.selected_idx_.tolist() == cur_by_svd(rows, 4, 1, q)


def test_random_cur_picks_follow_the_leverages():
    X = np.diag([3.0, 1.0, 1.0, 1.0])
    X = np.concatenate([X[:1] * 0.8, X[:1] * 0.6, X[1:]])
    counts = sum(CUR(1, rule="random", random_state=s).fit(X).support_.astype(int) for s in range(600))
    assert counts[2:].sum() == 0
    assert counts[0] / 600 == pytest.approx(0.64, abs=0.1)


def test_cur_of_rows_of_zeros_still_gives_as_many_as_wanted():
    assert sorted(CUR(3).fit(np.zeros((3, 2))).selected_idx_) == [0, 1, 2]


# ---- clusters


@pytest.mark.parametrize("linkage", ["ward", "average", "complete", "single"])
def test_clusters_are_those_of_scikit_learn(linkage, rows):
    sampler = ClusterSampler(9, linkage=linkage).fit(rows)
    expected = AgglomerativeClustering(9, linkage=linkage).fit_predict(rows)
    assert adjusted_rand_score(expected, sampler.labels_) == 1
    assert len(set(expected[sampler.selected_idx_])) == 9
    sizes = np.bincount(sampler.labels_)
    assert np.all(np.diff(sizes) <= 0)
    np.testing.assert_array_equal(sampler.labels_[sampler.selected_idx_], np.arange(9))


def test_distances_may_be_given_instead_of_rows(rows):
    given = ClusterSampler(9, metric="precomputed", linkage="average").fit(squareform(pdist(rows)))
    made = ClusterSampler(9, linkage="average").fit(rows)
    np.testing.assert_array_equal(given.selected_idx_, made.selected_idx_)


def test_the_seed_decides_which_member(rows):
    picks = {tuple(ClusterSampler(3, random_state=s).fit(rows).selected_idx_) for s in range(5)}
    assert len(picks) > 1
    labels = [ClusterSampler(3, random_state=s).fit(rows).labels_.tolist() for s in range(2)]
    assert labels[0] == labels[1]


def test_exactly_as_many_clusters_as_wanted_even_of_equal_rows():
    X = np.repeat([[0.0], [1.0]], 8, axis=0)
    for n in range(1, 17):
        assert len(set(ClusterSampler(n).fit(X).labels_)) == n


def test_a_distance_decides_the_number_of_clusters(rows):
    expected = AgglomerativeClustering(None, distance_threshold=1.0, linkage="complete").fit(rows)
    sampler = ClusterSampler(distance=1.0, linkage="complete").fit(rows)
    assert len(sampler.selected_idx_) == expected.n_clusters_


@pytest.mark.parametrize("n", [1, 5, 20, 40])
def test_clusters_that_an_earlier_set_covers_need_no_member(n, rows):
    earlier = rows[:20] + 1e-6
    sampler = ClusterSampler(n).fit(rows, X_selected=earlier)
    assert len(sampler.selected_idx_) == n
    assert sampler.selected_idx_.min() >= 20
    assert np.all(sampler.labels_[:20] == -1)


def test_what_clusters_cannot_be_made_of_is_refused(rows):
    with pytest.raises(ValueError, match="symmetric matrix"):
        ClusterSampler(2, metric="precomputed", linkage="average").fit(rows)
    with pytest.raises(ValueError, match="linkage='ward' needs"):
        ClusterSampler(2, metric="precomputed").fit(squareform(pdist(rows)))
    with pytest.raises(ValueError, match="linkage='best'"):
        ClusterSampler(2, linkage="best").fit(rows)


def test_cutting_a_hierarchy_labels_in_the_order_of_rows():
    merges = np.array([[2.0, 3.0, 0.1, 2.0], [0.0, 4.0, 0.2, 3.0], [1.0, 5.0, 0.3, 4.0]])
    assert cut(merges, 4).tolist() == [0, 1, 2, 3]
    assert cut(merges, 3).tolist() == [0, 1, 2, 2]
    assert cut(merges, 2).tolist() == [0, 1, 0, 0]
    assert cut(merges, 1).tolist() == [0, 0, 0, 0]


# ---- similarity screen


def screened(X, groups, threshold, measure, earlier=None):
    stored = [] if earlier is None else list(earlier)
    picked, numbers = [], []
    for g in range(groups.max() + 1):
        mine = X[groups == g]
        over = np.mean if measure == "mean" else np.max
        number = over(cdist(stored, mine).min(axis=1)) if stored else np.inf
        if number > threshold:
            picked.append(g)
            numbers.append(number)
            stored += list(mine)
    return picked, numbers


@pytest.mark.parametrize("measure", ["mean", "max"])
@pytest.mark.parametrize("threshold", [1.0, 1.7, 2.5])
def test_the_screen_keeps_what_the_paper_says(measure, threshold, environments):
    X, groups = environments
    sampler = SimilarityScreen(distance=threshold, measure=measure).fit(X, groups=groups)
    picked, numbers = screened(X, groups, threshold, measure)
    assert sampler.selected_idx_.tolist() == picked
    np.testing.assert_allclose(sampler.select_distance_, numbers, rtol=1e-9)
    warm = SimilarityScreen(distance=threshold, measure=measure).fit(X, groups=groups, X_selected=X[40:])
    assert warm.selected_idx_.tolist() == screened(X, groups, threshold, measure, X[40:])[0]


def test_a_repeated_frame_is_never_kept_twice(environments):
    X, groups = environments
    twice = np.concatenate([X, X])
    both = np.concatenate([groups, groups + groups.max() + 1])
    sampler = SimilarityScreen(distance=0.0, measure="max").fit(X[groups == 0])
    assert sampler.selected_idx_.tolist() == list(range((groups == 0).sum()))
    first = SimilarityScreen(distance=1.0).fit(X[groups == 2], groups=np.zeros((groups == 2).sum(), int))
    assert first.selected_idx_.tolist() == [0]
    sampler = SimilarityScreen(2, distance=0.5).fit(twice, groups=both)
    assert len(sampler.selected_idx_) == 2


def test_a_number_at_the_threshold_does_not_exceed_it():
    X = 1e6 + np.array([[0.0], [0.5], [1.0]])  # cancellation would make 0.5 a little more
    assert SimilarityScreen(distance=0.5).fit(X).selected_idx_.tolist() == [0, 2]


def test_groups_must_be_the_frames_numbers(environments):
    X, groups = environments
    for wrong in (groups + 1, groups[::-1], 2 * groups):
        with pytest.raises(ValueError, match="groups: expected the frames' numbers"):
            SimilarityScreen().fit(X, groups=wrong)
    with pytest.raises(ValueError, match="one frame for each of"):
        SimilarityScreen().fit(X, groups=groups[1:])


# ---- entropy


def plain_entropy(X, h):
    return -np.mean(np.log(np.exp(-(cdist(X, X) ** 2) / (2 * h * h)).mean(axis=1)))


def minimum_set_cover(X, groups, n, h, weight, earlier=None):
    frames = [X[groups == g] for g in range(groups.max() + 1)]
    own = [plain_entropy(frame, h) for frame in frames]
    left, picked = list(range(len(frames))), []
    stored = np.empty((0, X.shape[1])) if earlier is None else earlier
    while len(picked) < n:
        if len(stored):
            kernel = [np.exp(-(cdist(frames[g], stored) ** 2) / (2 * h * h)).sum(axis=1) for g in left]
            scores = [np.max(-np.log(k)) + weight * own[g] for k, g in zip(kernel, left, strict=True)]
        else:
            scores = [own[g] for g in left]
        picked.append(left.pop(int(np.argmax(scores))))
        stored = np.concatenate([stored, frames[picked[-1]]])
    return picked


@pytest.mark.parametrize("weight", [0.0, 1.0, 3.0])
def test_the_cover_is_greedy_as_defined(weight, environments):
    X, groups = environments
    sampler = EntropySampler(25, bandwidth=1.0, weight=weight).fit(X, groups=groups)
    assert sampler.selected_idx_.tolist() == minimum_set_cover(X, groups, 25, 1.0, weight)
    assert sampler.entropy_ == pytest.approx(plain_entropy(X, 1.0))
    warm = EntropySampler(6, bandwidth=1.0, weight=weight).fit(X, groups=groups, X_selected=X[60:])
    assert warm.selected_idx_.tolist() == minimum_set_cover(X, groups, 6, 1.0, weight, X[60:])


def test_a_cover_of_zero_leaves_nothing_new(environments):
    X, groups = environments
    sampler = EntropySampler(bandwidth=1.2, cover=0.0).fit(X, groups=groups)
    inside = np.isin(groups, sampler.selected_idx_)
    assert 1 < len(sampler.selected_idx_) < 25
    assert differential_entropies(X[~inside], X[inside], 1.2).max() <= 0
    assert not np.isin(groups, sampler.selected_idx_[:-1]).all()


def test_entropy_of_equal_and_of_strange_environments():
    assert entropy(np.ones((50, 3)), 0.1) == pytest.approx(0, abs=1e-12)
    assert entropy(1e3 * np.arange(50.0)[:, None], 0.1) == pytest.approx(np.log(50))


@pytest.mark.parametrize("bandwidth", [1e-1, 1e-4, 1e-8])
def test_entropy_of_two_elements_keeps_its_digits_at_any_bandwidth(bandwidth):
    rng = np.random.default_rng(5)
    near = rng.uniform(size=(40, 3)).repeat(2, axis=0) + bandwidth * rng.normal(size=(80, 3))
    rows = np.zeros((160, 6))  # columns of the other element are 0
    rows[:80, :3], rows[80:, 3:] = near, near
    kernel = np.exp(-((rows[:, None] - rows) ** 2).sum(axis=-1) / (2 * bandwidth**2))
    assert entropy(rows, bandwidth) == pytest.approx(-np.log(kernel.mean(axis=1)).mean(), abs=1e-7)


def test_differential_entropy_stays_finite_where_the_kernel_underflows():
    far = differential_entropies(np.array([[1e3]]), np.array([[0.0], [1.0]]), 1.0)
    assert far[0] == pytest.approx(999.0**2 / 2, rel=1e-12)
    assert differential_entropies(np.ones((1, 1)), np.empty((0, 1)), 1.0)[0] == np.inf


def test_the_samplers_entropies_are_the_density_scorers(environments):
    import torch

    X, _ = environments
    known = ReferenceSet(X.shape[1], 0.7, torch, torch.device("cpu"))
    known.add(X[:30])
    assert known.entropies(X) == pytest.approx(differential_entropies(X, X[:30], 0.7), rel=1e-10, abs=1e-10)


def test_a_bandwidth_must_be_above_zero(rows):
    with pytest.raises(ValueError, match="bandwidth=0"):
        EntropySampler(bandwidth=0).fit(rows)
