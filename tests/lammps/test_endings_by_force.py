# SPDX-License-Identifier: GPL-2.0-or-later
"""Endings by signals, kills, and a driver that fails or falls silent: the rest of the table of docs/link.md."""

import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from ending_cases import (
    EMBEDDED,
    EMBEDDED_RANKS,
    FOR_EVER,
    MODES,
    ONE_PROGRAM,
    TWO_PROGRAMS,
    UNCOUNTED,
    Campaign,
    acknowledged,
    check_store,
    frames_in,
    script,
    wait_for,
)

from mdsieve.driver.store import FrameStore

pytestmark = pytest.mark.timeout(240)

INT, TERM, KILL, STOP, CONT = signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT


@dataclass(frozen=True)
class Blow:
    """A row: which signal goes where, and what must come of it."""

    what: str
    launch: str
    number: signal.Signals
    target: str
    message: str  # in the output of either side; empty: none, SIGKILL leaves no time for one
    code: int | None = None  # None: any but 0, MPICH mixes the codes of all ranks
    ending: str | None = None  # in the runs table; None: nothing could be said
    quick: tuple[str, ...] = ()  # modes that `make test` runs


def in_order(number: signal.Signals) -> dict:
    """The driver hears of the signal, tells LAMMPS, and both end."""
    words = f"driver was stopped by {number.name}"
    return {"message": f"ERROR: Fix select: {words}", "ending": words}


WAIT, STREAM = MODES
MPICH = "BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES"
TABLE = (
    # stock lmp does not catch signals: it dies of them, and MPICH ends the rest
    Blow("Ctrl-C", TWO_PROGRAMS, INT, "mpiexec", MPICH, quick=(STREAM,)),
    Blow("Ctrl-C", ONE_PROGRAM, INT, "mpiexec", **in_order(INT), quick=(WAIT,)),
    Blow("Ctrl-C", EMBEDDED, INT, "driver", **in_order(INT), code=130, quick=(STREAM,)),
    Blow("Ctrl-C", EMBEDDED_RANKS, INT, "mpiexec", **in_order(INT)),
    Blow("wall limit", TWO_PROGRAMS, TERM, "mpiexec", MPICH, quick=(WAIT,)),
    Blow("wall limit", ONE_PROGRAM, TERM, "mpiexec", **in_order(TERM), quick=(STREAM,)),
    Blow("wall limit", EMBEDDED, TERM, "driver", **in_order(TERM), code=143, quick=(WAIT,)),
    Blow("wall limit", EMBEDDED_RANKS, TERM, "mpiexec", **in_order(TERM), quick=(WAIT,)),
    Blow("SIGINT to the driver", TWO_PROGRAMS, INT, "driver", **in_order(INT), quick=(WAIT,)),
    Blow("SIGINT to the driver", ONE_PROGRAM, INT, "driver", **in_order(INT)),
    Blow("SIGTERM to the driver", TWO_PROGRAMS, TERM, "driver", **in_order(TERM), quick=(STREAM,)),
    Blow("SIGTERM to the driver", ONE_PROGRAM, TERM, "driver", **in_order(TERM)),
    Blow("SIGTERM to a rank of LAMMPS", TWO_PROGRAMS, TERM, "lammps 1", MPICH),
    Blow("SIGTERM to a rank of LAMMPS", ONE_PROGRAM, TERM, "lammps 1", **in_order(TERM), quick=(WAIT,)),
    Blow("SIGTERM to a rank of LAMMPS", EMBEDDED_RANKS, TERM, "lammps 1", **in_order(TERM)),
    Blow("SIGKILL to the driver", TWO_PROGRAMS, KILL, "driver", MPICH, quick=(WAIT,)),
    Blow("SIGKILL to the driver", ONE_PROGRAM, KILL, "driver", MPICH, quick=(STREAM,)),
    Blow("SIGKILL to the driver", EMBEDDED, KILL, "driver", "", code=-9, quick=(STREAM,)),
    Blow("SIGKILL to the driver", EMBEDDED_RANKS, KILL, "driver", MPICH),
    Blow("SIGKILL to a rank of LAMMPS", TWO_PROGRAMS, KILL, "lammps 1", MPICH, quick=(STREAM,)),
    Blow("SIGKILL to a rank of LAMMPS", ONE_PROGRAM, KILL, "lammps 0", MPICH, quick=(WAIT,)),
    Blow("SIGKILL to a rank of LAMMPS", EMBEDDED_RANKS, KILL, "lammps 1", MPICH, quick=(WAIT,)),
    Blow("SIGKILL to mpiexec", TWO_PROGRAMS, KILL, "mpiexec", "", code=-9, quick=(WAIT,)),
    Blow("SIGKILL to mpiexec", ONE_PROGRAM, KILL, "mpiexec", "", code=-9),
    Blow("SIGKILL to mpiexec", EMBEDDED_RANKS, KILL, "mpiexec", "", code=-9),
)
#: Rows that a launch has not, and why.
NO_MEANING = {
    ("SIGINT to the driver", EMBEDDED): "the driver is the one process: as Ctrl-C",
    ("SIGTERM to the driver", EMBEDDED): "the driver is the one process: as the wall limit",
    ("SIGTERM to a rank of LAMMPS", EMBEDDED): "there is one process: as the wall limit",
    ("SIGKILL to a rank of LAMMPS", EMBEDDED): "there is one process: as SIGKILL to the driver",
    ("SIGKILL to mpiexec", EMBEDDED): "there is no mpiexec",
    ("SIGINT to the driver", EMBEDDED_RANKS): "rank 0 drives: as Ctrl-C",
    ("SIGTERM to the driver", EMBEDDED_RANKS): "rank 0 drives: as the wall limit",
}
CELLS = [
    pytest.param(
        row,
        mode,
        id=f"{row.what}, {row.launch}, {mode}",
        marks=() if mode in row.quick else pytest.mark.slow,
    )
    for row in TABLE
    for mode in MODES
]


def target(campaign: Campaign, name: str) -> int:
    if name == "mpiexec":
        return campaign.process.pid
    return campaign.driver if name == "driver" else campaign.rank(int(name.split()[1]))


def test_the_table_has_every_combination_or_says_why_not():
    launches = (TWO_PROGRAMS, ONE_PROGRAM, EMBEDDED, EMBEDDED_RANKS)
    there = {(row.what, row.launch) for row in TABLE}
    assert not there & NO_MEANING.keys()
    assert there | NO_MEANING.keys() == {(row.what, launch) for row in TABLE for launch in launches}


@pytest.mark.parametrize(("row", "mode"), CELLS)
def test_a_signal_ends_both_sides(row, mode, tmp_path):
    with Campaign(tmp_path, script(FOR_EVER, mode), row.launch) as campaign:
        campaign.wait_for_frames()
        campaign.send(row.number, target(campaign, row.target))
        finished = campaign.finish()
    assert finished.returncode != 0
    assert row.code is None or finished.returncode == row.code, finished.output
    assert row.message in finished.output, finished.output
    assert "Traceback" not in finished.output
    (ending,) = [one["ending"] for one in check_store(tmp_path)]
    # a driver that took a frame of the dead before MPICH killed it has said so
    assert ending == row.ending or (row.ending is None and ending.startswith("MPI failed"))


@pytest.mark.parametrize("number", [TERM, pytest.param(INT, marks=pytest.mark.slow)])
def test_lmp_that_ignores_a_signal_leaves_it_to_the_driver(number, tmp_path):
    """What docs/link.md proposes to those who want an orderly ending from stock lmp at the wall limit."""
    words = ["env", f"--ignore-signal={number.name.removeprefix('SIG')}"]
    with Campaign(tmp_path, script(FOR_EVER, "mode stream 4"), TWO_PROGRAMS, lmp=words) as campaign:
        campaign.wait_for_frames()
        campaign.send(number, campaign.process.pid)
        finished = campaign.finish()
    assert finished.returncode != 0
    assert f"ERROR: Fix select: driver was stopped by {number.name}" in finished.output
    assert [one["ending"] for one in check_store(tmp_path)] == [f"driver was stopped by {number.name}"]


def test_frames_on_their_way_are_stored_when_the_driver_is_stopped(tmp_path):
    """A stopped driver with a full line: SIGTERM comes first when it goes on."""
    with Campaign(tmp_path, script(FOR_EVER, "mode stream 4 lost error 60"), TWO_PROGRAMS) as campaign:
        campaign.wait_for_frames(1)
        driver = campaign.driver
        campaign.send(STOP, driver)
        wait_for(lambda: lammps_waits(campaign))
        seen = evaluations_in_the_log(tmp_path)
        campaign.send(TERM, driver)
        campaign.send(CONT, driver)
        finished = campaign.finish()
    (seen_by_driver,) = re.findall(r"end of the campaign: (\d+) frames seen", finished.stderr)
    assert int(seen_by_driver) >= seen
    check_store(tmp_path)


def test_a_frame_whose_sender_has_died_ends_the_driver_in_good_order(tmp_path):
    """LAMMPS is killed with a full line, and the driver sees it before the launcher ends the driver too."""
    # frames so large that MPI leaves them with the sender until they are taken
    text = script(FOR_EVER, f"{STREAM} lost error 60 keep novelty >= 0", "replicate 2 2 2\n")
    with Campaign(tmp_path, text, TWO_PROGRAMS) as campaign:
        campaign.wait_for_frames(4)
        driver, launchers = campaign.driver, campaign.launchers
        campaign.send(STOP, driver)
        wait_for(lambda: lammps_waits(campaign))
        campaign.send(STOP, *launchers)
        campaign.send(KILL, campaign.rank(0), campaign.rank(1))
        campaign.send(CONT, driver)
        if takes_from_the_sender():
            wait_for(lambda: ending_in(tmp_path))
        campaign.send(CONT, *launchers)
        finished = campaign.finish()
    assert finished.returncode != 0
    assert "Traceback" not in finished.output
    if takes_from_the_sender():
        assert re.fullmatch(r"MPI failed, a rank of LAMMPS may have died \(.+\)", ending_in(tmp_path))
    assert frames_in(tmp_path) >= acknowledged(tmp_path) > 0


def takes_from_the_sender() -> bool:
    """Whether MPICH copies large messages out of the sender's memory: where the kernel lets it."""
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    return not scope.exists() or scope.read_text().strip() == "0"


def ending_in(folder) -> str | None:
    with FrameStore.read(folder / "store.db") as store:
        assert store.problems() == []
        (run,) = store.runs()
        return run["ending"]


def test_a_launcher_killed_with_its_helper_leaves_no_busy_orphan(tmp_path):
    """SIGKILL to mpiexec and to its proxy: nobody tells the ranks, the driver notices."""
    with Campaign(tmp_path, script(FOR_EVER), TWO_PROGRAMS) as campaign:
        campaign.wait_for_frames()
        campaign.send(KILL, *reversed(campaign.launchers))
        campaign.finish()
    (one,) = check_store(tmp_path)
    assert one["ending"] == "driver was stopped by the end of its MPI launcher"


@pytest.mark.parametrize("launch", [TWO_PROGRAMS, EMBEDDED])
def test_a_driver_with_a_bug_ends_lammps_with_one_line(launch, tmp_path):
    faulty = tmp_path / "faulty.py"
    faulty.write_text(
        "from mdsieve.driver.authority import Authority\n"
        "from mdsieve.cli import main\n"
        "right, calls = Authority.novelties, []\n"
        "def novelties(self, frame):\n"
        "    calls.append(frame)\n"
        "    if len(calls) > 5: raise IndexError('one too far')\n"
        "    return right(self, frame)\n"
        "Authority.novelties = novelties\n"
        "main()\n"
    )
    driver = [sys.executable, str(faulty)]
    with Campaign(tmp_path, script(FOR_EVER, "mode stream 4"), launch, driver=driver) as campaign:
        finished = campaign.finish()
    assert finished.returncode != 0
    assert "ERROR: Fix select: driver: IndexError: one too far" in finished.stdout
    assert [one["ending"] for one in check_store(tmp_path)] == ["driver: IndexError: one too far"]


# ---- a silent driver: (LAMMPS' exit code, what the log says) by `lost`

LOST = {
    "error": (False, "ERROR: Fix select: no answer from the driver for 4 s"),
    "warn": (True, "WARNING: Fix select: no answer from the driver for 4 s; frames are no longer looked at"),
    "ignore": (True, "end of run"),
}


QUICK_LOST = {("error", WAIT, False), ("warn", STREAM, True), ("ignore", WAIT, False)}


@pytest.mark.parametrize(
    ("lost", "mode", "comes_back"),
    [
        pytest.param(
            lost, mode, comes_back, marks=() if (lost, mode, comes_back) in QUICK_LOST else pytest.mark.slow
        )
        for lost in LOST
        for mode in MODES
        for comes_back in (True, False)
    ],
)
def test_a_silent_driver_is_given_up_after_the_time_stated(lost, mode, comes_back, tmp_path):
    good, words = LOST[lost]
    text = script(f'run 2000\n{UNCOUNTED}print "end of run"\n', f"{mode} lost {lost} 4")
    with Campaign(tmp_path, text, TWO_PROGRAMS) as campaign:
        campaign.wait_for_frames()
        driver = campaign.driver
        campaign.send(STOP, driver)
        wait_for(lambda: words in (tmp_path / "log.lammps").read_text())
        if comes_back:
            campaign.send(CONT, driver)
        finished = campaign.finish()
    assert (finished.returncode == 0) == good, finished.output
    assert words in finished.stdout
    if not comes_back:
        assert "mdsieve: LAMMPS has ended, but the driver was silent for" in finished.stderr
    runs = check_store(tmp_path)
    assert [one["ending"] for one in runs] == [("end of script" if good else "error") if comes_back else None]


@pytest.mark.parametrize("launcher", [(), pytest.param(("-disable-auto-cleanup",), marks=pytest.mark.slow)])
def test_a_driver_that_died_takes_the_job_with_it_whatever_lost_says(launcher, tmp_path):
    """MPICH ends the whole job, or LAMMPS when it speaks to the dead: `lost ignore` is for a silent driver."""
    text = script(FOR_EVER, "lost ignore 4")
    with Campaign(tmp_path, text, TWO_PROGRAMS, launcher=launcher) as campaign:
        campaign.wait_for_frames()
        campaign.send(KILL, campaign.driver)
        finished = campaign.finish()
    assert finished.returncode != 0
    assert "Loop time" not in finished.stdout
    check_store(tmp_path)


def test_frames_held_by_a_pilot_are_lost_at_a_kill(tmp_path):
    """No verdict had been given on them."""
    text = script(FOR_EVER, "mode wait").replace("scaling none", "scaling pilot 1000000")
    with Campaign(tmp_path, text, TWO_PROGRAMS) as campaign:
        wait_for(lambda: evaluations_in_the_log(tmp_path) > 3)
        campaign.send(TERM, campaign.driver)
        finished = campaign.finish()
    assert re.search(r"\d+ frames of an unfinished pilot were held and are lost", finished.stderr)
    assert frames_in(tmp_path) == acknowledged(tmp_path) == 0


def evaluations_in_the_log(folder) -> int:
    log = folder / "log.lammps"
    return (
        len(re.findall(r"^\s*\d+0\s+[\d.e+-]+\s+\d+\s*$", log.read_text(), re.MULTILINE))
        if log.exists()
        else 0
    )


def lammps_waits(campaign) -> bool:
    """The log has not grown for a second."""
    import time

    before = evaluations_in_the_log(campaign.folder)
    time.sleep(1.5)
    return before > 1 and evaluations_in_the_log(campaign.folder) == before
