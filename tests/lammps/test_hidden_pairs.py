# SPDX-License-Identifier: GPL-2.0-or-later
"""LAMMPS settings that take pairs out of neighbour lists: fingerprints as offline, or one line; 1 and 2 ranks."""

import re

import numpy as np
import pytest
from ase import Atoms
from harness import run_lmp

from mdsieve import EnvironmentBank, SymmetryFunctions

NN = """\
number_of_elements 2
elements Si W
cutoff_type 1
symfunction_short Si 2 Si 0.05 0.0 4.5
symfunction_short Si 2 W 0.05 0.0 4.5
symfunction_short Si 3 Si W 0.01 1.0 2.0 4.5
symfunction_short W 2 Si 0.05 0.0 4.5
symfunction_short W 2 W 0.05 0.0 4.5
symfunction_short W 3 Si Si 0.01 1.0 2.0 4.5
"""

BOX = """\
units metal
atom_style {style}
atom_modify map array
lattice sc 2.0
region box block 0 6 0 6 0 6
create_box 2 box{extra}
create_atoms 1 box
set group all type/fraction 2 0.3 77
mass 1 28.0
mass 2 100.0
displace_atoms all random 0.2 0.2 0.2 99
region low block INF INF INF INF INF 4.0 units box
group low region low
group top subtract all low
pair_style lj/cut 3.0
pair_coeff 1 1 0.0 2.0 2.5
pair_coeff * 2 0.0 2.0 5.0
comm_modify cutoff 7.0
"""

SELECT = """\
fix sel all select 1 sf.nn Si W threshold 1e-9 scaling none driver no bank all.bank
dump d all custom 1 frames.dump id type x y z
dump_modify d sort id format float %.16g
"""

BONDS = " bond/types 1 extra/bond/per/atom 12 extra/special/per/atom 200"
MAKE_BONDS = "create_bonds many all all 1 1.0 2.2\nbond_style harmonic\nbond_coeff 1 0.0 2.0\n"

SETTINGS = {
    "multi": "neighbor 1.0 multi\n",
    "multi/old": "neighbor 1.0 multi/old\n",
    "multi, ghosts by collection": "neighbor 1.0 multi\ncomm_modify mode multi cutoff/multi 1 7.0\n",
    "include": "atom_modify first top\nneigh_modify include top\n",
    "exclude group": "neigh_modify exclude group low low\n",
    "exclude type": "neigh_modify exclude type 1 2\n",
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sf.nn").write_text(NN)
    return tmp_path


def assert_as_offline(folder):
    """The environments of the last step, against those of the dumped frame in Python."""
    step, frame = (folder / "frames.dump").read_text().split("ITEM: TIMESTEP\n")[-1].split("\n", 1)
    rows = np.array([line.split() for line in frame.splitlines()[7:]], dtype=float)
    atoms = Atoms(
        ["Si" if kind == 1 else "W" for kind in rows[:, 1]], positions=rows[:, 2:5], cell=[12.0] * 3, pbc=True
    )
    by_element = SymmetryFunctions.from_text(NN).create_by_element(atoms)
    bank = EnvironmentBank.load(folder / "all.bank")
    for element, (indices, expected) in by_element.items():
        origins, values = bank.entries(element)
        there = origins[:, 1] == int(step)
        place = {int(rows[index, 0]): n for n, index in enumerate(indices)}
        picked = [place[atom] for atom in origins[there, 2]]
        assert len(picked) == len(indices)
        np.testing.assert_allclose(values[there], expected[picked], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("setting", SETTINGS)
def test_lists_without_some_pairs_hide_nothing(setting, ranks, folder):
    script = BOX.format(style="atomic", extra="") + SETTINGS[setting] + SELECT + "run 0\n"
    run_lmp(script, folder, ranks=ranks).check()
    assert_as_offline(folder)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("factors", ["0 0 0", "0 1 1", "1 0 1"])
def test_bonded_neighbours_are_in_the_fingerprints(factors, ranks, folder):
    script = (
        BOX.format(style="bond", extra=BONDS) + MAKE_BONDS + f"special_bonds lj/coul {factors}\n" + SELECT
    )
    finished = run_lmp(script + "run 0\n", folder, ranks=ranks).check()
    assert "special_bonds" not in "".join(re.findall("WARNING.*", finished.stdout))
    assert_as_offline(folder)


@pytest.mark.parametrize("ranks", [1, 2])
def test_neighbours_bonded_during_the_run_stay_in_the_fingerprints(ranks, folder):
    script = BOX.format(style="bond", extra=BONDS) + "bond_style harmonic\nbond_coeff 1 0.0 2.0\n"
    script += "special_bonds lj 0 1 1\nvelocity all create 300 11\nfix md all nve\ntimestep 0.001\n"
    script += "fix link all bond/create 2 1 1 2.2 1 iparam 4 1 jparam 4 1\nthermo_style custom step bonds\n"
    finished = run_lmp(script + SELECT + "thermo 8\nrun 8\n", folder, ranks=ranks).check()
    assert int(re.search(r"^\s*8\s+(\d+)\s*$", finished.stdout, flags=re.MULTILINE)[1]) > 0
    assert_as_offline(folder)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("atom_modify first top\nneigh_modify include top\ncomm_modify group top\n", "comm_modify group"),
        ("neighbor 1.0 multi\ncomm_modify mode multi\npair_coeff * 2 0.0 2.0 2.5\n", "some ghost atoms only"),
    ],
)
def test_missing_ghost_atoms_are_refused(setting, message, ranks, folder):
    script = BOX.format(style="atomic", extra="") + setting + SELECT + "run 0\n"
    finished = run_lmp(script, folder, ranks=ranks)
    assert finished.returncode != 0
    (line,) = re.findall(r"^ERROR.*", finished.stdout, flags=re.MULTILINE)
    assert message in line
