# SPDX-License-Identifier: GPL-2.0-or-later
"""Twenty frames of a million atoms, all of them stored: memory stays within what ``docs/link.md`` says."""

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lammps"))

from observed import MIB, Job

from mdsieve.driver.store import FrameStore

ATOMS = 4 * 63**3
FRAMES = 20
DEPTH = 3
COLUMNS = 4

SF = """\
number_of_elements 1
elements Ni
cutoff_type 1
symfunction_short Ni 2 Ni 0.05 0.0 3.5
symfunction_short Ni 2 Ni 0.5 0.0 3.5
symfunction_short Ni 2 Ni 2.0 2.4 3.5
symfunction_short Ni 2 Ni 4.0 3.0 3.5
"""

# no forces: MD costs nothing, the frames are as large as ever
MD = """
units metal
lattice fcc 3.52
region box block 0 63 0 63 0 63
create_box 1 box
create_atoms 1 box
mass 1 58.69
pair_style zero 3.5 nocoeff
pair_coeff * *
neighbor 0.3 bin
velocity all create 300 4711
timestep 0.002
fix md all nve
thermo 1
"""
FIX = "fix sel all select 1 sf.nn Ni threshold 50 scaling none keep novelty >= 0 mode stream {depth} fields f driver yes\n"


def peak_memory(folder: Path, frames: int) -> tuple[int, int, str]:
    """The most that LAMMPS and the driver ever held, and what they said, for a run of so many frames."""
    folder.mkdir()
    (folder / "sf.nn").write_text(SF)
    count = 'fix count all print 1 "$(step)" file count.txt screen no title ""\n'
    script = MD + FIX.format(depth=DEPTH) + count + f"run {frames - 1}\n"
    with Job(script, 'store = "store.db"\n', folder) as job:
        peaks = (0, 0)
        while job.is_running():
            time.sleep(0.05)
            try:
                peaks = (job.memory(0, "VmHWM"), job.memory(job.driver, "VmHWM"))
            except (AssertionError, KeyError, OSError):
                continue  # not there yet, or gone
        finished = job.finish(900)
    with FrameStore.read(folder / "store.db") as store:
        assert store.n_frames == frames
        assert store.problems() == []
        assert all(frame["n_atoms"] == ATOMS for frame in store.frames())
    (folder / "store.db").unlink()
    return *peaks, finished.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_memory_is_that_of_so_many_frames_however_many_there_are(tmp_path):
    frame = ATOMS * (36 + 24)  # ID, element, position, force
    candidates = ATOMS * (12 + 8 * COLUMNS)  # of the first frame, when nothing is known
    alone = baseline(tmp_path / "alone")
    few_lammps, few_driver, _ = peak_memory(tmp_path / "few", DEPTH + 3)
    lammps, driver, said = peak_memory(tmp_path / "many", FRAMES)
    summary = [line for line in said.splitlines() if line.startswith(("Fix select", "mdsieve: end"))]
    print(
        f"\nframe {frame // MIB} MiB, candidates of the first {candidates // MIB} MiB, LAMMPS alone {alone // MIB} MiB"
    )
    print(f"{DEPTH + 3} frames: LAMMPS {few_lammps // MIB} MiB, driver {few_driver // MIB} MiB")
    print(f"{FRAMES} frames: LAMMPS {lammps // MIB} MiB, driver {driver // MIB} MiB", *summary, sep="\n")
    assert lammps < few_lammps + frame
    assert driver < few_driver + frame
    assert lammps < alone + 300 * ATOMS + (DEPTH + 5) * frame + 5 * candidates
    assert driver < 256 * MIB + 8 * (frame + candidates)


def baseline(folder: Path) -> int:
    """What LAMMPS holds without the fix."""
    folder.mkdir()
    with Job(MD + "run 5\n", 'store = "store.db"\n', folder) as job:
        peak = 0
        while job.is_running():
            time.sleep(0.05)
            try:
                peak = job.memory(0, "VmHWM")
            except (AssertionError, KeyError, OSError):
                continue
        job.finish(600)
    return peak
