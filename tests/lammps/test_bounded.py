# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever the driver's speed: MD runs at most L frames ahead, memory does not grow with the number of frames."""

import re
import time

import pytest
from harness import run_with_driver
from observed import MIB, Job, locked, stopped
from select_cases import NI_MD, NI_NN

from mdsieve.driver.store import FrameStore

DEPTH = 4
STEPS = 40
# every frame is kept, so that each costs a transaction
KEEP_ALL = f"fix sel all select 1 sf.nn Ni threshold 0.5 scaling none keep novelty >= 0 mode stream {DEPTH} driver yes\n"
# evaluated and kept so far, after each evaluation
COUNTS = 'fix counts all print 1 "$(f_sel[5]) $(f_sel[6])" file counts.txt screen no title ""\n'

# four atoms of nickel: a frame is a few hundred bytes
TINY = """
units metal
lattice fcc 3.52
region box block 0 1 0 1 0 1
create_box 1 box
create_atoms 1 box
pair_style lj/cut 5
pair_coeff * * 0.4 2.3
mass 1 58.69
velocity all create 300 4711
timestep 0.001
fix md all nve
thermo 10000
fix sel all select 1 sf.nn Ni threshold 0.3 scaling none mode stream 16 driver yes
fix count all print 1000 "$(step)" file count.txt screen no title ""
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    return tmp_path


def run_ahead(folder):
    """Frames that were undecided after each evaluation."""
    lines = [line.split() for line in (folder / "counts.txt").read_text().splitlines() if line]
    return [int(evaluated) - int(kept) for evaluated, kept in lines]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("slow", ["store", "driver"])
def test_md_runs_ahead_of_a_slow_side_by_so_many_frames_and_no_more(slow, folder):
    """The store is slow because another program locks it, the driver because the processor is taken from it."""
    held = 1.0
    # MD begins when the other side is held, whatever the speed of this machine
    wait = "shell touch ready\nshell while [ ! -e go ]; do sleep 0.02; done\n"
    script = NI_MD + KEEP_ALL + COUNTS + f"run 1\n{wait}run {STEPS - 1}\n"
    with Job(script, 'store = "store.db"\n', folder) as job:
        job.wait_until((folder / "ready").exists, "the first run has ended")
        with locked(folder / "store.db") if slow == "store" else stopped(job.pid(job.driver)):
            (folder / "go").touch()
            job.wait_until(lambda: run_ahead(folder)[-1] == DEPTH, f"{DEPTH} frames undecided")
            before = run_ahead(folder)
            time.sleep(held)
            assert run_ahead(folder) == before
            assert len(before) < STEPS // 2
        finished = job.finish(200)
    assert max(run_ahead(folder)) == DEPTH
    *_, last = re.findall(r"s in fingerprints, (\S+) s waiting, held up (\d+) times", finished.stdout)
    assert float(last[0]) > held / 2
    assert int(last[1]) > 0
    if slow == "store":
        storing = re.search(r"storing (\S+) waiting \S+$", finished.stdout.strip(), re.MULTILINE).group(1)
        assert float(storing) > held / 2
    with FrameStore.read(folder / "store.db") as store:
        assert [frame["step"] for frame in store.frames()] == list(range(STEPS + 1))
        assert store.problems() == []


def test_a_fast_driver_holds_nobody_up_for_long(folder):
    rare = KEEP_ALL.replace("select 1", "select 20").replace("keep novelty >= 0", "")
    finished = run_with_driver(NI_MD + rare + "run 400\n", 'store = "store.db"\n', folder).check()
    assert re.search(r"21 frames seen, .* held up \d times", finished.stdout)


def grows(job, steps):
    """Bytes that the first rank and the driver hold more at the end than after a quarter of the lines."""
    job.wait_for_line("count.txt", steps // 4000)
    early = [job.memory(rank) for rank in (0, job.driver)]
    late = early
    while job.is_running() and (job.folder / "count.txt").read_bytes().count(b"\n") <= steps // 1000:
        time.sleep(0.05)
        try:
            late = [job.memory(rank) for rank in (0, job.driver)]
        except (AssertionError, OSError):
            break  # it has ended
    return [b - a for a, b in zip(early, late, strict=True)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("steps", [12_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_number_of_tiny_frames(steps, folder):
    with Job(TINY + f"run {steps}\n", 'store = "store.db"\n', folder) as job:
        growth = grows(job, steps)
        finished = job.finish(800)
    assert max(growth) < 16 * MIB
    print(
        f"{steps} frames in {finished.seconds:.0f} s: growth of LAMMPS and driver {[g // 1024 for g in growth]} KiB"
    )
    assert f"{steps + 1} frames seen" in finished.stdout
    with FrameStore.read(folder / "store.db") as store:
        assert len(store.evaluations()) == steps + 1
        assert store.problems() == []
    assert (folder / "store.db").stat().st_size < 5 * MIB + 100 * steps
    assert sorted(path.name for path in folder.glob("store.db*")) == ["store.db"]


@pytest.mark.timeout(300)
def test_a_driver_that_waits_leaves_the_processor_to_md(folder):
    rare = "fix sel all select 200 sf.nn Ni threshold 0.5 scaling none mode stream 4 driver yes\n"
    count = 'fix count all print 200 "$(step)" file count.txt screen no title ""\n'
    with Job(NI_MD + rare + count + "run 20000\n", 'store = "store.db"\n', folder) as job:
        job.wait_for_line("count.txt", 5)
        before = [job.processor_seconds(rank) for rank in (0, job.driver)]
        job.wait_for_line("count.txt", 35)
        lammps, driver = (
            job.processor_seconds(rank) - t for rank, t in zip((0, job.driver), before, strict=True)
        )
    print(f"processor seconds of LAMMPS {lammps:.2f}, of the driver {driver:.2f}")
    assert lammps > 0.5
    assert driver < 0.25 * lammps
