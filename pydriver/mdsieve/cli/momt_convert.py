# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve momt convert``: a weight as text or as HDF5."""

from pathlib import Path
from typing import Annotated

import typer

from mdsieve.cli.momt_options import OverwriteOption, WeightArgument
from mdsieve.cli.outputs import check_outputs


def momt_convert(
    weight: WeightArgument,
    output: Annotated[Path, typer.Argument(help="HDF5 if its name ends in .h5 or .hdf5, else text.")],
    overwrite: OverwriteOption = False,
) -> None:
    """Write a weight as text, as fix momt reads it, or as HDF5: mdsieve momt convert weight.txt weight.h5"""
    from mdsieve.momt.weight import Weight

    check_outputs([output], overwrite)
    Weight.load(weight).save(output)
    typer.echo(f"wrote {output}")
