# SPDX-License-Identifier: GPL-2.0-or-later
"""Derivatives of fingerprints against differences, DScribe, and what symmetry demands."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from mdsieve import SymmetryFunctions

RADIAL = [(0.003, 0.0), (0.1, 2.0), (4.0, 2.6)]
ANGULAR = [(eta, zeta, sign) for eta in (0.01, 0.1) for zeta in (1, 2, 4, 16) for sign in (1, -1)]
CUTOFF = 5.0


def alloy(cells: tuple[int, int, int] = (2, 1, 1)) -> Atoms:
    atoms = bulk("Al", "fcc", a=3.8, cubic=True) * cells
    atoms.symbols[::3] = "Ni"
    atoms.rattle(0.15, seed=3)
    atoms.set_cell(atoms.cell @ [[1.0, 0.1, 0.0], [0.2, 0.95, -0.1], [0.0, 0.1, 1.05]], scale_atoms=True)
    return atoms


def cluster() -> Atoms:
    atoms = alloy((2, 2, 1))[:9]
    atoms.pbc = False
    atoms.cell = None
    return atoms


def single() -> Atoms:
    """One atom and its own images: nothing changes when it moves."""
    return bulk("Ni", a=3.6)


def description(angular_type: int, elements: tuple[str, ...] = ("Al", "Ni"), cutoff_type: int = 1) -> str:
    lines = [f"elements {' '.join(elements)}", f"cutoff_type {cutoff_type}"]
    for centre in elements:
        for first in elements:
            lines += [f"symfunction_short {centre} 2 {first} {eta} {rs} {CUTOFF}" for eta, rs in RADIAL]
        for i, first in enumerate(elements):
            for second in elements[i:]:
                start = f"symfunction_short {centre} {angular_type} {first} {second}"
                lines += [f"{start} {eta} {sign} {zeta} {CUTOFF}" for eta, zeta, sign in ANGULAR]
        lines += [
            f"symfunction_short {centre} 12 0.2 1.0 {CUTOFF}",
            f"symfunction_short {centre} 13 0.05 0.5 -1 2.5 {CUTOFF}",
            f"symfunction_short {centre} {angular_type} {first} {first} 0.02 1 3 {CUTOFF} theta_s 0.5",
        ]
    return "\n".join(lines)


def differences(functions: SymmetryFunctions, atoms: Atoms, step: float = 1e-4) -> np.ndarray:
    """Central differences of fourth order, shape (n_atoms, n_atoms, 3, n_features)."""
    result = np.empty((len(atoms), len(atoms), 3, next(iter(functions.n_features.values()))))
    for j in range(len(atoms)):
        for axis in range(3):

            def at(h: float, j: int = j, axis: int = axis) -> np.ndarray:
                moved = atoms.copy()
                moved.positions[j, axis] += h
                return functions.create(moved)

            near, far = at(step) - at(-step), at(2 * step) - at(-2 * step)
            result[:, j, axis] = (8 * near - far) / (12 * step)
    return result


@pytest.mark.parametrize("structure", [alloy, cluster, single])
@pytest.mark.parametrize("angular_type", [3, 9])
def test_agree_with_differences_of_the_fingerprints(structure, angular_type):
    atoms = structure()
    functions = SymmetryFunctions.from_text(description(angular_type))
    np.testing.assert_allclose(
        functions.derivatives(atoms).dense(), differences(functions, atoms), rtol=1e-6, atol=1e-8
    )


def test_agree_with_dscribe():
    """DScribe differentiates its ACSF by differences, columns as in its fingerprints."""
    from dscribe.descriptors import ACSF

    atoms = cluster()
    atoms.symbols[:] = "Ni"
    acsf = ACSF(
        r_cut=CUTOFF,
        species=["Ni"],
        g2_params=[list(r) for r in RADIAL],
        g4_params=[list(a) for a in ANGULAR],
        periodic=False,
    )
    expected = acsf.derivatives(atoms, method="numerical", attach=True, return_descriptor=False)[..., 1:]
    lines = [f"symfunction_short Ni 2 Ni {eta} {rs} {CUTOFF}" for eta, rs in RADIAL]
    lines += [f"symfunction_short Ni 3 Ni Ni {eta} {sign} {zeta} {CUTOFF}" for eta, zeta, sign in ANGULAR]
    functions = SymmetryFunctions.from_text("\n".join(["elements Ni", "cutoff_type 1", *lines]))
    np.testing.assert_allclose(functions.derivatives(atoms).dense(), expected, rtol=1e-5, atol=1e-7)


def test_moving_everything_changes_nothing():
    functions = SymmetryFunctions.from_text(description(3))
    found = functions.derivatives(alloy())
    total = np.zeros((len(found.centres), *found.values.shape[1:]))
    np.add.at(total, found.pairs[:, 0], found.values)
    assert np.abs(total).max() < 1e-12 * np.abs(found.values).max()
    assert (np.diff(found.pairs[:, 0]) >= 0).all()
    assert (found.pairs[np.flatnonzero(~found.vectors.any(axis=1))] == np.arange(8)[:, None]).all()


def energy_and_weights(values: np.ndarray) -> tuple[float, np.ndarray]:
    """A smooth energy of fingerprints and its derivative by them."""
    return float(np.sum(np.tanh(0.1 * values) ** 2)), (
        0.2 * np.tanh(0.1 * values) / np.cosh(0.1 * values) ** 2
    )


def test_chain_rule_gives_the_gradient_by_positions_and_by_strain():
    functions = SymmetryFunctions.from_text(description(9))
    atoms = alloy()
    _, weights = energy_and_weights(functions.create(atoms))
    found = functions.derivatives(atoms, n_jobs=2)
    step = 1e-4

    gradient = np.empty((len(atoms), 3))
    for j, axis in np.ndindex(len(atoms), 3):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[j, axis] += sign * step
            energies.append(energy_and_weights(functions.create(moved))[0])
        gradient[j, axis] = (energies[0] - energies[1]) / (2 * step)
    np.testing.assert_allclose(found.position_gradient(weights), gradient, rtol=1e-6, atol=1e-7)

    strain_gradient = np.empty((3, 3))
    for a, b in np.ndindex(3, 3):
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[a, b] += sign * step
            moved = atoms.copy()
            moved.set_cell(atoms.cell @ strain, scale_atoms=True)
            energies.append(energy_and_weights(functions.create(moved))[0])
        strain_gradient[a, b] = (energies[0] - energies[1]) / (2 * step)
    np.testing.assert_allclose(found.strain_gradient(weights), strain_gradient, rtol=1e-6, atol=1e-6)


def test_elements_of_their_own_and_lists():
    functions = SymmetryFunctions.from_text(
        "elements Al Ni\ncutoff_type 2\nsymfunction_short Al 2 Ni 0.1 0 5\n"
        "symfunction_short Ni 2 Al 0.1 0 5\nsymfunction_short Ni 3 Al Ni 0.01 1 2 5\n"
    )
    atoms = alloy()
    first, second = functions.derivatives_by_element([atoms, cluster()])
    assert len(second["Ni"].centres) == 3
    for symbol, found in first.items():
        assert list(found.centres) == list(np.flatnonzero(atoms.symbols == symbol))
        assert found.values.shape[1:] == (3, functions.n_features[symbol])
        single_atom = functions.create_by_element(atoms)[symbol][1]
        assert found.position_gradient(np.ones_like(single_atom)).shape == (8, 3)
    with pytest.raises(ValueError, match=r"Al 1, Ni 2.*derivatives_by_element"):
        functions.derivatives(atoms)
    with pytest.raises(ValueError, match=r"weights have the shape \(8, 2\), expected .* \(3, 2\)"):
        first["Ni"].position_gradient(np.ones((8, 2)))


def test_the_same_in_mixed_precision_and_with_threads():
    atoms = alloy((3, 3, 2))
    found = SymmetryFunctions.from_text(description(3)).derivatives(atoms)
    again = SymmetryFunctions.from_text(description(3), precision="mixed").derivatives(atoms, n_jobs=2)
    np.testing.assert_array_equal(found.values, again.values)
    np.testing.assert_array_equal(found.pairs, again.pairs)


def test_nobody_has_no_derivatives():
    functions = SymmetryFunctions.from_text(description(3))
    assert functions.derivatives(Atoms()).dense().shape == (0, 0, 3, functions.n_features["Al"])
    lonely = functions.derivatives(Atoms("Al"))
    np.testing.assert_array_equal(lonely.pairs, [[0, 0]])
    assert not lonely.values.any()
