# SPDX-License-Identifier: GPL-2.0-or-later
"""Structure kernels against DScribe and the definitions; farthest points on them; coverage and diagrams."""

import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from dscribe.kernels import AverageKernel as DScribeAverage
from dscribe.kernels import REMatchKernel as DScribeREMatch

from mdsieve.samplers.farthest_on_kernel import KernelFPS
from mdsieve.samplers.farthest_point import FPS
from mdsieve.similarity.average_kernel import AverageKernel
from mdsieve.similarity.diagnostics import (
    coverage_curve,
    representativeness,
    similarity_diagram,
    similarity_distributions,
)
from mdsieve.similarity.kernel import PrecomputedKernel, distances, unit_rows
from mdsieve.similarity.rematch import REMatchKernel, _one_thread
from mdsieve.similarity.sinkhorn import rematch_similarities


def structures(n, seed=0, n_features=30, largest=9):
    """Structures of several sizes whose atoms are of four kinds, more or less."""
    rng = np.random.default_rng(seed)
    kinds = rng.random((4, n_features))
    return [
        np.abs(kinds[rng.integers(4, size=size)] + 0.2 * rng.normal(size=(size, n_features)))
        for size in rng.integers(1, largest + 1, size=n)
    ]


@pytest.fixture(scope="module")
def environments():
    return structures(25)


@pytest.fixture(scope="module")
def units(environments):
    return [unit_rows(rows) for rows in environments]


# average kernel


def test_the_printed_average_kernel_is_the_mean_over_all_pairs_of_atoms(environments, units):
    kernel = AverageKernel(environments, "printed")
    expected = [[(a @ b.T).mean() for b in units] for a in units]
    np.testing.assert_allclose(kernel.matrix(), expected, rtol=1e-13)
    np.testing.assert_allclose(kernel.mean_similarity(), np.mean(expected, axis=1), rtol=1e-13)
    assert (np.diag(expected) < 1 - 1e-6).any()


def test_the_normalised_average_kernel_is_dscribes(environments, units):
    kernel = AverageKernel(iter(environments))
    np.testing.assert_allclose(kernel.matrix(), DScribeAverage(metric="linear").create(units), atol=1e-14)
    apart = np.sqrt(((kernel.vectors[:, None] - kernel.vectors) ** 2).sum(axis=-1))
    np.testing.assert_allclose(distances(kernel.matrix()) ** 2, apart**2, atol=1e-14)


def test_similarities_above_one_are_at_distance_zero():
    np.testing.assert_array_equal(distances(np.array([1.0 + 1e-15, 1.0, -1.0])), [0.0, 0.0, 2.0])


@pytest.mark.parametrize("kind", [AverageKernel, REMatchKernel])
def test_structures_that_make_no_sense_are_named(kind, environments):
    with pytest.raises(ValueError, match="at least one structure"):
        kind([])
    with pytest.raises(ValueError, match="structure 2: 3 columns, expected 30"):
        kind([*environments[:2], np.ones((2, 3))])
    with pytest.raises(ValueError, match=r"structure 1: environments of shape \(0, 30\)"):
        kind([environments[0], np.empty((0, 30))])
    with pytest.raises(ValueError, match="structure 1: environments: a number is not finite"):
        kind([environments[0], np.full((2, 30), np.nan)])


# REMatch


@pytest.mark.parametrize(("alpha", "tolerance"), [(0.1, 1e-6), (1.0, 1e-6), (0.05, 1e-9), (0.1, 1e-16)])
def test_rematch_is_dscribes(alpha, tolerance, environments, units):
    theirs = DScribeREMatch(alpha=alpha, threshold=tolerance, metric="linear").create(units)
    ours = REMatchKernel(environments, alpha=alpha, tolerance=tolerance, device="cpu").matrix()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_rematch_without_normalisation_is_dscribes(environments, units):
    theirs = DScribeREMatch(metric="linear", normalize_kernel=False).create(units)
    ours = REMatchKernel(environments, normalised=False, device="cpu").matrix()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("memory", [1, 100_000, 1 << 30])
def test_tiles_of_any_size_give_the_same(memory, environments):
    environments = environments[:12]
    whole = REMatchKernel(environments, device="cpu")
    tiled = REMatchKernel(environments, device="cpu", memory=memory)
    expected = whole.matrix()
    np.testing.assert_allclose(tiled.matrix(), expected, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(expected, expected.T)
    np.testing.assert_allclose(tiled.row(7), expected[7], rtol=0, atol=1e-13)
    np.testing.assert_allclose(
        tiled.block([10, 3, 10], [4, 11, 0, 3]), expected[np.ix_([10, 3, 10], [4, 11, 0, 3])], atol=1e-13
    )
    np.testing.assert_allclose(tiled.mean_similarity(), expected.mean(axis=1), rtol=0, atol=1e-13)


def test_tiles_stay_within_the_memory_they_may_take():
    environments = structures(120, largest=6)
    kernel = REMatchKernel(environments, device="cpu", memory=400_000, n_jobs=1)
    runs = list(kernel._runs(np.arange(120), 6))
    assert 3 < len(runs) < 60
    for run in runs:
        largest = max(len(environments[i]) for i in run)
        assert len(run) == 1 or len(run) ** 2 * largest * 6 * 8 * 3 <= 400_000
    (row,) = kernel._runs(np.array([7]), 6)
    wide = list(kernel._runs(np.arange(120), len(environments[7]), 1))
    assert (len(row), sum(map(len, wide))) == (1, 120)
    assert len(wide) < len(runs)


def test_vectors_of_few_dimensions_are_held_in_few_columns():
    rng = np.random.default_rng(9)
    few = structures(14, seed=2, n_features=11)
    axes = np.linalg.qr(rng.normal(size=(200, 11)))[0]
    wide = [rows @ axes.T for rows in few]
    kernel = REMatchKernel(wide, device="cpu")
    assert kernel._rows.n_columns <= 11
    theirs = DScribeREMatch(metric="linear").create([unit_rows(rows) for rows in wide])
    np.testing.assert_allclose(kernel.matrix(), theirs, rtol=0, atol=1e-9)
    noisy = [rows + 1e-7 * rng.normal(size=rows.shape) for rows in wide]
    held = REMatchKernel(noisy, device="cpu")
    assert held._rows.n_columns < 40
    theirs = DScribeREMatch(metric="linear").create([unit_rows(rows) for rows in noisy])
    np.testing.assert_allclose(held.matrix(), theirs, rtol=0, atol=1e-9)


def test_threads_of_torch_are_as_many_as_before(environments):
    before = torch.get_num_threads()
    REMatchKernel(environments[:4], device="cpu", n_jobs=2).matrix()
    assert torch.get_num_threads() == before


def test_worker_processes_give_the_same(environments):
    kernel = REMatchKernel(environments, device="cpu", memory=100_000)
    # a forked process that inherits PyTorch's threads would hang
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        np.testing.assert_array_equal(kernel.matrix(pool), kernel.matrix())


def test_a_large_alpha_gives_the_average_kernel(environments):
    average = AverageKernel(environments, "printed").matrix()
    rematch = REMatchKernel(environments, alpha=1e7, normalised=False, device="cpu").matrix()
    np.testing.assert_allclose(rematch, average, atol=1e-6)


def test_a_small_alpha_matches_each_atom_with_its_like():
    from scipy.optimize import linear_sum_assignment

    rng = np.random.default_rng(2)
    a, b = (unit_rows(rng.random((7, 20))) for _ in range(2))
    rows, columns = linear_sum_assignment(-a @ b.T)
    best = (a @ b.T)[rows, columns].mean()
    alpha = 5e-4
    kernel = REMatchKernel([a, b], alpha=alpha, tolerance=1e-8, normalised=False, device="cpu")
    assert (a @ b.T).max() / alpha > 150  # logarithmic scalings
    assert kernel.block([0], [1])[0, 0] == pytest.approx(best, abs=2e-3)
    assert kernel.block([0], [0])[0, 0] == pytest.approx(1.0, abs=1e-6)


def test_logarithmic_and_plain_scalings_agree(monkeypatch):
    rng = np.random.default_rng(5)
    matrices = torch.as_tensor(rng.random((12, 6, 9)))
    n, m = torch.as_tensor(rng.integers(1, 7, 12)), torch.as_tensor(rng.integers(1, 10, 12))
    with _one_thread("cpu"):
        plain = rematch_similarities(matrices, n, m, 0.05, 1e-12, 1000)
        monkeypatch.setattr("mdsieve.similarity.sinkhorn._SAFE_EXPONENT", 0.0)
        logarithmic = rematch_similarities(matrices, n, m, 0.05, 1e-12, 1000)
    np.testing.assert_allclose(plain, logarithmic, rtol=1e-12)


def test_the_order_of_the_atoms_does_not_matter(environments):
    shuffled = [np.random.default_rng(1).permutation(rows) for rows in environments]
    for kind in (AverageKernel, REMatchKernel):
        np.testing.assert_allclose(kind(shuffled).matrix(), kind(environments).matrix(), atol=1e-12)


def test_pairs_that_are_not_finished_are_counted(environments, caplog):
    with caplog.at_level(logging.WARNING):
        REMatchKernel(environments[:3], tolerance=1e-25, max_iterations=3, device="cpu").block([0], [1, 2])
    assert "of 2 pairs not finished after 3 iterations" in caplog.text


@pytest.mark.parametrize(
    "wrong", [{"alpha": 0.0}, {"tolerance": -1.0}, {"max_iterations": 0}, {"memory": 0}, {"n_jobs": 0}]
)
def test_parameters_of_rematch_out_of_range_are_refused(wrong, environments):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        REMatchKernel(environments, device="cpu", **wrong)


# farthest points on a kernel


class Counting(PrecomputedKernel):
    """Counts the rows it was asked for."""

    n_rows = 0

    def row(self, index):
        self.n_rows += 1
        return super().row(index)


def plain_fps(similarities, n, first):
    apart = distances(similarities)
    picked = [first]
    while len(picked) < n:
        nearest = apart[:, picked].min(axis=1)
        nearest[picked] = -1
        picked.append(int(np.argmax(nearest)))
    return picked


@pytest.mark.parametrize("make", [lambda e: AverageKernel(e, "printed"), AverageKernel, REMatchKernel])
def test_picks_on_a_kernel_are_those_of_the_whole_matrix(make, environments):
    kernel = make(environments)
    matrix = kernel.matrix()
    first = int(np.argmax(matrix.mean(axis=1)))
    sampler = KernelFPS(12).fit(kernel)
    assert sampler.selected_idx_.tolist() == plain_fps(matrix, 12, first)
    apart = distances(matrix)
    for k in range(1, 12):
        nearest = apart[:, sampler.selected_idx_[:k]].min(axis=1)
        left = np.setdiff1d(np.arange(25), sampler.selected_idx_[:k])
        assert nearest[left].max() == pytest.approx(sampler.select_distance_[k], abs=1e-7)


def test_only_the_rows_of_the_picks_are_asked_for(environments):
    kernel = Counting(AverageKernel(environments).matrix())
    KernelFPS(9, start=3).fit(kernel)
    assert kernel.n_rows == 8


def test_every_structure_is_picked_once_even_where_it_is_not_its_own_like():
    kernel = AverageKernel(structures(20, seed=3), "printed")
    assert np.diag(kernel.matrix()).min() < 0.99
    assert sorted(KernelFPS(1.0).fit(kernel).selected_idx_) == list(range(20))


def test_rows_and_normalised_average_kernel_give_the_same_picks(environments):
    kernel = AverageKernel(environments)
    here, there = KernelFPS(15).fit(kernel), FPS(15).fit(kernel.vectors)
    np.testing.assert_array_equal(here.selected_idx_, there.selected_idx_)
    np.testing.assert_allclose(here.select_distance_[1:], there.select_distance_[1:], rtol=1e-12)


def test_structures_that_are_there_already_are_not_picked_again(environments):
    kernel = AverageKernel(environments)
    whole = KernelFPS(1.0).fit(kernel)
    went_on = KernelFPS(1.0).fit(kernel, X_selected=whole.selected_idx_[:6])
    np.testing.assert_array_equal(went_on.selected_idx_, whole.selected_idx_[6:])
    with pytest.raises(ValueError, match="all structures are there already"):
        KernelFPS(3).fit(kernel, X_selected=range(25))
    with pytest.raises(ValueError, match="from 0 to 24"):
        KernelFPS(3).fit(kernel, X_selected=[25])


def test_a_distance_ends_it_and_the_selection_names_the_kernel(environments):
    kernel = AverageKernel(environments, "printed")
    sampler = KernelFPS(distance=0.45).fit(kernel)
    assert 1 < len(sampler.selected_idx_) < 25
    assert (sampler.select_distance_ > 0.45).all()
    assert sampler.selection().configuration["kernel"] == "average"
    assert sampler.selection().configuration["normalisation"] == "printed"
    with pytest.raises(ValueError, match="ndarray: expected a StructureKernel"):
        KernelFPS(2).fit(kernel.matrix())


# diagnostics


def test_coverage_follows_its_definitions(environments):
    kernel = AverageKernel(environments)
    picks = KernelFPS(10).fit(kernel).selected_idx_
    apart = distances(kernel.matrix())
    np.fill_diagonal(apart, 0.0)
    for whole in (kernel, kernel.vectors):
        curve = coverage_curve(whole, picks, reach=0.2)
        for k in (1, 4, 10):
            nearest = apart[:, picks[:k]].min(axis=1)
            assert curve.farthest[k - 1] == pytest.approx(nearest.max(), abs=1e-7)
            assert curve.mean[k - 1] == pytest.approx(nearest.mean(), abs=1e-7)
            assert curve.represented[k - 1] == (nearest < 0.2).mean()
        assert representativeness(whole, picks, reach=0.2) == curve.represented[-1]
        after = coverage_curve(whole, picks[4:], reach=0.2, earlier=picks[:4])
        np.testing.assert_allclose(after.farthest, curve.farthest[4:], atol=1e-12)
    np.testing.assert_allclose(
        curve.farthest[:-1], KernelFPS(10).fit(kernel).select_distance_[1:], rtol=0, atol=1e-7
    )


def test_a_picked_structure_is_represented_by_itself():
    kernel = AverageKernel(structures(5, seed=8), "printed")
    assert representativeness(kernel, range(5), reach=1e-9) == 1.0
    with pytest.raises(ValueError, match="no picks"):
        representativeness(kernel, [])
    with pytest.raises(ValueError, match="from 0 to 4"):
        representativeness(kernel, [5])


@pytest.mark.parametrize("block", [1, 40, 1 << 22])
def test_the_similarity_diagram_is_the_mean_over_each_group(block, environments, monkeypatch):
    monkeypatch.setattr("mdsieve.similarity.diagnostics._BLOCK", block)
    kernel = AverageKernel(environments)
    matrix = kernel.matrix()
    expected = np.column_stack([matrix[:, :3].mean(axis=1), matrix[:, [7, 9]].mean(axis=1)])
    np.testing.assert_allclose(similarity_diagram(kernel, range(3), [7, 9]), expected, rtol=1e-13)
    with pytest.raises(ValueError, match="second group is empty"):
        similarity_diagram(kernel, [1], [])


@pytest.mark.parametrize("block", [1, 40, 1 << 22])
def test_distributions_hold_every_pair_of_a_group_once(block, environments, monkeypatch):
    monkeypatch.setattr("mdsieve.similarity.diagnostics._BLOCK", block)
    kernel = AverageKernel(environments)
    labels = ["a"] * 10 + ["b"] * 14 + ["c"]
    found = similarity_distributions(kernel, labels)
    assert list(found) == ["a", "b", "c"]
    matrix = kernel.matrix()[10:24, 10:24]
    np.testing.assert_allclose(found["b"].similarities, np.sort(matrix[np.triu_indices(14, 1)]), rtol=1e-13)
    assert found["b"].cumulative(1.1) == 1.0
    middle = np.median(found["b"].similarities)
    assert found["b"].cumulative(middle) == pytest.approx(0.5, abs=0.01)
    assert np.isnan(found["c"].cumulative(0.5))
    with pytest.raises(ValueError, match="24 groups: expected 25"):
        similarity_distributions(kernel, labels[1:])


def test_large_groups_are_drawn_from_with_a_seed(environments):
    kernel = AverageKernel(environments)
    found = similarity_distributions(kernel, ["a"] * 25, max_pairs=60)["a"]
    assert (found.n_structures, found.n_compared, len(found.similarities)) == (25, 11, 55)
    again = similarity_distributions(kernel, ["a"] * 25, max_pairs=60)["a"]
    np.testing.assert_array_equal(found.similarities, again.similarities)
    other = similarity_distributions(kernel, ["a"] * 25, max_pairs=60, random_state=1)["a"]
    assert not np.array_equal(found.similarities, other.similarities)
