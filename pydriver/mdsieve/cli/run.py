# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve run``: LAMMPS and its driver as one program."""

from pathlib import Path
from typing import Annotated

import typer

from mdsieve.cli.options import (
    ExtxyzOption,
    H5mdOption,
    OverwriteOption,
    ProgressOption,
    ReportOption,
    ResumeOption,
    StoreOption,
)

#: For the application: words that are not ours are LAMMPS' own (one of them, -echo, would be read as -h).
CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": ["--help"]}


def run(
    context: typer.Context,
    script: Annotated[Path, typer.Argument(help="LAMMPS input script with a fix select.")],
    config: Annotated[
        Path | None, typer.Option("--config", help="select.toml: settings of the driver.")
    ] = None,
    driver_ranks: Annotated[
        int | None,
        typer.Option(
            "--driver-ranks",
            help="1: the last rank drives; 0: LAMMPS drives itself. [default: 1 under mpiexec, else 0]",
        ),
    ] = None,
    store: StoreOption = None,
    resume: ResumeOption = None,
    overwrite: OverwriteOption = None,
    export_extxyz: ExtxyzOption = None,
    export_h5md: H5mdOption = None,
    report: ReportOption = None,
    progress: ProgressOption = None,
) -> None:
    """Run a script: mpiexec -n 9 mdsieve run in.md; words it does not know, like -var T 300, go to LAMMPS."""
    import sys

    from mpi4py import MPI  # before LAMMPS: it brings libmpi into the process

    from mdsieve.cli.logs import log_to_stderr
    from mdsieve.driver.config import load_config
    from mdsieve.driver.launch import run as run_script

    log_to_stderr()
    settings = {
        "store": store,
        "resume": resume,
        "overwrite": overwrite,
        "export_extxyz": export_extxyz,
        "export_h5md": export_h5md,
        "report": report,
        "progress": progress,
    }
    try:
        code = run_script(script, context.args, driver_ranks, load_config(config, **settings))
    except ValueError:
        if MPI.COMM_WORLD.rank != 0:  # the same on all ranks: the first one says it
            sys.exit(2)
        raise
    raise typer.Exit(code)
