# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness itself: a run that ends, one that fails, one that hangs."""

import os
import time
from pathlib import Path

import pytest
from harness import mpiexec, run, run_lmp

ATOM = """
units metal
lattice fcc 3.52
region box block 0 2 0 2 0 2
create_box 1 box
create_atoms 1 box
pair_style eam
pair_coeff * * Ni_u3.eam
run 0
"""


@pytest.mark.parametrize("ranks", [1, 2])
def test_lammps_runs_and_finds_its_potentials(tmp_path, ranks):
    finished = run_lmp(ATOM, tmp_path, ranks=ranks).check()
    assert "Total wall time" in finished.stdout


def test_a_failed_run_says_why(tmp_path):
    finished = run_lmp("units nonsense\n", tmp_path)
    assert finished.returncode != 0
    with pytest.raises(AssertionError, match="nonsense"):
        finished.check()


def test_a_hanging_mpi_job_is_killed_whole(tmp_path):
    """Two ranks that sleep write their process numbers; after the time limit none of them lives."""
    script = 'echo $$ > "pid.$PMI_RANK"; exec sleep 600'
    with pytest.raises(AssertionError, match="still running after 2 s"):
        run([mpiexec(), "-n", "2", "sh", "-c", script], tmp_path, timeout=2)
    pids = [int(path.read_text()) for path in tmp_path.glob("pid.*")]
    assert len(pids) == 2
    deadline = time.monotonic() + 5
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in pids if _alive(pid)]


def _alive(pid: int) -> bool:
    """True for a process that runs; a zombie that nobody has collected yet does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
