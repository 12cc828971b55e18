# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve select cur``: leverage scores."""

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


def select_cur(
    trajectories: TrajectoriesArgument,
    output: OutputOption,
    number: NumberOption = None,
    components: Annotated[
        int, typer.Option("--components", help="Leading directions that a leverage score counts.")
    ] = 1,
    rule: Annotated[
        Literal["largest", "random"],
        typer.Option("--rule", help="Largest score, or at random by scores."),
    ] = "largest",
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
    """Pick frames by CUR: leverage scores, each picked frame taken out of the others.

    mdsieve select cur run-*.extxyz -f ni.nn -n 400 -o kept.extxyz
    """
    from mdsieve.samplers.cur import CUR

    select_with(
        CUR(parse_number(number), n_components=components, rule=rule, random_state=seed),
        Files(trajectories, output, reference, report, json, types, n2p2_units, overwrite),
        Work(engine, workers, scheduler, checkpoint),
        Encoding(encoder, functions, length_unit, cutoff, sigma, scale),
    )
