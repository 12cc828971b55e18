# SPDX-License-Identifier: GPL-2.0-or-later
"""Passages between the phases, and flatness of the visits."""

import numpy as np
import pytest
from momt_ensemble import Drawn, Exact, flat_weight, record_of, samples_of

from mdsieve.momt.flatness import flatness, visits_of
from mdsieve.momt.phases import PhaseBounds, default_bounds, find_passages
from mdsieve.momt.samples import Samples


@pytest.fixture(scope="module")
def weight():
    return flat_weight()


def walk(weight, order, enthalpy=None) -> Samples:
    order = np.array(order, dtype=float)
    enthalpy = np.full(len(order), -145.0) if enthalpy is None else np.array(enthalpy, dtype=float)
    drawn = Drawn(enthalpy, order, np.full(len(order), 380.0), np.zeros(len(order), bool))
    return Samples(weight, (record_of(weight, drawn),))


def test_a_passage_is_from_one_phase_to_the_other_whatever_lies_between(weight):
    samples = walk(weight, [10, 24, 10, 24, 10, 8, 2, 10, 2, 23, 10])
    found = find_passages(samples)
    assert [(p.left, p.arrived, p.is_melting) for p in found.passages] == [(60, 120, True), (160, 180, False)]
    assert (len(found), found.round_trips) == (2, 1)
    assert (found.solid, found.liquid) == (3 / 11, 2 / 11)
    np.testing.assert_array_equal(found.durations(), [60, 20])
    assert found.n_steps == 200
    assert found.steps_per_passage == 100.0


def test_without_a_passage_there_is_none(weight):
    found = find_passages(walk(weight, [10, 24, 10, 24]))
    assert (len(found), found.round_trips, found.steps_per_passage) == (0, 0, np.inf)


def test_by_enthalpy_the_solid_is_low(weight):
    samples = walk(weight, [1, 1, 1, 1], [-150, -144, -138, -150])
    found = find_passages(samples, PhaseBounds("enthalpy", -4.6, -4.4))
    assert [p.is_melting for p in found.passages] == [True, False]


def test_walkers_do_not_pass_from_one_to_the_other(weight):
    one, two = walk(weight, [24, 24]).records[0], walk(weight, [2, 2]).records[0]
    found = find_passages(Samples(weight, (one, two)))
    assert (len(found), found.n_records) == (0, 2)


def test_the_bounds_are_those_of_the_fix_unless_said(weight):
    bounds = default_bounds(weight)
    assert (bounds.by, bounds.lower, bounds.upper) == ("order", 0.12 * 32, 0.7 * 32)
    for lower, upper in ((3.0, 2.0), (np.nan, 2.0)):
        with pytest.raises(ValueError, match="expected two numbers, the lower first"):
            PhaseBounds("order", lower, upper)


def test_visits_are_those_of_the_bins(weight):
    samples = samples_of(weight, Exact(weight).independent(5000, np.random.default_rng(2)))
    visits, n_outside = visits_of(samples)
    expected, *_ = np.histogram2d(
        samples.enthalpy, samples.order, (weight.enthalpy.edges, weight.order.edges)
    )
    np.testing.assert_array_equal(visits, expected)
    assert n_outside == 5000 - expected.sum() > 0


def test_flatness_is_of_the_region_that_was_learnt(weight):
    deep = np.pad(weight.on_grid() > 3.0 * weight.thermal_energy, 1)
    around = np.lib.stride_tricks.sliding_window_view(deep, (3, 3)).all(axis=(2, 3))
    visits = np.where(around, 20, 1000)
    at = np.argwhere(around)
    visits[tuple(at[0])] = 10
    visits[tuple(at[-1])] = 45
    found = flatness(weight, visits, n_outside=7, depth=3.0)
    assert found.ratio == 4.5
    assert found.quantile_ratio == 1.0
    assert len(found.inside) == len(at) == np.count_nonzero(found.region)
    assert found.n_empty == 0
    assert found.n_samples == visits.sum() + 7
    assert found.share_inside == pytest.approx(found.inside.sum() / found.n_samples)
    assert 1.0 < found.ratio_along_order < 4.5
    visits[tuple(at[5])] = 0
    found = flatness(weight, visits, depth=3.0)
    assert (found.n_empty, found.ratio) == (1, np.inf)


def test_bins_may_be_merged(weight):
    visits = np.arange(1600).reshape(40, 40)
    found = flatness(weight, visits, merge=3)
    assert found.visits.shape == (13, 13)
    assert found.visits[1, 2] == visits[3:6, 6:9].sum()
    assert found.order == (-2.0, -2.0 + 39 * 0.9, 13)
    depth = weight.on_grid() / weight.thermal_energy
    assert found.region[4, 5] == np.all(depth[11:16, 14:19] > 1.0)
    with pytest.raises(ValueError, match="41 intervals as one: expected 1 to 40"):
        flatness(weight, visits, merge=41)
    with pytest.raises(ValueError, match="visits of"):
        flatness(weight, visits[:30])


def test_a_flat_weight_is_visited_evenly():
    """Independent samples of v = cap - F: bins inside differ by chance and by the smoothing of v alone."""
    weight = flat_weight(120, 120)
    samples = samples_of(weight, Exact(weight).independent(60000, np.random.default_rng(2)))
    visits, n_outside = visits_of(samples)
    found = flatness(weight, visits, n_outside=n_outside, depth=5.0, merge=6)
    assert len(found.inside) > 50
    assert found.ratio < 3.0
    assert found.ratio_along_order < 2.0
