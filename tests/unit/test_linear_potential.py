# SPDX-License-Identifier: GPL-2.0-or-later
"""The linear potential: what it must recover, and its forces against finite differences."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from sklearn.linear_model import Ridge

from mdsieve import SymmetryFunctions
from mdsieve.potentials import LinearPotential

FUNCTIONS = """
elements Al Ni
cutoff_type 2
symfunction_short Al 2 Al 0.5 0.0 4.5
symfunction_short Al 2 Ni 0.5 0.0 4.5
symfunction_short Al 3 Ni Ni 0.05 -1 2 4.5
symfunction_short Ni 2 Al 0.8 0.0 4.5
symfunction_short Ni 2 Ni 0.1 0.0 4.5
symfunction_short Ni 2 Ni 2.0 2.5 4.5
symfunction_short Ni 9 Ni Ni 0.05 1 1 4.5
"""


@pytest.fixture(scope="module")
def functions():
    return SymmetryFunctions.from_text(FUNCTIONS)


def structure(seed, n_al=4, calculator=None):
    rng = np.random.default_rng(seed)
    atoms = bulk("Ni", a=3.6 + 0.2 * rng.random(), cubic=True) * (2, 2, 1)
    atoms.symbols[rng.permutation(16)[:n_al]] = "Al"
    atoms.rattle(0.1, seed=seed)
    if calculator:
        atoms.calc = calculator
        results = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
        atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


@pytest.fixture(scope="module")
def emt_frames():
    return [structure(seed, seed % 9, EMT()) for seed in range(24)]


def test_a_linear_truth_is_recovered_from_energies_and_forces_and_from_each_alone(functions):
    truth = LinearPotential(functions)
    truth.weights_ = {"Al": np.array([0.3, -0.2, 0.05]), "Ni": np.array([0.1, -0.4, 0.2, 0.01])}
    truth.constants_ = {"Al": -3.0, "Ni": -4.5}
    frames = [structure(seed, seed % 9, truth.calculator()) for seed in range(30)]
    for weights in ({}, {"force_weight": 0.0}, {"energy_weight": 0.0}):
        fitted = LinearPotential(functions, alpha=1e-20, **weights).fit(frames)
        for symbol in ("Al", "Ni"):
            np.testing.assert_allclose(fitted.weights_[symbol], truth.weights_[symbol], rtol=1e-5)
            if weights != {"energy_weight": 0.0}:
                assert fitted.constants_[symbol] == pytest.approx(truth.constants_[symbol], rel=1e-5)
            else:
                assert abs(fitted.constants_[symbol]) < 1e-12, "forces say nothing of constants"


def test_the_fit_is_that_of_scikit_learn(functions, emt_frames):
    alpha = 1e-4
    ours = LinearPotential(functions, alpha=alpha, force_weight=0.0, energy_weight=1.0).fit(emt_frames)
    columns, constants, labels = [], [], []
    rows = {"Al": [], "Ni": []}
    for atoms in emt_frames:
        by_element = functions.create_by_element(atoms)
        for symbol, (_, values) in by_element.items():
            rows[symbol].append(values)
        columns.append(np.concatenate([values.sum(axis=0) for _, values in by_element.values()]) / len(atoms))
        constants.append([len(indices) / len(atoms) for indices, _ in by_element.values()])
        labels.append(atoms.get_potential_energy() / len(atoms))
    scale = np.concatenate([np.concatenate(rows[symbol]).std(axis=0) for symbol in ("Al", "Ni")])
    # two free constants: project them out, which is what leaving them unpenalised means
    constants = np.array(constants)
    project = np.eye(len(labels)) - constants @ np.linalg.pinv(constants)
    ridge = Ridge(alpha=alpha * len(labels), fit_intercept=False)
    ridge.fit(project @ (np.array(columns) / scale), project @ np.array(labels))
    expected = ridge.coef_ / scale
    np.testing.assert_allclose(
        np.concatenate([ours.weights_["Al"], ours.weights_["Ni"]]), expected, rtol=1e-6
    )


def test_forces_and_stress_are_derivatives_of_the_energy(functions, emt_frames):
    from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

    potential = LinearPotential(functions).fit(emt_frames)
    atoms = structure(99, 5)
    atoms.calc = potential.calculator()
    numerical = calculate_numerical_forces(atoms, eps=1e-4, iatoms=[0, 3, 7])
    np.testing.assert_allclose(atoms.get_forces()[[0, 3, 7]], numerical, atol=1e-6)
    np.testing.assert_allclose(atoms.get_forces().sum(axis=0), 0.0, atol=1e-10)
    np.testing.assert_allclose(atoms.get_stress(), calculate_numerical_stress(atoms, eps=1e-5), atol=1e-7)
    assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy())


def test_it_learns_an_embedded_atom_model_roughly_and_more_functions_do_better(functions, emt_frames):
    few = SymmetryFunctions.from_text(
        "elements Al Ni\ncutoff_type 2\nsymfunction_short Al 2 Ni 0.5 0.0 4.5\nsymfunction_short Ni 2 Ni 0.1 0.0 4.5\n"
    )
    unseen = [structure(seed, seed % 9, EMT()) for seed in range(100, 110)]
    poor = LinearPotential(few).fit(emt_frames).errors(unseen)
    good = LinearPotential(functions).fit(emt_frames).errors(unseen)
    spread = np.concatenate([a.get_forces() for a in unseen]).std()
    assert good.force < 0.6 * poor.force
    assert good.force < 0.4 * spread
    assert "meV/atom" in str(good)


def test_elements_that_do_not_occur_and_columns_that_do_not_vary_are_harmless(functions):
    nickel = [structure(seed, 0, EMT()) for seed in range(6)]
    potential = LinearPotential(functions).fit(nickel)
    assert not potential.weights_["Al"].any()
    assert potential.weights_["Ni"][0] == 0.0, "there is no aluminium around"
    assert np.isfinite(potential.errors(nickel).force)


def test_a_molecule_without_a_cell_has_no_stress(functions, emt_frames):
    potential = LinearPotential(functions).fit(emt_frames)
    atoms = Atoms("Ni2", [[0, 0, 0], [0, 0, 2.4]])
    atoms.calc = potential.calculator()
    assert np.isfinite(atoms.get_potential_energy())
    assert "stress" not in atoms.calc.results


def test_what_cannot_be_fitted_is_refused(functions):
    with pytest.raises(ValueError, match="not fitted yet"):
        LinearPotential(functions).predict(structure(1))
    with pytest.raises(ValueError, match="structure 0: neither energy nor forces"):
        LinearPotential(functions).fit([structure(1)])
    with pytest.raises(ValueError, match="no structures"):
        LinearPotential(functions).fit([])
    for wrong in ({"alpha": 0.0}, {"energy_weight": -1.0}, {"energy_weight": 0.0, "force_weight": 0.0}):
        with pytest.raises(ValueError, match="expected"):
            LinearPotential(functions, **wrong)
