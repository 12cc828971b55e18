# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors against spreads: what is known of Gaussian ones, and what conformal prediction promises of any."""

import math

import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from network_cases import nickel_aluminium, random_ensemble

from mdsieve.scores import EnsembleSpreadScorer, Environments, SpreadScorer
from mdsieve.scores.reliability import conformal_factor, coverage_of, reliability_curve, spreads_and_errors


def gaussian(n, too_small, seed=1):
    """Spreads that are too small by a factor, and errors."""
    rng = np.random.default_rng(seed)
    sigma = rng.lognormal(size=n)
    return sigma / too_small, sigma * rng.normal(size=n)


def test_the_curve_of_a_gaussian_spread_is_straight_and_tells_its_factor():
    curve = reliability_curve(*gaussian(100_000, 3.0), n_bins=8)
    np.testing.assert_allclose(curve.error / curve.spread, 3.0, rtol=0.05)
    assert curve.count.sum() == 100_000
    assert (np.diff(curve.spread) > 0).all()
    assert curve.calibration_error == pytest.approx(2.0, rel=0.02)
    assert reliability_curve(*gaussian(100_000, 1.0)).calibration_error < 0.03
    assert "ratio" in str(curve)


def test_a_spread_without_relation_to_the_error_has_a_flat_curve():
    rng = np.random.default_rng(2)
    curve = reliability_curve(rng.lognormal(size=50_000), rng.normal(size=50_000), n_bins=5)
    np.testing.assert_allclose(curve.error, 1.0, rtol=0.05)
    assert abs(curve.rank_correlation) < 0.02
    assert reliability_curve(*gaussian(50_000, 1.0)).rank_correlation > 0.5


def test_the_factor_of_a_gaussian_spread_is_its_quantile():
    factor = conformal_factor(*gaussian(200_000, 2.0), coverage=0.95)
    assert factor == pytest.approx(2.0 * 1.959964, rel=0.01)


@pytest.mark.parametrize("n", [19, 60])
def test_new_cases_are_covered_as_often_as_promised_whatever_the_errors(n):
    """On average over calibration sets, exactly ⌈(n + 1) c⌉ / (n + 1) of new cases, here of a skewed law."""
    rng = np.random.default_rng(3)
    shares = []
    for _ in range(2000):
        spread = rng.uniform(0.5, 2.0, n + 50)
        error = spread * rng.exponential(size=n + 50) ** 2
        factor = conformal_factor(spread[:n], error[:n], coverage=0.9)
        shares.append(coverage_of(spread[n:], error[n:], factor))
    promised = math.ceil((n + 1) * 0.9) / (n + 1)
    assert np.mean(shares) == pytest.approx(promised, abs=4 * np.std(shares) / math.sqrt(2000))


def test_groups_cover_all_atoms_of_a_new_frame_where_single_atoms_do_not():
    rng = np.random.default_rng(4)
    missed = {True: 0, False: 0}
    for _ in range(300):
        of_frame = np.repeat(rng.lognormal(sigma=0.7, size=61), 20)  # what a frame's atoms have in common
        error = of_frame * rng.normal(size=61 * 20)
        frame, spread = np.repeat(np.arange(61), 20), np.ones(61 * 20)
        old = frame < 60
        for grouped in missed:
            factor = conformal_factor(spread[old], error[old], groups=frame[old] if grouped else None)
            missed[grouped] += coverage_of(spread[~old], error[~old], factor) < 1.0
    assert missed[True] / 300 == pytest.approx(0.1, abs=0.06)
    assert missed[False] / 300 > 0.3


def test_too_few_cases_promise_nothing_and_the_largest_is_taken_where_it_must():
    ratios = np.arange(1.0, 10.0)
    assert conformal_factor(np.ones(9), -ratios, coverage=0.9) == 9.0
    assert conformal_factor(np.ones(9), ratios, coverage=0.91) == math.inf
    assert conformal_factor(np.ones(9), ratios, coverage=0.5) == 5.0


@pytest.mark.parametrize("of", ["forces", "atomic", "energy"])
def test_spreads_are_those_of_the_scores_and_errors_those_of_the_mean(of):
    ensemble, frames = random_ensemble(4), [nickel_aluminium(seed) for seed in range(3)]
    rng = np.random.default_rng(5)
    for atoms in frames:
        atoms.calc = SinglePointCalculator(atoms, energy=-70.0, forces=rng.normal(size=(16, 3)))
    found = spreads_and_errors(ensemble, frames, of)
    scorer = SpreadScorer(ensemble.forces) if of == "forces" else EnsembleSpreadScorer(ensemble, of)
    for number, atoms in enumerate(frames):
        mine = found.frame == number
        score = scorer.score(Environments.from_atoms(ensemble.functions, atoms))
        expected = [score.frame] if of == "energy" else score.per_atom
        np.testing.assert_allclose(found.spread[mine], expected, rtol=1e-8)
        said = ensemble.predict(atoms)
        if of == "energy":
            assert found.error[mine] == pytest.approx(abs(said.energy.mean() + 70.0) / 16)
        else:
            error = said.forces.mean(axis=0) - atoms.calc.results["forces"]
            np.testing.assert_allclose(found.error[mine] ** 2, (error**2).sum(axis=1))


def test_numbers_that_make_no_sense_are_refused():
    for spread, error, words in [
        (np.zeros(3), np.ones(3), "above 0"),
        (np.ones(3), np.full(3, np.nan), "finite"),
        (np.ones(3), np.ones(2), r"\(3,\)"),
        (np.ones(0), np.ones(0), "expected"),
    ]:
        with pytest.raises(ValueError, match=words):
            conformal_factor(spread, error)
    with pytest.raises(ValueError, match=r"coverage is 1.0"):
        conformal_factor(np.ones(3), np.ones(3), coverage=1.0)
    with pytest.raises(ValueError, match="5 bins for 3 pairs"):
        reliability_curve(np.ones(3), np.ones(3), n_bins=5)
    with pytest.raises(ValueError, match="groups of shape"):
        conformal_factor(np.ones(3), np.ones(3), groups=np.ones(2))
    with pytest.raises(ValueError, match="frame 0: no forces to compare with"):
        spreads_and_errors(random_ensemble(), [nickel_aluminium(1)])
    with pytest.raises(ValueError, match="no frames"):
        spreads_and_errors(random_ensemble(), [])
