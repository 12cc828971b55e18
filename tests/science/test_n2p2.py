# SPDX-License-Identifier: GPL-2.0-or-later
"""n2p2's published potentials: energies and forces as n2p2 gives them, there and back again."""

import gzip
import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from bpnnp_cases import observe, system, write_data

import n2p2_plain
from mdsieve import SymmetryFunctions
from mdsieve.io.trajectories import iterate_frames
from mdsieve.potentials import EnsembleCalculator, read_n2p2, write_n2p2

HARTREE = 27.211386245988  # eV
BOHR = 0.529177210903  # Å, as core takes it; both CODATA 2018
FOLDERS = [
    "n2p2_examples/potentials/H2O_RPBE-D3",
    "n2p2_examples/potentials/Cu2S_PBE",
    "hydrogen_highP/nnp_pbe_v2",
    "potentials/FeH_n2p2",
]


def structures(path: Path, length: float = 1.0) -> list[Atoms]:
    """Structures of an n2p2 ``input.data`` file with its energies and forces, lengths times `length`."""
    frames, lattice, rows, energy = [], [], [], None
    for line in path.read_text().splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "lattice":
            lattice.append([float(w) for w in words[1:4]])
        elif words[0] == "atom":
            rows.append(words)
        elif words[0] == "energy":
            energy = float(words[1])
        elif words[0] == "end":
            positions = np.array([row[1:4] for row in rows], float)
            atoms = Atoms(
                [row[4] for row in rows], positions * length, cell=np.array(lattice) * length, pbc=True
            )
            atoms.calc = SinglePointCalculator(
                atoms, energy=energy, forces=np.array([row[7:10] for row in rows], float)
            )
            frames.append(atoms)
            lattice, rows = [], []
    return frames


def test_water_energies_and_forces_are_those_of_n2p2(data_dir: Path):
    """192- and 48-atom water cells, files in Hartree and Bohr, against what n2p2 2.3 prints."""
    ensemble = read_n2p2(data_dir / FOLDERS[0], length_unit="bohr", energy_unit="hartree")
    frames = structures(data_dir / "n2p2_examples" / "input.data.H2O_RPBE-D3", BOHR)
    with gzip.open(data_dir / "n2p2_examples" / "H2O_RPBE-D3.n2p2_predictions.json.gz", "rt") as file:
        predicted = json.load(file)
    assert len(predicted["energy"]) == 3
    for atoms, energy, forces in zip(frames, predicted["energy"], predicted["forces"], strict=False):
        said = ensemble.predict(atoms)
        assert said.energy[0] / HARTREE == pytest.approx(energy, rel=1e-13, abs=2e-10)
        np.testing.assert_allclose(said.forces[0] / HARTREE * BOHR, forces, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_published_potential_comes_back_from_an_exported_folder(data_dir: Path, name: str, tmp_path: Path):
    folder = data_dir / name
    ensemble = read_n2p2(folder)
    write_n2p2(ensemble, tmp_path / "out")
    again = read_n2p2(tmp_path / "out")
    rng = np.random.default_rng(3)
    positions = rng.permutation(27)[:12]
    grid = 2.4 * np.stack(np.meshgrid(*3 * [np.arange(3)]), axis=-1).reshape(-1, 3)
    atoms = Atoms(rng.choice(ensemble.elements, 12), grid[positions], cell=3 * [7.2], pbc=True)
    atoms.rattle(0.2, seed=2)
    before, after = ensemble.predict(atoms), again.predict(atoms)
    np.testing.assert_allclose(after.energy, before.energy, rtol=1e-12)
    np.testing.assert_allclose(after.forces, before.forces, rtol=1e-9, atol=1e-9 * abs(before.forces).max())
    energy, forces = n2p2_plain.predict(folder, ensemble.functions, atoms)
    np.testing.assert_allclose(before.energy[0], energy, rtol=1e-11)
    np.testing.assert_allclose(before.forces[0], forces, rtol=1e-9, atol=1e-9 * abs(forces).max())
    energy, forces = n2p2_plain.predict(tmp_path / "out", ensemble.functions, atoms)
    np.testing.assert_allclose(before.energy[0], energy, rtol=1e-11)
    np.testing.assert_allclose(before.forces[0], forces, rtol=1e-9, atol=1e-9 * abs(forces).max())


def errors(ensemble, frames) -> tuple[float, float]:
    """Root mean square errors of energies an atom and of forces."""
    said = ensemble.predict(frames)
    energies = [(s.energy[0] - a.get_potential_energy()) / len(a) for s, a in zip(said, frames, strict=True)]
    forces = np.concatenate(
        [(s.forces[0] - a.get_forces()).ravel() for s, a in zip(said, frames, strict=True)]
    )
    return float(np.sqrt(np.mean(np.square(energies)))), float(np.sqrt(np.mean(forces**2)))


def test_published_potentials_predict_the_labels_of_their_own_training_sets(data_dir: Path):
    """As far as a fit does: a wrong unit, sign or order would be wrong by much."""
    examples = data_dir / "n2p2_examples"
    for name, energy, force in (("H2O_RPBE-D3", 2e-4, 5e-3), ("Cu2S_PBE", 2e-2, 0.2)):
        found = errors(
            read_n2p2(examples / "potentials" / name), structures(examples / f"input.data.{name}")[:3]
        )
        assert found[0] < energy, (name, found)
        assert found[1] < force, (name, found)
    liquid = iterate_frames([data_dir / "hydrogen_highP" / "rerun-H-highP-liquid.extxyz.gz"])
    hydrogen = [frame.atoms for frame in islice(liquid, 1)]
    found = errors(read_n2p2(data_dir / FOLDERS[2], length_unit="bohr", energy_unit="hartree"), hydrogen)
    spread = np.concatenate([atoms.get_forces() for atoms in hydrogen]).std()
    assert found[0] < 0.05  # eV/atom; its labels are of another calculation
    assert found[1] < 0.3 * spread


@pytest.mark.parametrize("name", ["H2O_RPBE-D3", "Cu2S_PBE"])
def test_published_structures_lie_inside_the_published_ranges(data_dir: Path, name: str):
    ensemble = read_n2p2(data_dir / "n2p2_examples" / "potentials" / name)
    for atoms in structures(data_dir / "n2p2_examples" / f"input.data.{name}"):
        for symbol, (_, values) in ensemble.functions.create_by_element(atoms).items():
            low, high = ensemble.ranges[symbol]
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


def test_the_pair_style_runs_water_as_n2p2_does(data_dir: Path, tmp_path: Path):
    """192- and 48-atom cells, files in Hartree and Bohr, against what n2p2 2.3 prints."""
    frames = structures(data_dir / "n2p2_examples" / "input.data.H2O_RPBE-D3", BOHR)
    with gzip.open(data_dir / "n2p2_examples" / "H2O_RPBE-D3.n2p2_predictions.json.gz", "rt") as file:
        predicted = json.load(file)
    assert len(predicted["energy"]) == 3
    script = system(style="bpnnp length_unit bohr energy_unit hartree", coeff=f"{data_dir / FOLDERS[0]} H O")
    for atoms, energy, forces in zip(frames, predicted["energy"], predicted["forces"], strict=False):
        write_data(tmp_path / "data", atoms, ("H", "O"))
        said = observe(script, tmp_path, ranks=2)
        assert said.energy == pytest.approx(energy * HARTREE, rel=1e-12)
        assert said.n_outside == 0
        expected = np.array(forces) * (HARTREE / BOHR)
        np.testing.assert_allclose(said.forces, expected, rtol=1e-8, atol=1e-8 * np.abs(expected).max())


def test_the_pair_style_runs_copper_sulphide_as_python_does(data_dir: Path, tmp_path: Path):
    atoms = structures(data_dir / "n2p2_examples" / "input.data.Cu2S_PBE")[0]
    write_data(tmp_path / "data", atoms, ("Cu", "S"))
    said = observe(system(coeff=f"{data_dir / FOLDERS[1]} Cu S"), tmp_path)
    calculator = EnsembleCalculator(read_n2p2(data_dir / FOLDERS[1]))
    calculator.calculate(atoms)
    assert said.energy == pytest.approx(calculator.results["energy"], rel=1e-12)
    np.testing.assert_allclose(said.forces, calculator.results["forces"], atol=1e-10)
