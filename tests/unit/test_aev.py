# SPDX-License-Identifier: GPL-2.0-or-later
"""ANI's atomic environment vector: against a plain transcription of its equations, and in a file of its own."""

import itertools
import pickle

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from mdsieve import SymmetryFunctions
from mdsieve.describe import describe_aev, write_with_scaling

RADIAL = (19.7, [*np.arange(1.06875, 4.9, 0.26875), 5.10, 5.37, 5.64, 5.91, 6.18, 6.44, 6.71], 6.9)
ANGULAR = (12.5, 14.1, np.pi / 8 * np.array([1, 3, 5, 7]), 0.8 + 0.3375 * np.arange(8), 3.5)


def nickel(repeat: int = 2) -> Atoms:
    atoms = bulk("Ni", cubic=True) * (repeat, repeat, repeat)
    atoms.rattle(0.15, seed=3)
    return atoms


def alloy() -> Atoms:
    atoms = nickel()
    atoms.symbols[::3] = "Al"
    atoms.set_cell(atoms.cell @ [[1.0, 0.1, 0.0], [0.2, 0.95, -0.1], [0.0, 0.1, 1.05]], scale_atoms=True)
    return atoms


def neighbours(atoms: Atoms, i: int, cutoff: float) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Vectors to the neighbours of atom i, their lengths and elements; every image is looked at."""
    reach = range(-2, 3) if atoms.pbc.any() else (0,)
    shifts = np.array(list(itertools.product(reach, repeat=3))) @ atoms.cell.array
    vectors = (atoms.positions[:, None] + shifts - atoms.positions[i]).reshape(-1, 3)
    symbols = np.repeat(list(atoms.symbols), len(shifts))
    lengths = np.linalg.norm(vectors, axis=1)
    inside = (lengths > 0.0) & (lengths < cutoff)
    return vectors[inside], lengths[inside], list(symbols[inside])


def transcribed(atoms: Atoms, elements: list[str]) -> np.ndarray:
    """The equations of ANI as they are printed: for each element, then for each pair of elements."""
    rows = []
    for i in range(len(atoms)):
        row: list[float] = []
        eta, shifts, cutoff = RADIAL
        _, lengths, symbols = neighbours(atoms, i, cutoff)
        for element in elements:
            r = lengths[[s == element for s in symbols]]
            fc = 0.5 * np.cos(np.pi * r / cutoff) + 0.5
            row += [0.25 * np.sum(np.exp(-eta * (r - shift) ** 2) * fc) for shift in shifts]
        eta, zeta, angles, shifts, cutoff = ANGULAR
        vectors, lengths, symbols = neighbours(atoms, i, cutoff)
        fc = 0.5 * np.cos(np.pi * lengths / cutoff) + 0.5
        for wanted in itertools.combinations_with_replacement(elements, 2):
            sums = np.zeros((len(angles), len(shifts)))
            for j, k in itertools.combinations(range(len(lengths)), 2):
                if sorted((symbols[j], symbols[k])) != sorted(wanted):
                    continue
                theta = np.arccos(0.95 * vectors[j] @ vectors[k] / (lengths[j] * lengths[k]))
                turned = ((1.0 + np.cos(theta - angles)) / 2.0) ** zeta
                shell = np.exp(-eta * ((lengths[j] + lengths[k]) / 2.0 - shifts) ** 2)
                sums += 2.0 * np.outer(turned, shell) * fc[j] * fc[k]
            row += list(sums.ravel())
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("precision", ["double", "mixed"])
@pytest.mark.parametrize(("structure", "elements"), [(nickel, ["Ni"]), (alloy, ["Al", "Ni"])])
def test_fingerprints_are_those_of_the_printed_equations(structure, elements, precision):
    atoms = structure()
    functions = SymmetryFunctions.from_text(describe_aev(elements), precision=precision)
    n = 22 * len(elements) + 32 * len(elements) * (len(elements) + 1) // 2
    assert functions.n_features == dict.fromkeys(elements, n)
    relative, absolute = {"double": (1e-10, 1e-12), "mixed": (1e-5, 1e-6)}[precision]
    expected = transcribed(atoms, elements)
    np.testing.assert_allclose(functions.create(atoms), expected, rtol=relative, atol=absolute)


def test_derivatives_are_those_of_the_printed_equations():
    cluster = alloy()[:9]
    cluster.pbc = False
    functions = SymmetryFunctions.from_text(describe_aev(["Al", "Ni"]))
    found = functions.derivatives(cluster).dense()
    step = 1e-3
    for j, axis in [(0, 0), (4, 1), (8, 2)]:
        total = 0.0
        for weight, shift in ((45, 1), (-9, 2), (1, 3)):
            for sign in (1, -1):
                moved = cluster.copy()
                moved.positions[j, axis] += sign * shift * step
                total = total + sign * weight * transcribed(moved, ["Al", "Ni"])
        np.testing.assert_allclose(found[:, j, axis], total / (60 * step), rtol=1e-8, atol=1e-9)
    assert np.abs(found.sum(axis=1)).max() < 1e-12 * np.abs(found).max()


def test_the_chain_rule_gives_forces():
    functions = SymmetryFunctions.from_text(describe_aev(["Ni"]))
    atoms = nickel()
    weights = np.random.default_rng(1).normal(size=(len(atoms), 54))
    gradient = functions.derivatives(atoms).position_gradient(weights)
    step = 1e-4
    for j, axis in [(3, 0), (17, 2)]:
        moved = [atoms.copy(), atoms.copy()]
        for sign, copy in zip((1, -1), moved, strict=True):
            copy.positions[j, axis] += sign * step
        high, low = (np.sum(weights * values) for values in functions.create(moved))
        assert gradient[j, axis] == pytest.approx((high - low) / (2 * step), rel=1e-5)


def test_files_in_bohr_say_the_same():
    bohr = 0.529177210903
    text = (
        "elements Ni\ncutoff_type 1\nlength_unit bohr\n"
        f"symfunction_short Ni aev_radial Ni {19.7 * bohr**2!r} {2.4125 / bohr!r} {6.9 / bohr!r}\n"
        "symfunction_short Ni aev_angular Ni Ni "
        f"{12.5 * bohr**2!r} 14.1 {np.pi / 8!r} {2.15 / bohr!r} {3.5 / bohr!r}\n"
    )
    values = SymmetryFunctions.from_text(text).create(nickel())
    plain = SymmetryFunctions.from_text(describe_aev(["Ni"]))
    names = ["AEV-R Ni-Ni eta=19.7 rs=2.4125 rc=6.9"]
    names += ["AEV-A Ni-Ni-Ni eta=12.5 rs=2.15 zeta=14.1 theta_s=0.392699 rc=3.5"]
    columns = [plain.feature_names["Ni"].index(name) for name in names]
    np.testing.assert_allclose(values, plain.create(nickel())[:, columns], rtol=1e-10)


def test_the_description_is_complete_and_scales(tmp_path):
    path, scaling = write_with_scaling(describe_aev(["Ni"]), tmp_path / "ni.nn", seed=1)
    functions = SymmetryFunctions.from_file(path)
    low, high = np.loadtxt(scaling)[functions.n2p2_order("Ni"), 2:4].T
    values = functions.create(nickel(3))
    assert ((values >= low) & (values <= high)).mean() > 0.97
    assert sorted(functions.n2p2_order("Ni")) == list(range(54))
    assert pickle.loads(pickle.dumps(functions)).hash == functions.hash
    stretched = SymmetryFunctions.from_text(describe_aev(["Ni"], cutoff=6.9 * 1.15))
    larger = nickel()
    larger.set_cell(larger.cell * 1.15, scale_atoms=True)
    np.testing.assert_allclose(
        stretched.create(larger), functions.create(nickel()), rtol=1e-7, atol=1e-9
    )  # the file has ten digits


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["Xx"],), "Xx"),
        (([],), "none given"),
        ((["Ni", "Ni"],), "only once"),
        ((["Ni"], 1e9), "cutoff is 1"),
    ],
)
def test_nonsense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        describe_aev(*arguments)
