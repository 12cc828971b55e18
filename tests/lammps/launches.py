# SPDX-License-Identifier: GPL-2.0-or-later
"""The ways of starting LAMMPS with ``fix select``, under one call."""

from pathlib import Path

from harness import MDSIEVE, Finished, lmp_arguments, mpiexec, run

from mdsieve import lammps_package

ALONE = "alone"  # stock lmp, no driver: the fix decides
BESIDE = "beside"  # stock lmp and `mdsieve drive` in one MPI job
LAST_RANK = "last rank"  # `mdsieve run`, one rank more, which drives
IN_PROCESS = "in process"  # `mdsieve run`: LAMMPS' first rank drives
LAUNCHES = (ALONE, BESIDE, LAST_RANK, IN_PROCESS)

STORE = "store.db"


def command(launch: str, script: str, folder: Path, *, ranks: int, words: tuple[str, ...] = ()) -> list[str]:
    """Write the script into a folder and return the command that runs it on some ranks of LAMMPS.

    The driver's store is ``store.db`` in that folder.
    """
    arguments = lmp_arguments(script, folder)
    if launch == ALONE:
        launcher = [mpiexec(), "-n", str(ranks)] if ranks > 1 else []
        return [*launcher, str(lammps_package.program()), *arguments, *words]
    if launch == BESIDE:
        lammps = [str(lammps_package.program()), "-mpicolor", "1", *arguments, *words]
        return [mpiexec(), "-n", str(ranks), *lammps, ":", "-n", "1", *MDSIEVE, "drive", "--store", STORE]
    driver_ranks = 1 if launch == LAST_RANK else 0
    launcher = [mpiexec(), "-n", str(ranks + driver_ranks)] if ranks + driver_ranks > 1 else []
    script_name = arguments[1]
    return [
        *launcher,
        *MDSIEVE,
        "run",
        script_name,
        "--driver-ranks",
        str(driver_ranks),
        "--store",
        STORE,
        *words,
    ]


def run_as(
    launch: str, script: str, folder: Path, *, ranks: int, words: tuple[str, ...] = (), timeout: float = 300.0
) -> Finished:
    """Run a script to its end in one of the ways of `LAUNCHES`."""
    return run(command(launch, script, folder, ranks=ranks, words=words), folder, timeout=timeout)
