# SPDX-License-Identifier: GPL-2.0-or-later
"""The paper's studies: counts are those of the bank, errors those of a potential fitted afresh."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from test_bank_sampler import FUNCTIONS

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.potentials import LinearPotential
from mdsieve.potentials.equations import FrameEquations
from mdsieve.samplers.studies import BankStudy, ThresholdGrid


def structure(seed):
    rng = np.random.default_rng(seed)
    atoms = bulk("Ni", a=3.5 + 0.2 * rng.random(), cubic=True) * (2, 2, 1)
    atoms.symbols[rng.permutation(16)[: 1 + seed % 6]] = "Al"
    atoms.rattle(0.02 + 0.15 * rng.random(), seed=seed)
    atoms.calc = EMT()
    results = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


@pytest.fixture(scope="module")
def functions():
    return SymmetryFunctions.from_text(FUNCTIONS)


@pytest.fixture(scope="module")
def frames():
    return [structure(seed) for seed in range(40)]


@pytest.fixture(scope="module")
def tests():
    return [structure(seed) for seed in range(100, 112)]


@pytest.fixture(scope="module")
def study(functions, frames, tests):
    return BankStudy(functions, frames, tests)


@pytest.mark.parametrize("weights", [{}, {"force_weight": 0.0}, {"energy_weight": 0.0}])
def test_fits_from_stored_equations_are_those_of_the_frames(weights, functions, frames, tests):
    potential = LinearPotential(functions, **weights)
    train, test = FrameEquations(potential, frames), FrameEquations(potential, tests)
    for which in (np.arange(40), np.array([3, 8, 20, 21, 39])):
        expected = LinearPotential(functions, **weights).fit([frames[i] for i in which])
        found = train.fit(which)
        for symbol in ("Ni", "Al"):
            np.testing.assert_allclose(found.weights_[symbol], expected.weights_[symbol], rtol=1e-6)
        here, there = test.errors(found), expected.errors(tests)
        assert here.energy == pytest.approx(there.energy, rel=1e-8)
        assert here.force == pytest.approx(there.force, rel=1e-8)
    assert not hasattr(potential, "weights_")


def test_errors_of_some_frames_are_those_of_these_frames(functions, frames):
    equations = FrameEquations(LinearPotential(functions), frames)
    fitted = equations.fit(range(40))
    expected = fitted.errors([frames[4], frames[9]])
    assert equations.errors(fitted, [4, 9]).force == pytest.approx(expected.force, rel=1e-9)
    with pytest.raises(ValueError, match="no structures to fit to"):
        equations.fit([])


def test_frames_without_labels_are_named(functions, frames):
    bare = frames[1].copy()
    with pytest.raises(ValueError, match="structure 1: neither energy nor forces"):
        FrameEquations(LinearPotential(functions), [frames[0], bare])
    with pytest.raises(ValueError, match="without test frames"):
        BankStudy(functions, frames[:3]).errors()


def test_energies_alone_are_enough(functions, frames):
    only = [atoms.copy() for atoms in frames]
    for atoms, origin in zip(only, frames, strict=True):
        atoms.calc = SinglePointCalculator(atoms, energy=origin.get_potential_energy())
    equations = FrameEquations(LinearPotential(functions), only)
    expected = LinearPotential(functions).fit(only)
    np.testing.assert_allclose(equations.fit(range(40)).coefficients, expected.coefficients, rtol=1e-6)
    assert np.isnan(equations.errors(expected).force)


def kept_by_the_bank(functions, frames, thresholds, order):
    bank = EnvironmentBank(functions, thresholds).fit_scaling(frames)
    kept = [i for i in order if bank.update(frames[i]).is_kept]
    return sorted(kept), {symbol: bank.size(symbol) for symbol in ("Ni", "Al")}


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_kept_frames_are_those_of_the_bank_in_any_order(seed, functions, frames, study):
    order = None if seed is None else np.random.default_rng(seed).permutation(40)
    thresholds = {"Ni": 0.3, "Al": 0.5}
    kept = study.kept(thresholds, order)
    expected = kept_by_the_bank(functions, frames, thresholds, range(40) if seed is None else order)
    assert (kept.frames.tolist(), kept.n_environments) == expected
    assert 1 < len(kept.frames) < 40


def test_the_curve_falls_from_all_frames_and_ends_with_their_errors(study, functions, frames, tests):
    curve = study.threshold_curve([1e-3, 0.2, 0.5, {"Ni": 1.0, "Al": 0.8}])
    assert curve.n_frames[0] == 40
    assert (np.diff(curve.n_frames) <= 0).all()
    assert (np.diff(curve.n_environments) < 0).all()
    assert curve.force[0] == pytest.approx(curve.whole.force)
    whole = LinearPotential(functions).fit(frames).errors(tests)
    assert curve.whole.energy == pytest.approx(whole.energy, rel=1e-8)
    assert curve.thresholds[3] == {"Ni": 1.0, "Al": 0.8}
    kept = study.kept(0.5).frames
    alone = LinearPotential(functions).fit([frames[i] for i in kept]).errors(tests)
    assert curve.force[2] == pytest.approx(alone.force, rel=1e-7)


def test_shuffles_differ_and_follow_the_seed(study):
    found = study.shuffles(0.5, n=8, random_state=3)
    assert len(found.frames) == len(found.n_frames) == len(found.force) == 8
    assert len({tuple(kept) for kept in found.frames}) > 1
    again = study.shuffles(0.5, n=8, random_state=3)
    np.testing.assert_array_equal(found.force, again.force)
    spread = found.spread()
    assert spread["n_frames"]["least"] <= spread["n_frames"]["mean"] <= spread["n_frames"]["most"]
    assert spread["force"]["std"] == pytest.approx(np.std(found.force, ddof=1))
    with pytest.raises(ValueError, match="0 shuffles"):
        study.shuffles(0.5, n=0)


def test_the_grid_holds_what_each_pair_of_thresholds_keeps(study):
    grid = study.grid(("Ni", [0.2, 0.6]), ("Al", [0.2, 0.5, 0.9]))
    for i, ni in enumerate([0.2, 0.6]):
        for j, al in enumerate([0.2, 0.5, 0.9]):
            kept = study.kept({"Ni": ni, "Al": al}).frames
            assert grid.n_frames[i, j] == len(kept)
            assert grid.force[i, j] == study.errors(kept).force
    assert (np.diff(grid.n_frames, axis=0) <= 0).all()


def test_the_critical_line_is_where_the_limit_is_crossed():
    errors = np.array([[1.0, 2.0, 4.0], [1.0, 1.1, 1.2], [3.0, 1.0, 1.0], [1.0, 5.0, 1.0]])
    grid = ThresholdGrid(
        ("Ni", "Al"), np.arange(4.0), np.array([0.1, 0.2, 0.4]), np.ones((4, 3), int), errors, errors
    )
    np.testing.assert_allclose(grid.critical_line(3.0), [0.3, 0.4, 0.4, 0.15])
    np.testing.assert_allclose(grid.critical_line(2.0), [0.2, 0.4, np.nan, 0.125])
    with pytest.raises(ValueError, match="of='stress'"):
        grid.critical_line(1.0, "stress")


def test_without_test_frames_only_frames_are_counted(functions, frames):
    study = BankStudy(functions, [atoms.copy() for atoms in frames])
    curve = study.threshold_curve([0.3])
    assert curve.n_frames[0] > 1
    assert np.isnan(curve.force[0])
    assert curve.whole is None
