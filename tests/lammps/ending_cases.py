# SPDX-License-Identifier: GPL-2.0-or-later
"""A campaign that a test can stop, kill or let end, and what must hold of its store afterwards."""

import os
import re
import signal
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness import MDSIEVE, Finished, mpiexec, start
from select_cases import NI_MD, NI_NN

from mdsieve import SymmetryFunctions, lammps_package
from mdsieve.driver.store import FrameStore, StoreError
from plain_bank import plain_selection

THRESHOLD = 0.3
#: The counters in the log tell what was acknowledged, line by line, whatever kills LAMMPS.
COUNTED = """\
thermo 10
thermo_style custom step temp f_sel[6]
thermo_modify flush yes
"""
SELECT = f"fix sel all select 10 sf.nn Ni threshold {THRESHOLD} scaling none driver yes {{words}}\n{COUNTED}"
UNCOUNTED = "thermo_style one\n"
FOR_EVER = "run 100000000\n"
PATIENCE = 90.0

MODES = ("mode wait", "mode stream 4")
TWO_PROGRAMS, ONE_PROGRAM, EMBEDDED, EMBEDDED_RANKS = (
    "two programs",
    "one program",
    "embedded",
    "embedded on two ranks",
)
LAUNCHES = (TWO_PROGRAMS, ONE_PROGRAM, EMBEDDED)


def launch_command(
    launch: str,
    *,
    lmp: Sequence[str] = (),
    driver: Sequence[str] = MDSIEVE,
    launcher: Sequence[str] = (),
) -> list[str]:
    """The command line of a launch: LAMMPS on two ranks, or in one process.

    `lmp` are words before ``lmp``, `driver` the program ``mdsieve``, `launcher` words for ``mpiexec``.
    """
    mpi = [mpiexec(), *launcher, "-n"]
    run = [*driver, "run", "in.lammps", "--config", "select.toml"]
    lammps = [*lmp, str(lammps_package.program()), "-mpicolor", "1", "-in", "in.lammps"]
    commands = {
        TWO_PROGRAMS: [*mpi, "2", *lammps, ":", "-n", "1", *driver, "drive", "select.toml"],
        ONE_PROGRAM: [*mpi, "3", *run],
        EMBEDDED: run,
        EMBEDDED_RANKS: [*mpi, "2", *run, "--driver-ranks", "0"],
    }
    return commands[launch]


@dataclass(frozen=True)
class Process:
    """A process of a campaign; its rank in the MPI job, or None for a launcher."""

    pid: int
    name: str
    rank: int | None


class Campaign:
    """LAMMPS and a driver, started as a user would. Use as a context manager: nothing outlives it."""

    def __init__(
        self, folder: Path, script: str, launch: str, *, config: str = "", env: dict | None = None, **words
    ) -> None:
        (folder / "sf.nn").write_text(NI_NN)
        (folder / "in.lammps").write_text(script)
        (folder / "select.toml").write_text(config)
        self.folder = folder
        self._launch = launch
        self._mark = uuid.uuid4().hex
        self._command = launch_command(launch, **words)
        self.process = start(self._command, folder, env={"MDSIEVE_TEST": self._mark, **(env or {})})
        self._started = time.monotonic()

    def __enter__(self) -> "Campaign":
        return self

    def __exit__(self, *exception) -> None:
        self.kill()

    def processes(self) -> list[Process]:
        """Everything of this campaign that lives, orphans included."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                variables = dict(
                    item.partition(b"=")[::2] for item in (folder / "environ").read_bytes().split(b"\0")
                )
                if variables.get(b"MDSIEVE_TEST") != self._mark.encode():
                    continue
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                if state in "ZX":
                    continue
                rank = variables.get(b"PMI_RANK")
                found.append(
                    Process(int(folder.name), (folder / "comm").read_text().strip(), rank and int(rank))
                )
        return found

    def rank(self, number: int) -> int:
        """Process ID of a rank of the MPI job."""
        (found,) = [process.pid for process in self.processes() if process.rank == number]
        return found

    @property
    def driver(self) -> int:
        """Process ID of the driver."""
        if self._launch == EMBEDDED:
            return self.process.pid
        return self.rank(0 if self._launch == EMBEDDED_RANKS else 2)

    @property
    def launchers(self) -> list[int]:
        """Process IDs of ``mpiexec`` and of what it starts the ranks with."""
        return [
            process.pid for process in self.processes() if process.rank is None and process.name != "python"
        ]

    def wait_for_frames(self, n: int = 2) -> None:
        """Until so many frames are in the store."""
        wait_for(lambda: frames_in(self.folder) >= n or self.process.poll() is not None)
        assert frames_in(self.folder) >= n, self.finish().output

    def send(self, number: signal.Signals, *pids: int) -> None:
        """Send a signal to processes."""
        for pid in pids:
            os.kill(pid, number)

    def finish(self, patience: float = PATIENCE) -> Finished:
        """Wait for the end of all of it: what is left is a failure."""
        try:
            stdout, stderr = self.process.communicate(timeout=patience)
            wait_for(lambda: not self.processes(), 20.0)
        except subprocess.TimeoutExpired:
            left = self.processes()
            self.kill()
            stdout, stderr = self.process.communicate()
            raise AssertionError(
                f"still running after {patience:g} s: {left}\n{stdout[-3000:]}\n{stderr[-3000:]}"
            ) from None
        seconds = time.monotonic() - self._started
        return Finished(" ".join(self._command), self.process.returncode, stdout, stderr, seconds)

    def kill(self) -> None:
        """End everything that is left."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            self.process.kill()
        if self.process.stdout and not self.process.stdout.closed:
            with suppress(ValueError, subprocess.TimeoutExpired):
                self.process.communicate(timeout=30)


def script(rest: str, words: str = "mode wait", before: str = "") -> str:
    """An input script: nickel, `before`, the fix, and the `rest`."""
    return NI_MD + before + SELECT.format(words=words) + rest


def wait_for(condition, patience: float = PATIENCE) -> None:
    """Until a condition holds."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise subprocess.TimeoutExpired("waiting", patience)
        time.sleep(0.05)


def frames_in(folder: Path) -> int:
    """Frames in the store so far."""
    try:
        with FrameStore.read(folder / "store.db") as store:
            return store.n_frames
    except (StoreError, sqlite3.Error):  # it is being made
        return 0


def acknowledged(folder: Path) -> int:
    """Kept frames that the fix knew of, as far as the log got."""
    log = (folder / "log.lammps").read_text()
    thermo = [int(kept) for kept in re.findall(r"^\s*\d+\s+[\d.e+-]+\s+(\d+)\s*$", log, re.MULTILINE)]
    at_the_end_of_runs = [
        int(kept) for kept in re.findall(r"^Fix select sel: \d+ frames seen, (\d+) kept", log, re.MULTILINE)
    ]
    return max([0, *thermo, sum(at_the_end_of_runs)])


def check_store(folder: Path) -> list[dict]:
    """Nothing acknowledged is lost, no frame is there twice, and the bank is what the stored frames imply.

    Returns the runs table.
    """
    connection = sqlite3.connect(folder / "store.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    with FrameStore.read(folder / "store.db") as store:
        frames = store.frames()
        assert len(frames) >= acknowledged(folder)
        assert len({(frame["run"], frame["evaluation"]) for frame in frames}) == len(frames)
        functions = SymmetryFunctions.from_text(NI_NN)
        rows = []
        for frame in frames:
            atoms, data = store.atoms(frame["frame"])
            assert len(atoms) == frame["n_atoms"] == len(data["atom_ids"])
            rows.append([("Ni", row) for row in functions.create(atoms)])
        kept, picks = plain_selection(
            rows, {"Ni": THRESHOLD}, {"Ni": (0.0 * rows[0][0][1], 1.0)} if rows else {}
        )
        assert kept == list(range(len(frames)))
        assert [(frames[frame]["step"], atom + 1) for frame, atom in picks] == [
            environment.origin[1:] for environment in store.environments()
        ]
        bank = store.bank()
        assert (0 if bank is None else len(bank)) == len(picks)
        return store.runs()
