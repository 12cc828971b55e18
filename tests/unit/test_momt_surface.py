# SPDX-License-Identifier: GPL-2.0-or-later
"""Free energies, densities of states and populations against closed forms."""

import numpy as np
import pytest
from momt_ensemble import (
    ENTROPY,
    N_ATOMS,
    OSCILLATORS,
    PHASES,
    T0,
    Exact,
    K,
    flat_weight,
    log_normal,
    log_states,
    log_states_of_both,
    samples_of,
    weight_text,
)
from scipy.special import logsumexp

from mdsieve.momt.blocks import Bootstrap, time_blocks
from mdsieve.momt.regions import Region, exact_twins, populations
from mdsieve.momt.reweighting import reweight
from mdsieve.momt.surface import default_axis, density_of_states, free_energy
from mdsieve.momt.weight import Axis, Weight


@pytest.fixture(scope="module")
def samples():
    weight = flat_weight()
    return samples_of(weight, Exact(weight).independent(60000, np.random.default_rng(21)))


@pytest.fixture(scope="module")
def bootstrap(samples):
    return Bootstrap(time_blocks(samples, 30), 200, seed=2)


def log_states_at(enthalpy: np.ndarray) -> np.ndarray:
    return np.logaddexp(*(log_states(phase, enthalpy) for phase in PHASES))


def probability_of_order(order: np.ndarray, temperature: float) -> np.ndarray:
    solid = np.exp(-PHASES[0].energy / (K * temperature) + PHASES[0].energy / (K * T0))
    liquid = np.exp(-PHASES[1].energy / (K * temperature) + PHASES[0].energy / (K * T0) + ENTROPY)
    parts = [np.exp(log_normal(order, phase.order)) for phase in PHASES]
    return (solid * parts[0] + liquid * parts[1]) / (solid + liquid)


def averaged(function, *axes: Axis) -> np.ndarray:
    """ln of the mean of exp(function) over each bin."""
    fine = [
        np.linspace(axis.lower, axis.upper, 8 * axis.n, endpoint=False) + axis.spacing / 16 for axis in axes
    ]
    values = function(*np.meshgrid(*fine, indexing="ij"))
    shape = [n for axis in axes for n in (axis.n, 8)]
    inner = tuple(range(1, 2 * len(axes), 2))
    return logsumexp(values.reshape(shape), axis=inner)


def agrees(value: np.ndarray, error: np.ndarray, exact: np.ndarray, *, at_least: int) -> None:
    """But for a constant, within errors: the mean square of the deviations in errors is about 1."""
    seen = np.isfinite(value) & np.isfinite(error) & (error > 0)
    assert seen.sum() >= at_least
    off = (value - exact)[seen]
    off -= np.average(off, weights=error[seen] ** -2.0)
    deviations = off / error[seen]
    assert 0.5 < np.mean(deviations**2) < 1.7
    assert np.abs(deviations).max() < 5.5


@pytest.mark.parametrize("temperature", [1800.0, 2200.0, 2600.0])
def test_the_free_energy_of_the_order_parameter_is_exact(temperature, samples, bootstrap):
    weighed = reweight(samples, temperature, bootstrap=bootstrap)
    found = free_energy(samples, weighed, bootstrap, ["order"], [Axis(-2.0, 34.0, 120)])
    exact = -K * temperature * averaged(lambda o: np.log(probability_of_order(o, temperature)), *found.axes)
    agrees(found.value, found.error, exact, at_least=50)
    assert np.nanmin(found.value) == 0.0


def test_the_free_energy_of_the_enthalpy_is_exact(samples, bootstrap):
    weighed = reweight(samples, 2200.0, bootstrap=bootstrap)
    found = free_energy(samples, weighed, bootstrap, ["enthalpy"])
    exact = averaged(lambda h: log_states_at(h * N_ATOMS) - h * N_ATOMS / (K * 2200.0), *found.axes)
    agrees(found.value, found.error, -K * 2200.0 * exact, at_least=35)


def test_the_surface_of_both_is_exact(samples, bootstrap):
    weighed = reweight(samples, 2200.0, bootstrap=bootstrap)
    axes = [Axis(-4.75, -4.35, 60), Axis(-2.0, 34.0, 120)]
    found = free_energy(samples, weighed, bootstrap, axes=axes)
    often = np.where(found.visits >= 60, found.error, np.nan)
    exact = averaged(lambda h, o: log_states_of_both(h * N_ATOMS, o) - h * N_ATOMS / (K * 2200.0), *axes)
    agrees(found.value, often, -K * 2200.0 * exact, at_least=40)
    assert np.isnan(found.value[found.visits == 0]).all()
    assert found.visits.sum() <= len(samples)


def test_the_density_of_states_is_exact_over_hundreds_of_kt(samples, bootstrap):
    found = density_of_states(samples, bootstrap, ["enthalpy"])
    enthalpy = found.axes[0].centres * N_ATOMS
    agrees(found.value, found.error, log_states_at(enthalpy), at_least=35)
    assert np.nanmax(found.value) > 60.0
    axes = [Axis(-4.75, -4.35, 60), Axis(-2.0, 34.0, 120)]
    both = density_of_states(samples, bootstrap, axes=axes)
    h, o = np.meshgrid(axes[0].centres * N_ATOMS, axes[1].centres, indexing="ij")
    often = np.where(both.visits >= 60, both.error, np.nan)
    agrees(both.value, often, log_states_of_both(h, o), at_least=40)


def test_a_bin_that_few_blocks_have_visited_has_no_error(samples, bootstrap):
    weighed = reweight(samples, 2200.0, bootstrap=bootstrap)
    found = free_energy(samples, weighed, bootstrap)
    once = found.visits == 1
    assert once.any()
    assert np.isfinite(found.value[once]).all()
    assert np.isnan(found.error[once]).all()


def test_the_table_has_the_visited_bins(samples, bootstrap):
    found = free_energy(samples, reweight(samples, 2200.0, bootstrap=bootstrap), bootstrap)
    names, rows = found.rows()
    assert names == ["enthalpy", "order", "value", "error", "visits"]
    assert len(rows) == np.count_nonzero(found.visits)
    assert sum(row[-1] for row in rows) == found.visits.sum()
    at = np.argwhere(found.visits > 0)[7]
    assert rows[7][0] == found.axes[0].centres[at[0]]
    assert rows[7][1] == found.axes[1].centres[at[1]]


def test_coordinates_that_make_no_sense_are_refused(samples, bootstrap):
    weighed = reweight(samples, 2200.0, bootstrap=bootstrap)
    for coordinates in ([], ["order", "order"]):
        with pytest.raises(ValueError, match="expected enthalpy, order or both"):
            free_energy(samples, weighed, bootstrap, coordinates)
    with pytest.raises(ValueError, match="expected the enthalpy as a coordinate"):
        density_of_states(samples, bootstrap, ["order"])
    assert default_axis(samples, "enthalpy", 7) == (-4.75, -4.3125, 7)
    assert default_axis(samples, "order").n == 40


def test_populations_are_exact(samples, bootstrap):
    weighed = reweight(samples, 2300.0, bootstrap=bootstrap)
    regions = [Region("solid", order=(13.0, np.inf)), Region("liquid", order=(-np.inf, 13.0))]
    solid, liquid = populations(samples, weighed, bootstrap, regions)
    exact = np.exp(ENTROPY - (PHASES[1].energy - PHASES[0].energy) / (K * 2300.0))
    assert abs(liquid.to_first.value - exact) < 4 * liquid.to_first.error
    assert solid.share.value + liquid.share.value == pytest.approx(1.0)
    assert solid.to_first == (1.0, 0.0)
    assert liquid.n_samples == np.count_nonzero(samples.order < 13.0)
    assert 20 < liquid.n_effective_blocks <= 30


def test_regions_by_enthalpy_and_order_are_rectangles(samples, bootstrap):
    region = Region.parse("cold=:-4.6,20:25.5")
    enthalpy = samples.enthalpy / N_ATOMS
    expected = (enthalpy < -4.6) & (samples.order >= 20) & (samples.order < 25.5)
    np.testing.assert_array_equal(region.holds(samples), expected)
    weighed = reweight(samples, 2000.0, bootstrap=bootstrap)
    with pytest.raises(ValueError, match="regions cold and all overlap: "):
        populations(samples, weighed, bootstrap, [region, Region("all")])
    with pytest.raises(ValueError, match="no region"):
        populations(samples, weighed, bootstrap, [])


@pytest.mark.parametrize(
    "words", ["cold", "cold=1:2", "=1:2,3:4", "cold=1:2,3", "cold=a:2,3:4", "cold=2:1,:"]
)
def test_a_region_that_cannot_be_read_is_refused(words):
    with pytest.raises(ValueError, match=f"region {words}: expected"):
        Region.parse(words)


def test_twins_fit_cells_of_multiples_of_three():
    def of(lattice: str, atoms: int) -> Weight:
        v = np.zeros((5, 5))
        text = weight_text(v, (-5.0, -4.0, 5), (-2.0, atoms + 2.0, 5))
        return Weight.parse(text.replace("atoms 32", f"atoms {atoms}").replace("fcc 2 2 2", lattice))

    assert exact_twins(of("fcc 3 3 3", 108)) == 4
    assert exact_twins(of("fcc 2 2 2", 32)) is None
    assert exact_twins(of("fcc 5 5 5", 500)) is None
    assert exact_twins(of("fcc 3 3 6", 216)) is None
    assert exact_twins(of("bcc 3 3 3", 54)) is None


def test_the_closed_forms_are_those_of_the_samples(samples):
    """Of the heat capacity of either phase, from the oscillators; a check of the tests themselves."""
    assert pytest.approx(8.272, abs=1e-3) == K * T0 * OSCILLATORS
    assert probability_of_order(np.linspace(-2, 34, 1801), 2000.0).sum() * 0.02 == pytest.approx(
        1.0, abs=1e-3
    )
