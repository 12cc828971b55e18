# SPDX-License-Identifier: GPL-2.0-or-later
"""DIRECT: exactly so many clusters, true centroids, nested picks, the same picks in any order of rows."""

from itertools import pairwise

import h5py
import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering, Birch
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from mdsieve import _core
from mdsieve.io.feature_file import FeatureFile, write_features
from mdsieve.samplers import direct, direct_clusters
from mdsieve.samplers.direct import DIRECT
from mdsieve.samplers.direct_clusters import build_hierarchy, cut, nearest_pairs
from mdsieve.samplers.direct_members import choose_members, interlaced, steps
from mdsieve.samplers.direct_passes import two_passes
from mdsieve.samplers.principal_components import fit_components


@parametrize_with_checks([DIRECT()])
def test_it_keeps_scikit_learns_conventions(estimator, check):
    check(estimator)


def features(n, seed=3, n_features=12):
    """Lumps of different density in four hidden directions."""
    rng = np.random.default_rng(seed)
    width = np.array([3.0, 1.5, 1.0, 0.5])
    centres = rng.normal(size=(25, 4)) * width
    sizes = rng.dirichlet(np.full(25, 0.5))
    hidden = centres[rng.choice(25, size=n, p=sizes)] + 0.15 * rng.normal(size=(n, 4)) * width
    return np.tanh(0.4 * hidden @ rng.normal(size=(4, n_features))) + 0.01 * rng.normal(size=(n, n_features))


@pytest.fixture(scope="module")
def rows():
    return features(6000)


# --- principal components


def test_components_are_those_of_scikit_learn_in_any_blocks(rows, monkeypatch):
    reference = PCA().fit(StandardScaler().fit_transform(rows))
    n = int((reference.explained_variance_ > 1).sum())
    for size in (len(rows), 1000, 7):
        monkeypatch.setattr("mdsieve.io.feature_file.BLOCK_BYTES", 8 * rows.shape[1] * size)
        found = fit_components(rows)
        np.testing.assert_allclose(found.variances, reference.explained_variance_[:n], rtol=1e-10)
        np.testing.assert_allclose(found.shares, reference.explained_variance_ratio_[:n], rtol=1e-10)
        theirs = reference.transform(StandardScaler().fit_transform(rows))[:, :n]
        signs = np.sign((theirs * found.scores(rows, weighted=False)).sum(axis=0))
        np.testing.assert_allclose(found.scores(rows, weighted=False), theirs * signs, atol=1e-8)
        np.testing.assert_allclose(found.scores(rows), theirs * signs * found.shares, atol=1e-8)


def test_constant_columns_count_for_nothing_wherever_they_lie(rows):
    plain = fit_components(rows, 3)
    more = fit_components(np.column_stack([rows, np.full(len(rows), 1e8), np.zeros(len(rows))]), 3)
    np.testing.assert_allclose(more.shares, plain.shares, rtol=1e-9)
    np.testing.assert_allclose(
        more.scores(np.column_stack([rows, np.full(len(rows), 5.0), np.ones(len(rows))])),
        plain.scores(rows),
        atol=1e-8,
    )


def test_a_number_of_components_that_cannot_be_is_told(rows):
    with pytest.raises(ValueError, match="n_components=13: expected a number from 1 to 12"):
        DIRECT(5, n_components=13).fit(rows)


# --- BIRCH's tree and Ward's hierarchy


@pytest.mark.parametrize(("threshold", "branching"), [(0.5, 50), (0.15, 50), (0.15, 3)])
def test_sub_clusters_are_those_of_scikit_learn(rows, threshold, branching):
    rows = fit_components(rows).scores(rows, weighted=False)[:2500]
    tree = _core.ClusterFeatureTree(rows.shape[1], threshold, branching)
    owners = tree.insert(np.ascontiguousarray(rows), len(rows))
    theirs = Birch(threshold=threshold, branching_factor=branching, n_clusters=None).fit(rows.copy())
    ours, theirs = (
        np.round(means[np.lexsort(means.T)], 8) for means in (tree.means(), theirs.subcluster_centers_)
    )
    assert 5 < len(ours) < len(rows)
    np.testing.assert_allclose(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)], atol=2e-8)
    np.testing.assert_array_equal(np.bincount(owners), tree.counts())


def test_blocks_make_the_same_tree_as_all_rows_at_once(rows):
    whole, blocks = (_core.ClusterFeatureTree(12, 0.3) for _ in range(2))
    owners = whole.insert(rows, len(rows))
    parts = [blocks.insert(rows[i : i + 700], len(rows)) for i in range(0, len(rows), 700)]
    np.testing.assert_array_equal(np.concatenate(parts), owners)
    np.testing.assert_array_equal(blocks.means(), whole.means())


def test_a_tree_stops_taking_rows_when_it_is_full(rows):
    tree = _core.ClusterFeatureTree(12, 0.0)
    assert len(tree.insert(rows, 100)) == 101
    assert len(tree) == 101
    with pytest.raises(ValueError, match="rows of 3 features: expected 12"):
        tree.insert(np.zeros((1, 3)), 5)


def test_clusters_are_those_of_wards_hierarchy(rows):
    points = rows[:700, :3].copy()
    first, second, heights = _core.ward_merges(points)
    assert (np.diff(heights) >= 0).all()
    for k in (1, 2, 30, 699, 700):
        labels = cut(700, first[: 700 - k], second[: 700 - k])
        assert labels.max() + 1 == k
        if k in (2, 30):
            assert adjusted_rand_score(labels, AgglomerativeClustering(k).fit_predict(points)) == 1.0


def test_nearest_pairs_are_joined_first_and_each_point_once(rows):
    points = rows[:900]
    first, second = nearest_pairs(points)
    both = np.concatenate([first, second])
    assert len(np.unique(both)) == len(both)
    distances = np.linalg.norm(points[first] - points[second], axis=1)
    assert (np.diff(distances) >= 0).all()
    assert len(first) > 0.25 * len(points)


# --- the search for the threshold


@pytest.mark.parametrize("n", [1, 7, 300, 1900, 3000, 5999, 6000])
def test_there_are_exactly_as_many_clusters_as_asked_for(rows, n):
    sampler = DIRECT(n).fit(rows)
    assert sampler.shortfall_ == 0
    assert len(np.unique(sampler.selected_idx_)) == n
    np.testing.assert_array_equal(np.sort(sampler.labels_[sampler.selected_idx_]), np.arange(n))
    sizes = np.bincount(sampler.labels_)
    assert (np.diff(sizes) <= 0).all()


def test_the_search_never_passes_on_more_sub_clusters_than_it_may(rows):
    for n in (10, 2500):
        sampler = DIRECT(n).fit(rows)
        most = max(1.25 * n, 2000)
        assert n <= sampler.n_subclusters_ <= most
        for _, found, n_read in sampler.passes_:
            assert found <= most + 1
            assert n_read == len(rows) or found > most


def test_a_threshold_that_was_found_gives_the_same_when_it_is_given(rows):
    found = DIRECT(2500).fit(rows)
    given = DIRECT(2500, threshold=found.threshold_).fit(rows)
    np.testing.assert_array_equal(given.selected_idx_, found.selected_idx_)
    alone = DIRECT(threshold=found.threshold_).fit(rows)
    assert len(alone.selected_idx_) == alone.n_subclusters_ == found.n_subclusters_


def test_equal_rows_are_one_cluster_and_the_shortfall_is_stated():
    rows = np.repeat(features(50), 100, axis=0)
    sampler = DIRECT(80).fit(rows)
    assert len(sampler.selected_idx_) == 50
    assert sampler.shortfall_ == 30
    assert sampler.selection().shortfall == 30
    assert DIRECT(50).fit(rows).shortfall_ == 0


def test_rows_on_a_grid_where_few_clusters_jump_to_many_end_the_search():
    axis = np.arange(60.0)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    for n in (3, 2700, 3599):
        sampler = DIRECT(n, n_components=2, weighted=False).fit(grid)
        assert len(sampler.selected_idx_) + sampler.shortfall_ == n
        assert len(sampler.passes_) < 60


def test_above_a_limit_pairs_are_joined_in_place_of_wards_hierarchy(rows, monkeypatch):
    monkeypatch.setattr(direct_clusters, "_FEW", 10)
    ward = build_hierarchy(rows, 1000)
    pairs = build_hierarchy(rows, 1000, most_for_ward=10)
    assert pairs.n_subclusters == ward.n_subclusters > 1000
    assert pairs.labels(1000).max() == ward.labels(1000).max() == 999
    assert adjusted_rand_score(pairs.labels(1000), ward.labels(1000)) > 0.8


# --- members


def test_the_pick_of_a_cluster_is_the_member_nearest_to_its_mean(rows):
    sampler = DIRECT(100).fit(rows)
    scores = sampler.scores(rows)
    for place, index in enumerate(sampler.selected_idx_):
        members = np.flatnonzero(sampler.labels_ == sampler.labels_[index])
        centroid = scores[members].mean(axis=0)
        distances = np.linalg.norm(scores[members] - centroid, axis=1)
        assert distances[members == index][0] <= distances.min() + 1e-9
        assert sampler.select_distance_[place] == pytest.approx(distances.min(), abs=1e-9)


def test_more_members_a_cluster_only_add_to_fewer(rows):
    picks = [DIRECT(n_clusters=60, per_cluster=k).fit(rows).selected_idx_ for k in (1, 2, 3, 7)]
    for fewer, more in pairwise(picks):
        np.testing.assert_array_equal(more[: len(fewer)], fewer)
        assert len(set(more.tolist())) == len(more) > len(fewer)


def test_places_are_interlaced_or_constant_steps():
    assert interlaced(101, 5) == [0, 100, 50, 25, 75]
    assert interlaced(3, 9) == [0, 2, 1]
    assert interlaced(1, 4) == [0]
    assert sorted(interlaced(101, 5)) == steps(101, 5)
    assert steps(3, 6) == [0, 1, 2]
    for n in (2, 5, 17):
        for k in range(1, n + 1):
            assert interlaced(n, n)[:k] == interlaced(n, k)
        assert sorted(interlaced(n, n)) == list(range(n))


def test_clusters_smaller_than_asked_for_leave_a_shortfall_or_repeat_members(rows):
    few = DIRECT(n_clusters=500, per_cluster=40).fit(rows)
    sizes = np.bincount(few.labels_)
    assert len(few.selected_idx_) == np.minimum(sizes, 40).sum()
    assert few.shortfall_ == 500 * 40 - len(few.selected_idx_) > 0
    assert len(set(few.selected_idx_.tolist())) == len(few.selected_idx_)
    again = DIRECT(n_clusters=500, per_cluster=40, duplicates=True).fit(rows)
    assert again.shortfall_ == 0
    np.testing.assert_array_equal(np.bincount(again.labels_[again.selected_idx_]), np.full(500, 40))


def test_a_number_that_is_no_multiple_is_met_exactly(rows):
    sampler = DIRECT(100, per_cluster=3).fit(rows)
    assert len(sampler.selected_idx_) == 100
    assert len(sampler.centroids_) == 34


# --- order


def test_shuffled_rows_give_the_same_picks(rows):
    shuffle = np.random.default_rng(1).permutation(len(rows))
    for settings in ({"n_to_select": 300}, {"n_clusters": 2500, "per_cluster": 2}):
        picks = DIRECT(**settings).fit(rows).selected_idx_
        shuffled = shuffle[DIRECT(**settings).fit(rows[shuffle]).selected_idx_]
        np.testing.assert_array_equal(shuffled, picks)


def test_another_seed_is_another_order_and_the_given_order_takes_no_seed(rows):
    clusters = [DIRECT(300, random_state=seed).fit(rows).labels_ for seed in (0, 1)]
    assert adjusted_rand_score(*clusters) < 1
    clusters = [DIRECT(300, order="given", random_state=seed).fit(rows).labels_ for seed in (0, 1)]
    np.testing.assert_array_equal(*clusters)


def test_the_sensitivity_to_the_order_is_told(rows):
    sampler = DIRECT(300).fit(rows)
    found = sampler.order_sensitivity(rows, n_orders=2)
    assert found.overlap.shape == found.agreement.shape == found.coverage.shape == (2,)
    assert (found.overlap < 1).all()
    assert (found.agreement > 0).all()
    np.testing.assert_allclose(found.coverage, sampler.coverage(rows, n_bins=1000).mean, atol=0.05)
    small = rows[:500]  # Ward alone, which knows no order
    found = DIRECT(60).fit(small).order_sensitivity(small, n_orders=2)
    np.testing.assert_array_equal(found.overlap, 1.0)


# --- an earlier set


@pytest.mark.parametrize("per_cluster", [1, 3])
def test_clusters_that_the_earlier_set_holds_need_no_pick(rows, per_cluster):
    earlier = rows[DIRECT(40).fit(rows).selected_idx_]
    sampler = DIRECT(150, per_cluster=per_cluster).fit(rows, X_selected=earlier)
    assert len(sampler.selected_idx_) == 150
    assert sampler.shortfall_ == 0
    distances = np.linalg.norm(
        sampler.scores(rows)[sampler.selected_idx_, None] - sampler.scores(earlier), axis=2
    )
    plain = DIRECT(150, per_cluster=per_cluster).fit(rows).selected_idx_
    apart = np.linalg.norm(sampler.scores(rows)[plain, None] - sampler.scores(earlier), axis=2)
    assert np.median(distances.min(axis=1)) > np.median(apart.min(axis=1))


def test_with_a_fixed_number_of_clusters_the_earlier_set_fills_its_own(rows):
    plain = DIRECT(n_clusters=60).fit(rows[:1500])
    earlier = rows[:1500][plain.selected_idx_[:20]]
    sampler = DIRECT(n_clusters=60).fit(rows[:1500], X_selected=earlier)
    assert len(sampler.centroids_) == 60
    assert sampler.shortfall_ == 0
    assert len(sampler.selected_idx_) == pytest.approx(40, abs=4)


# --- files


@pytest.mark.parametrize("suffix", [".npy", ".h5"])
def test_a_file_gives_the_picks_of_the_same_rows_in_memory(rows, tmp_path, suffix, monkeypatch):
    path = tmp_path / f"features{suffix}"
    if suffix == ".npy":
        np.save(path, rows)
    else:
        assert write_features(path, np.array_split(rows, 7), {"encoder": "test"}) == rows.shape
        with FeatureFile(path) as file:
            assert file.description == {"encoder": "test"}
    expected = DIRECT(250).fit(rows, X_selected=rows[:10])
    monkeypatch.setattr("mdsieve.io.feature_file.BLOCK_BYTES", 8 * 12 * 500)
    monkeypatch.setattr(direct, "SCORES_IN_MEMORY", 0)
    found = DIRECT(250).fit_file(path, X_selected=rows[:10])
    np.testing.assert_array_equal(found.selected_idx_, expected.selected_idx_)
    assert found.n_features_in_ == 12
    assert found.support_.shape == (6000,)


def test_single_precision_files_are_read_as_they_are(rows, tmp_path):
    np.save(tmp_path / "single.npy", rows.astype(np.float32))
    found = DIRECT(50).fit_file(tmp_path / "single.npy")
    np.testing.assert_array_equal(found.selected_idx_, DIRECT(50).fit(rows.astype(np.float32)).selected_idx_)


def test_files_that_hold_no_rows_of_numbers_are_told(tmp_path):
    np.save(tmp_path / "flat.npy", np.zeros(4))
    np.save(tmp_path / "object.npy", np.array([[1, "x"]], dtype=object), allow_pickle=True)
    (tmp_path / "noise.npy").write_bytes(b"x" * 50)
    (tmp_path / "noise.h5").write_bytes(b"x" * 50)
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["a"], file["b"] = np.zeros((3, 2)), np.zeros((3, 2))
    bad = np.ones((5, 2))
    bad[3, 1] = np.inf
    np.save(tmp_path / "inf.npy", bad)
    for name, message in {
        "flat.npy": r"shape \(4,\)",
        "object.npy": "no array that NumPy can map",
        "noise.npy": "no array that NumPy can map",
        "noise.h5": "no HDF5 file",
        "two.h5": "no matrix 'features', there is a, b",
        "inf.npy": "row 3 is not finite",
    }.items():
        with pytest.raises(ValueError, match=message):
            DIRECT(2).fit_file(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        FeatureFile(tmp_path / "none.npy")
    with FeatureFile(tmp_path / "two.h5", dataset="b") as file:
        assert file.shape == (3, 2)


def test_a_feature_file_appears_whole_or_not_at_all(rows, tmp_path):
    path = tmp_path / "features.h5"
    with pytest.raises(ValueError, match="rows of 3 numbers after rows of 12"):
        write_features(path, [rows[:5], rows[:5, :3]])
    bad = rows[:5].copy()
    bad[2] = np.nan
    with pytest.raises(ValueError, match="row 7 is not finite"):
        write_features(path, [rows[:5], bad])
    with pytest.raises(ValueError, match="no rows to write"):
        write_features(path, [])
    assert list(tmp_path.iterdir()) == []
    write_features(path, [rows[:5]])
    with pytest.raises(FileExistsError):
        write_features(path, [rows[:5]])
    write_features(path, [rows[:9]], overwrite=True)
    with FeatureFile(path) as file:
        np.testing.assert_array_equal(file.take([7, 0, 7]), rows[[7, 0, 7]])


# --- two passes


def test_two_passes_name_trajectory_and_row_of_every_pick(rows, tmp_path):
    np.save(tmp_path / "third.npy", rows[4000:])
    parts = [rows[:3900], rows[3900:4000], tmp_path / "third.npy"]
    found = two_passes(parts, 200, 80)
    assert [len(each) for each in found.first] == [200, 100, 200]
    assert len(found.indices) == 80
    starts = np.array([0, 3900, 4000])
    np.testing.assert_array_equal(found.indices, starts[found.parts] + found.rows)
    for part, picked in enumerate(found.first):
        assert set(found.rows[found.parts == part].tolist()) <= set(picked.tolist())
    selection = found.selection()
    assert selection.n_candidates == 6000
    assert selection.configuration["first_pass"] == [200, 100, 200]
    np.testing.assert_array_equal(selection.indices, found.indices)
    np.testing.assert_array_equal(DIRECT(200).fit(rows[:3900]).get_support(indices=True), found.first[0])


def test_two_passes_refuse_what_does_not_fit(rows):
    with pytest.raises(ValueError, match="no trajectories"):
        two_passes([], 5, 2)
    with pytest.raises(ValueError, match="trajectory 1: 3 features, expected 12"):
        two_passes([rows[:20], rows[:20, :3]], 5, 2)


# --- bad parameters


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"per_cluster": 0}, "per_cluster=0"),
        ({"n_clusters": 6001}, "n_clusters=6001: expected at most 6000"),
        ({"n_clusters": 2.5}, r"n_clusters=2\.5"),
        ({"branching": 1}, "branching=1"),
        ({"order": "random"}, "order='random': expected 'content' or 'given'"),
        ({"places": "all"}, "places='all'"),
        ({"compatibility": "qbc"}, "compatibility='qbc'"),
        ({"n_to_select": 100, "n_clusters": 20}, "n_to_select=100: 20 clusters of 1 give fewer"),
        ({"n_to_select": 5, "threshold": -1.0}, "threshold"),
    ],
)
def test_parameters_that_make_no_sense_are_told(rows, settings, message):
    with pytest.raises(ValueError, match=message):
        DIRECT(**settings).fit(rows)


@pytest.mark.parametrize(("places", "second"), [("interlaced", 4), ("steps", 4)])
def test_members_that_are_there_already_have_the_first_places(places, second):
    labels, distances = np.zeros(5, dtype=int), np.arange(5.0)
    words = {"ties": np.arange(5), "places": places}
    chosen = choose_members(labels, distances, 2, n_earlier=np.array([0]), **words)
    assert chosen.rows.tolist() == [0, second]
    chosen = choose_members(labels, distances, 2, n_earlier=np.array([1]), **words)
    assert chosen.rows.tolist() == [second]
    assert chosen.rounds.tolist() == [1]
