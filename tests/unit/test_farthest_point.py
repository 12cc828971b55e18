# SPDX-License-Identifier: GPL-2.0-or-later
"""Farthest point sampling against the plain algorithm, on rows of every odd kind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mdsieve.samplers.farthest_point import FPS, central_row


def plain_fps(rows, n, first=None, earlier=()):
    """Indices and distances by the definition, all distances of all rows at every pick."""
    squared = np.full(len(rows), np.inf)

    def approach(row):
        total = np.zeros(len(rows))
        for column, value in zip(rows.T, row, strict=True):
            total += (column - value) * (column - value)
        np.minimum(squared, total, out=squared)

    for row in earlier:
        approach(row)
    picked, distances = [], []
    while len(picked) < n:
        left = np.setdiff1d(np.arange(len(rows)), picked)
        best = left[np.argmax(squared[left])] if picked or first is None else first
        distances.append(np.sqrt(squared[best]))
        picked.append(int(best))
        approach(rows[best])
    return picked, distances


def agree(sampler, picked, distances):
    assert sampler.selected_idx_.tolist() == picked
    np.testing.assert_array_equal(sampler.select_distance_, distances)


# few distinct values: ties, coinciding rows and constant columns come by themselves
coarse = st.tuples(st.integers(1, 30), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.sampled_from([-1.0, 0.0, 0.5, 2.0]))
)
fine = st.tuples(st.integers(1, 40), st.integers(1, 20)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(-10, 10, width=32))
)


@settings(max_examples=60, deadline=None)
@given(rows=coarse | fine, data=st.data())
def test_picks_are_those_of_the_plain_algorithm(rows, data):
    first = data.draw(st.integers(0, len(rows) - 1))
    agree(FPS(1.0, start=first).fit(rows), *plain_fps(rows, len(rows), first))


@settings(max_examples=40, deadline=None)
@given(rows=coarse | fine, data=st.data())
def test_picks_after_an_earlier_set_are_those_of_the_plain_algorithm(rows, data):
    n_earlier = data.draw(st.integers(1, 5))
    earlier = data.draw(arrays(np.float64, (n_earlier, rows.shape[1]), elements=st.floats(-3, 3, width=16)))
    found = FPS(1.0).fit(rows, X_selected=earlier)
    agree(found, *plain_fps(rows, len(rows), None, earlier))


@settings(max_examples=40, deadline=None)
@given(rows=fine.filter(lambda rows: len(rows) != 2), seed=st.integers(0, 99))
def test_the_order_of_the_rows_changes_nothing_where_there_are_no_ties(rows, seed):
    """Two rows are equally far from their mean, where the first pick is looked for."""
    rows = rows + np.random.default_rng(3).normal(size=rows.shape)
    order = np.random.default_rng(seed).permutation(len(rows))
    here = FPS(1.0).fit(rows)
    there = FPS(1.0).fit(rows[order])
    np.testing.assert_array_equal(order[there.selected_idx_], here.selected_idx_)


@settings(max_examples=30, deadline=None)
@given(rows=fine, n=st.integers(1, 10), extra=st.integers(0, 5))
def test_raising_the_number_keeps_the_earlier_picks(rows, n, extra):
    n = min(n, len(rows))
    longer = FPS(min(n + extra, len(rows))).fit(rows)
    np.testing.assert_array_equal(longer.selected_idx_[:n], FPS(n).fit(rows).selected_idx_)
    assert (np.diff(longer.select_distance_[1:]) <= 0).all()


@settings(max_examples=30, deadline=None)
@given(rows=fine, n=st.integers(1, 10))
def test_a_warm_start_from_the_picks_goes_on_where_they_ended(rows, n):
    rows = rows + np.random.default_rng(4).normal(size=rows.shape)
    n = min(n, len(rows))
    whole = FPS(1.0).fit(rows)
    begun = whole.selected_idx_[:n]
    went_on = FPS(1.0).fit(rows, X_selected=rows[begun])
    fresh = [i for i in went_on.selected_idx_ if i not in begun]
    assert fresh == whole.selected_idx_[n:].tolist()


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(8).normal(size=(3000, 24))


def test_many_rows_and_columns(rows):
    agree(FPS(250, start=17).fit(rows), *plain_fps(rows, 250, 17))


def test_a_distance_ends_it_when_every_row_is_that_near(rows):
    reach = 7.0
    sampler = FPS(distance=reach).fit(rows)
    apart = np.sqrt(((rows[:, None] - rows[sampler.selected_idx_]) ** 2).sum(axis=-1))
    assert apart.min(axis=1).max() <= reach
    assert (sampler.select_distance_ > reach).all()
    assert 10 < len(sampler.selected_idx_) < 3000
    both = FPS(5, distance=reach).fit(rows)
    np.testing.assert_array_equal(both.selected_idx_, sampler.selected_idx_[:5])


def test_a_set_that_covers_everything_already_leaves_nothing_to_pick(rows):
    sampler = FPS(distance=0.0).fit(rows, X_selected=rows)
    assert len(sampler.selected_idx_) == 0
    assert sampler.selection().to_json()


def test_each_pick_is_as_far_as_the_farthest_row_was_from_those_before(rows):
    sampler = FPS(40).fit(rows)
    for k in (1, 7, 39):
        apart = np.sqrt(((rows[:, None] - rows[sampler.selected_idx_[:k]]) ** 2).sum(axis=-1)).min(axis=1)
        assert apart.max() == pytest.approx(sampler.select_distance_[k], rel=1e-12)


def test_it_starts_from_the_row_closest_on_average(rows):
    few = rows[:400, :4]
    squared = ((few[:, None] - few) ** 2).sum(axis=-1).mean(axis=1)
    assert FPS(1).fit(few).selected_idx_[0] == np.argmin(squared) == central_row(few)


def test_a_random_start_follows_the_seed(rows):
    starts = [FPS(1, start="random", random_state=seed).fit(rows).selected_idx_[0] for seed in range(20)]
    assert len(set(starts)) > 10
    assert starts == [
        FPS(1, start="random", random_state=seed).fit(rows).selected_idx_[0] for seed in range(20)
    ]


@pytest.mark.parametrize("wrong", [-1, 3000, "middle", True, 1.5])
def test_a_start_that_is_none_is_refused(wrong, rows):
    with pytest.raises(ValueError, match=r"start=.*expected"):
        FPS(3, start=wrong).fit(rows)


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), "far", True])
def test_a_distance_that_is_none_is_refused(wrong, rows):
    with pytest.raises(ValueError, match="distance="):
        FPS(3, distance=wrong).fit(rows)


def test_memory_mapped_rows_give_the_same_picks(rows, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    np.testing.assert_array_equal(FPS(30).fit(mapped).selected_idx_, FPS(30).fit(rows).selected_idx_)
