# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve select rematch``: farthest points on the REMatch kernel."""

from typing import Annotated

import typer

from mdsieve.cli.select_options import (
    CheckpointOption,
    CutoffOption,
    Encoding,
    EngineOption,
    Files,
    JsonOption,
    NumberOption,
    OutputOption,
    OverwriteOption,
    ReferenceOption,
    ReportOption,
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
from mdsieve.cli.training_options import check_device


def select_rematch(
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
    alpha: Annotated[
        float, typer.Option("--alpha", help="Of the match: near 0 each atom is matched with its like.")
    ] = 0.1,
    device: Annotated[
        str | None,
        typer.Option(
            "--device", help="Device of PyTorch: cpu, cuda, cuda:1 [default: a GPU if there is one]."
        ),
    ] = None,
    reference: ReferenceOption = None,
    cutoff: CutoffOption = 5.0,
    sigma: SigmaOption = 0.5,
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
    """Farthest points by the REMatch kernel, which matches atoms one by one (SOAP).

    mdsieve select rematch run-*.extxyz -n 400 -o kept.extxyz
    """
    from mdsieve.samplers.farthest_on_kernel import KernelFPS
    from mdsieve.similarity.rematch import REMatchKernel

    check_device(device)
    first = int(start) if start.isdecimal() else start
    select_with(
        KernelFPS(parse_number(number), distance=distance, start=first, random_state=seed),
        Files(trajectories, output, reference, report, json, types, n2p2_units, overwrite),
        Work(engine, workers, scheduler, checkpoint),
        Encoding("soap", None, "angstrom", cutoff, sigma, "unit"),
        kernel=lambda environments: REMatchKernel(environments, alpha=alpha, device=device),
    )
