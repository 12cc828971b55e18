# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames of one material as frames of another."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import read, write
from ase.neighborlist import neighbor_list

from mdsieve.translate import Translation, element_length, parse_scale


@pytest.fixture
def nickel():
    atoms = bulk("Ni", cubic=True) * (2, 1, 1)
    atoms.rattle(0.1, seed=2)
    atoms.set_cell(atoms.cell.array @ np.array([[1.0, 0.05, 0], [0, 1, 0.1], [0, 0, 1]]), scale_atoms=True)
    atoms.calc = EMT()
    atoms.get_forces()
    return atoms


def test_all_lengths_are_scaled_and_elements_swapped(nickel):
    nickel.symbols[3] = "Nb"
    nickel.info["Origin"] = [1.0, 2.0, 3.0]
    nickel.set_momenta(np.ones((8, 3)))
    nickel.set_initial_charges(np.ones(8))
    nickel.set_initial_magnetic_moments(np.ones(8))
    nickel.arrays["id"] = np.arange(8, 0, -1)
    done = Translation({"Ni": "Al"}, 4.05 / 3.52).apply(nickel)
    factor = 4.05 / 3.52
    np.testing.assert_allclose(
        done.get_all_distances(mic=True), factor * nickel.get_all_distances(mic=True), rtol=1e-13
    )
    np.testing.assert_allclose(done.cell.array, factor * nickel.cell.array, rtol=1e-15)
    np.testing.assert_allclose(done.info["Origin"], factor * np.array([1.0, 2.0, 3.0]))
    assert done.get_chemical_symbols() == ["Al", "Al", "Al", "Nb", "Al", "Al", "Al", "Al"]
    assert done.calc is None
    assert not any(done.has(name) for name in ("momenta", "initial_charges", "initial_magmoms"))
    assert list(done.arrays["id"]) == list(range(8, 0, -1))
    assert done.info["translated_from"] == "NbNi7"
    assert done.info["translated"] == "Ni to Al; scale 1.150568182"


def test_elements_may_be_exchanged(nickel):
    nickel.symbols[3] = "Nb"
    done = Translation({"Ni": "Nb", "Nb": "Ni"}, 1.0).apply(nickel)
    assert done.get_chemical_formula() == "Nb7Ni"


@pytest.mark.parametrize("symbol", ["Ni", "Nb", "Ti", "Si", "Po"])  # fcc, bcc, hcp, diamond, sc
def test_lengths_of_elements_are_those_of_their_crystals(symbol):
    crystal = bulk(symbol)
    distances = neighbor_list("d", crystal, 3.6)
    assert element_length(symbol, "lattice") == pytest.approx(
        bulk(symbol, cubic=symbol != "Ti").cell.lengths()[0]
    )
    assert element_length(symbol, "bond") == pytest.approx(distances.min())
    assert element_length(symbol, "volume") ** 3 == pytest.approx(crystal.get_volume() / len(crystal))


def test_the_factor_follows_the_composition(nickel):
    for measure in ("bond", "volume"):
        pure = Translation({"Ni": "Nb"}, measure)
        assert pure.factor(nickel) == pytest.approx(
            element_length("Nb", measure) / element_length("Ni", measure)
        )
    mixed = nickel.copy()
    mixed.symbols[:4] = "Nb"
    volume = {symbol: element_length(symbol, "volume") ** 3 for symbol in ("Ni", "Nb")}
    expected = (8 * volume["Nb"] / (4 * volume["Ni"] + 4 * volume["Nb"])) ** (1 / 3)
    assert Translation({"Ni": "Nb"}, "volume").factor(mixed) == pytest.approx(expected)
    assert Translation({"Ni": "Al"}, "lattice").factor(nickel) == pytest.approx(4.05 / 3.52)


@pytest.mark.parametrize(
    ("elements", "scale", "words"),
    [
        ({}, 1.0, "no element"),
        ({"Ni": "Zz"}, 1.0, "'Zz' is no element"),
        ({"Ni": "Al"}, 0.0, "expected a positive number"),
        ({"Ni": "Nb"}, "lattice", "Ni is fcc and Nb is bcc.*bond or volume"),
        ({"Ni": "Ga"}, "volume", "Ga: the table of reference states"),
    ],
)
def test_what_cannot_be_translated_is_said(elements, scale, words):
    with pytest.raises(ValueError, match=words):
        Translation(elements, scale)


def test_a_frame_without_the_element_is_refused(nickel):
    with pytest.raises(ValueError, match="Ni8: there is no Cu"):
        Translation({"Cu": "Al"}, 1.0).apply(nickel)
    with pytest.raises(ValueError, match="a frame without atoms: there is no Ni"):
        Translation({"Ni": "Al"}, "volume").apply(nickel[:0])


@pytest.mark.parametrize("words", ["", "0", "-1", "nan", "4.05/0", "a/b", "1/2/3", "__import__('os')"])
def test_a_scale_that_is_no_positive_number_is_refused(words):
    with pytest.raises(ValueError, match="expected a positive number"):
        parse_scale(words)


def test_a_scale_is_a_number_or_a_ratio():
    assert parse_scale("1.15") == 1.15
    assert parse_scale("4.05/3.52") == 4.05 / 3.52


def test_the_command_translates_and_labels_again(mdsieve, tmp_path):
    write(tmp_path / "ni.extxyz", [bulk("Ni", cubic=True), bulk("Ni", cubic=True, a=3.5)])
    words = [
        "translate",
        "ni.extxyz",
        "-o",
        "al.extxyz",
        "--from",
        "Ni",
        "--to",
        "Al",
        "--scale",
        "4.05/3.52",
    ]
    finished = mdsieve(*words, "--pair-style", "eam/fs", "--pair-coeff", "* * Al_mm.eam.fs Al")
    assert finished.returncode == 0, finished.stderr
    first, _ = read(tmp_path / "al.extxyz", ":")
    assert first.cell.array[0, 0] == pytest.approx(4.05)
    assert first.get_potential_energy() / 4 == pytest.approx(-3.4107, abs=2e-4)
    assert first.info["labelled_by"].startswith("pair_style eam/fs; pair_coeff * * Al_mm.eam.fs Al")
    assert first.info["translated_from"] == "Ni4"
    finished = mdsieve(*words[:-2], "--overwrite")
    assert (finished.returncode, finished.stderr) == (2, "mdsieve: expected either --scale or --scale-by\n")
