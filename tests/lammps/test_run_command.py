# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve run``: worlds, signals, and calls that cannot work."""

import re
import signal
import time

import ase.db
import numpy as np
import pytest
from harness import MDSIEVE, kill, mpiexec, run, run_with_driver, start
from select_cases import NI_NN

from mdsieve.driver.store import FrameStore, StoreError

MD = """
units {units}
lattice fcc 3.52
region box block 0 3 0 3 0 3
create_box 1 box
create_atoms 1 box
pair_style {pair}
velocity all create 3000 4711
timestep {timestep}
fix md all nve
fix sel all select 10 sf.nn Ni threshold 0.3 scaling none driver yes {words}
thermo 50
"""
EAM = "eam\npair_coeff * * Ni_u3.eam"
METAL = {"units": "metal", "pair": EAM, "timestep": 0.002}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    return tmp_path


def write(folder, words="", rest="run 100\n", **changes):
    (folder / "in.lammps").write_text(MD.format(**{**METAL, **changes}, words=words) + rest)


@pytest.mark.parametrize("words", ["mode wait", "mode stream 3"])
def test_two_worlds_one_store(folder, words):
    write(folder, words)
    command = [mpiexec(), "-n", "3", *MDSIEVE, "run", "in.lammps", "-partition", "2x1", "--store", "store.db"]
    run(command, folder).check()
    with FrameStore.read(folder / "store.db") as store:
        assert [(one["seen"], one["ending"]) for one in store.runs()] == [(11, "end of script")] * 2
        # both worlds run the same trajectory: the second to send a frame has nothing to add to it
        steps = [frame["step"] for frame in store.frames()]
        assert steps
        assert len(set(steps)) == len(steps)


def test_labels_in_the_store_are_those_of_lammps(folder):
    write(folder, "fields v f pe stress", rest=(
        "dump all all custom 100 all.dump id x y z vx vy vz fx fy fz\n"
        "dump_modify all sort id format float %.17g\n"
        "thermo_style custom step temp pe pxx pyy pzz pyz pxz pxy\nthermo_modify format float %.15g\nrun 0\n"
    ))  # fmt: skip
    finished = run_with_driver((folder / "in.lammps").read_text(), "", folder, ranks=2).check()
    row = ase.db.connect(str(folder / "store.db")).get(step=0)
    atoms = row.toatoms()
    dump = np.loadtxt(folder / "all.dump", skiprows=9)
    from ase import units

    np.testing.assert_array_equal(row.data.atom_ids, dump[:, 0])
    np.testing.assert_allclose(atoms.positions, dump[:, 1:4], atol=1e-12)
    np.testing.assert_allclose(atoms.get_velocities() * 1000 * units.fs, dump[:, 4:7], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(atoms.get_forces(), dump[:, 7:10], rtol=1e-7, atol=1e-12)
    thermo = [float(word) for word in re.search(r"^ +0 +(.*)$", finished.stdout, re.MULTILINE)[1].split()]
    assert row.temperature == pytest.approx(thermo[0], rel=1e-9)
    assert atoms.get_potential_energy() == pytest.approx(thermo[1], rel=1e-7)
    np.testing.assert_allclose(-atoms.get_stress() / (1e5 * units.Pascal), thermo[2:], rtol=1e-6, atol=1e-3)


def test_a_signal_ends_the_embedded_driver_between_frames(folder):
    write(folder, rest="run 1000000\n")
    process = start([*MDSIEVE, "run", "in.lammps", "--store", "store.db"], folder)
    try:
        wait_for_frames(folder, 2)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    finally:
        kill(process)
    assert process.returncode == 128 + signal.SIGTERM
    assert "driver was stopped by SIGTERM" in errors
    with FrameStore.read(folder / "store.db") as store:
        assert store.n_frames >= 2
        assert len(store.evaluations()) >= store.n_frames


def test_a_signal_ends_the_embedded_driver_when_lammps_does_not_come_back(folder):
    (folder / "select.toml").write_text("grace = 1.0\n")
    write(folder, rest="run 100\nunfix sel\nrun 100000000\n")
    process = start([*MDSIEVE, "run", "in.lammps", "--config", "select.toml"], folder)
    try:
        wait_for_frames(folder, 2)
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        kill(process)
    assert process.returncode == 128 + signal.SIGINT
    assert "LAMMPS did not come back within 1 s" in errors
    with FrameStore.read(folder / "store.db") as store:
        assert store.runs()[0]["ending"] == "unfix"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["absent.in"], r"absent\.in: there is no such LAMMPS script"),
        (["in.lammps", "--driver-ranks", "2"], r"--driver-ranks 2: expected 0 .* or 1"),
        (["in.lammps", "--driver-ranks", "1"], r"--driver-ranks 1: needs a rank for LAMMPS too"),
        (["in.lammps", "-partition", "2x1"], r"-partition: several worlds need a driver of their own"),
        (["in.lammps", "-mpicolor", "1"], r"-mpicolor: is set by mdsieve run itself"),
        (["in.lammps", "--stroe", "a.db"], r"--stroe: neither an option of mdsieve run nor of LAMMPS"),
    ],
)
def test_calls_that_cannot_work(folder, words, message):
    write(folder)
    finished = run([*MDSIEVE, "run", *words], folder)
    assert finished.returncode == 2
    assert re.fullmatch(f"mdsieve: {message}.*\n", finished.stderr), finished.stderr
    assert not (folder / "store.db").exists()


def test_lammps_words_go_to_lammps(folder):
    write(folder, rest='print "T is ${T}"\n')
    finished = run(
        [*MDSIEVE, "run", "in.lammps", "-echo", "none", "-var", "T", "300", "-log", "none"], folder
    )
    finished.check()
    assert "T is 300" in finished.stdout
    assert not (folder / "log.lammps").exists()


def test_files_asked_for_are_written_at_the_end(folder):
    write(folder)
    config = 'export_extxyz = "kept.xyz"\nexport_h5md = "kept.h5md"\nreport = "report.html"\n'
    run_with_driver((folder / "in.lammps").read_text(), config, folder).check()
    assert {"kept.xyz", "kept.h5md", "report.html", "store.db"} <= {file.name for file in folder.iterdir()}


def wait_for_frames(folder, n, patience=60.0):
    end = time.monotonic() + patience
    while True:
        assert time.monotonic() < end
        try:
            with FrameStore.read(folder / "store.db") as store:
                if store.n_frames >= n:
                    return
        except StoreError:
            pass
        time.sleep(0.1)
