# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve momt draw``: frames for training sets."""

from pathlib import Path
from typing import Annotated

import typer

from mdsieve.cli.momt_options import (
    FixOption,
    FromOption,
    JsonOption,
    OverwriteOption,
    RecordsArgument,
    SeedOption,
    TemperatureOption,
    TrajectoriesOption,
    TypesOption,
    VolumeOption,
    WeightArgument,
    command_line,
)
from mdsieve.cli.outputs import check_outputs


def momt_draw(
    weight: WeightArgument,
    records: RecordsArgument,
    frames: TrajectoriesOption,
    number: Annotated[int, typer.Option("--number", "-n", help="How many to draw.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Extended XYZ, in the order of the trajectories.")
    ],
    grid: Annotated[
        tuple[int, int], typer.Option("--grid", help="Cells along enthalpy and order parameter.")
    ] = (20, 20),
    temperature: TemperatureOption = None,
    types: TypesOption = None,
    seed: SeedOption = 0,
    fix: FixOption = None,
    volume: VolumeOption = None,
    first_step: FromOption = None,
    json: JsonOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Draw frames evenly over enthalpy and order parameter.

    The temperature is that of the logarithms of weights in the output.

    mdsieve momt draw weight.txt record.txt --frames frames.dump -n 2000 -o drawn.extxyz
    """
    from mdsieve.momt.draw import draw_frames, write_frames
    from mdsieve.momt.numbers import write_json
    from mdsieve.momt.reweighting import check_temperature
    from mdsieve.momt.samples import Samples

    check_outputs([output, json], overwrite)
    samples = Samples.read(weight, records, fix=fix, volume=volume, first_step=first_step)
    if temperature is not None:
        check_temperature(samples, temperature)
    elements = types.split(",") if types else None
    drawing = draw_frames(samples, frames, number, types=elements, grid=grid, seed=seed)
    write_frames(output, drawing, samples, frames, elements, temperature)
    if json is not None:
        numbers = {"seed": seed, "grid": grid, "files": [str(path) for path in frames], "drawing": drawing}
        write_json(json, "drawing", numbers, command=command_line(), samples=samples)
    less = f", {drawing.shortfall} fewer than asked for" if drawing.shortfall else ""
    typer.echo(
        f"{output}: {len(drawing)} of {drawing.n_candidates} frames{less}, "
        f"of {drawing.n_cells_drawn} of {drawing.n_cells} cells with frames"
    )
