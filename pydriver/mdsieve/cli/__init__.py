# SPDX-License-Identifier: GPL-2.0-or-later
"""The command ``mdsieve``: a module for each sub-command, with a function of its name or an `app` of several.

Everything heavy (NumPy, ASE, MPI) is imported inside the commands, so that ``mdsieve --help`` answers
at once.
"""

import inspect
import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated

import typer

from mdsieve._version import __version__
from mdsieve.cli.spellings import Command
from mdsieve.ranks import n_ranks

#: Exit code when the user's input is at fault.
USER_ERROR = 2

#: Sub-command -> module of this package and function in it; a module's `CONTEXT` are click's settings ...
COMMANDS = {
    "run": ("run", "run"),
    "drive": ("drive", "drive"),
    "show": ("show", "show"),
    "describe": ("describe", "describe"),
    "calibrate": ("calibrate", "calibrate"),
    "report": ("report", "report"),
    "map": ("map", "map_frames"),
    "cutout": ("cutout", "cutout"),
    "score": ("score", "score"),
    "label": ("label", "label"),
    "translate": ("translate", "translate"),
    "train": ("train", "train"),
    "validate": ("validate", "validate"),
    "distill": ("distill", "distill"),
    "learn": ("learn", "learn"),
    "plugin-path": ("paths", "plugin_path"),
    "potentials": ("paths", "potentials"),
}
#: ... and groups of sub-commands: modules with an `app`.
GROUPS = ("select", "bank", "momt")


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mdsieve {__version__}")
        raise typer.Exit


def _global_options(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say more about what is going on.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Keep only the frames of a molecular-dynamics run that show something new."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="mdsieve: %(message)s", stream=sys.stderr
    )


def build_app() -> typer.Typer:
    """Put the sub-commands together.

    Help is printed as plain text: rich markup would take ``[default: ...]`` in a help text for a style and
    drop it, and its tables cut long words.
    """
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_global_options)
    for name, (home, function) in COMMANDS.items():
        module = import_module(f"mdsieve.cli.{home}")
        command = getattr(module, function)
        settings = getattr(module, "CONTEXT", None)
        app.command(name, cls=Command, context_settings=settings, short_help=_first_paragraph(command))(
            command
        )
    for name in GROUPS:
        group = import_module(f"mdsieve.cli.{name}").app
        for entry in group.registered_commands:
            entry.cls = Command
            entry.short_help = _first_paragraph(entry.callback)
        app.add_typer(group, name=name, short_help=group.info.help)
    return app


def _first_paragraph(command: Callable[..., object] | None) -> str:
    """The line of a command in the list of commands; click would cut the docstring to one line."""
    return (inspect.getdoc(command) or "").partition("\n\n")[0]


def one_line(error: Exception) -> str:
    """Message of an error as one line; of a system error the file first."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def main() -> None:
    """Entry point of the console script.

    Anything wrong with the user's input or files ends as one line on standard error and exit code 2; with
    ``MDSIEVE_DEBUG`` set, as the traceback.
    """
    code: object = USER_ERROR
    try:
        build_app()()
    except (ValueError, OSError) as error:
        if os.environ.get("MDSIEVE_DEBUG"):
            raise
        sys.stderr.write(f"mdsieve: {one_line(error)}\n")
        raise SystemExit(USER_ERROR) from None
    except SystemExit as end:
        code = end.code
        raise
    finally:
        if code and "mpi4py.MPI" not in sys.modules:
            _end_mpi_job()


def _end_mpi_job() -> None:
    """End what was started together with this process: LAMMPS would wait for ever for a driver that could not
    even begin. Launchers do not notice when a process leaves before it has called MPI.
    """
    if n_ranks() > 1:
        from mpi4py import MPI

        sys.stderr.flush()
        MPI.COMM_WORLD.Abort(USER_ERROR)
