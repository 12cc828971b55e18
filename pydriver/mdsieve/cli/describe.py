# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve describe``: write symmetry functions to start with."""

from pathlib import Path
from typing import Annotated

import typer


def describe(
    elements: Annotated[
        list[str],
        typer.Option("--elements", "-e", help="Chemical symbols, with commas: Ni,Al."),
    ],
    cutoff: Annotated[float, typer.Option("--cutoff", "-c", help="Cutoff radius in Å.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write; its scaling goes beside it.")
    ] = Path("input.nn"),
    radial: Annotated[
        int | None, typer.Option("--radial", help="Radial functions for each neighbour element.")
    ] = None,
    angular: Annotated[
        int | None, typer.Option("--angular", help="Angular functions for each pair, even, up to 32.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the structures that give the scaling.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Write symmetry functions and their scaling: mdsieve describe --elements Ni --cutoff 6 -o ni.nn"""
    from mdsieve.describe import scaling_path, write_description

    for path in (output, scaling_path(output)):
        if path.exists() and not overwrite:
            raise FileExistsError(17, "the file exists already; say --overwrite to replace it", str(path))
    symbols = [symbol for word in elements for symbol in word.split(",") if symbol]
    for path in write_description(symbols, cutoff, output, seed=seed, n_radial=radial, n_angular=angular):
        typer.echo(f"wrote {path}")
