# SPDX-License-Identifier: GPL-2.0-or-later
"""Exports of a store: read back by MDAnalysis, h5py and ASE; the report and its picture."""

import h5py
import numpy as np
import pytest
from ase import units
from ase.io import read
from test_store import DESCRIPTION, HELLO, environments, kept_frame, new_store, whole_store

from mdsieve.driver.exports import export_store
from mdsieve.driver.store import Evaluation, FrameStore
from mdsieve.io.extxyz import export_extxyz
from mdsieve.io.h5md import export_h5md
from mdsieve.io.replacing import replacing
from mdsieve.report import write_picture, write_report

pytestmark = pytest.mark.timeout(120)

SIZES = (2, 3, 2)


def make_store(path, sizes=SIZES, hello=HELLO, **changes):
    """A store of one frame a size; the given `KeptFrame` objects go along."""
    frames = []
    with new_store(path) as store:
        run = store.begin_run(0, 0, hello)
        for i, n in enumerate(sizes):
            frame = kept_frame(10 * i, run, n=n, evaluation=2 * i, **changes)
            frames.append(frame)
            known = Evaluation(run, 2 * i + 1, 10 * i + 5, 0.02 * i + 0.01, 310.0, 0.5, 0)
            kept = Evaluation(run, 2 * i, 10 * i, 0.02 * i, 300.0, 1.5 if i else np.inf, 1)
            store.add_frame(frame, environments(10 * i, 2), [kept, known])
    return frames


def test_h5md_is_read_by_mdanalysis(tmp_path):
    import MDAnalysis

    frames = make_store(tmp_path / "store.db", sizes=(2, 2, 2))
    with FrameStore.read(tmp_path / "store.db") as store:
        assert export_h5md(store, tmp_path / "kept.h5md") == 3
    universe = MDAnalysis.Universe(str(tmp_path / "kept.h5md"), format="H5MD", topology_format="H5MD")
    assert len(universe.trajectory) == 3
    for step, frame in zip(universe.trajectory, frames, strict=True):
        np.testing.assert_allclose(step.positions, frame.atoms.positions, rtol=1e-6)
        velocities = frame.atoms.get_velocities() * 1000 * units.fs
        np.testing.assert_allclose(step.velocities, velocities, rtol=1e-5, atol=1e-6)
        forces = frame.atoms.get_forces() / (units.kJ / units.mol)
        np.testing.assert_allclose(step.forces, forces, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(step.dimensions, frame.atoms.cell.cellpar(), rtol=1e-6)
        assert step.time == pytest.approx(frame.time)
        assert step.data["step"] == frame.step
        assert step.data["novelty"] == 1.5
        assert step.data["potential_energy"] == -frame.step
        assert step.data["trigger_element"] == b"Ni"


def test_h5md_by_h5py_alone_with_changing_atom_numbers(tmp_path):
    frames = make_store(tmp_path / "store.db")
    with FrameStore.read(tmp_path / "store.db") as store:
        export_h5md(store, tmp_path / "kept.h5md")
    with h5py.File(tmp_path / "kept.h5md") as file:
        assert list(file["h5md"].attrs["version"]) == [1, 1]
        assert file["h5md/creator"].attrs["name"] == "mdsieve"
        group = file["particles/trajectory"]
        assert group["box"].attrs["dimension"] == 3
        assert list(group["box"].attrs["boundary"]) == ["periodic"] * 3
        assert group["position/value"].shape == (3, 12, 3)
        assert group["position/value"].attrs["unit"] == "Angstrom"
        np.testing.assert_array_equal(group["position/step"], [0, 10, 20])
        np.testing.assert_array_equal(file["observables/n_atoms/value"], [8, 12, 8])
        for i, frame in enumerate(frames):
            n = len(frame.atoms)
            np.testing.assert_array_equal(group["position/value"][i, :n], frame.atoms.positions)
            np.testing.assert_array_equal(group["id/value"][i, :n], np.arange(1, n + 1))
            np.testing.assert_array_equal(group["species/value"][i, :n], 28)
            np.testing.assert_array_equal(group["box/edges/value"][i], frame.atoms.cell.array)
            assert (group["id/value"][i, n:] == -1).all()
            assert (group["species/value"][i, n:] == -1).all()
            assert np.isnan(group["position/value"][i, n:]).all()
        np.testing.assert_array_equal(file["observables/stress/value"][1], np.arange(6.0))


def test_h5md_of_reduced_units_has_no_units(tmp_path):
    make_store(tmp_path / "store.db", hello={**HELLO, "units": "lj"})
    with FrameStore.read(tmp_path / "store.db") as store:
        export_h5md(store, tmp_path / "kept.h5md")
    with h5py.File(tmp_path / "kept.h5md") as file:
        assert "unit" not in file["particles/trajectory/position/value"].attrs
        assert "unit" not in file["particles/trajectory/time"].attrs


def test_extxyz_is_read_by_ase(tmp_path):
    frames = make_store(tmp_path / "store.db", scores={"novelty": np.inf})
    with FrameStore.read(tmp_path / "store.db") as store:
        assert export_extxyz(store, tmp_path / "kept.xyz") == 3
    for atoms, frame in zip(read(tmp_path / "kept.xyz", index=":"), frames, strict=True):
        np.testing.assert_allclose(atoms.positions, frame.atoms.positions, atol=1e-7)
        np.testing.assert_allclose(atoms.cell.array, frame.atoms.cell.array, atol=1e-7)
        np.testing.assert_allclose(atoms.get_forces(), frame.atoms.get_forces(), atol=1e-7)
        np.testing.assert_allclose(atoms.get_velocities(), frame.atoms.get_velocities(), atol=1e-7)
        np.testing.assert_allclose(atoms.get_stress(), np.arange(6.0))
        assert atoms.get_potential_energy() == -frame.step
        np.testing.assert_array_equal(atoms.arrays["atom_ids"], np.arange(1, len(atoms) + 1))
        info = atoms.info
        assert (info["step"], info["run"], info["verdict"]) == (frame.step, 1, "kept")
        assert (info["trigger_atom"], info["trigger_element"], info["reason"]) == (3, "Ni", "novelty > 1")
        assert info["novelty"] == np.inf


def test_cells_away_from_zero_keep_their_corner(tmp_path):
    data = {"atom_ids": np.arange(8, 0, -1), "origin": np.array([-1.0, 2.0, 0.0]), "units": "metal"}
    make_store(tmp_path / "store.db", sizes=(2,), data=data)
    with FrameStore.read(tmp_path / "store.db") as store:
        export_extxyz(store, tmp_path / "kept.xyz")
    atoms = read(tmp_path / "kept.xyz")
    np.testing.assert_array_equal(atoms.info["Origin"], data["origin"])
    np.testing.assert_array_equal(atoms.arrays["atom_ids"], data["atom_ids"])


def test_report_is_one_page_that_says_what_is_in_the_store(tmp_path):
    make_store(tmp_path / "store.db")
    (tmp_path / "log.lammps").write_text("Loop time of 1 <second>\n")
    with FrameStore.read(tmp_path / "store.db") as store:
        write_report(store, tmp_path / "report.html", log=tmp_path / "log.lammps")
        write_picture(store, tmp_path / "report.png")
    page = (tmp_path / "report.html").read_text()
    assert "src=" not in page
    assert "<link" not in page
    assert "<b>6</b><span>frames seen" in page
    assert "<b>3</b><span>kept" in page
    assert "<b>6</b><span>Ni environments" in page
    assert page.count('"novelty \\u003e 1"') == 3
    assert "&lt;second&gt;" in page
    assert (tmp_path / "report.png").read_bytes()[:4] == b"\x89PNG"


def test_report_of_an_empty_store(tmp_path):
    with FrameStore.open(tmp_path / "store.db"):
        pass
    with FrameStore.read(tmp_path / "store.db") as store:
        written = export_store(
            store, extxyz=tmp_path / "k.xyz", h5md=tmp_path / "k.h5md", report=tmp_path / "report.html"
        )
    assert written == [tmp_path / "report.html"]
    assert "no bank yet" in (tmp_path / "report.html").read_text()


def test_growth_of_the_bank_in_the_picture(tmp_path):
    from mdsieve.report.picture import draw

    make_store(tmp_path / "store.db")
    with FrameStore.read(tmp_path / "store.db") as store:
        figure = draw(store)
        assert store.bank_description() == DESCRIPTION
    growth = figure.axes[1]
    np.testing.assert_array_equal(growth.lines[0].get_ydata(), [0, 2, 4, 6, 6])
    np.testing.assert_allclose(growth.lines[0].get_xdata(), [0, 0, 0.02, 0.04, 0.05])


def test_a_failing_export_leaves_the_older_file(tmp_path):
    path = tmp_path / "kept.xyz"
    path.write_text("old")

    def fail_half_way():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["kept.xyz"]


def test_show_prints_tables_and_writes_files(tmp_path):
    from typer.testing import CliRunner

    from mdsieve.cli import build_app

    make_store(tmp_path / "store.db")
    runner = CliRunner()
    shown = runner.invoke(build_app(), ["show", str(tmp_path / "store.db"), "--frames", "2"])
    assert shown.exit_code == 0, shown.output
    assert "kept frames (2 of 3)" in shown.output
    assert "scaling none" in shown.output
    arguments = [
        "--export-extxyz",
        "k.xyz",
        "--export-h5md",
        "k.h5md",
        "--report",
        "r.html",
        "--png",
        "r.png",
    ]
    arguments = [str(tmp_path / word) if "." in word else word for word in arguments]
    assert runner.invoke(build_app(), ["show", str(tmp_path / "store.db"), *arguments]).exit_code == 0
    assert {file.name for file in tmp_path.iterdir()} == {"store.db", "k.xyz", "k.h5md", "r.html", "r.png"}


def test_show_says_whether_a_store_is_whole(tmp_path):
    from typer.testing import CliRunner

    from mdsieve.cli import build_app

    path = tmp_path / "store.db"
    whole_store(path).close()
    runner = CliRunner()
    shown = runner.invoke(build_app(), ["show", str(path), "--check"])
    assert shown.exit_code == 0
    assert "whole; 3 frames, 6 environments, the last frame of step 20" in shown.output
    with FrameStore.open(path, resume=True) as store:
        store._connection.execute("DELETE FROM mdsieve_scores WHERE frame = 2")
    shown = runner.invoke(build_app(), ["show", str(path), "--check"])
    assert shown.exit_code != 0
    assert "frame 2: its scores are missing" in str(shown.exception)


@pytest.mark.parametrize(
    "words",
    [
        ["show", "STORE", "--export-extxyz"],
        ["show", "STORE", "--export-h5md"],
        ["show", "STORE", "--report"],
        ["show", "STORE", "--picture"],
        ["report", "STORE", "-o"],
    ],
    ids=" ".join,
)
def test_files_made_from_a_store_replace_nothing_unasked(tmp_path, words):
    from typer.testing import CliRunner

    from mdsieve.cli import build_app

    make_store(tmp_path / "store.db", sizes=(2, 2))
    path = tmp_path / "old.png"
    path.write_text("mine")
    words = [str(tmp_path / "store.db") if word == "STORE" else word for word in words] + [str(path)]
    refused = CliRunner().invoke(build_app(), words)
    assert isinstance(refused.exception, FileExistsError)
    assert path.read_text() == "mine"
    assert CliRunner().invoke(build_app(), [*words, "--overwrite"]).exit_code == 0
    assert path.stat().st_size > 100
