# SPDX-License-Identifier: GPL-2.0-or-later
"""Structures that are odd but sound give right fingerprints; others are refused with the atom that is to blame."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from mdsieve import SymmetryFunctions

TEXT = """elements Ni
cutoff_type 1
symfunction_short Ni 2 Ni 0.5 0 5
symfunction_short Ni 2 Ni 4 2 5
symfunction_short Ni 3 Ni Ni 0.05 1 2 5
symfunction_short Ni 9 Ni Ni 0.05 -1 4 5
"""
FUNCTIONS = SymmetryFunctions.from_text(TEXT)


def crystal():
    atoms = bulk("Ni", cubic=True) * (2, 2, 2)
    atoms.rattle(0.1, seed=1)
    return atoms


def assert_same(atoms, other, rtol=1e-10):
    np.testing.assert_allclose(FUNCTIONS.create(atoms), FUNCTIONS.create(other), rtol=rtol, atol=1e-12)


def test_a_cell_smaller_than_the_cutoff_sees_all_its_images():
    primitive = bulk("Ni")
    primitive.set_cell(primitive.cell.array @ np.diag([1.0, 1.02, 0.97]), scale_atoms=True)
    every = FUNCTIONS.create(primitive * (5, 4, 4))
    np.testing.assert_allclose(every, np.repeat(FUNCTIONS.create(primitive), 80, axis=0), rtol=1e-10)


def test_a_left_handed_cell_is_the_same_crystal():
    atoms = crystal()
    other = atoms.copy()
    other.set_cell(atoms.cell.array[[1, 0, 2]])
    assert np.linalg.det(other.cell.array) < 0
    assert_same(atoms, other)


def test_a_very_skewed_cell_is_the_same_crystal():
    atoms = crystal()
    a, b, c = atoms.cell.array
    skewed = atoms.copy()
    skewed.set_cell([a, b + 7 * a, c - 5 * a + 9 * b])
    assert_same(atoms, skewed)


def test_atoms_outside_of_the_box_are_wrapped():
    atoms = crystal()
    far = atoms.copy()
    far.positions += np.random.default_rng(0).integers(-1000, 1000, (len(far), 3)) @ far.cell.array
    assert_same(atoms, far, rtol=1e-8)


@pytest.mark.parametrize("pbc", [(1, 1, 0), (1, 0, 0), (0, 1, 1), (0, 0, 0)])
def test_slabs_wires_and_clusters_are_cut_out_of_their_replicas(pbc):
    atoms = crystal()
    atoms.pbc = pbc
    repeats = [3 if periodic else 1 for periodic in pbc]
    replicas = atoms * repeats
    replicas.pbc = False
    middle = int(np.ravel_multi_index([n // 2 for n in repeats], repeats)) * len(atoms)
    expected = FUNCTIONS.create(replicas)[middle : middle + len(atoms)]
    np.testing.assert_allclose(FUNCTIONS.create(atoms), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("distance", [1e3, 1e6, 1e8])
@pytest.mark.parametrize("pbc", [(0, 0, 0), (1, 1, 0)])
def test_an_atom_that_has_flown_far_away_harms_nobody(distance, pbc):
    """Empty space between atoms once ended the program by a division by zero in the search for neighbours."""
    atoms = bulk("Ni", cubic=True) * (3, 3, 1)
    atoms.pbc = pbc
    gone = atoms + Atoms("Ni", positions=[[0.3, 0.2, distance]])
    values = FUNCTIONS.create(gone)
    np.testing.assert_allclose(values[:-1], FUNCTIONS.create(atoms), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(values[-1], 0.0)


def test_a_structure_longer_than_any_search_is_refused():
    chain = Atoms("Ni", cell=[9e8, 3.0, 3.0], pbc=True)
    with pytest.raises(ValueError, match="too long and thin"):
        FUNCTIONS.create(chain)


def test_atoms_without_neighbours_and_frames_without_atoms_are_fine():
    np.testing.assert_array_equal(FUNCTIONS.create(Atoms("Ni")), np.zeros((1, 4)))
    assert FUNCTIONS.create(Atoms()).shape == (0, 4)
    assert FUNCTIONS.create(Atoms(cell=[4, 4, 4], pbc=True)).shape == (0, 4)


def test_nine_thousand_neighbours_give_the_same_as_a_plain_sum():
    atoms = Atoms("Ni", cell=0.39 * np.eye(3), pbc=True)
    grid = 0.39 * np.stack(np.meshgrid(*[np.arange(-14, 15)] * 3), axis=-1).reshape(-1, 3)
    r = np.linalg.norm(grid, axis=1)
    r = r[(r > 0) & (r < 5)]
    assert len(r) > 8000
    cutoff = 0.5 * (np.cos(np.pi * r / 5) + 1)
    expected = [np.sum(np.exp(-0.5 * r**2) * cutoff), np.sum(np.exp(-4 * (r - 2) ** 2) * cutoff)]
    np.testing.assert_allclose(FUNCTIONS.create(atoms)[0, :2], expected, rtol=1e-10)


def pair(position, **words):
    return Atoms("Ni2", positions=[[0, 0, 0], position], **words)


@pytest.mark.parametrize(
    ("atoms", "words"),
    [
        (pair([0, np.nan, 0]), "atom 2: its position .* is not finite"),
        (pair([0, -np.inf, 0], cell=[9, 9, 9], pbc=True), "atom 2: its position .* is not finite"),
        (pair([1e300, 0, 0]), "atom 2: its position .* lies beyond"),
        (pair([0, 0, 0]), "atoms 1 and 2 lie at the same place"),
        (pair([9.0, 0, 0], cell=[9, 9, 9], pbc=True), "atoms 1 and 2 lie at the same place"),
        (Atoms("Ni", cell=[1, np.nan, 1], pbc=True), "cell vectors that are not finite"),
        (Atoms("Ni", cell=[1, 1, 0], pbc=True), "cell vector 2, which is zero"),
        (Atoms("Ni", cell=[[1, 0, 0], [2, 0, 0], [0, 0, 1]], pbc=True), "span no volume"),
        (Atoms("Ni", cell=1e-2 * np.eye(3), pbc=True), "the cell is too small"),
        (Atoms("X2", positions=[[0, 0, 0], [2, 0, 0]]), "element X of the structure is not in the descriptor"),
    ],
)  # fmt: skip
def test_structures_that_cannot_be_are_refused_with_the_atom(atoms, words):
    with pytest.raises(ValueError, match=words):
        FUNCTIONS.create(atoms)
