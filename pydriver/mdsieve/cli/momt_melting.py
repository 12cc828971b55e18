# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve momt melting``: where solid and liquid are equally probable."""

from typing import Any

import typer

from mdsieve.cli.momt_options import (
    BlocksOption,
    FixOption,
    FromOption,
    JsonOption,
    OverwriteOption,
    PhasesOption,
    PressureOption,
    RecordsArgument,
    ResamplesOption,
    SeedOption,
    VolumeOption,
    WeightArgument,
    command_line,
    describe_errors,
    make_bootstrap,
    make_bounds,
    say_concerns,
)
from mdsieve.cli.outputs import check_outputs


def momt_melting(
    weight: WeightArgument,
    records: RecordsArgument,
    phases: PhasesOption = None,
    pressure: PressureOption = None,
    blocks: BlocksOption = "20",
    resamples: ResamplesOption = 400,
    seed: SeedOption = 0,
    fix: FixOption = None,
    volume: VolumeOption = None,
    first_step: FromOption = None,
    json: JsonOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Melting point of the cell: equal weights of the phases, and the peak of the heat capacity.

    Without --phases they are parted by enthalpy and by order, each midway between their means.

    mdsieve momt melting weight.txt record.txt
    """
    from mdsieve.momt.melting import heat_capacity_peak, melting_points
    from mdsieve.momt.numbers import table, with_error, write_json
    from mdsieve.momt.samples import Samples

    check_outputs([json], overwrite)
    samples = Samples.read(weight, records, fix=fix, volume=volume, first_step=first_step)
    bootstrap = make_bootstrap(samples, blocks, resamples, seed)
    points, concerns = melting_points(samples, bootstrap, make_bounds(phases), pressure)
    if not points:
        raise ValueError("; ".join(dict.fromkeys(concerns)))
    rows = [["melting point", "T", "heat of fusion per atom"]]
    rows += [
        [str(point.bounds), with_error(point.temperature), with_error(point.heat_of_fusion)]
        for point in points
    ]
    numbers: dict[str, Any] = {"melting_points": points}
    try:
        peak = heat_capacity_peak(samples, bootstrap, pressure)
    except ValueError as error:
        concerns.append(str(error))
    else:
        numbers["heat_capacity_peak"] = peak
        rows.append([f"peak of Cp, {with_error(peak.height)} k per atom", with_error(peak.temperature), ""])
    if json is not None:
        write_json(
            json, "melting point", numbers, command=command_line(), samples=samples, bootstrap=bootstrap
        )
    typer.echo(describe_errors(bootstrap))
    for line in table(rows):
        typer.echo(line)
    say_concerns(concerns)
