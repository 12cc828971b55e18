# SPDX-License-Identifier: GPL-2.0-or-later
"""Odd physics online: right as offline, or refused in one line that names the atom; 1 and 2 ranks."""

import re

import numpy as np
import pytest
from ase import Atoms
from harness import MDSIEVE, run, run_lmp
from select_cases import NI, NI_NN

from mdsieve import EnvironmentBank, SymmetryFunctions

GOOD = "fix sel all select 1 sf.nn Ni threshold 1e-6 scaling none bank all.bank\nrun 0\n"

#: No forces are needed to look at positions.
ZERO = "pair_style zero 8.0\npair_coeff * *\ncomm_modify cutoff 8.0\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    return tmp_path


def errors(finished):
    return re.findall(r"^ERROR.*", finished.stdout, flags=re.MULTILINE)


def box(boundary, size, atoms, style="block"):
    """A script that makes single atoms in a box of its own."""
    lines = "".join("create_atoms 1 single {} {} {} units box\n".format(*atom) for atom in atoms)
    return (
        f"units metal\nboundary {boundary}\nregion box {style} {size} units box\n"
        f"create_box 1 box\nmass 1 58.7\n{lines}{ZERO}"
    )


def fingerprints(folder):
    """What the fix computed: with a tiny threshold every atom that is different enters the bank."""
    origins, values = EnvironmentBank.load(folder / "all.bank").entries("Ni")
    return origins[:, 2], values


def assert_as_offline(folder, atoms):
    ids, values = fingerprints(folder)
    expected = SymmetryFunctions.from_text(NI_NN).create(atoms)
    np.testing.assert_allclose(values, expected[ids - 1], rtol=1e-10, atol=1e-12)
    return len(ids)


CLUSTER = [(1.0, 1.0, 1.0), (3.3, 1.2, 0.7), (1.4, 3.1, 1.9), (4.9, 4.4, 4.8), (2.0, 1.5, 3.2)]


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("boundary", ["p p f", "p f f", "f f f", "p p s", "p m s"])
def test_slabs_wires_and_clusters_are_as_offline(boundary, ranks, folder):
    script = box(boundary, "0 9.5 0 9.0 0 10.0", CLUSTER) + GOOD
    run_lmp(script, folder, ranks=ranks).check()
    pbc = [word == "p" for word in boundary.split()]
    assert assert_as_offline(folder, Atoms("Ni5", positions=CLUSTER, cell=[9.5, 9.0, 10.0], pbc=pbc)) == 5


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_cell_smaller_than_the_cutoff_sees_all_images(ranks, folder):
    size = (2.6, 3.0, 2.8)
    atoms = [(0.1, 0.2, 0.3), (1.5, 1.6, 1.3)]
    script = box("p p p", "0 2.6 0 3.0 0 2.8", atoms) + GOOD
    run_lmp(script, folder, ranks=ranks).check()
    assert_as_offline(folder, Atoms("Ni2", positions=atoms, cell=size, pbc=True))


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_very_skewed_cell_is_as_offline(ranks, folder):
    cell = np.array([[9, 0, 0], [17.5, 8, 0], [-11, 9, 7]])
    atoms = [tuple(row) for row in np.array(CLUSTER) / 10.0 @ cell]
    script = "box tilt large\n" + box("p p p", "0 9 0 8 0 7 17.5 -11.0 9.0", atoms, style="prism") + GOOD
    run_lmp(script, folder, ranks=ranks).check()
    assert assert_as_offline(folder, Atoms("Ni5", positions=atoms, cell=cell, pbc=True)) == 5


@pytest.mark.parametrize("ranks", [1, 2])
def test_isolated_atoms_and_boxes_without_atoms_are_fine(ranks, folder):
    one = run_lmp(box("p p p", "0 40 0 40 0 40", [(5, 5, 5)]) + GOOD, folder, ranks=ranks).check()
    assert "1 seen, 1 kept" in one.stdout or re.search(r"1\D+seen|seen\D+1", one.stdout)
    np.testing.assert_array_equal(fingerprints(folder)[1], np.zeros((1, 8)))
    (folder / "all.bank").unlink()
    run_lmp(box("p p p", "0 40 0 40 0 40", []) + GOOD, folder, ranks=ranks).check()
    assert len(EnvironmentBank.load(folder / "all.bank")) == 0


@pytest.mark.parametrize("ranks", [1, 2])
def test_coinciding_atoms_are_both_named(ranks, folder):
    script = box("p p p", "0 20 0 20 0 20", [(1, 1, 1), (4, 4, 4), (4, 4, 4), (6, 4, 4)]) + GOOD
    finished = run_lmp(script, folder, ranks=ranks)
    assert finished.returncode != 0
    (line,) = errors(finished)
    assert re.search(r"step 0, atom (2: .*same place.*atom 3|3: .*same place.*atom 2)\b", line)


@pytest.mark.parametrize("ranks", [1, 2])
def test_positions_that_are_no_numbers_end_the_run(ranks, folder):
    """An atom that flies off to infinity between two neighbour lists would be nobody's neighbour."""
    script = box("p p p", "0 20 0 20 0 20", [(1, 1, 1), (3, 1, 1)])
    script += "timestep 1e10\nset atom 2 vy 1e305\nfix md all nve\nneigh_modify delay 1000 every 1000\n"
    finished = run_lmp(script + GOOD.replace("run 0", "run 1"), folder, ranks=ranks)
    assert finished.returncode != 0
    assert re.search(r"atom 2: its position is not finite|[Nn]on-numeric", finished.output)


def test_many_thousand_neighbours_need_neigh_modify_and_are_right(folder):
    script = NI.replace("3.52", "0.55").replace("0 3 0 3 0 3", "0 8 0 8 0 8")
    script = script[: script.index("pair_style")] + "mass 1 58.7\n" + ZERO.replace("8.0", "4.6")
    script += "neighbor 0.0 bin\n"
    finished = run_lmp(script + GOOD, folder)
    assert finished.returncode != 0
    assert re.search(r"[Nn]eighbor list overflow", errors(finished)[0])
    script += "neigh_modify one 20000 page 400000\n"
    few = GOOD.replace("fix sel all", "group few id 1\nfix sel few")
    run_lmp(script + few, folder, timeout=300).check()
    assert len(fingerprints(folder)[0]) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("sf.nn", None, "cannot read symmetry function file sf.nn"),
        ("sf.nn", b"", "sf.nn: no 'elements' line"),
        ("sf.nn", b"\0" * 300, "sf.nn:1: unknown word"),
        ("sf.nn", b"\xff\xfe" + NI_NN.encode("utf-16-le"), "sf.nn:1: unknown word"),
        ("sf.nn", b"x" * 200_000, "sf.nn:1: unknown word"),
        ("all.bank", b"", "all.bank: not a bank"),
        ("all.bank", None, "cannot read bank file all.bank"),
    ],
)
@pytest.mark.parametrize("ranks", [1, 2])
def test_files_that_are_none_are_refused_in_one_line(name, content, message, ranks, folder):
    """None: a folder of that name."""
    (folder / name).unlink(missing_ok=True)
    if content is None:
        (folder / name).mkdir()
    else:
        (folder / name).write_bytes(content)
    finished = run_lmp(box("p p p", "0 20 0 20 0 20", CLUSTER) + GOOD, folder, ranks=ranks)
    assert finished.returncode != 0
    (line,) = errors(finished)
    assert message in line
    assert len(line) < 400


@pytest.mark.parametrize("text", [NI_NN.replace("\n", "\r\n"), "\ufeff" + NI_NN, NI_NN + "# Å\n"])
def test_line_ends_marks_and_comments_of_other_systems_do_no_harm(text, folder):
    (folder / "sf.nn").write_bytes(text.encode())
    run_lmp(box("p p p", "0 20 0 20 0 20", CLUSTER) + GOOD, folder).check()
    assert len(fingerprints(folder)[0]) == 5


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0", "1e999", "0.5x"])
def test_thresholds_that_are_none_are_refused(value, folder):
    script = box("p p p", "0 20 0 20 0 20", CLUSTER) + GOOD.replace("1e-6", value)
    finished = run_lmp(script, folder)
    assert finished.returncode != 0
    assert "threshold" in errors(finished)[0]
    assert "expected a number > 0" in errors(finished)[0]


def test_lammps_replays_a_nan_as_zero_and_the_offline_reader_refuses_it(folder):
    rows = [f"{i + 1} 1 {x} {y} {z}" for i, (x, y, z) in enumerate(CLUSTER)]
    rows[1] = "2 1 nan 3.3 1.0"
    head = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n5\nITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\n"
    (folder / "traj.dump").write_text(head + "ITEM: ATOMS id type x y z\n" + "\n".join(rows) + "\n")
    script = box("p p p", "0 10 0 10 0 10", CLUSTER) + GOOD.replace("run 0\n", "")
    script += "dump seen all custom 1 seen.dump id x\ndump_modify seen sort id\nrerun traj.dump dump x y z\n"
    run_lmp(script, folder).check()
    assert (folder / "seen.dump").read_text().splitlines()[10] == "2 0"
    words = ["select", "bank", "traj.dump", "--functions", "sf.nn", "--threshold", "1", "--scaling", "none"]
    refused = run([*MDSIEVE, *words, "--types", "Ni", "--output", "kept.xyz"], folder)
    assert refused.returncode != 0
    assert re.search(r"traj.dump.*nan", refused.stderr)
    assert not (folder / "kept.xyz").exists()
