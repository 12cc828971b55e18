# SPDX-License-Identifier: GPL-2.0-or-later
"""Fingerprints against n2p2: its published potentials, fed with our values, give the energies it gives."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from mdsieve import SymmetryFunctions

# the files' own unit is taken for the angstrom throughout: the values do not depend on it


def structures(path: Path) -> list[Atoms]:
    """Structures of an n2p2 ``input.data`` file, lengths as they stand."""
    frames, lattice, symbols, positions = [], [], [], []
    for line in path.read_text().splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "lattice":
            lattice.append([float(w) for w in words[1:4]])
        elif words[0] == "atom":
            positions.append([float(w) for w in words[1:4]])
            symbols.append(words[4])
        elif words[0] == "end":
            frames.append(Atoms(symbols, positions, cell=lattice, pbc=True))
            lattice, symbols, positions = [], [], []
    return frames


def scaling_columns(folder: Path, element: int) -> np.ndarray:
    """min, max, mean, sigma of an element in n2p2's sorted order, shape (n_functions, 4)."""
    table = np.loadtxt(folder / "scaling.data", ndmin=2)
    rows = table[table[:, 0] == element + 1]
    return rows[np.argsort(rows[:, 1]), 2:6]


def network_energies(
    folder: Path, number: int, scaled: np.ndarray, layers: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Atomic energies and their derivatives by the inputs: hidden layers with tanh, one linear output."""
    connections: dict[tuple, float] = {}
    for line in (folder / f"weights.{number:03d}.data").read_text().splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        connections[(words[1], *(int(w) for w in words[3:]))] = float(words[0])
    values, slopes = scaled, np.broadcast_to(np.eye(layers[0]), (len(scaled), layers[0], layers[0]))
    for layer in range(1, len(layers)):
        n_in, n_out = layers[layer - 1], layers[layer]
        weight = np.array(
            [[connections["a", layer - 1, i + 1, layer, j + 1] for j in range(n_out)] for i in range(n_in)]
        )
        bias = np.array([connections["b", layer, j + 1] for j in range(n_out)])
        values, slopes = values @ weight + bias, slopes @ weight
        if layer < len(layers) - 1:
            values = np.tanh(values)
            slopes = slopes * (1.0 - values**2)[:, None, :]
    return values[:, 0], slopes[:, :, 0]


def keyword(folder: Path, word: str) -> list[str]:
    for line in (folder / "input.nn").read_text().splitlines():
        words = line.split("#")[0].split()
        if words and words[0] == word:
            return words[1:]
    raise KeyError(word)


def test_water_energies_and_forces(data_dir: Path):
    """192- and 48-atom water cells: energies and forces as n2p2 2.3 prints them."""
    folder = data_dir / "n2p2_examples" / "potentials" / "H2O_RPBE-D3"
    functions = SymmetryFunctions.from_file(folder / "input.nn")
    frames = structures(data_dir / "n2p2_examples" / "input.data.H2O_RPBE-D3")
    with gzip.open(data_dir / "n2p2_examples" / "H2O_RPBE-D3.n2p2_predictions.json.gz", "rt") as file:
        predicted = json.load(file)
    hidden = [int(w) for w in keyword(folder, "global_nodes_short")]
    mean_energy, conv_energy = (float(keyword(folder, w)[0]) for w in ("mean_energy", "conv_energy"))

    for atoms, expected_energy, expected_forces in zip(
        frames, predicted["energy"], predicted["forces"], strict=False
    ):
        energy, gradient = 0.0, np.zeros((len(atoms), 3))
        derivatives = functions.derivatives_by_element(atoms)
        for e, (symbol, (_, values)) in enumerate(functions.create_by_element(atoms).items()):
            low, high, mean, _ = scaling_columns(folder, e).T
            order = functions.n2p2_order(symbol)
            ordered = np.empty_like(values)
            ordered[:, order] = values
            scaled = (ordered - mean) / (high - low)  # scale_symmetry_functions, center_symmetry_functions
            number = int(atoms.numbers[atoms.symbols == symbol][0])
            energies, slopes = network_energies(folder, number, scaled, [scaled.shape[1], *hidden, 1])
            energy += energies.sum()
            gradient += derivatives[symbol].position_gradient((slopes / (high - low))[:, order])
        energy = energy / conv_energy + len(atoms) * mean_energy
        assert energy == pytest.approx(expected_energy, rel=1e-13, abs=2e-10)
        forces = -gradient / conv_energy
        np.testing.assert_allclose(forces, expected_forces, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ["H2O_RPBE-D3", "Cu2S_PBE"])
def test_published_structures_lie_inside_the_published_ranges(data_dir: Path, name: str):
    folder = data_dir / "n2p2_examples" / "potentials" / name
    functions = SymmetryFunctions.from_file(folder / "input.nn")
    for atoms in structures(data_dir / "n2p2_examples" / f"input.data.{name}"):
        for e, (symbol, (_, values)) in enumerate(functions.create_by_element(atoms).items()):
            low, high = scaling_columns(folder, e)[functions.n2p2_order(symbol), :2].T
            slack = 1e-10 * (high - low)
            assert (values >= low - slack).all()
            assert (values <= high + slack).all()


def test_every_real_file_is_read(data_dir: Path):
    files = sorted(data_dir.glob("**/input.nn"))
    assert len(files) >= 4
    for file in files:
        functions = SymmetryFunctions.from_file(file, length_unit="bohr")
        assert sum(functions.n_features.values()) == sum(
            line.split()[:1] == ["symfunction_short"] for line in file.read_text().splitlines()
        )
