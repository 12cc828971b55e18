# SPDX-License-Identifier: GPL-2.0-or-later
"""Ensembles of networks: against plain NumPy, finite differences and themselves."""

import h5py
import numpy as np
import pytest
import torch
from network_cases import nickel_aluminium, random_ensemble
from scipy.special import erf, expit

from mdsieve.potentials import Architecture, ElementNetworks, Layers, NetworkEnsemble
from mdsieve.potentials.architecture import ACTIVATIONS

FUNCTIONS_OF_NUMPY = {
    "l": lambda x: x,
    "t": np.tanh,
    "s": expit,
    "p": lambda x: np.log1p(np.exp(x)),
    "r": lambda x: np.maximum(x, 0.0),
    "g": lambda x: np.exp(-(x**2) / 2),
    "c": np.cos,
    "S": lambda x: 1.0 - expit(x),
    "e": lambda x: np.exp(-x),
    "h": lambda x: x**2,
    "u": lambda x: 0.5 * x * (1.0 + erf(x / np.sqrt(2.0))),
}


def by_numpy(ensemble, symbol, rows):
    """Atomic energies member by member, layer by layer."""
    network = ensemble.networks.network(symbol)
    energies = []
    for member in range(ensemble.n_members):
        shift, factor = (t[member if len(t) > 1 else 0, 0].numpy() for t in (network.shift, network.factor))
        values = (rows - shift) * factor
        for letter, weight, bias in zip(
            network.layers.activations, network.weights, network.biases, strict=True
        ):
            values = FUNCTIONS_OF_NUMPY[letter](
                values @ weight[member].detach().numpy() + bias[member].detach().numpy()
            )
        energies.append(values[:, 0] * float(network.scale[member, 0]) + ensemble.offsets[symbol][member])
    return np.array(energies)


@pytest.mark.parametrize("own_scaling", [False, True])
@pytest.mark.parametrize("letter", list(ACTIVATIONS))
def test_energies_are_those_of_plain_numpy(letter, own_scaling):
    layers = {"Al": Layers((5, 4), (letter, letter, "l")), "Ni": Layers((3,), ("t", letter))}
    ensemble = random_ensemble(3, layers, own_scaling=own_scaling)
    found = ensemble.functions.create_by_element(nickel_aluminium(1))
    rows = {symbol: values for symbol, (_, values) in found.items()}
    for symbol, energies in ensemble.atomic_energies(rows).items():
        np.testing.assert_allclose(energies, by_numpy(ensemble, symbol, rows[symbol]), rtol=1e-13, atol=1e-13)


def test_forces_and_stress_are_the_derivatives_of_every_members_energy():
    ensemble, atoms, h = random_ensemble(), nickel_aluminium(2), 1e-4
    said = ensemble.predict(atoms, stress=True)
    np.testing.assert_allclose(said.atomic.sum(axis=1), said.energy, rtol=1e-14)

    def energy(displaced):
        return ensemble.predict(displaced, forces=False).energy

    for atom, axis in ((0, 0), (5, 1), (15, 2)):
        both = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * h
            both.append(energy(moved))
        np.testing.assert_allclose(said.forces[:, atom, axis], (both[1] - both[0]) / (2 * h), atol=1e-7)
    for voigt, (i, j) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
        both = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[i, j] += sign * h
            moved = atoms.copy()
            moved.set_cell(atoms.cell @ strain, scale_atoms=True)
            both.append(energy(moved))
        slope = (both[0] - both[1]) / (2 * h) / atoms.get_volume()
        np.testing.assert_allclose(said.stress[:, voigt], slope, atol=1e-8)


def test_a_list_gives_what_each_structure_gives_and_a_molecule_needs_no_cell():
    ensemble = random_ensemble()
    frames = [nickel_aluminium(seed, n_al) for seed, n_al in ((1, 0), (2, 16))]
    for one, of_list in zip(map(ensemble.predict, frames), ensemble.predict(frames), strict=True):
        np.testing.assert_array_equal(one.forces, of_list.forces)
    molecule = nickel_aluminium(3)
    molecule.set_cell(None)
    molecule.pbc = False
    assert ensemble.predict(molecule).forces.shape == (3, 16, 3)
    with pytest.raises(ValueError, match="without a volume"):
        ensemble.predict(molecule, stress=True)


def test_single_precision_is_the_same_to_seven_digits():
    atoms = nickel_aluminium(4)
    double, single = (
        random_ensemble().predict(atoms),
        random_ensemble().to(dtype=torch.float32).predict(atoms),
    )
    np.testing.assert_allclose(single.atomic, double.atomic, rtol=2e-5)
    np.testing.assert_allclose(single.forces, double.forces, atol=2e-5)


@pytest.mark.parametrize("own_scaling", [False, True])
def test_a_subset_predicts_what_its_members_predict(own_scaling):
    ensemble, atoms = random_ensemble(4, own_scaling=own_scaling), nickel_aluminium(5)
    chosen = ensemble.subset([2, 0])
    np.testing.assert_allclose(
        chosen.predict(atoms).forces, ensemble.predict(atoms).forces[[2, 0]], rtol=1e-12
    )
    np.testing.assert_allclose(
        chosen.predict(atoms).energy, ensemble.predict(atoms).energy[[2, 0]], rtol=1e-14
    )
    with pytest.raises(IndexError):
        ensemble.subset([4])


def test_a_members_first_weights_do_not_depend_on_the_number_of_members():
    n_features = {"Al": 3, "Ni": 4}
    few = ElementNetworks(Architecture.uniform(n_features, n_members=2), n_features, seed=7)
    many = ElementNetworks(Architecture.uniform(n_features, n_members=5), n_features, seed=[7, 8, 1, 2, 3])
    for a, b in zip(few.parameters(), many.parameters(), strict=True):
        assert torch.equal(a, b[:2])
    weight = many.network("Ni").weights[1]
    assert len({float(w) for w in weight[:, 0, 0].detach()}) == 5


@pytest.mark.parametrize("own_scaling", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_saved_ensemble_comes_back_as_it_was(tmp_path, own_scaling, dtype):
    ensemble, atoms = random_ensemble(own_scaling=own_scaling).to(dtype=dtype), nickel_aluminium(6)
    ensemble.save(tmp_path / "e.h5")
    again = NetworkEnsemble.load(tmp_path / "e.h5")
    assert again.networks.architecture == ensemble.networks.architecture
    assert again.networks.dtype == dtype
    assert again.provenance == {"by": "a test"}
    assert again.functions.hash == ensemble.functions.hash
    np.testing.assert_array_equal(again.predict(atoms).forces, ensemble.predict(atoms).forces)
    np.testing.assert_array_equal(again.predict(atoms).atomic, ensemble.predict(atoms).atomic)


def remove_a_layer(file):
    del file["elements/Ni/weights/1"]


def cut_a_layer(file):
    values = file["elements/Ni/weights/1"][()]
    del file["elements/Ni/weights/1"]
    file["elements/Ni/weights/1"] = values[:, :-1]


def announce_members(file):
    file.attrs["n_members"] = 10**9


def spoil_a_number(file):
    file["elements/Al/biases/0"][0, 0] = np.nan


def other_descriptor(file):
    text = file["descriptor"].asstr()[()].replace("0.8", "0.9")
    del file["descriptor"]
    file["descriptor"] = text


def other_format(file):
    file.attrs["format"] = "something"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (remove_a_layer, "damaged"),
        (cut_a_layer, r"weights/1 of Ni has the shape \(3, 5, 1\), expected \(3, 6, 1\)"),
        (announce_members, "damaged: 1000000000 members"),
        (spoil_a_number, "not finite"),
        (other_descriptor, "descriptor is not the one"),
        (other_format, "no ensemble"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line_that_names_it(tmp_path, spoil, said):
    path = tmp_path / "e.h5"
    random_ensemble().save(path)
    with h5py.File(path, "r+") as file:
        spoil(file)
    with pytest.raises(ValueError, match=said) as caught:
        NetworkEnsemble.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_what_makes_no_architecture_is_said():
    with pytest.raises(ValueError, match="activation 'x'"):
        Layers((3,), "xl")
    with pytest.raises(ValueError, match="3 activations"):
        Layers((3,), "ttl")
    with pytest.raises(ValueError, match="n_members is 0"):
        Architecture.uniform(["Ni"], n_members=0)
    ensemble = random_ensemble()
    with pytest.raises(ValueError, match=r"fingerprints of Ni of shape \(2, 3\): expected \(n, 4\)"):
        ensemble.atomic_energies({"Ni": np.zeros((2, 3))})
    with pytest.raises(ValueError, match="element Cu is not in the ensemble"):
        ensemble.atomic_energies({"Cu": np.zeros((2, 3))})
    with pytest.raises(ValueError, match=r"networks for Al \(3\), Ni \(4\) inputs"):
        NetworkEnsemble(
            type(ensemble.functions).from_text("elements Ni\ncutoff_type 2\nsymfunction_short Ni 2 Ni 1 0 4"),
            ensemble.networks,
        )


def test_the_calculator_gives_mean_member_and_spread():
    ensemble, atoms = random_ensemble(), nickel_aluminium(7)
    said = ensemble.predict(atoms, stress=True)
    atoms.calc = ensemble.calculator()
    np.testing.assert_allclose(atoms.get_potential_energy(), said.energy.mean(), rtol=1e-13)
    np.testing.assert_allclose(atoms.get_forces(), said.forces.mean(axis=0), atol=1e-13)
    np.testing.assert_allclose(atoms.get_stress(), said.stress.mean(axis=0), atol=1e-13)
    results = atoms.calc.results
    assert results["energy_spread"] == pytest.approx(said.energy.std())
    np.testing.assert_allclose(results["energies_spread"], said.atomic.std(axis=0, ddof=1))
    deviations = said.forces - said.forces.mean(axis=0)
    np.testing.assert_allclose(results["forces_spread"] ** 2, (deviations**2).sum(axis=(0, 2)) / 3)
    atoms.calc = ensemble.calculator(member=1)
    np.testing.assert_array_equal(atoms.get_forces(), said.forces[1])
    with pytest.raises(IndexError, match="member 3"):
        ensemble.calculator(member=3)
