# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve select random``: what others have to beat."""

from typing import Annotated, Literal

import typer

from mdsieve.cli.select_options import (
    Files,
    JsonOption,
    NumberOption,
    OutputOption,
    OverwriteOption,
    ReportOption,
    SeedOption,
    TrajectoriesArgument,
    TypesOption,
    UnitsOption,
    Work,
    parse_number,
    select_with,
)


def select_random(
    trajectories: TrajectoriesArgument,
    output: OutputOption,
    number: NumberOption = None,
    by: Annotated[
        str | None,
        typer.Option("--by", help="Strata: source (file), composition, or a key of the comment line."),
    ] = None,
    allocation: Annotated[
        Literal["proportional", "equal"], typer.Option("--allocation", help="How many of each stratum.")
    ] = "proportional",
    types: TypesOption = None,
    n2p2_units: UnitsOption = "metal",
    seed: SeedOption = 0,
    report: ReportOption = None,
    json: JsonOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Pick frames at random, or at random within strata.

    mdsieve select random run-*.extxyz -n 400 --by composition -o kept.extxyz
    """
    from mdsieve.samplers.random_frames import RandomSampler, StratifiedRandomSampler

    sampler: RandomSampler | StratifiedRandomSampler
    if by is None:
        sampler = RandomSampler(parse_number(number), random_state=seed)
    else:
        sampler = StratifiedRandomSampler(parse_number(number), allocation=allocation, random_state=seed)
    select_with(
        sampler,
        Files(trajectories, output, None, report, json, types, n2p2_units, overwrite),
        Work(None, 1, None, None),
        None,
        strata=by,
    )
