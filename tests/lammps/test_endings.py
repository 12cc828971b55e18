# SPDX-License-Identifier: GPL-2.0-or-later
"""However a run ends, both sides end, within a time limit, and the store holds every frame that was acknowledged."""

import re
import sqlite3

import pytest
from harness import MDSIEVE, lmp_arguments, mpiexec, run, run_lmp, run_with_driver
from select_cases import NI_MD, NI_NN

from mdsieve import lammps_package

MD = NI_MD + "thermo 50\n"
SELECT = "fix sel all select 10 sf.nn Ni threshold 0.3 scaling none driver yes {mode}\n"
CONFIG = 'store = "store.db"\n'
LIMIT = 60.0

# what follows the run, is the exit code 0, and what the log says
ENDINGS = {
    "end of the script": ("", True, r"Fix select sel: 11 frames seen"),
    "unfix": ("unfix sel\nrun 10\n", True, r"Loop time"),
    "clear": ("clear\n", True, r"Fix select sel: 11 frames seen"),
    "error": ("pair_style nonsense\n", False, r"ERROR: Unrecognized pair style 'nonsense'"),
    "quit": ("quit\n", True, r"Fix select sel: 11 frames seen"),
    "quit 3": ("quit 3\n", False, r"Fix select sel: 11 frames seen"),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    return tmp_path


def stored_frames(folder):
    connection = sqlite3.connect(f"file:{folder / 'store.db'}?mode=ro", uri=True)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return connection.execute("SELECT count(*) FROM systems").fetchone()[0]


def kept_in_the_log(finished):
    return sum(int(n) for n in re.findall(r"Fix select sel: \d+ frames seen, (\d+) kept", finished.stdout))


@pytest.mark.parametrize("mode", ["mode wait", "mode stream 4"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_two_programs(ending, mode, folder):
    rest, good, message = ENDINGS[ending]
    script = MD + SELECT.format(mode=mode) + "run 100\n" + rest
    finished = run_with_driver(script, CONFIG, folder, ranks=2, timeout=LIMIT)
    assert (finished.returncode == 0) == good
    assert re.search(message, finished.output)
    assert stored_frames(folder) == kept_in_the_log(finished) > 1


@pytest.mark.parametrize("ending", ["end of the script", "error", "quit", "clear"])
@pytest.mark.parametrize("driver_ranks", [0, 1])
def test_one_program(ending, driver_ranks, folder):
    rest, good, message = ENDINGS[ending]
    (folder / "in.lammps").write_text(MD + SELECT.format(mode="mode wait") + "run 100\n" + rest)
    command = [*MDSIEVE, "run", "in.lammps", "--driver-ranks", str(driver_ranks), "--store", "store.db"]
    launcher = [mpiexec(), "-n", "2"] if driver_ranks else []
    finished = run([*launcher, *command], folder, timeout=LIMIT)
    assert (finished.returncode == 0) == good
    assert re.search(message, finished.output)
    assert stored_frames(folder) == kept_in_the_log(finished) > 1


def test_an_error_before_the_fix(folder):
    finished = run_with_driver("units nonsense\n", CONFIG, folder, ranks=2, timeout=LIMIT)
    assert finished.returncode != 0
    assert "ERROR" in finished.output


def test_a_script_without_the_fix(folder):
    finished = run_with_driver(MD + "run 10\n", CONFIG, folder, ranks=2, timeout=LIMIT)
    assert finished.returncode == 0
    assert "Loop time" in finished.output


def test_an_error_in_the_middle_of_a_run(folder):
    lost = "region half block 0 1 INF INF INF INF\ngroup half region half\nfix push half addforce 1e7 0 0\nthermo 1\nthermo_modify lost error\n"
    script = MD + SELECT.format(mode="mode stream 2") + "run 50\n" + lost + "run 500\n"
    finished = run_with_driver(script, CONFIG, folder, ranks=2, timeout=LIMIT)
    assert finished.returncode != 0
    assert "ERROR" in finished.output
    assert stored_frames(folder) >= kept_in_the_log(finished) > 1


@pytest.mark.parametrize("mode", ["mode wait", "mode stream 4"])
def test_an_unwritable_store_is_one_clear_line(mode, folder):
    finished = run_with_driver(
        MD + SELECT.format(mode=mode) + "run 100\n",
        'store = "nowhere/store.db"\n',
        folder,
        ranks=2,
        timeout=LIMIT,
    )
    assert finished.returncode != 0
    assert "nowhere" in finished.output
    assert "Traceback" not in finished.output


def test_a_store_that_exists_is_not_touched(folder):
    script = MD + SELECT.format(mode="mode wait") + "run 50\n"
    run_with_driver(script, CONFIG, folder, timeout=LIMIT).check()
    before = (folder / "store.db").read_bytes()
    finished = run_with_driver(script, CONFIG, folder, timeout=LIMIT)
    assert finished.returncode != 0
    assert "store.db" in finished.output
    assert (folder / "store.db").read_bytes() == before


def test_a_resumed_campaign_goes_on_with_its_bank(folder):
    script = MD + SELECT.format(mode="mode wait") + "run 100\n"
    first = run_with_driver(script, CONFIG, folder, timeout=LIMIT).check()
    kept = stored_frames(folder)
    second = run_with_driver(script, CONFIG + "resume = true\n", folder, timeout=LIMIT).check()
    assert kept_in_the_log(first) == kept
    assert kept_in_the_log(second) == 0  # the same trajectory again: nothing new
    assert stored_frames(folder) == kept


def test_a_store_of_another_descriptor_is_refused(folder):
    script = MD + SELECT.format(mode="mode wait") + "run 50\n"
    run_with_driver(script, CONFIG, folder, timeout=LIMIT).check()
    kept = stored_frames(folder)
    (folder / "sf.nn").write_text(NI_NN.replace("2.0 2.4", "2.1 2.4"))
    finished = run_with_driver(script, CONFIG + "resume = true\n", folder, timeout=LIMIT)
    assert finished.returncode != 0
    assert "descriptor" in finished.output
    assert stored_frames(folder) == kept


def test_a_driver_that_fails_ends_lammps_and_leaves_the_store(folder):
    """The store's disk becomes unwritable in the middle of the run."""
    (folder / "break_the_store.py").write_text(
        "import sqlite3, sys\n"
        "c = sqlite3.connect('store.db')\n"
        "c.execute(\"CREATE TRIGGER full BEFORE INSERT ON systems BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END\")\n"
        "c.commit()\n"
    )
    import sys

    script = (
        MD
        + SELECT.format(mode="mode wait")
        + f"run 50\nshell {sys.executable} break_the_store.py\nvelocity all scale 6000\nrun 200\n"
    )
    finished = run_with_driver(script, CONFIG, folder, ranks=2, timeout=LIMIT)
    assert finished.returncode != 0
    assert "disk is full" in finished.output
    assert "ERROR: Fix select: " in finished.output
    assert stored_frames(folder) == kept_in_the_log(finished) > 1


def test_lammps_alone_with_mpicolor_is_told_that_no_driver_is_there(folder):
    finished = run_lmp(MD + SELECT.format(mode="mode wait") + "run 10\n", folder, timeout=LIMIT)
    assert finished.returncode != 0
    assert "no driver" in finished.stdout


@pytest.mark.parametrize("words", [["--nonsense"], ["--progress", "often"]])
def test_a_driver_that_cannot_begin_takes_lammps_with_it(words, folder):
    """A slip on the driver's command line: it leaves before MPI knows of it."""
    script = MD + SELECT.format(mode="mode wait") + "run 100\n"
    lammps = [str(lammps_package.program()), "-mpicolor", "1", *lmp_arguments(script, folder)]
    command = [mpiexec(), "-n", "2", *lammps, ":", "-n", "1", *MDSIEVE, "drive", *words]
    finished = run(command, folder, timeout=LIMIT)
    assert finished.returncode != 0
    assert words[0] in finished.output
