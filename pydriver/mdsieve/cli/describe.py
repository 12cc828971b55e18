# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve describe``: write symmetry functions to start with."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from mdsieve.cli.outputs import check_outputs


class Kind(str, Enum):
    """What to describe surroundings by."""

    acsf = "acsf"
    aev = "aev"


def describe(
    elements: Annotated[
        list[str],
        typer.Option("--elements", help="Chemical symbols, with commas: Ni,Al."),
    ],
    cutoff: Annotated[
        float | None, typer.Option("--cutoff", "-c", help="Cutoff radius in Å (aev: 6.9 unless given).")
    ] = None,
    kind: Annotated[
        Kind,
        typer.Option("--kind", help="Behler's symmetry functions, or ANI's vector with nickel's constants."),
    ] = Kind.acsf,
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
    from mdsieve import describe as descriptions

    check_outputs([output, descriptions.scaling_path(output)], overwrite)
    symbols = [symbol for word in elements for symbol in word.split(",") if symbol]
    if kind is Kind.aev:
        if radial is not None or angular is not None:
            raise ValueError("--kind aev has 22 radial and 32 angular components: no --radial or --angular")
        text = descriptions.describe_aev(symbols, descriptions.AEV_CUTOFF if cutoff is None else cutoff)
    elif cutoff is None:
        raise ValueError("no --cutoff given, expected a radius in Å, for example --cutoff 6")
    else:
        text = descriptions.describe(symbols, cutoff, n_radial=radial, n_angular=angular)
    for path in descriptions.write_with_scaling(text, output, seed=seed):
        typer.echo(f"wrote {path}")
