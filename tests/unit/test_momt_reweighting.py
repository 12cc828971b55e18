# SPDX-License-Identifier: GPL-2.0-or-later
"""Reweighted means, melting points and their errors against densities of states that are known."""

from dataclasses import fields, replace

import numpy as np
import pytest
from momt_ensemble import (
    ENTROPY,
    LIQUID,
    MELTING,
    N_ATOMS,
    NKTV2P,
    OSCILLATORS,
    P0,
    SOLID,
    Exact,
    K,
    flat_weight,
    record_of,
    samples_of,
    weight_text,
)

from mdsieve.momt.blocks import Bootstrap, record_blocks, standard_error, time_blocks
from mdsieve.momt.melting import (
    heat_capacity_peak,
    log_ratio,
    melting_point,
    melting_points,
    temperature_range,
)
from mdsieve.momt.phases import PhaseBounds
from mdsieve.momt.reweighting import means, reweight
from mdsieve.momt.samples import Samples
from mdsieve.momt.weight import Weight

BY_ORDER = PhaseBounds("order", 13.0, 13.0)


@pytest.fixture(scope="module")
def weight():
    return flat_weight()


@pytest.fixture(scope="module")
def exact(weight):
    return Exact(weight)


@pytest.fixture(scope="module")
def samples(weight, exact):
    rng = np.random.default_rng(1)
    return samples_of(weight, exact.independent(12000, rng), exact.independent(8000, rng))


@pytest.fixture(scope="module")
def bootstrap(samples):
    return Bootstrap(time_blocks(samples, 25), 300, seed=4)


def log_ratio_of(temperature: float, pressure: float = P0) -> float:
    """ln(P_solid / P_liquid) in closed form: energies, volumes and their fluctuations."""
    beta = 1.0 / (K * temperature)
    p = beta * (pressure - P0) / NKTV2P
    found = beta * (LIQUID.energy - SOLID.energy) - ENTROPY
    found += p * (LIQUID.volume[0] - SOLID.volume[0])
    return found - 0.5 * p**2 * (LIQUID.volume[1] ** 2 - SOLID.volume[1] ** 2)


def is_near(estimate, value: float, *, sigma: float = 4.0) -> bool:
    assert estimate.error > 0.0
    return abs(estimate.value - value) < sigma * estimate.error


@pytest.mark.parametrize("temperature", [1500.0, 1800.0, 2000.0, 2400.0, 2800.0])
def test_means_of_phases_are_exact_at_every_temperature(temperature, samples, bootstrap):
    weighed = reweight(samples, temperature, bootstrap=bootstrap)
    found = {m.phase: m for m in means(samples, weighed, bootstrap, bounds=BY_ORDER, columns=["v_twice"])}
    for name, phase in (("solid", SOLID), ("liquid", LIQUID)):
        mine = found[name]
        enthalpy = (phase.energy + OSCILLATORS * K * temperature) / N_ATOMS
        assert is_near(mine.enthalpy, enthalpy)
        assert is_near(mine.volume, phase.volume[0] / N_ATOMS)
        assert is_near(mine.columns["v_twice"], 2.0 * phase.volume[0])
        assert is_near(mine.heat_capacity, OSCILLATORS / N_ATOMS + 1.5)
        assert mine.enthalpy.error < 0.003
        assert mine.heat_capacity.error < 0.3
    ratio = found["solid"].share.value / found["liquid"].share.value
    relative = np.hypot(*(m.share.error / m.share.value for m in (found["solid"], found["liquid"])))
    assert abs(np.log(ratio) - log_ratio_of(temperature)) < 4.0 * relative
    assert found["solid"].share.value + found["liquid"].share.value == pytest.approx(1.0)


def test_at_the_temperature_of_the_ensemble_weights_are_those_of_the_bias(samples, bootstrap):
    weighed = reweight(samples, 2000.0, bootstrap=bootstrap)
    log = samples.log_weights(2000.0)
    np.testing.assert_allclose(
        log - log.max(), (samples.bias - samples.bias.max()) / samples.weight.thermal_energy
    )
    assert 100 < weighed.n_effective < len(samples)
    assert weighed.weights.sum() == pytest.approx(1.0)


def test_other_pressures(samples, bootstrap):
    pressure = 10001.0
    weighed = reweight(samples, 2200.0, pressure, bootstrap=bootstrap)
    found = {m.phase: m for m in means(samples, weighed, bootstrap, bounds=BY_ORDER)}
    p = (pressure - P0) / NKTV2P / (K * 2200.0)
    for name, phase in (("solid", SOLID), ("liquid", LIQUID)):
        volume = phase.volume[0] - p * phase.volume[1] ** 2
        assert is_near(found[name].volume, volume / N_ATOMS)
        enthalpy = phase.energy + OSCILLATORS * K * 2200.0 + (pressure - P0) / NKTV2P * volume
        assert is_near(found[name].enthalpy, enthalpy / N_ATOMS)
    assert is_near(found["solid"].share, 1.0 / (1.0 + np.exp(-log_ratio_of(2200.0, pressure))))


def test_without_volumes_there_is_no_other_pressure(weight, exact, bootstrap):
    record = replace(record_of(weight, exact.independent(500, np.random.default_rng(2))), volume=None)
    samples = Samples(weight, (record,))
    few = Bootstrap(time_blocks(samples, 5))
    with pytest.raises(ValueError, match="the records have no volume"):
        reweight(samples, 2000.0, 2.0, bootstrap=few)
    weighed = reweight(samples, 2000.0, P0, bootstrap=few)
    assert means(samples, weighed, few)[0].volume is None


def test_what_the_samples_do_not_hold_is_refused(samples, bootstrap):
    with pytest.raises(ValueError, match="temperature 1399: expected 1400 to 3000, the tails"):
        reweight(samples, 1399.0, bootstrap=bootstrap)
    with pytest.raises(ValueError, match=r"effective samples of 20000: expected 20; .*hardly overlap"):
        reweight(samples, 2000.0, 400000.0, bootstrap=bootstrap)
    with pytest.raises(ValueError, match="column v_three: expected one of v_vol, v_twice"):
        means(samples, reweight(samples, 2000.0, bootstrap=bootstrap), bootstrap, columns=["v_three"])


def test_weight_at_the_bounds_and_in_few_blocks_is_a_concern(samples, bootstrap):
    assert reweight(samples, 2000.0, bootstrap=bootstrap).concerns == ()
    concerns = reweight(samples, 2990.0, bootstrap=bootstrap).concerns
    assert any("bounds of the window of enthalpy" in words for words in concerns), concerns
    two = Bootstrap(time_blocks(samples, 2))
    assert "do not trust the errors" in reweight(samples, 2000.0, bootstrap=two).concerns[0]


def test_a_phase_that_is_hardly_there_is_left_out(samples, bootstrap):
    weighed = reweight(samples, 2000.0, bootstrap=bootstrap)
    found = means(samples, weighed, bootstrap, bounds=PhaseBounds("order", 13.0, 33.0))
    assert [m.phase for m in found] == ["all", "liquid"]


def test_the_melting_point_is_exact_by_order(samples, bootstrap):
    for found in (
        melting_point(samples, bootstrap, BY_ORDER),
        melting_point(samples, bootstrap, by="order"),
    ):
        assert is_near(found.temperature, MELTING)
        assert found.temperature.error < 10.0
        assert is_near(found.heat_of_fusion, (LIQUID.energy - SOLID.energy) / N_ATOMS)
        assert found.n_unresolved == 0
        assert found.concerns == ()
    assert found.bounds.lower == pytest.approx(13.5, abs=0.1), "midway between 24 and 3"
    value = log_ratio(samples, BY_ORDER, 1900.0)
    assert value == pytest.approx(log_ratio_of(1900.0), abs=0.1)


def test_the_melting_point_by_enthalpy_is_where_its_own_ratio_is_one(samples, bootstrap):
    found = melting_point(samples, bootstrap, by="enthalpy")
    assert log_ratio(samples, found.bounds, found.temperature.value) == pytest.approx(0.0, abs=1e-6)
    assert abs(found.temperature.value - MELTING) < 25.0, "tails of either phase are counted as the other"
    middle = (SOLID.energy + LIQUID.energy) / 2 + OSCILLATORS * K * MELTING
    assert found.bounds.lower == pytest.approx(middle / N_ATOMS, abs=0.01)


def test_the_melting_point_rises_with_pressure_as_clausius_and_clapeyron_say(samples, bootstrap):
    found = melting_point(samples, bootstrap, BY_ORDER, 10001.0)
    low, high = 2000.0, 2600.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if log_ratio_of(middle, 10001.0) > 0 else (low, middle)
    assert low > MELTING + 100.0
    assert is_near(found.temperature, low)


def test_the_peak_of_the_heat_capacity_is_that_of_two_phases(samples, bootstrap):
    grid = np.linspace(1900, 2500, 6001)
    solid = 1.0 / (1.0 + np.exp(-np.array([log_ratio_of(t) for t in grid])))
    jump = (LIQUID.energy - SOLID.energy) / (K * grid)
    curve = (OSCILLATORS + solid * (1 - solid) * jump**2) / N_ATOMS + 1.5
    found = heat_capacity_peak(samples, bootstrap)
    assert is_near(found.temperature, grid[curve.argmax()])
    assert is_near(found.height, curve.max())


def test_the_range_of_temperatures_ends_where_effective_samples_become_few(weight, exact, samples):
    def n_effective(of, temperature: float) -> float:
        weights = np.exp(of.log_weights(temperature))
        return weights.sum() ** 2 / (weights**2).sum()

    rng, step = np.random.default_rng(3), (3000.0 - 1400.0) / 80
    low, high = temperature_range(samples, least=1500.0)
    assert 1400.0 < low < high == 3000.0
    assert n_effective(samples, low) >= 1500.0 > n_effective(samples, low - step)
    solid = exact.draw(np.zeros(4000, bool), rng)
    kept = (solid.enthalpy < -147.0) | (rng.random(4000) < 0.05)
    drawn = replace(solid, **{each.name: getattr(solid, each.name)[kept] for each in fields(solid)})
    few_hot = samples_of(weight, drawn)
    low, high = temperature_range(few_hot, least=150.0)
    assert 1400.0 == low < high < 3000.0
    assert n_effective(few_hot, high) >= 150.0 > n_effective(few_hot, high + step)
    with pytest.raises(ValueError, match="fewer than 20000 effective samples at T0"):
        temperature_range(samples, least=20000.0)


def test_where_there_is_one_phase_there_is_no_melting_point(samples, bootstrap, weight, exact):
    with pytest.raises(ValueError, match="no melting point between"):
        melting_point(samples, bootstrap, PhaseBounds("order", 24.0, 24.0))
    solid = samples_of(weight, exact.draw(np.zeros(500, bool), np.random.default_rng(3)))
    few = Bootstrap(time_blocks(solid, 5))
    with pytest.raises(ValueError, match="no sample of the liquid"):
        melting_point(solid, few, BY_ORDER)
    with pytest.raises(ValueError, match="no sample of the liquid"):
        melting_point(solid, few)
    points, concerns = melting_points(solid, few)
    assert points == []
    assert len(concerns) == 2


def test_what_the_order_parameter_does_not_see_the_enthalpy_tells():
    """Most crystals are twins of a small order parameter: parted by order there is no melting point."""
    h_only = np.repeat(flat_weight().on_grid().max(axis=1)[:, None], 40, axis=1)
    weight = Weight.parse(weight_text(h_only, (-4.75, -4.3125, 40), (-2.0, 34.0, 40)))
    rng = np.random.default_rng(9)
    drawn = Exact(weight).independent(4000, rng)
    is_twin = ~drawn.is_liquid & (rng.random(4000) < 0.95)
    samples = samples_of(weight, replace(drawn, order=np.where(is_twin, 5.0, drawn.order)))
    points, concerns = melting_points(samples, Bootstrap(time_blocks(samples, 20), 100))
    assert [point.bounds.by for point in points] == ["enthalpy"]
    assert abs(points[0].temperature.value - MELTING) < 50.0
    assert "no melting point between" in concerns[0]


def test_a_melting_point_that_many_resamples_do_not_have_has_no_error(weight, exact):
    rng = np.random.default_rng(10)
    solid, both = exact.draw(np.zeros(2000, bool), rng), exact.independent(4000, rng)
    samples = samples_of(weight, solid, both)
    found = melting_point(samples, Bootstrap(record_blocks(samples), 200), BY_ORDER)
    assert 20 < found.n_unresolved < 100, "a quarter hold the solid alone"
    assert np.isnan(found.temperature.error)
    assert np.isfinite(found.temperature.value)
    assert found.concerns[0].startswith(f"{found.n_unresolved} of 200 resamples")


def test_errors_of_correlated_runs_cover_the_truth(weight, exact):
    """Of melting points of 50 runs that stay in a phase for 50 samples, 1 and 2 errors hold what they should."""
    rng, found = np.random.default_rng(8), []
    for seed in range(50):
        samples = samples_of(weight, exact.series(3000, rng, stay=50.0))
        point = melting_point(samples, Bootstrap(time_blocks(samples, 20), 100, seed), BY_ORDER)
        found.append(point.temperature)
    values, errors = np.array(found).T
    assert values.mean() == pytest.approx(MELTING, abs=4.0 * values.std() / 7.0)
    assert 0.65 < errors.mean() / values.std() < 1.35
    away = np.abs(values - MELTING) / errors
    assert 0.5 < np.mean(away < 1.0) < 0.86  # 0.68, and three times its own error
    assert np.mean(away < 2.0) > 0.84
    # as docs/momt.md tells them
    assert (np.mean(away < 1.0), np.mean(away < 2.0)) == pytest.approx((0.66, 0.90), abs=0.021)


def test_blocks_are_stretches_of_one_record(samples):
    blocks = time_blocks(samples, 10)
    sizes = np.bincount(blocks.labels)
    assert len(sizes) == 10
    assert sizes.min() == sizes.max() == 2000
    for block in range(10):
        where = np.flatnonzero(blocks.labels == block)
        assert np.ptp(where) == len(where) - 1
        assert len(set(samples.record[where])) == 1
    assert record_blocks(samples).n == 2
    np.testing.assert_array_equal(record_blocks(samples).labels, samples.record)


@pytest.mark.parametrize(("n", "words"), [(1, "expected 2 to 20000"), (20001, "expected 2 to 20000")])
def test_numbers_of_blocks_that_make_no_sense_are_refused(n, words, samples):
    with pytest.raises(ValueError, match=words):
        time_blocks(samples, n)


def test_blocks_need_records(weight, exact):
    drawn = exact.independent(20, np.random.default_rng(0))
    with pytest.raises(ValueError, match="2 blocks of 3 records"):
        time_blocks(samples_of(weight, drawn, drawn, drawn), 2)
    with pytest.raises(ValueError, match="expected at least two records"):
        record_blocks(samples_of(weight, drawn))
    unequal = samples_of(weight, drawn, exact.independent(2, np.random.default_rng(0)))
    assert np.bincount(time_blocks(unequal, 4).labels).tolist()[-1] == 2


def test_the_bootstrap_is_the_seed_and_its_error_that_of_a_mean(samples):
    bootstrap = Bootstrap(time_blocks(samples, 100), 2000, seed=1)
    values = np.random.default_rng(0).normal(size=len(samples))
    sums = bootstrap.sums(values)
    resampled = bootstrap.resampled(sums) / len(samples)
    expected = sums.std(ddof=1) / 200 / np.sqrt(100)
    assert standard_error(resampled) == pytest.approx(expected, rel=0.1)
    np.testing.assert_array_equal(bootstrap.counts.sum(axis=1), 100)
    again = Bootstrap(time_blocks(samples, 100), 2000, seed=1)
    np.testing.assert_array_equal(again.counts, bootstrap.counts)
    assert not np.array_equal(Bootstrap(again.blocks, 2000, seed=2).counts, bootstrap.counts)


def test_an_error_of_too_few_resamples_is_not_told():
    values = np.array([[1.0, 1.0], [3.0, np.nan], [2.0, np.nan], [2.0, 5.0]])
    found = standard_error(values)
    assert found[0] == pytest.approx(np.sqrt(2 / 3))
    assert np.isnan(found[1])
