# SPDX-License-Identifier: GPL-2.0-or-later
"""An element that appears during a run is new, not junk, whoever decides."""

import re

import pytest
from harness import MDSIEVE, run, run_lmp

NI_H_NN = """\
number_of_elements 2
elements Ni H
cutoff_type 1
symfunction_short Ni 2 Ni 0.5 0.0 4.5
symfunction_short Ni 2 H 0.5 0.0 4.5
symfunction_short H 2 Ni 0.5 0.0 4.5
"""

SCRIPT = """
units metal
lattice fcc 3.52
region box block 0 3 0 3 0 3
create_box 2 box
create_atoms 1 box
mass * 1.0
pair_style eam/alloy
pair_coeff * * NiAlH_jea.eam.alloy Ni H
fix sel all select 1 ni_h.nn Ni H threshold 0.1 scaling none &
    junk novelty > 20 stop novelty > 20 hard driver {driver}
thermo_style custom step f_sel f_sel[1]
run 0
create_atoms 2 single 0.5 0.5 0.5
run 0
print "VERDICT $(f_sel) $(f_sel[6])"
"""


@pytest.mark.parametrize("driver", ["no", "yes"])
def test_a_late_element_is_kept(tmp_path, driver):
    (tmp_path / "ni_h.nn").write_text(NI_H_NN)
    script = SCRIPT.format(driver=driver)
    if driver == "no":
        finished = run_lmp(script, tmp_path)
    else:
        (tmp_path / "in.lammps").write_text(script)
        finished = run([*MDSIEVE, "run", "in.lammps"], tmp_path)
    finished.check()
    assert re.search(r"^VERDICT 1 2$", finished.stdout, re.MULTILINE), finished.stdout[-2000:]
