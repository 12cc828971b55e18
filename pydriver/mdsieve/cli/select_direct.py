# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve select direct``: clusters of principal components."""

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


def select_direct(
    trajectories: TrajectoriesArgument,
    output: OutputOption,
    number: NumberOption = None,
    per_cluster: Annotated[int, typer.Option("--per-cluster", "-k", help="Picks of each cluster.")] = 1,
    clusters: Annotated[
        int | None, typer.Option("--clusters", help="Their number [default: as the number of picks wants].")
    ] = None,
    components: Annotated[
        int | None, typer.Option("--components", help="Principal components [default: eigenvalues above 1].")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Radius of BIRCH's sub-clusters [default: searched].")
    ] = None,
    duplicates: Annotated[
        bool, typer.Option("--duplicates", help="Pick members of small clusters again.")
    ] = False,
    compatibility: Annotated[
        Literal["maml"] | None, typer.Option("--compatibility", help="Pick what the program maml picks.")
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
    seed: SeedOption = 0,
    report: ReportOption = None,
    json: JsonOption = None,
    engine: EngineOption = None,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    checkpoint: CheckpointOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """DIRECT: principal components, BIRCH clusters, the frames nearest to their centres.

    mdsieve select direct run-*.extxyz -e m3gnet -n 400 -o kept.extxyz
    """
    from mdsieve.samplers.direct import DIRECT

    if functions is not None and encoder is None:
        encoder = "pooled"
    sampler = DIRECT(
        parse_number(number),
        per_cluster=per_cluster,
        n_clusters=clusters,
        n_components=components,
        threshold=threshold,
        duplicates=duplicates,
        compatibility=compatibility,
        random_state=seed,
    )
    select_with(
        sampler,
        Files(trajectories, output, reference, report, json, types, n2p2_units, overwrite),
        Work(engine, workers, scheduler, checkpoint),
        Encoding(encoder, functions, length_unit, cutoff, sigma, scale or "none"),
    )
