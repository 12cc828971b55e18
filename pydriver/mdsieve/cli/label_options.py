# SPDX-License-Identifier: GPL-2.0-or-later
"""Options of commands that label frames."""

from pathlib import Path
from typing import Annotated

import typer

PairStyleOption = Annotated[
    str | None, typer.Option("--pair-style", help="Label by LAMMPS: words behind pair_style, e.g. eam/fs.")
]
PairCoeffOption = Annotated[
    list[str] | None,
    typer.Option("--pair-coeff", help="Words behind pair_coeff, e.g. '* * Al1.eam.fs Al'; once for each."),
]
PairFileOption = Annotated[
    Path | None, typer.Option("--pair-file", help="Or a file with pair_style and pair_coeff lines.")
]
ElementsOption = Annotated[
    str | None,
    typer.Option(
        "--elements", help="Elements of LAMMPS' atom types, with commas [default: as pair_coeff * * ends]."
    ),
]
CalculatorOption = Annotated[
    str | None,
    typer.Option("--calculator", help="Label by an ASE calculator: module:function that makes it."),
]
CommandOption = Annotated[
    str | None,
    typer.Option("--command", help="Label by a program: 'dft.py {input} {output}', both extended XYZ."),
]
LmpOption = Annotated[
    str | None,
    typer.Option("--lmp", help="How LAMMPS is started, e.g. 'mpiexec -n 4 lmp' [default: the package's]."),
]
ProcessesOption = Annotated[int, typer.Option("--jobs", "-j", help="How many LAMMPS run at a time.")]
BatchOption = Annotated[
    int | None,
    typer.Option("--batch", help="Frames for one start of LAMMPS or of the command [default: 500, 100]."),
]
TimeoutOption = Annotated[float | None, typer.Option("--timeout", help="Seconds that one start may take.")]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Go on where a killed run was; begin if there was none.")
]
