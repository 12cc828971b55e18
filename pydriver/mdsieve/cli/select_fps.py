# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve select fps``: farthest points."""

from typing import Annotated

import typer

from mdsieve.cli.select_options import (
    CheckpointOption,
    CutoffOption,
    EncoderOption,
    Encoding,
    EngineOption,
    Files,
    FunctionsOption,
    JsonOption,
    LengthUnitOption,
    NumberOption,
    OutputOption,
    OverwriteOption,
    ReferenceOption,
    ReportOption,
    ScaleOption,
    SchedulerOption,
    SeedOption,
    SigmaOption,
    TrajectoriesArgument,
    TypesOption,
    UnitsOption,
    Work,
    WorkersOption,
    parse_number,
    select_with,
)


def select_fps(
    trajectories: TrajectoriesArgument,
    output: OutputOption,
    number: NumberOption = None,
    distance: Annotated[
        float | None,
        typer.Option("--distance", "-d", help="Stop when every frame is as near to a picked one."),
    ] = None,
    start: Annotated[
        str, typer.Option("--start", help="First pick: central, random or the number of a frame.")
    ] = "central",
    reference: ReferenceOption = None,
    functions: FunctionsOption = None,
    encoder: EncoderOption = None,
    scale: ScaleOption = None,
    cutoff: CutoffOption = 5.0,
    sigma: SigmaOption = 0.5,
    length_unit: LengthUnitOption = "angstrom",
    types: TypesOption = None,
    n2p2_units: UnitsOption = "metal",
    seed: SeedOption = 0,
    report: ReportOption = None,
    json: JsonOption = None,
    engine: EngineOption = None,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    checkpoint: CheckpointOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Pick frames one after the other, each time the one farthest from all picked before.

    mdsieve select fps run-*.extxyz -f ni.nn -n 400 -o kept.extxyz
    """
    from mdsieve.samplers.farthest_point import FPS

    first = int(start) if start.isdecimal() else start
    select_with(
        FPS(
            parse_number(number),
            distance=distance,
            start=first,
            random_state=seed,
        ),
        Files(trajectories, output, reference, report, json, types, n2p2_units, overwrite),
        Work(engine, workers, scheduler, checkpoint),
        Encoding(encoder, functions, length_unit, cutoff, sigma, scale),
    )
