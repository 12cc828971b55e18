# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve momt report``: a folder of numbers, tables and pictures."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mdsieve.cli.momt_options import (
    BlocksOption,
    FixOption,
    FromOption,
    OverwriteOption,
    PhasesOption,
    RecordsArgument,
    ResamplesOption,
    SeedOption,
    TemperatureOption,
    VolumeOption,
    WeightArgument,
    command_line,
    make_bootstrap,
    make_bounds,
    parse_temperatures,
    say_concerns,
)


def momt_report(
    weight: WeightArgument,
    records: RecordsArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write; it may be there.")],
    temperatures: Annotated[
        str | None,
        typer.Option("--means", help="Temperatures of the means: 1600,2000 or 1600:2400:50 [default: 25]."),
    ] = None,
    temperature: TemperatureOption = None,
    phases: PhasesOption = None,
    pictures: Annotated[
        Literal["png", "svg", "pdf"], typer.Option("--pictures", help="Format of the pictures.")
    ] = "png",
    blocks: BlocksOption = "20",
    resamples: ResamplesOption = 400,
    seed: SeedOption = 0,
    fix: FixOption = None,
    volume: VolumeOption = None,
    first_step: FromOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Visits, walk, means, melting point, free energies and densities of states as tables and pictures.

    Free energies are those at --temperature [default: the melting point].

    mdsieve momt report weight.txt record.txt -o report
    """
    from mdsieve.momt.numbers import with_error
    from mdsieve.momt.report import write_report
    from mdsieve.momt.samples import Samples

    if output.exists() and (not output.is_dir() or (any(output.iterdir()) and not overwrite)):
        raise FileExistsError(17, "it is there already; say --overwrite to write into it", str(output))
    samples = Samples.read(weight, records, fix=fix, volume=volume, first_step=first_step)
    bootstrap = make_bootstrap(samples, blocks, resamples, seed)
    wanted = None if temperatures is None else parse_temperatures(temperatures, samples.weight.temperature)
    output.mkdir(exist_ok=True)
    found = write_report(
        samples,
        bootstrap,
        output,
        bounds=make_bounds(phases),
        temperatures=wanted,
        temperature=temperature,
        pictures=pictures,
        command=command_line(),
    )
    for point in found.melting_points:
        typer.echo(f"melting point  {with_error(point.temperature)}  {point.bounds}")
    if found.peak is not None:
        typer.echo(f"peak of Cp     {with_error(found.peak.temperature)}")
    typer.echo(f"wrote {len(found.files)} files into {output}")
    say_concerns(list(found.concerns))
