# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve select cluster``: agglomerative clusters."""

from typing import Annotated, Literal

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


def select_cluster(
    trajectories: TrajectoriesArgument,
    output: OutputOption,
    number: NumberOption = None,
    distance: Annotated[
        float | None,
        typer.Option("--distance", "-d", help="Without a number: join no clusters farther apart."),
    ] = None,
    linkage: Annotated[
        Literal["ward", "average", "complete", "single"],
        typer.Option("--linkage", help="How far two clusters are apart."),
    ] = "ward",
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
    """Cluster the frames and pick a random member of each cluster.

    mdsieve select cluster run-*.extxyz -f ni.nn -n 400 -o kept.extxyz
    """
    from mdsieve.samplers.clusters import ClusterSampler

    select_with(
        ClusterSampler(parse_number(number), distance=distance, linkage=linkage, random_state=seed),
        Files(trajectories, output, reference, report, json, types, n2p2_units, overwrite),
        Work(engine, workers, scheduler, checkpoint),
        Encoding(encoder, functions, length_unit, cutoff, sigma, scale),
    )
