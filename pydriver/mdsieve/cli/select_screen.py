# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve select screen``: similarity to what was kept."""

from typing import Annotated, Literal

import typer

from mdsieve.cli.select_options import (
    CheckpointOption,
    CutoffOption,
    EncoderOption,
    Encoding,
    EngineOption,
    Files,
    JsonOption,
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


def select_screen(
    trajectories: TrajectoriesArgument,
    output: OutputOption,
    number: NumberOption = None,
    distance: Annotated[float, typer.Option("--distance", "-d", help="The threshold.")] = 0.1,
    measure: Annotated[
        Literal["mean", "max"], typer.Option("--measure", help="Over the atoms that are kept.")
    ] = "mean",
    reference: ReferenceOption = None,
    encoder: EncoderOption = None,
    scale: ScaleOption = None,
    cutoff: CutoffOption = 5.0,
    sigma: SigmaOption = 0.5,
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
    """Keep a frame if what is kept lies, on average, farther from it than a threshold (SOAP).

    mdsieve select screen run-*.extxyz -d 0.1 -o kept.extxyz
    """
    from mdsieve.samplers.similarity_screen import SimilarityScreen

    if encoder in ("mean", "pooled"):
        raise ValueError(f"--encoder {encoder}: expected one whose rows compare between elements: soap")
    select_with(
        SimilarityScreen(parse_number(number), distance=distance, measure=measure),
        Files(trajectories, output, reference, report, json, types, n2p2_units, overwrite),
        Work(engine, workers, scheduler, checkpoint),
        Encoding(encoder, None, "angstrom", cutoff, sigma, scale),
    )
