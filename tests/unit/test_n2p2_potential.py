# SPDX-License-Identifier: GPL-2.0-or-later
"""Folders of n2p2 potentials: written, read again, read by plain code, and what is wrong with them."""

import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from network_cases import nickel_aluminium, random_ensemble, write_potential

import n2p2_plain
from mdsieve.potentials import (
    EnsembleTrainer,
    Layers,
    NetworkEnsemble,
    TrainingFrames,
    TrainingSettings,
    read_n2p2,
    write_n2p2,
)

#: One hidden layer, the same for all elements, activations that the plain reader knows.
PLAIN = dict.fromkeys(("Al", "Ni"), Layers((5,), "tl"))


@pytest.mark.parametrize("own_scaling", [False, True])
def test_exported_members_come_back_as_the_ensemble(tmp_path, own_scaling):
    layers = {"Al": Layers((5, 4), "tpl"), "Ni": Layers((6,), "ul")}
    ensemble, atoms = random_ensemble(3, layers, own_scaling=own_scaling), nickel_aluminium(1)
    for member in range(3):
        write_n2p2(ensemble, tmp_path / str(member), member)
    again = read_n2p2([tmp_path / str(member) for member in range(3)])
    assert again.networks.architecture == ensemble.networks.architecture
    assert len(again.networks.network("Ni").shift) == (3 if own_scaling else 1)
    before, after = ensemble.predict(atoms, stress=True), again.predict(atoms, stress=True)
    np.testing.assert_allclose(after.atomic, before.atomic, rtol=1e-13)
    np.testing.assert_allclose(after.forces, before.forces, atol=1e-13)
    np.testing.assert_allclose(after.stress, before.stress, atol=1e-14)


def test_factors_below_and_at_zero_go_into_the_exported_weights(tmp_path):
    ensemble, atoms = random_ensemble(1), nickel_aluminium(1)
    ensemble.networks.set_standardisation(
        {"Ni": (np.array([0.1, 0.2, 0.3, 0.4]), np.array([-2.0, 0.0, 1.0, 0.5]))}
    )
    write_n2p2(ensemble, tmp_path)
    before, after = ensemble.predict(atoms), read_n2p2(tmp_path).predict(atoms)
    np.testing.assert_allclose(after.atomic, before.atomic, rtol=1e-13)
    np.testing.assert_allclose(after.forces, before.forces, atol=1e-13)


def test_what_n2p2_would_make_of_an_exported_folder_is_the_members_prediction(tmp_path):
    ensemble, atoms = random_ensemble(2, PLAIN), nickel_aluminium(2)
    write_n2p2(ensemble, tmp_path, -1)
    said = ensemble.predict(atoms)
    energy, forces = n2p2_plain.predict(tmp_path, ensemble.functions, atoms)
    assert energy == pytest.approx(said.energy[1], rel=1e-13)
    np.testing.assert_allclose(forces, said.forces[1], atol=1e-12)


@pytest.mark.parametrize(
    "lines",
    [
        "scale_symmetry_functions\ncenter_symmetry_functions",
        "scale_symmetry_functions",
        "scale_symmetry_functions_sigma\natom_energy Ni -4.5\natom_energy Al 1.5",
        "scale_symmetry_functions_sigma\nmean_energy -3.0\nconv_energy 2.5\nconv_length 1.7",
    ],
)
def test_a_folder_predicts_what_n2p2s_equations_say(tmp_path, lines):
    functions, atoms = write_potential(tmp_path, lines), nickel_aluminium(3)
    said = read_n2p2(tmp_path).predict(atoms)
    energy, forces = n2p2_plain.predict(tmp_path, functions, atoms)
    assert said.energy[0] == pytest.approx(energy, rel=1e-12)
    np.testing.assert_allclose(said.forces[0], forces, atol=1e-12)


def test_scaled_ranges_and_normalised_nodes_are_those_of_n2p2(tmp_path):
    write_potential(
        tmp_path, "scale_symmetry_functions\nscale_min_short -1.0\nscale_max_short 3.0\nnormalize_nodes"
    )
    ensemble = read_n2p2(tmp_path)
    rows = np.random.default_rng(1).uniform(0, 2, (7, 4))
    low, high = n2p2_plain.scaling_columns(tmp_path, 1)[ensemble.functions.n2p2_order("Ni"), :2].T
    inputs = -1.0 + 4.0 * (rows - low) / (high - low)
    values = np.loadtxt(tmp_path / "weights.028.data")
    first = values[:20].reshape(4, 5)[ensemble.functions.n2p2_order("Ni")]
    hidden = np.tanh((inputs @ first + values[20:25]) / 4)
    expected = (hidden @ values[25:30] + values[30]) / 5
    np.testing.assert_allclose(ensemble.atomic_energies({"Ni": rows})["Ni"][0], expected, rtol=1e-12)


def test_the_own_unit_lines_win_and_hartree_and_bohr_become_ev_and_angstrom(tmp_path):
    write_potential(tmp_path, "scale_symmetry_functions_sigma\natom_energy Ni -1.0")
    atoms = nickel_aluminium(4)
    plain = read_n2p2(tmp_path).predict(atoms)
    given = read_n2p2(tmp_path, energy_unit="hartree").predict(atoms)
    np.testing.assert_allclose(given.forces, 27.211386245988 * plain.forces, rtol=1e-12)
    np.testing.assert_allclose(given.atomic, 27.211386245988 * plain.atomic, rtol=1e-12)
    with open(tmp_path / "input.nn", "a") as file:
        file.write("energy_unit hartree\n")
    np.testing.assert_array_equal(read_n2p2(tmp_path).predict(atoms).atomic, given.atomic)
    bohr = read_n2p2(tmp_path, length_unit="bohr")
    write_n2p2(bohr, tmp_path / "out")
    assert "length_unit bohr" in (tmp_path / "out" / "input.nn").read_text()
    again = read_n2p2(tmp_path / "out")
    assert again.functions.hash == bohr.functions.hash
    np.testing.assert_allclose(again.predict(atoms).forces, bohr.predict(atoms).forces, atol=1e-10)


def test_ranges_travel_with_a_potential_and_with_a_saved_ensemble(tmp_path):
    functions = write_potential(tmp_path, "scale_symmetry_functions")
    ensemble = read_n2p2(tmp_path)
    low, high = n2p2_plain.scaling_columns(tmp_path, 1)[functions.n2p2_order("Ni"), :2].T
    np.testing.assert_array_equal(ensemble.ranges["Ni"], [low, high])
    ensemble.save(tmp_path / "e.h5")
    write_n2p2(NetworkEnsemble.load(tmp_path / "e.h5"), tmp_path / "out")
    np.testing.assert_array_equal(read_n2p2(tmp_path / "out").ranges["Ni"], [low, high])


def test_training_makes_the_ranges_and_more_frames_widen_them(tmp_path):
    ensemble, frames = random_ensemble(2), [nickel_aluminium(seed) for seed in range(4)]
    for atoms in frames:
        atoms.calc = SinglePointCalculator(atoms, energy=-70.0, forces=np.zeros((16, 3)))
    for part in (frames[:2], frames[2:], frames[:2]):
        data = TrainingFrames.from_atoms(ensemble.functions, part)
        EnsembleTrainer(ensemble, data, TrainingSettings(epochs=1)).run()
    write_n2p2(ensemble, tmp_path)
    rows = np.concatenate([ensemble.functions.create_by_element(atoms)["Ni"][1] for atoms in frames])
    np.testing.assert_allclose(
        read_n2p2(tmp_path).ranges["Ni"], [rows.min(axis=0), rows.max(axis=0)], rtol=1e-12
    )


def add(name, text):
    return lambda folder: (folder / name).write_text((folder / name).read_text() + text)


def replace(name, old, new):
    return lambda folder: (folder / name).write_text((folder / name).read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            add("input.nn", "conv_energy 2.0\n"),
            r"input.nn:\d+: expected all of mean_energy, conv_energy and conv_length",
        ),
        (add("input.nn", "center_symmetry_functions\n"), "and another scaling"),
        (
            replace("input.nn", "activation_short t l", "activation_short t"),
            "1 activations of Al: expected 2",
        ),
        (
            replace("input.nn", "activation_short t l", "activation_short q l"),
            r"input.nn:\d+: activation 'q'",
        ),
        (
            replace("input.nn", "nodes_short 5", "nodes_short 5 5"),
            "2 numbers of neurons for the 1 hidden layers",
        ),
        (replace("input.nn", "nodes_short 5", "nodes_short -5"), "number of neurons is '-5'"),
        (replace("input.nn", "global_hidden_layers_short 1\n", ""), "no 'global_hidden_layers_short' line"),
        (add("input.nn", "atom_energy Cu 1.0\n"), "atom_energy: expected one of Al Ni, found Cu"),
        (add("input.nn", "nnp_type 4G-HDNNP\n"), "only networks of the short range"),
        (add("input.nn", "energy_unit kcal\n"), "expected eV or hartree"),
        (
            add("scaling.data", "2 4 0 1 0.5 0.1\n"),
            r"scaling.data:\d+: function 4 of element 2 for the second time",
        ),
        (add("scaling.data", "3 1 0 1 0.5 0.1\n"), "there is no function 1 of element 3"),
        (replace("scaling.data", "\n2 4 ", "\n# "), "function 4 of Ni is missing"),
        (replace("scaling.data", "1 1 ", "1 1 nan "), r"scaling.data:2: expected element index"),
        (
            add("weights.028.data", "\n1.0\n"),
            r"weights.028.data:32: more than the 31 values of a 4-5-1 network",
        ),
        (
            replace("weights.013.data", "\n", "\n# "),
            r"weights.013.data: 25 values, expected the 26 of a 3-5-1 network",
        ),
        (replace("weights.013.data", "\n", " a 1 1 1 1 1\n"), "expected 'a 1 0 1 1 1' of a 3-5-1 network"),
        (replace("weights.013.data", "\n", "\n1e999\n"), "'1e999' is not a finite number"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_in_one_line(tmp_path, spoil, said):
    write_potential(tmp_path, "scale_symmetry_functions_sigma")
    spoil(tmp_path)
    with pytest.raises(ValueError, match=said) as caught:
        read_n2p2(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path))


def test_folders_that_do_not_fit_together_and_networks_that_n2p2_has_not_are_refused(tmp_path):
    for name, n in (("a", "5"), ("b", "5"), ("c", "6")):
        (tmp_path / name).mkdir()
        write_potential(tmp_path / name, "scale_symmetry_functions_sigma")
        replace("input.nn", "nodes_short 5", f"nodes_short {n}")(tmp_path / name)
    replace("input.nn", "2 Ni 0.1", "2 Ni 0.15")(tmp_path / "b")
    with pytest.raises(ValueError, match="different symmetry functions"):
        read_n2p2([tmp_path / "a", tmp_path / "b"])
    for number, n in ((13, 3), (28, 4)):
        (tmp_path / "c" / f"weights.{number:03d}.data").write_text("1\n" * ((n + 1) * 6 + 7))
    with pytest.raises(ValueError, match="different layers"):
        read_n2p2([tmp_path / "a", tmp_path / "c"])
    write_potential(tmp_path / "a", "scale_symmetry_functions_sigma", sigma=False)
    with pytest.raises(ValueError, match="no sigma"):
        read_n2p2(tmp_path / "a")
    with pytest.raises(ValueError, match="output of Al has an activation"):
        write_n2p2(random_ensemble(2, dict.fromkeys(("Al", "Ni"), Layers((3,), "tt"))), tmp_path / "out")
    with pytest.raises(FileNotFoundError):
        read_n2p2(tmp_path / "nowhere")
