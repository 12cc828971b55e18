# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve select entropy``: minimum set cover."""

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
    SigmaOption,
    TrajectoriesArgument,
    TypesOption,
    UnitsOption,
    Work,
    WorkersOption,
    parse_number,
    select_with,
)


def select_entropy(
    trajectories: TrajectoriesArgument,
    output: OutputOption,
    number: NumberOption = None,
    bandwidth: Annotated[
        float | None, typer.Option("--bandwidth", help="Of the kernel, in scaled units.", show_default=False)
    ] = None,
    cover: Annotated[
        float | None, typer.Option("--cover", help="Stop when no environment has a larger entropy: 0.")
    ] = None,
    reference: ReferenceOption = None,
    functions: FunctionsOption = None,
    encoder: EncoderOption = None,
    scale: ScaleOption = None,
    cutoff: CutoffOption = 5.0,
    sigma: SigmaOption = 0.5,
    length_unit: LengthUnitOption = "angstrom",
    types: TypesOption = None,
    n2p2_units: UnitsOption = "metal",
    report: ReportOption = None,
    json: JsonOption = None,
    engine: EngineOption = None,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    checkpoint: CheckpointOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Pick frames that are diverse and hold an environment far from all picked before (QUESTS' MSC).

    mdsieve select entropy run-*.extxyz -f ni.nn --bandwidth 0.1 -n 400 -o kept.extxyz
    """
    from mdsieve.samplers.entropy import EntropySampler

    if bandwidth is None:
        raise ValueError("--bandwidth: expected a number above 0, in the units of the scaled rows")
    if functions is not None and encoder is None:
        encoder = "pooled"  # the one of symmetry functions that describes single atoms
    if encoder == "pooled" and scale is None:
        scale = "minmax"
    select_with(
        EntropySampler(parse_number(number), bandwidth=bandwidth, cover=cover),
        Files(trajectories, output, reference, report, json, types, n2p2_units, overwrite),
        Work(engine, workers, scheduler, checkpoint),
        Encoding(encoder, functions, length_unit, cutoff, sigma, scale),
        is_split_by_element=True,
    )
