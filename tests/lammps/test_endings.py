# SPDX-License-Identifier: GPL-2.0-or-later
"""Endings that a script brings about: however it ends, both sides end, and the store holds what was acknowledged.

The table of docs/link.md, row by row; `test_endings_by_force` has the signals, `test_endings_of_the_store` the disks.
"""

import re
import sys
from dataclasses import dataclass

import pytest
from ending_cases import (
    EMBEDDED,
    LAUNCHES,
    MODES,
    TWO_PROGRAMS,
    UNCOUNTED,
    Campaign,
    acknowledged,
    check_store,
    frames_in,
    script,
)
from harness import MDSIEVE, lmp_arguments, mpiexec, run, run_lmp, run_with_driver
from select_cases import NI_MD, NI_NN

from mdsieve import lammps_package
from mdsieve.driver.store import FrameStore

pytestmark = pytest.mark.timeout(240)

LIMIT = 90.0
CONFIG = 'export_extxyz = "kept.xyz"\n'
SEEN = r"Fix select sel: 11 frames seen"
LOST_ATOMS = (
    "run 50\nregion half block 0 1 INF INF INF INF\ngroup half region half\nfix push half addforce 1e7 0 0\n"
    "thermo 1\nthermo_modify lost error\nrun 500\n"
)


@dataclass(frozen=True)
class Ending:
    """A row: what stands behind the fix (or before it), and what must come of it."""

    what: str
    rest: str
    message: str
    code: int = 0
    ending: str | None = "end of script"  # in the runs table; None: no fix ever came
    before: str = ""


#: Code 1: LAMMPS' own after an error; MPICH may turn it into another that is not 0.
TABLE = (
    Ending("end of the script", "run 100\n", SEEN),
    Ending("end of the script right behind the fix", "", "Fix select sel: 8 symmetry functions"),
    Ending("error before the fix", "", "ERROR: Unrecognized pair style 'nonsense'", 1, None, "pair_style nonsense\n"),
    Ending("error in the fix", "", "ERROR: Fix select: cannot read symmetry function file", 1, None,
           "fix bad all select 10 absent.nn Ni threshold 1 scaling none driver yes\n"),
    Ending("error after the fix", "pair_style nonsense\n", "ERROR: Unrecognized pair style 'nonsense'", 1, "error"),
    Ending("error after a run", "run 100\npair_style nonsense\n", SEEN + r"(.|\n)*ERROR: Unrecognized pair style", 1, "error"),
    Ending("error in the middle of a run", LOST_ATOMS, "ERROR: Lost atoms", 1, "error"),
    Ending("quit before the fix", "", "create_atoms", 0, None, "quit\n"),
    Ending("quit right behind the fix", "quit\n", "Fix select sel: 8 symmetry functions", 0, "quit"),
    Ending("quit between runs", "run 100\nquit\nrun 100\n", SEEN, 0, "quit"),
    Ending("quit inside an if", 'run 100\nif "1 == 1" then quit\n', SEEN, 0, "quit"),
    Ending("quit 3", "run 100\nquit 3\n", SEEN, 3, "quit"),
    Ending("unfix", f"run 100\nunfix sel\n{UNCOUNTED}run 10\n", SEEN + r"(.|\n)*Loop time", 0, "unfix"),
    Ending("clear", "run 100\nclear\n", SEEN, 0, "clear"),
    Ending("no fix in the script", "", "Loop time", 0, None, "run 10\nquit\n"),
)  # fmt: skip
CELLS = [
    pytest.param(
        row,
        launch,
        mode,
        id=f"{row.what}, {launch}, {mode}",
        marks=() if (i + j) % 3 == 0 and (i // 3 + k) % 2 == 0 else pytest.mark.slow,
    )
    for i, row in enumerate(TABLE)
    for j, launch in enumerate(LAUNCHES)
    for k, mode in enumerate(MODES)
]


@pytest.mark.parametrize(("row", "launch", "mode"), CELLS)
def test_the_script_decides_how_it_ends(row, launch, mode, tmp_path):
    text = script(row.rest, mode, row.before)
    with Campaign(tmp_path, text, launch, config=CONFIG) as campaign:
        finished = campaign.finish(LIMIT)
    assert (finished.returncode == row.code) or (row.code == 1 and finished.returncode != 0), finished.output
    assert re.search(row.message, finished.stdout), finished.output
    assert "Traceback" not in finished.output
    runs = check_store(tmp_path)
    assert [one["ending"] for one in runs] == ([row.ending] if row.ending else [])
    kept = frames_in(tmp_path)
    if "run 100" in row.rest:
        assert kept == acknowledged(tmp_path) > 1
    assert (tmp_path / "kept.xyz").exists() == (kept > 0)
    assert not (tmp_path / "store.db-journal").exists()


def test_an_error_on_one_rank_ends_the_job_at_once(tmp_path):
    """LAMMPS itself aborts the MPI job then."""
    text = script("run 100\ndump bad all custom 10 nowhere/dump id\nrun 10\n")
    with Campaign(tmp_path, text, TWO_PROGRAMS) as campaign:
        finished = campaign.finish(LIMIT)
    assert finished.returncode != 0
    assert re.search(r"ERROR on proc 0: Cannot open (dump )?file nowhere/dump", finished.output)
    assert [one["ending"] for one in check_store(tmp_path)] == ["error"]
    assert frames_in(tmp_path) == acknowledged(tmp_path) > 1


@pytest.mark.parametrize("launch", [TWO_PROGRAMS, EMBEDDED])
def test_a_fix_defined_anew_is_another_run_in_the_store(launch, tmp_path):
    again = script("", "mode wait").partition(NI_MD)[2]
    with Campaign(tmp_path, script(f"run 50\n{again}run 50\n"), launch) as campaign:
        campaign.finish(LIMIT).check()
    assert [one["ending"] for one in check_store(tmp_path)] == ["unfix", "end of script"]


@pytest.mark.parametrize("rest", ["run 100\n", "run 100\npair_style nonsense\n", "run 100\nquit 3\n"])
def test_without_a_driver_lammps_ends_as_ever(rest, tmp_path):
    """No driver, no store: the bank file holds what was kept when the last run ended."""
    (tmp_path / "sf.nn").write_text(NI_NN)
    text = script(rest, "bank ni.bank").replace("driver yes", "driver no")
    finished = run_lmp(text, tmp_path, ranks=2, timeout=LIMIT)
    assert finished.returncode == {"\n": 0, "e": 1, "3": 3}[rest[-2] if len(rest) > 8 else "\n"]
    assert re.search(SEEN, finished.stdout)
    assert (tmp_path / "ni.bank").exists()
    assert not (tmp_path / "store.db").exists()


def test_one_of_two_worlds_may_quit(tmp_path):
    """The other goes on to its own end; then LAMMPS' last barrier would never be left."""
    text = script('run 50\nif "${w} == 1" then quit\nrun 50\n', before="variable w world 1 2\n")
    (tmp_path / "sf.nn").write_text(NI_NN)
    command = [mpiexec(), "-n", "3", *MDSIEVE, "run", "in.lammps", "-partition", "2x1"]
    (tmp_path / "in.lammps").write_text(text)
    finished = run(command, tmp_path, timeout=LIMIT)
    assert finished.returncode != 0
    assert "one world has quit and another has not" in finished.stderr
    with FrameStore.read(tmp_path / "store.db") as store:
        assert sorted(one["ending"] for one in store.runs()) == ["end of script", "quit"]


def test_lammps_without_the_plugin_is_told_apart_from_a_long_equilibration(tmp_path):
    """Such a LAMMPS never says goodbye: the driver must not wait for it."""
    empty = tmp_path / "no plugin here"
    empty.mkdir()
    with Campaign(
        tmp_path,
        script("run 100\n"),
        TWO_PROGRAMS,
        config="plugin_within = 3.0\n",
        env={"LAMMPS_PLUGIN_PATH": str(empty)},
    ) as campaign:
        finished = campaign.finish(LIMIT)
    assert finished.returncode != 0
    assert "Unrecognized fix style 'select'" in finished.stdout
    assert "2 of the other ranks of this MPI job did not load the plugin within 3 s" in finished.stderr
    assert "LAMMPS_PLUGIN_PATH" in finished.stderr


def test_a_script_may_come_to_its_fix_late(tmp_path):
    (tmp_path / "wait.py").write_text("import time\ntime.sleep(5)\n")
    text = script("run 100\n", before=f"shell {sys.executable} wait.py\n")
    with Campaign(tmp_path, text, TWO_PROGRAMS, config="plugin_within = 3.0\n") as campaign:
        campaign.finish(LIMIT).check()
    assert frames_in(tmp_path) > 1


def test_a_store_that_exists_is_not_touched(tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    text = script("run 50\n")
    run_with_driver(text, "", tmp_path, timeout=LIMIT).check()
    before = (tmp_path / "store.db").read_bytes()
    finished = run_with_driver(text, "", tmp_path, timeout=LIMIT)
    assert finished.returncode != 0
    assert "store.db" in finished.output
    assert (tmp_path / "store.db").read_bytes() == before


def test_a_resumed_campaign_goes_on_with_its_bank(tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    text = script("run 100\n")
    run_with_driver(text, "", tmp_path, timeout=LIMIT).check()
    kept = frames_in(tmp_path)
    assert acknowledged(tmp_path) == kept
    run_with_driver(text, "resume = true\n", tmp_path, timeout=LIMIT).check()
    assert acknowledged(tmp_path) == 0  # the same trajectory again: nothing new
    assert frames_in(tmp_path) == kept


def test_a_store_of_another_descriptor_is_refused(tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    text = script("run 50\n")
    run_with_driver(text, "", tmp_path, timeout=LIMIT).check()
    kept = frames_in(tmp_path)
    (tmp_path / "sf.nn").write_text(NI_NN.replace("2.0 2.4", "2.1 2.4"))
    finished = run_with_driver(text, "resume = true\n", tmp_path, timeout=LIMIT)
    assert finished.returncode != 0
    assert "descriptor" in finished.output
    assert frames_in(tmp_path) == kept


def test_lammps_alone_with_mpicolor_is_told_that_no_driver_is_there(tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    finished = run_lmp(script("run 10\n"), tmp_path, timeout=LIMIT)
    assert finished.returncode != 0
    assert "no driver" in finished.stdout


@pytest.mark.parametrize("words", [["--nonsense"], ["--progress", "often"]])
def test_a_driver_that_cannot_begin_takes_lammps_with_it(words, tmp_path):
    """A slip on the driver's command line: it leaves before MPI knows of it."""
    (tmp_path / "sf.nn").write_text(NI_NN)
    lammps = [str(lammps_package.program()), "-mpicolor", "1", *lmp_arguments(script("run 100\n"), tmp_path)]
    command = [mpiexec(), "-n", "2", *lammps, ":", "-n", "1", *MDSIEVE, "drive", *words]
    finished = run(command, tmp_path, timeout=LIMIT)
    assert finished.returncode != 0
    assert words[0] in finished.output


@pytest.mark.parametrize("words", [[], ["-screen", "none", "-mpicolor", "1"]], ids=["missing", "not first"])
def test_the_driver_ends_the_job_if_mpicolor_is_not_the_first_word(words, tmp_path):
    """LAMMPS then never enters the collective call in which the driver waits."""
    (tmp_path / "sf.nn").write_text(NI_NN)
    (tmp_path / "select.toml").write_text("plugin_within = 3.0\n")
    lammps = [str(lammps_package.program()), *words, *lmp_arguments(script("run 10\n"), tmp_path)]
    command = [mpiexec(), "-n", "1", *lammps, ":", "-n", "1", *MDSIEVE, "drive", "select.toml"]
    finished = run(command, tmp_path, timeout=LIMIT)
    assert finished.returncode != 0
    assert "did not load the plugin within 3 s (plugin_within)" in finished.stderr
    assert "-mpicolor the first word after lmp?" in finished.stderr
