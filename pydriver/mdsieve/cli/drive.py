# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve drive``: the driver beside LAMMPS in one MPI job."""

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

ConfigFile = Annotated[Path | None, typer.Argument(help="select.toml: settings of the driver.")]


def drive(
    config: ConfigFile = None,
    color: Annotated[
        int, typer.Option("--color", help="Colour of the driver; LAMMPS' -mpicolor differs.")
    ] = 0,
    store: StoreOption = None,
    resume: ResumeOption = None,
    overwrite: OverwriteOption = None,
    export_extxyz: ExtxyzOption = None,
    export_h5md: H5mdOption = None,
    report: ReportOption = None,
    progress: ProgressOption = None,
) -> None:
    """Drive LAMMPS: mpiexec -n 8 lmp -mpicolor 1 -in in.md : -n 1 mdsieve drive select.toml"""
    from mdsieve.cli.logs import log_to_stderr
    from mdsieve.driver.campaign import drive as drive_campaign
    from mdsieve.driver.config import ConfigError, DriverConfig, load_config
    from mdsieve.driver.serving import job_ends_without_lammps

    # after all else that could fail: what goes wrong from here on happens inside an MPI job that must be told
    from mpi4py import MPI  # isort: skip

    log_to_stderr()
    world = MPI.COMM_WORLD
    if world.size == 1:
        raise ValueError(
            "drive: there is no LAMMPS in this MPI job; start both together, mpiexec -n 8 lmp -mpicolor 1 "
            "-in in.md : -n 1 mdsieve drive select.toml, or use mdsieve run in.md"
        )
    settings = {
        "store": store,
        "resume": resume,
        "overwrite": overwrite,
        "export_extxyz": export_extxyz,
        "export_h5md": export_h5md,
        "report": report,
        "progress": progress,
    }
    failure = None
    try:
        loaded = load_config(config, **settings)
    except ConfigError as error:
        loaded, failure = DriverConfig(), str(error)
    with job_ends_without_lammps(world, loaded.plugin_within):
        world.Split(color, world.rank)  # LAMMPS does the same for -mpicolor, and it is collective
    code = drive_campaign(world, loaded, failure=failure)
    raise typer.Exit(code)
