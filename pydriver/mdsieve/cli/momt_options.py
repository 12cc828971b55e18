# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that the commands ``mdsieve momt ...`` share."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdsieve.cli.outputs import OverwriteOption as OverwriteOption

if TYPE_CHECKING:
    from mdsieve.momt.blocks import Bootstrap
    from mdsieve.momt.phases import PhaseBounds
    from mdsieve.momt.samples import Samples

WeightArgument = Annotated[
    Path, typer.Argument(metavar="WEIGHT", help="The weight of the run: a file of fix momt (or .h5).")
]
RecordsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="RECORD...",
        help="Files of fix ave/time or fix print with f_ID[1] f_ID[2] f_ID[3], or logs; one a walker.",
    ),
]
FixOption = Annotated[str | None, typer.Option("--fix", help="ID of fix momt, if there are several.")]
VolumeOption = Annotated[
    str | None, typer.Option("--volume", help="Column of the volume [default: Volume, v_vol and the like].")
]
FromOption = Annotated[
    int | None, typer.Option("--from", help="Leave out what lies before this step of each record.")
]
PhasesOption = Annotated[
    tuple[str, float, float] | None,
    typer.Option(
        "--phases",
        metavar="BY LOWER UPPER",
        help="What parts the phases: order LOWER UPPER, or enthalpy LOWER UPPER per atom "
        "[default: order 0.12N 0.7N].",
        show_default=False,
    ),
]
PressureOption = Annotated[
    float | None, typer.Option("--pressure", "-P", help="Another pressure near P0 [default: P0].")
]
TemperaturesOption = Annotated[
    str | None,
    typer.Option(
        "--temperatures",
        "--temperature",
        "-T",
        help="1600,2000,2400 or first:last:step, 1600:2400:50 [default: T0].",
    ),
]
TemperatureOption = Annotated[
    float | None, typer.Option("--temperature", "-T", help="Within the tails of the weight [default: T0].")
]
TrajectoriesOption = Annotated[
    list[Path],
    typer.Option(
        "--frames", help="Dump (or whatever ASE reads) of the frames; one for each record, in their order."
    ),
]
TypesOption = Annotated[
    str | None, typer.Option("--types", help="Elements of LAMMPS' atom types, with commas: Ni,Al.")
]
BlocksOption = Annotated[
    str,
    typer.Option("--blocks", help="For errors: number of stretches of equal length, or `records`."),
]
ResamplesOption = Annotated[int, typer.Option("--resamples", help="Of the blocks, for errors.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Of all that is random.")]
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the numbers.")]
CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write them as a table.")]
PictureOption = Annotated[Path | None, typer.Option("--picture", "--png", help="PNG, SVG or PDF.")]

_MOST_TEMPERATURES = 1000


def make_bootstrap(samples: "Samples", blocks: str, n_resamples: int, seed: int) -> "Bootstrap":
    """The blocks that were asked for.

    Raises
    ------
    ValueError
        If they make no sense.
    """
    from mdsieve.momt.blocks import Bootstrap, record_blocks, time_blocks

    if blocks == "records":
        return Bootstrap(record_blocks(samples), n_resamples, seed)
    if not blocks.isdecimal():
        raise ValueError(f"--blocks {blocks}: expected a number, or `records`")
    return Bootstrap(time_blocks(samples, int(blocks)), n_resamples, seed)


def describe_errors(bootstrap: "Bootstrap") -> str:
    """How errors were found, as a line."""
    words = bootstrap.blocks.words
    return f"errors: bootstrap, {words}, {bootstrap.n_resamples} resamples, seed {bootstrap.seed}"


def make_bounds(phases: tuple[str, float, float] | None) -> "PhaseBounds | None":
    """What parts the phases, if it was said.

    Raises
    ------
    ValueError
        If it makes no sense.
    """
    from mdsieve.momt.phases import PhaseBounds

    if phases is None:
        return None
    by, lower, upper = phases
    if by == "order":
        return PhaseBounds("order", lower, upper)
    if by == "enthalpy":
        return PhaseBounds("enthalpy", lower, upper)
    raise ValueError(f"--phases {by}: expected order or enthalpy")


def parse_temperatures(words: str | None, default: float) -> list[float]:
    """``1600,2000`` or ``1600:2400:50``.

    Raises
    ------
    ValueError
        If it is neither, or too many.
    """
    if words is None:
        return [default]
    wrong = ValueError(f"--temperatures {words}: expected numbers > 0, 1600,2000, or first:last:step")
    try:
        if ":" in words:
            first, last, step = map(float, words.split(":"))
            if not (step > 0.0 and first <= last < math.inf and (last - first) / step < _MOST_TEMPERATURES):
                raise wrong
            found = [first + k * step for k in range(math.floor((last - first) / step + 1e-9) + 1)]
        else:
            found = [float(word) for word in words.split(",")]
    except ValueError:
        raise wrong from None
    if not all(0.0 < value < math.inf for value in found):
        raise wrong
    return found


def command_line() -> str:
    """What was typed."""
    import shlex
    import sys

    return shlex.join(["mdsieve", *sys.argv[1:]])


def say_concerns(concerns: list[str]) -> None:
    """Each but once, on standard error."""
    for concern in dict.fromkeys(concerns):
        typer.echo(f"warning: {concern}", err=True)
