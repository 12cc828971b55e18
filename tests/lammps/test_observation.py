# SPDX-License-Identifier: GPL-2.0-or-later
"""Watching never changes what is watched: the trajectory is the same, bit for bit, with and without the fix."""

import pytest
from harness import run_lmp, run_with_driver
from select_cases import NI_NN

MD = """
units metal
lattice fcc 3.52
region box block 0 4 0 4 0 4
create_box 1 box
create_atoms 1 box
pair_style eam
pair_coeff * * Ni_u3.eam
comm_modify cutoff 7.0
velocity all create 2500 4711
timestep 0.002
{integrate}
{select}
dump all all custom 20 all.dump id x y z vx vy vz
dump_modify all sort id format float %.17g
thermo 20
run 200
"""

INTEGRATE = {
    "nve": "fix md all nve",
    "npt": "fix md all npt temp 2500 2500 0.1 aniso 0 0 1",
    "npt triclinic": "change_box all triclinic\nfix md all npt temp 2500 2500 0.1 tri 0 0 1",
    "deform": "comm_modify vel yes\nfix md all nve\nfix def all deform 1 x erate 0.5 y erate -0.3 remap v",
    "deform triclinic": "change_box all triclinic\nfix md all nve\nfix def all deform 1 xy erate 1 remap x",
}


def trajectory(folder, integrate, select="", **how):
    folder.mkdir()
    (folder / "sf.nn").write_text(NI_NN)
    script = MD.format(integrate=INTEGRATE[integrate], select=select)
    run_lmp(script, folder, **how).check()
    return (folder / "all.dump").read_bytes()


@pytest.mark.parametrize("integrate", INTEGRATE)
@pytest.mark.parametrize("ranks", [1, 2])
def test_the_trajectory_is_bit_identical(integrate, ranks, tmp_path):
    select = "fix sel all select 10 sf.nn Ni threshold 0.5 scaling none peratom yes fields v f pe stress"
    without = trajectory(tmp_path / "without", integrate, ranks=ranks)
    with_fix = trajectory(tmp_path / "with", integrate, select, ranks=ranks)
    assert without.count(b"TIMESTEP") == 11
    assert with_fix == without


def test_a_streaming_driver_does_not_change_it_either(tmp_path):
    without = trajectory(tmp_path / "without", "npt", ranks=2)
    folder = tmp_path / "with"
    folder.mkdir()
    (folder / "sf.nn").write_text(NI_NN)
    select = "fix sel all select 10 sf.nn Ni threshold 0.5 scaling none mode stream 4 fields v f pe stress"
    run_with_driver(
        MD.format(integrate=INTEGRATE["npt"], select=select), 'store = "store.db"\n', folder, ranks=2
    ).check()
    assert (folder / "all.dump").read_bytes() == without
