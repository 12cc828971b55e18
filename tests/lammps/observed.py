# SPDX-License-Identifier: GPL-2.0-or-later
"""A job of LAMMPS and a driver, watched from outside: memory and processor time of its ranks, a rank slowed down."""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from harness import MDSIEVE, Finished, descendants, kill, lmp_arguments, mpiexec, start

from mdsieve import lammps_package

MIB = 2**20


class Job:
    """LAMMPS on some ranks and ``mdsieve drive`` on one more, in a folder; use as a context manager."""

    def __init__(self, script: str, config: str, folder: Path, ranks: int = 1) -> None:
        self.folder = folder
        self.driver = ranks
        (folder / "select.toml").write_text(config)
        lammps = [str(lammps_package.program()), "-mpicolor", "1", *lmp_arguments(script, folder)]
        self._command = [
            mpiexec(),
            "-n",
            str(ranks),
            *lammps,
            ":",
            "-n",
            "1",
            *MDSIEVE,
            "drive",
            "select.toml",
        ]
        self._pids: dict[int, int] = {}

    def __enter__(self) -> "Job":
        with open(self.folder / "out.txt", "w") as out:
            self._process = start(self._command, self.folder, output=out)
        self._began = time.monotonic()
        return self

    def __exit__(self, *exception) -> None:
        kill(self._process)
        self._process.wait()

    def is_running(self) -> bool:
        return self._process.poll() is None

    def finish(self, timeout: float) -> Finished:
        """Wait for the end, which must be a good one."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout:g} s\n{self._output()[-2000:]}") from None
        seconds = time.monotonic() - self._began
        return Finished(
            " ".join(self._command), self._process.returncode, self._output(), "", seconds
        ).check()

    def wait_for_line(self, name: str, number: int, timeout: float = 100.0) -> None:
        """Until a file that LAMMPS writes has so many lines."""
        path = self.folder / name
        self.wait_until(
            lambda: path.exists() and path.read_bytes().count(b"\n") >= number,
            f"{name} has {number} lines",
            timeout,
        )

    def wait_until(self, condition: Callable[[], bool], what: str, timeout: float = 100.0) -> None:
        """Until a condition holds, which the job is running to fulfil."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert self.is_running(), self._output()[-2000:]
            assert time.monotonic() < deadline, f"not after {timeout:g} s: {what}"
            time.sleep(0.02)

    def memory(self, rank: int, what: str = "VmRSS") -> int:
        """Bytes that a rank holds (``VmRSS``) or held at most (``VmHWM``)."""
        for line in Path(f"/proc/{self.pid(rank)}/status").read_text().splitlines():
            if line.startswith(what + ":"):
                return 1024 * int(line.split()[1])
        raise AssertionError(f"rank {rank} has gone")

    def processor_seconds(self, rank: int) -> float:
        """Time that a rank has computed, in user and system mode."""
        words = Path(f"/proc/{self.pid(rank)}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def pid(self, rank: int) -> int:
        """Process of a rank of the whole job; the driver's is the last."""
        if rank not in self._pids:
            wanted = f"PMI_RANK={rank}".encode()
            for pid in descendants(self._process.pid):
                with suppress(OSError):
                    if wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                        self._pids[rank] = pid
        return self._pids[rank]

    def _output(self) -> str:
        return (self.folder / "out.txt").read_text()


@contextmanager
def locked(store: Path):
    """Hold a store as a program would that copies it."""
    connection = sqlite3.connect(store, timeout=30.0, isolation_level=None)
    with closing(connection):
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@contextmanager
def stopped(pid: int):
    """Take the processor away from a process."""
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)
