# SPDX-License-Identifier: GPL-2.0-or-later
"""Maps: frames that are alike lie near each other; files that other programs read."""

import csv
import gzip
import json
import sys

import chemiscope
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from typer.testing import CliRunner

from mdsieve import EnvironmentBank, SymmetryFunctions, maps
from mdsieve.cli import build_app
from mdsieve.difference import DifferenceVectors
from mdsieve.extras import MissingPackageError
from mdsieve.io.chemiscope import write_chemiscope
from mdsieve.maps import difference_bits, mean_fingerprint, mean_fingerprints, project

pytestmark = pytest.mark.timeout(300)

TEXT = """number_of_elements 2
elements Ni H
cutoff_type 1
symfunction_short Ni 2 Ni 0.5 0.0 5.0
symfunction_short Ni 2 H 1.0 0.0 5.0
symfunction_short Ni 3 Ni Ni 0.05 1 2 5.0
symfunction_short H 2 Ni 0.5 0.0 5.0
"""


def phases(n=20):
    """Crystals and melts of nickel, one after the other."""
    rng = np.random.default_rng(1)
    frames = []
    for i in range(2 * n):
        atoms = bulk("Ni", cubic=True) * (2, 2, 2)
        atoms.positions += rng.normal(scale=0.05 if i < n else 0.5, size=atoms.positions.shape)
        frames.append(atoms)
    return frames


@pytest.fixture(scope="module")
def bank():
    hydride = bulk("Ni", cubic=True) + Atoms("H", [(1.76, 1.76, 1.76)])
    return EnvironmentBank(SymmetryFunctions(TEXT), 0.3).fit_scaling([*phases(), hydride])


@pytest.fixture(scope="module")
def vectors(bank):
    return mean_fingerprints(bank.functions, bank.scaling, phases())


def test_the_mean_fingerprint_is_that_of_every_element(bank):
    atoms = bulk("Ni", cubic=True) * (2, 2, 2) + Atoms("He", [(1.0, 1.0, 1.0)])
    rows = bank.functions.create_by_element(atoms[:-1])
    number = bank.functions.elements.index("Ni")
    mean = ((rows["Ni"][1] - bank.scaling.shift[number]) * bank.scaling.factor[number]).mean(axis=0)
    found = mean_fingerprint(bank.functions, bank.scaling, atoms)
    expected = {"Ni": mean, "H": np.zeros(1)}
    np.testing.assert_allclose(found, np.concatenate([expected[s] for s in bank.functions.elements]))


@pytest.mark.parametrize("method", ["pca", "tsne", pytest.param("umap", marks=pytest.mark.slow)])
def test_phases_are_apart_on_every_map_and_the_seed_decides(vectors, method):
    found = project(vectors, method, seed=3, perplexity=10)
    assert found.points.shape == (40, 2)
    first, second = found.points[:20], found.points[20:]
    apart = np.linalg.norm(first[:, None] - second[None], axis=2)
    for own in (first, second):
        within = np.linalg.norm(own[:, None] - own[None], axis=2)
        np.fill_diagonal(within, np.inf)
        other = apart if own is first else apart.T
        assert np.mean(within.min(axis=1) < other.min(axis=1)) > 0.9
    np.testing.assert_array_equal(project(vectors, method, seed=3, perplexity=10).points, found.points)


def test_phases_are_apart_on_the_map_of_difference_vectors(tmp_path, bank):
    nickel = SymmetryFunctions("elements Ni\ncutoff_type 1\n" + "".join(
        f"symfunction_short Ni 2 Ni 4.0 {r_s} 5.0\n" for r_s in (2.0, 2.5, 3.0, 3.5)
    ))  # fmt: skip
    frames = phases(10)
    write(tmp_path / "run.extxyz", frames)
    EnvironmentBank(nickel, 0.3).fit_scaling(frames).save(tmp_path / "ni.bank")
    words = [
        "map",
        tmp_path / "run.extxyz",
        "-b",
        tmp_path / "ni.bank",
        "--vectors",
        "difference",
        "-m",
        "pca",
    ]
    CliRunner().invoke(build_app(), [*map(str, words), "-o", str(tmp_path / "m.csv")], catch_exceptions=False)
    rows = list(csv.DictReader((tmp_path / "m.csv").open()))
    x = np.array([float(row["x"]) for row in rows])
    assert max(x[:10]) < min(x[10:]) or max(x[10:]) < min(x[:10])
    vectors = DifferenceVectors(nickel).fit(frames)
    bits = difference_bits(nickel, frames)
    hamming = vectors.n_bits * vectors.distances(vectors.training_vectors)
    np.testing.assert_allclose(((bits[:, None] - bits[None]) ** 2).sum(axis=2), hamming)


def test_principal_components_keep_the_distances_of_a_plane():
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(30, 2)) * (3, 1)
    axes = np.linalg.qr(rng.normal(size=(6, 6)))[0][:2]
    found = project(plane @ axes + 7.0)
    for points in (plane, found.points):
        points -= points.mean(axis=0)
    np.testing.assert_allclose(found.points @ found.points.T, plane @ plane.T, atol=1e-10)
    assert sum(int(axis.split("(")[1].split()[0]) for axis in found.axes) in (99, 100, 101)


def test_few_frames_and_odd_vectors():
    assert project(np.ones((1, 4)), "tsne").points.tolist() == [[0.0, 0.0]]
    np.testing.assert_allclose(project(np.ones((3, 4)), "umap").points, 0, atol=1e-12)
    with pytest.raises(ValueError, match="map 'sne': expected one of pca, tsne, umap"):
        project(np.ones((9, 2)), "sne")
    with pytest.raises(ValueError, match="not finite"):
        project(np.full((9, 2), np.nan))


@pytest.mark.parametrize(("method", "package", "word"), [
    ("tsne", "sklearn.manifold", "scikit-learn"), ("umap", "umap", "umap-learn"), ("tsne", "openTSNE", "openTSNE"),
])  # fmt: skip
def test_a_missing_package_names_itself(monkeypatch, vectors, method, package, word):
    if package == "openTSNE":
        monkeypatch.setattr(maps, "MOST_FOR_SKLEARN", 10)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=rf"{word}: pip install mdsieve\[maps\]"):
        project(vectors, method)


def test_many_frames_go_to_opentsne(monkeypatch, vectors):
    monkeypatch.setattr(maps, "MOST_FOR_SKLEARN", 10)
    points = project(vectors, "tsne", perplexity=5).points
    assert points.shape == (40, 2)
    assert np.isfinite(points).all()
    assert type(points) is np.ndarray


def test_chemiscope_takes_what_we_write(tmp_path):
    frames = [*phases(2), Atoms("H2", [(0, 0, 0), (0, 0, 0.7)])]
    properties = {
        "a": [1, 2, np.inf, None, 5],
        "word": ["x", "y", None, "</script>", "z"],
        "b": np.arange(5.0),
    }
    assert write_chemiscope(tmp_path / "map.json.gz", frames, properties, name="test", axes=("a", "b")) == 5
    ours = json.loads(gzip.decompress((tmp_path / "map.json.gz").read_bytes()))
    kept = {"a": [1.0, 2.0, 5.0, 8 / 3, 5.0], "word": ["x", "y", "", "</script>", "z"], "b": np.arange(5.0)}
    theirs = chemiscope.create_input(
        structures=frames,
        properties={key: {"target": "structure", "values": values} for key, values in kept.items()},
        metadata={"name": "test"},
    )
    for mine, their in zip(ours["structures"], theirs["structures"], strict=True):
        assert set(mine) == set(their)
        assert mine["names"] == list(their["names"])
        for key in set(mine) - {"names"}:
            np.testing.assert_allclose(mine[key], their[key], atol=1e-6)
    for key in kept:
        assert ours["properties"][key]["target"] == theirs["properties"][key]["target"]
        if key == "word":
            assert ours["properties"][key]["values"] == list(theirs["properties"][key]["values"])
        else:
            np.testing.assert_allclose(ours["properties"][key]["values"], theirs["properties"][key]["values"])
    assert chemiscope.show_input(str(tmp_path / "map.json.gz")) is not None
    with pytest.raises(ValueError, match="property a: 2 values for 5 structures"):
        write_chemiscope(tmp_path / "m.json", frames, {"a": [1, 2]}, name="x")


def test_the_command_writes_table_picture_and_chemiscope(tmp_path, bank):
    write(tmp_path / "run.extxyz", phases(5))
    bank.save(tmp_path / "ni.bank")
    words = [
        "map",
        tmp_path / "run.extxyz",
        "-b",
        tmp_path / "ni.bank",
        "-m",
        "pca",
        "-o",
        tmp_path / "m.csv",
    ]
    words += ["--png", tmp_path / "m.png", "--chemiscope", tmp_path / "m.json"]
    CliRunner().invoke(build_app(), list(map(str, words)), catch_exceptions=False)
    rows = list(csv.DictReader((tmp_path / "m.csv").open()))
    assert [int(row["frame"]) for row in rows] == list(range(10))
    points = np.array([[float(row["x"]), float(row["y"])] for row in rows])
    expected = project(mean_fingerprints(bank.functions, bank.scaling, phases(5))).points
    np.testing.assert_allclose(points, expected, atol=1e-6)
    assert (tmp_path / "m.png").read_bytes()[:4] == b"\x89PNG"
    assert len(json.loads((tmp_path / "m.json").read_text())["structures"]) == 10
    with pytest.raises(ValueError, match="--colour sources: expected one of"):
        CliRunner().invoke(
            build_app(), [*map(str, words), "--colour", "sources", "--overwrite"], catch_exceptions=False
        )
