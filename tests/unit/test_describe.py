# SPDX-License-Identifier: GPL-2.0-or-later
"""The description that mdsieve proposes, and its scaling."""

import numpy as np
import pytest
from ase.build import bulk

from mdsieve import SymmetryFunctions
from mdsieve.describe import describe, structure_pool, write_description


@pytest.mark.parametrize(
    ("elements", "expected"),
    [(["Ni"], 24 + 16), (["Pd", "H"], 2 * 12 + 3 * 8), (["Mo", "Nb", "Ta"], 3 * 8 + 6 * 4)],
)
def test_description_is_balanced_and_readable(elements, expected):
    functions = SymmetryFunctions.from_text(describe(elements, 6.0))
    assert set(functions.elements) == set(elements)
    assert set(functions.n_features.values()) == {expected}
    assert functions.cutoff == 6.0


def test_numbers_of_functions_can_be_chosen():
    for n_angular in (0, 2, 4, 6, 8, 10, 16, 32):
        functions = SymmetryFunctions.from_text(describe(["Ge"], 5.0, n_radial=7, n_angular=n_angular))
        assert functions.n_features == {"Ge": 7 + n_angular}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["Xx"], 6.0), "Xx"),
        (([], 6.0), "none given"),
        ((["Ni", "Ni"], 6.0), "only once"),
        ((["Ni"], 1.0), "cutoff is 1.0"),
        ((["Ni"], float("nan")), "cutoff is nan"),
    ],
)
def test_nonsense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        describe(*arguments)
    with pytest.raises(ValueError, match="even number"):
        describe(["Ni"], 6.0, n_angular=3)


def test_scaling_covers_real_crystals(tmp_path):
    path, scaling_path = write_description(["Ni"], 6.0, tmp_path / "input.nn", seed=3)
    assert scaling_path.name == "scaling.data"
    functions = SymmetryFunctions.from_file(path)
    low, high = np.loadtxt(scaling_path)[:, 2:4].T
    rank = functions.n2p2_order("Ni")
    low, high = low[rank], high[rank]
    assert (low < high).all()
    atoms = bulk("Ni", cubic=True) * (3, 3, 3)
    atoms.rattle(0.08, seed=2)
    values = functions.create(atoms)
    inside = (values >= low) & (values <= high)
    assert inside.mean() > 0.99
    # and the crystal is a small part of it: room for what is new
    assert np.median(np.ptp(values, axis=0) / (high - low)) < 0.5


def test_seeded(tmp_path):
    first = write_description(["Si"], 5.0, tmp_path / "a.nn", seed=1)
    second = write_description(["Si"], 5.0, tmp_path / "b.nn", seed=1)
    third = write_description(["Si"], 5.0, tmp_path / "c.nn", seed=2)
    assert [p.name for p in first] == ["a.nn", "a.scaling.data"]
    assert first[1].read_text() == second[1].read_text() != third[1].read_text()


def test_pool_has_every_element_and_sane_distances():
    for atoms in structure_pool(["Pd", "H"]):
        assert atoms.pbc.all()
        assert 8 <= len(atoms) <= 32
        assert set(atoms.symbols) <= {"Pd", "H"}
    pool = list(structure_pool(["Mo", "Nb", "Ta"]))
    assert {frozenset(a.symbols) for a in pool} >= {frozenset({"Mo"}), frozenset({"Mo", "Nb", "Ta"})}
