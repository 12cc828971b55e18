# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve momt surface``: free energies and densities of states."""

from typing import Annotated, Literal

import typer

from mdsieve.cli.momt_options import (
    BlocksOption,
    CsvOption,
    FixOption,
    FromOption,
    OverwriteOption,
    PictureOption,
    PressureOption,
    RecordsArgument,
    ResamplesOption,
    SeedOption,
    TemperatureOption,
    VolumeOption,
    WeightArgument,
    describe_errors,
    make_bootstrap,
    say_concerns,
)
from mdsieve.cli.outputs import check_outputs


def momt_surface(
    weight: WeightArgument,
    records: RecordsArgument,
    of: Annotated[
        Literal["free-energy", "states"],
        typer.Option("--of", help="-k T ln P at a temperature, or ln of the density of states at P0."),
    ] = "free-energy",
    along: Annotated[
        Literal["both", "order", "enthalpy"], typer.Option("--along", help="Variables of the surface.")
    ] = "both",
    bins: Annotated[
        int | None, typer.Option("--bins", help="Along each [default: those of the weight].")
    ] = None,
    temperature: TemperatureOption = None,
    pressure: PressureOption = None,
    highest: Annotated[float | None, typer.Option("--highest", help="Where the colours end.")] = None,
    blocks: BlocksOption = "20",
    resamples: ResamplesOption = 400,
    seed: SeedOption = 0,
    fix: FixOption = None,
    volume: VolumeOption = None,
    first_step: FromOption = None,
    csv: CsvOption = None,
    picture: PictureOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Free energy or density of states over enthalpy and order parameter, with errors.

    mdsieve momt surface weight.txt record.txt -T 2200 --along order --csv free.csv --picture free.png
    """
    from mdsieve.momt.numbers import write_csv
    from mdsieve.momt.plots import draw_surface, save
    from mdsieve.momt.reweighting import reweight
    from mdsieve.momt.samples import Samples
    from mdsieve.momt.surface import Coordinate, default_axis, density_of_states, free_energy

    if csv is None and picture is None:
        raise ValueError("nothing to write: expected --csv or --picture")
    if bins is not None and bins < 1:
        raise ValueError(f"--bins {bins}: expected a number > 0")
    if of == "states" and (temperature is not None or pressure is not None):
        raise ValueError("--of states: a density of states has no temperature, and is that at P0")
    check_outputs([csv, picture], overwrite)
    samples = Samples.read(weight, records, fix=fix, volume=volume, first_step=first_step)
    bootstrap = make_bootstrap(samples, blocks, resamples, seed)
    coordinates: list[Coordinate] = ["enthalpy", "order"] if along == "both" else [along]
    axes = [default_axis(samples, coordinate, bins) for coordinate in coordinates]
    if of == "states":
        found, label = density_of_states(samples, bootstrap, coordinates, axes), "ln Ω"
    else:
        weighed = reweight(samples, temperature, pressure, bootstrap=bootstrap)
        found = free_energy(samples, weighed, bootstrap, coordinates, axes)
        label = f"F at T = {weighed.temperature:g}"
        say_concerns(list(weighed.concerns))
    if csv is not None:
        names, rows = found.rows()
        write_csv(csv, names, rows)
        typer.echo(f"wrote {csv}: {len(rows)} bins")
    if picture is not None:
        save(draw_surface(found, label, highest=highest), picture)
        typer.echo(f"wrote {picture}")
    typer.echo(describe_errors(bootstrap))
