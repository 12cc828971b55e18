# SPDX-License-Identifier: GPL-2.0-or-later
"""Difference vectors, the range check and n2p2's ``function.data``, against plain NumPy."""

import subprocess
import sys

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.difference import DifferenceVectors, map_grid, screen
from mdsieve.io.function_data import read_function_data
from mdsieve.scores import Environments
from mdsieve.scores.frame import FrameScorer
from mdsieve.scores.range import RangeScorer, out_of_range

pytestmark = pytest.mark.timeout(300)

NN = """elements Ni
cutoff_type 1
symfunction_short Ni 2 Ni 0.05 0.0 4.5
symfunction_short Ni 2 Ni 2.0 2.4 4.5
symfunction_short Ni 3 Ni Ni 0.05 1 1 4.5
"""


@pytest.fixture(scope="module")
def functions():
    return SymmetryFunctions.from_text(NN)


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(5)
    found = []
    for k in range(24):
        atoms = bulk("Ni", cubic=True, a=3.52 * (1 + 0.002 * k)) * (2, 2, 2)
        atoms.positions += rng.normal(scale=0.02 + 0.01 * k, size=atoms.positions.shape)
        found.append(atoms)
    return found


def plain_bits(functions, frames, n_bins=20):
    values = [functions.create(atoms) for atoms in frames]
    low, high = np.concatenate(values).min(axis=0), np.concatenate(values).max(axis=0)
    rows = []
    for x in values:
        place = np.clip(((x - low) / (high - low) * n_bins).astype(int), 0, n_bins - 1)
        counts = np.zeros((x.shape[1], n_bins + 2), int)
        for column in range(x.shape[1]):
            counts[column, 1:-1] = np.bincount(place[:, column], minlength=n_bins)
        rows.append(counts.ravel())
    return np.array(rows)


def test_vectors_and_distances_are_those_of_plain_numpy(functions, frames):
    counts = plain_bits(functions, frames)
    for mode, expected in (
        ("presence", (counts > 0) != (counts[0] > 0)),
        ("count", counts != counts[0]),
        ("fraction", np.abs(counts - counts[0]) / 32 > 0.05),
    ):
        difference = DifferenceVectors(functions, mode=mode).fit(frames)
        vectors = difference.transform(frames)
        bits = difference.unpack(vectors)
        np.testing.assert_array_equal(bits, expected)
        hamming = (expected[:, None] != expected).mean(axis=2)
        np.testing.assert_allclose(difference.distances(vectors), hamming)
        centre = np.sqrt(((expected - expected.mean(axis=0)) ** 2).mean(axis=1))
        np.testing.assert_allclose(difference.distance_to_centre(frames), centre)
        assert not difference.nearest(frames).any()
        assert not difference.never_seen(frames).any()


def test_a_hot_frame_is_out_of_distribution(functions, frames):
    difference = DifferenceVectors(functions).fit(frames[:8])
    assert difference.nearest(frames[20])[0] > 0.1
    assert difference.never_seen(frames[20])[0] > 0.1
    assert difference.distance_to_centre(frames[20])[0] > difference.distance_to_centre(frames[:8]).max()


def test_a_supercell_has_the_shares_of_its_cell(functions, frames):
    shares = DifferenceVectors(functions, mode="fraction", step=0.0).fit(frames[:4])
    counts = DifferenceVectors(functions, mode="count").fit(frames[:4])
    double = frames[0] * (2, 1, 1)
    assert not shares.unpack(shares.transform(double)).any()
    assert counts.unpack(counts.transform(double)).any()


def test_saved_vectors_read_back(functions, frames, tmp_path):
    difference = DifferenceVectors(functions, n_bins=9, mode="count").fit(frames[:6])
    difference.save(tmp_path / "ni.frames")
    again = DifferenceVectors.load(tmp_path / "ni.frames", functions)
    np.testing.assert_array_equal(again.transform(frames), difference.transform(frames))
    np.testing.assert_array_equal(again.training_vectors, difference.training_vectors)
    with pytest.raises(ValueError, match="made with other symmetry functions"):
        DifferenceVectors.load(tmp_path / "ni.frames", SymmetryFunctions.from_text(NN.replace("2.4", "2.5")))


def test_screening_keeps_what_is_far_from_all_kept(functions, frames):
    difference = DifferenceVectors(functions).fit(frames)
    vectors = difference.transform(frames)
    distances = difference.distances(vectors, vectors)
    taken = []
    for i in range(len(frames)):
        if not taken or distances[i, taken].min() > 0.2:
            taken.append(i)
    assert 1 < len(taken) < len(frames)
    np.testing.assert_array_equal(screen(vectors, difference.n_bits, 0.2), taken)
    assert list(screen(np.repeat(vectors, 2, axis=0), difference.n_bits)) == list(range(0, 48, 2))


def test_the_map_rule_takes_one_frame_a_cell_and_is_seeded():
    points = np.random.default_rng(1).normal(size=(500, 2))
    taken = map_grid(points, 6, seed=3)
    low, width = points.min(axis=0), np.ptp(points, axis=0)
    cells = [tuple(cell) for cell in np.minimum((points - low) / width * 6, 5).astype(int)]
    assert sorted(cells[i] for i in taken) == sorted(set(cells))
    assert list(map_grid(points, 6, seed=3)) == list(taken) != list(map_grid(points, 6, seed=4))
    assert list(map_grid(np.zeros((5, 2)), 3, seed=0)) in [[i] for i in range(5)]
    with pytest.raises(ValueError, match="finite numbers"):
        map_grid(np.zeros((5, 3)), 3, seed=0)


def test_the_command_screens_as_the_class_does(functions, frames, tmp_path):
    write(tmp_path / "run.extxyz", frames)
    (tmp_path / "ni.nn").write_text(NN)
    words = ["select", "dvlae", "run.extxyz", "-f", "ni.nn", "-d", "0.2", "-o", "kept.extxyz"]
    words = [str(tmp_path / word) if "." in word and word[0] != "0" else word for word in words]
    done = subprocess.run(
        [sys.executable, "-m", "mdsieve", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    difference = DifferenceVectors(functions).fit(frames)
    expected = screen(difference.transform(frames), difference.n_bits, 0.2)
    assert [atoms.info["frame"] for atoms in read(tmp_path / "kept.extxyz", ":")] == list(expected)


def write_function_data(path, functions, frames, damage=lambda text: text):
    text = ""
    for atoms in frames:
        text += f"{len(atoms)}\n"
        for row in functions.create(atoms):
            text += " 28 " + " ".join(f"{x:.17g}" for x in row) + "\n"
        text += " 0.0 -1.5 -1.5 0.0\n"
    path.write_text(damage(text))
    return path


def test_function_data_gives_the_vectors_of_its_structures(functions, frames, tmp_path):
    stored = list(read_function_data(write_function_data(tmp_path / "function.data", functions, frames)))
    np.testing.assert_array_equal(
        DifferenceVectors().fit(stored).transform(stored),
        DifferenceVectors(functions).fit(frames).transform(frames),
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: "x" + text, "line 1: expected a number of atoms, found 'x32'"),
        (lambda text: text.replace(" 28 ", " 128 ", 1), "line 2: expected an atomic number, found '128'"),
        (lambda text: "999999999\n28 1.0\n", "line 2: the file ends after 1 of the 999999999 atoms"),
        (lambda text: "1\n28 1 2\n0 0 0 0\n1\n28 1\n0 0 0 0\n", "line 5: 1 symmetry functions of element 28"),
        (lambda text: "1\n28 1 nan\n0 0 0 0\n", "line 2: a number is not finite"),
        (lambda text: "1\n28 1 2\n0 0 0\n", "line 3: expected 4 numbers at the end of a structure, found 3"),
        (lambda text: "1\n28 1 x\n0 0 0 0\n", "line 2: expected numbers, found '1 x'"),
    ],
)
def test_damaged_function_data_is_named(damage, message, functions, frames, tmp_path):
    path = write_function_data(tmp_path / "function.data", functions, frames[:1], damage)
    with pytest.raises(ValueError, match=message):
        list(read_function_data(path))


def test_the_range_check_names_function_and_atom(functions, frames):
    bank = EnvironmentBank(functions, 0.3).fit_scaling(frames)
    scorer = RangeScorer(bank)
    hot = Environments.from_atoms(functions, frames[-1])
    assert scorer.score(hot).frame == np.inf
    assert scorer.score(hot).cautious is None
    for atoms in frames[:6]:
        bank.update(atoms)
    _, entries = bank.entries("Ni")
    values = functions.create(frames[-1])
    factor = np.array(bank.scaling.factor[0])
    outside = np.maximum(values - entries.max(axis=0), entries.min(axis=0) - values) * factor
    score = scorer.score(hot)
    atom, column = np.unravel_index(np.argmax(outside), outside.shape)
    assert score.frame == pytest.approx(outside.max())
    assert score.atom == atom + 1
    assert score.reason == functions.feature_names["Ni"][column]
    np.testing.assert_allclose(score.per_atom, np.maximum(outside.max(axis=1), 0))
    rows = list(out_of_range(bank, [frames[0], frames[-1]]))
    found = {(row.atom, row.function) for row in rows if row.frame == 1}
    names = functions.feature_names["Ni"]
    assert found == {(i + 1, names[c]) for i, c in zip(*np.nonzero(outside > 0), strict=True)}


def test_the_scorer_gives_what_the_class_gives(functions, frames):
    difference = DifferenceVectors(functions).fit(frames[:5])
    scorer = FrameScorer(DifferenceVectors(functions).fit(frames[:5])._require_fit())
    for atoms in frames[5:9]:
        environments = Environments.from_atoms(functions, atoms)
        assert scorer.score(environments).frame == difference.nearest(atoms)[0]
    delta = scorer.learn(environments)
    assert scorer.score(environments).frame == 0.0
    with pytest.raises(ValueError, match="a delta of frame"):
        scorer.restore(delta[:-1])
