# SPDX-License-Identifier: GPL-2.0-or-later
"""The bank on published data: the paper's picks, repeats found, n2p2's scaling understood."""

import gzip

import numpy as np
import pytest
from ase.io import read

from mdsieve import EnvironmentBank, SymmetryFunctions
from plain_bank import plain_scaling, plain_selection

MLEARN = """
elements {0}
cutoff_type 1
symfunction_short {0} 2 {0} 0.02 0.0 5.5
symfunction_short {0} 2 {0} 0.2 0.0 5.5
symfunction_short {0} 2 {0} 2.0 2.5 5.5
symfunction_short {0} 2 {0} 2.0 3.5 5.5
symfunction_short {0} 2 {0} 2.0 4.5 5.5
symfunction_short {0} 3 {0} {0} 0.02 1 1 5.5
symfunction_short {0} 3 {0} {0} 0.02 -1 1 5.5
symfunction_short {0} 3 {0} {0} 0.02 1 4 5.5
symfunction_short {0} 3 {0} {0} 0.02 -1 4 5.5
"""


def frames_of(path, index=":"):
    with gzip.open(path, "rt") as file:
        return read(file, index, format="extxyz")


def rows_of(functions, frames):
    result = []
    for atoms in frames:
        rows = [None] * len(atoms)
        for symbol, (indices, values) in functions.create_by_element(atoms).items():
            for index, value in zip(indices, values, strict=True):
                rows[index] = (symbol, value)
        result.append(rows)
    return result


def picks_of(bank, frames):
    return [(n, int(atom)) for n, atoms in enumerate(frames) for atom in bank.update(atoms).new]


@pytest.mark.parametrize(("element", "threshold"), [("Ni", 0.3), ("Ge", 0.25), ("Si", 0.5)])
def test_picks_of_the_paper_on_mlearn(data_dir, element, threshold):
    functions = SymmetryFunctions.from_text(MLEARN.format(element))
    frames = frames_of(data_dir / f"mlearn/{element}_train.extxyz.gz", "::2")
    rows = rows_of(functions, frames)
    scaling = {element: plain_scaling([[x] for row in rows for _, x in row])}
    expected = plain_selection(rows, {element: threshold}, scaling)[1]
    assert picks_of(EnvironmentBank(functions, threshold).fit_scaling(frames), frames) == expected
    assert 10 < len(expected) < len(frames) * 50


def shape_of(atoms):
    """What two frames share if one is the other turned and renumbered."""
    return np.linalg.eigvalsh(atoms.cell @ atoms.cell.T), np.sort(
        atoms.get_all_distances(mic=True), axis=None
    )


def is_same(one, other):
    (cell, distances), (other_cell, other_distances) = one, other
    if len(distances) != len(other_distances) or not np.allclose(cell, other_cell, rtol=1e-5):
        return False
    return np.abs(distances - other_distances).max() < 1e-4


def test_frames_that_repeat_others_are_not_kept(data_dir):
    train = frames_of(data_dir / "mlearn/Ni_train.extxyz.gz")
    test = frames_of(data_dir / "mlearn/Ni_test.extxyz.gz")
    shapes = [shape_of(atoms) for atoms in train]
    repeats = {n for n, mine in enumerate(map(shape_of, test)) if any(is_same(mine, s) for s in shapes)}
    assert len(repeats) >= 6
    bank = EnvironmentBank(SymmetryFunctions.from_text(MLEARN.format("Ni")), 0.01).fit_scaling(train + test)
    for atoms in train:
        bank.update(atoms)
    kept = {number for number, atoms in enumerate(test) if bank.update(atoms).is_kept}
    assert not kept & repeats
    assert len(kept) >= 10  # the rest of the test set is new at so small a threshold


def test_picks_of_the_paper_on_hydrogen_with_the_authors_functions(data_dir):
    folder = data_dir / "hydrogen_highP"
    functions = SymmetryFunctions.from_file(folder / "nnp_pbe_v2/input.nn", length_unit="bohr")
    assert functions.n_features == {"H": 64}
    frames = frames_of(folder / "rerun-H-highP-liquid.extxyz.gz", "::20")[:30]
    bank = EnvironmentBank(functions, 0.25).from_scaling_data(folder / "nnp_pbe_v2/scaling.data")
    scaling = {"H": (np.array(bank.scaling.shift[0]), np.array(bank.scaling.factor[0]))}
    expected = plain_selection(rows_of(functions, frames), {"H": 0.25}, scaling)[1]
    assert picks_of(bank, frames) == expected
    assert len(expected) > 30


@pytest.mark.parametrize("name", ["H2O_RPBE-D3", "Cu2S_PBE"])
def test_n2p2_scaling_data_is_in_n2p2_order(data_dir, name):
    """Frames of the training set lie within the minima and maxima that n2p2 wrote, column by column."""
    folder = data_dir / "n2p2_examples"
    unit = "bohr" if name.startswith("H2O") else "angstrom"
    functions = SymmetryFunctions.from_file(folder / "potentials" / name / "input.nn", length_unit=unit)
    bank = EnvironmentBank(functions, 1.0).from_scaling_data(folder / "potentials" / name / "scaling.data")
    structures = frames_of(folder / f"{name}.extxyz.gz")
    for number, symbol in enumerate(functions.elements):
        rows = np.concatenate([functions.create_by_element(atoms)[symbol][1] for atoms in structures])
        scaled = (rows - np.array(bank.scaling.shift[number])) * np.array(bank.scaling.factor[number])
        assert scaled.min() > -0.02
        assert scaled.max() < 1.02
        assert np.ptp(scaled, axis=0).max() > 0.2
