# SPDX-License-Identifier: GPL-2.0-or-later
"""The option ``--scaling`` and its default, the same for all commands."""

from pathlib import Path
from typing import Annotated

import typer

ScalingOption = Annotated[
    str | None,
    typer.Option(
        "--scaling",
        help="minmax or std of these frames, none, or a scaling.data file "
        "(default: the file that describe wrote beside the functions, else minmax).",
        show_default=False,
    ),
]


def chosen_scaling(given: str | None, functions: Path | None) -> str:
    """The scaling that was given, else the default; which one is used is printed.

    Parameters
    ----------
    given : str or None
        Value of ``--scaling``.
    functions : Path or None
        The symmetry functions; None: a bank or store brings its own scaling, nothing is printed.
    """
    from mdsieve.describe import default_scaling

    if functions is None:
        return given or "minmax"
    scaling = given or default_scaling(functions)
    if scaling in ("minmax", "std"):
        typer.echo(f"scaling: {scaling}, fitted on these frames")
    else:
        typer.echo(f"scaling: {scaling}")
    return scaling
