# SPDX-License-Identifier: GPL-2.0-or-later
"""Sanity filters against brute force, and their words."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import given, settings
from hypothesis import strategies as st

from mdsieve.filters import Rejection, SanityFilters


def alloy(seed, rattle=0.4):
    atoms = bulk("Ni", a=3.57, cubic=True) * (2, 2, 2)
    atoms.symbols[::4] = "Al"
    atoms.rattle(rattle, seed=seed)
    return atoms


def labelled(atoms, energy=None, forces=None):
    results = {"energy": energy, "forces": forces}
    atoms.calc = SinglePointCalculator(atoms, **{k: v for k, v in results.items() if v is not None})
    return atoms


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), limit=st.floats(0.8, 2.4), other=st.floats(0.8, 2.4))
def test_distances_of_pairs_of_elements_are_those_of_the_minimum_image(seed, limit, other):
    atoms = alloy(seed)
    rejection = SanityFilters(shortest={"Ni-Al": limit, "all": other}).check(atoms)
    distances = atoms.get_all_distances(mic=True)
    np.fill_diagonal(distances, np.inf)
    mixed = atoms.numbers[:, None] != atoms.numbers[None, :]
    broken = distances < np.where(mixed, limit, other)
    assert (rejection is not None) == broken.any()
    if rejection:
        pair = rejection.kind.removeprefix("distance ")
        of_pair = broken & np.array(
            [["-".join(sorted((a, b))) == pair for b in atoms.symbols] for a in atoms.symbols]
        )
        assert of_pair.any()
        words = rejection.text.split()
        i, j = int(words[words.index("atoms") + 1]), int(words[words.index("and") + 1].rstrip(","))
        assert of_pair[i - 1, j - 1]


def test_a_pair_without_a_bound_may_be_as_close_as_it_likes():
    close = Atoms("NiAlH", [[0, 0, 0], [0.5, 0, 0], [5, 0, 0]])
    assert SanityFilters(shortest={"Ni-Ni": 2.0, "H-H": 0.5}).check(close) is None
    rejection = SanityFilters(shortest={"Al-Ni": 2.0}).check(close)
    assert rejection == Rejection(
        "distance Al-Ni", "distance Al-Ni 0.5 Å between atoms 1 and 2, expected at least 2"
    )


def test_periodic_images_of_one_atom_count_as_a_pair():
    assert SanityFilters(shortest=2.0).check(Atoms("Ni", cell=[1.5, 9, 9], pbc=True)).kind == "distance Ni-Ni"
    assert SanityFilters(shortest=2.0).check(Atoms("Ni", cell=[1.5, 9, 9], pbc=False)) is None


def test_atoms_at_one_place_are_rejected_and_named():
    rejection = SanityFilters(shortest=1.0).check(Atoms("Ni2", np.zeros((2, 3))))
    assert rejection.kind == "structure"
    assert "atoms 1 and 2" in rejection.text


def test_volume_is_an_atom_s_and_of_periodic_cells_only():
    filters = SanityFilters(volume=(8.0, 12.0))
    assert filters.check(bulk("Ni", a=3.52)) is None  # 10.9
    assert filters.check(bulk("Ni", a=3.1)).text == "volume 7.448 Å³ an atom, expected 8 to 12"
    assert filters.check(bulk("Ni", a=4.0)).kind == "volume"
    assert filters.check(molecule("H2O")) is None
    assert filters.check(Atoms()) is None


def test_energy_and_force_are_checked_where_there_are_any():
    filters = SanityFilters(energy=(-5.0, -3.0), force=10.0)
    assert filters.fields == {"pe", "f"}
    assert filters.check(bulk("Ni")) is None
    assert filters.check(labelled(bulk("Ni"), energy=-4.0, forces=np.zeros((1, 3)))) is None
    assert filters.check(labelled(bulk("Ni", cubic=True), energy=-8.0)).kind == "energy"
    forces = np.zeros((4, 3))
    forces[2] = [6.0, 0.0, 9.0]
    atoms = labelled(bulk("Ni", cubic=True), energy=-16.0, forces=forces)
    assert filters.check(atoms).text == "force 10.82 eV/Å on atom 3, expected at most 10"
    atoms.arrays["id"] = np.array([4, 3, 22, 1])
    assert "atom 22" in filters.check(atoms).text
    forces[1, 1] = np.nan
    assert filters.check(labelled(bulk("Ni", cubic=True), forces=forces)).kind == "force"
    assert filters.check(labelled(bulk("Ni"), energy=np.nan)).kind == "energy"


def test_a_data_set_is_sorted_out_and_counted():
    frames = [alloy(1, 0.0), alloy(2, 0.8), bulk("Ni", a=2.0), alloy(3, 0.0), bulk("Ni", a=2.1)]
    passed, rejected = SanityFilters(shortest=1.8, volume=(5.0, 30.0)).apply(frames)
    assert passed == [0, 3]
    assert rejected["volume"] == 2
    assert rejected.total() == 3


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"shortest": -1.0}, "shortest of all is -1.0"),
        ({"shortest": {"NiAl": 1.0}}, "shortest of 'NiAl': expected 'all' or two elements"),
        ({"shortest": {"Ni-Xy": 1.0}}, "two elements"),
        ({"shortest": {"Ni-Al": 1.0, "Al-Ni": 2.0}}, "Al-Ni is given twice"),
        ({"volume": (3.0, 2.0)}, "volume is"),
        ({"energy": (float("nan"), 2.0)}, "energy is"),
        ({"force": 0.0}, "force is 0.0"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(bounds, words):
    with pytest.raises(ValueError, match=words):
        SanityFilters(**bounds)
