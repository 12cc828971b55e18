# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve momt populations``: crystal, twins, liquid."""

from typing import Annotated

import typer

from mdsieve.cli.momt_options import (
    BlocksOption,
    FixOption,
    FromOption,
    JsonOption,
    OverwriteOption,
    PressureOption,
    RecordsArgument,
    ResamplesOption,
    SeedOption,
    TemperatureOption,
    VolumeOption,
    WeightArgument,
    command_line,
    describe_errors,
    make_bootstrap,
    say_concerns,
)
from mdsieve.cli.outputs import check_outputs


def momt_populations(
    weight: WeightArgument,
    records: RecordsArgument,
    region: Annotated[
        list[str],
        typer.Option(
            "--region",
            help="NAME=LOWER:UPPER,LOWER:UPPER of enthalpy per atom and order; bounds may be left out.",
        ),
    ],
    temperature: TemperatureOption = None,
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
    """Probabilities of regions, and how they compare with the first.

    mdsieve momt populations weight.txt record.txt --region aligned=:-4.45,60: --region twins=:-4.45,14:40
    """
    from mdsieve.momt.numbers import table, with_error, write_json
    from mdsieve.momt.regions import Region, exact_twins, populations
    from mdsieve.momt.reweighting import reweight
    from mdsieve.momt.samples import Samples

    check_outputs([json], overwrite)
    regions = [Region.parse(words) for words in region]
    samples = Samples.read(weight, records, fix=fix, volume=volume, first_step=first_step)
    bootstrap = make_bootstrap(samples, blocks, resamples, seed)
    weighed = reweight(samples, temperature, pressure, bootstrap=bootstrap)
    found = populations(samples, weighed, bootstrap, regions)
    rows = [["region", "samples", "blocks", "probability", f"over {found[0].region.name}"]]
    rows += [
        [
            each.region.name,
            str(each.n_samples),
            f"{each.n_effective_blocks:.1f}",
            with_error(each.share),
            with_error(each.to_first) if each is not found[0] else "",
        ]
        for each in found
    ]
    exact = exact_twins(samples.weight)
    if json is not None:
        numbers = {
            "temperature": weighed.temperature,
            "pressure": weighed.pressure,
            "populations": [
                {
                    "region": each.region.name,
                    "enthalpy": each.region.enthalpy,
                    "order": each.region.order,
                    "probability": each.share,
                    "over_first": each.to_first,
                    "samples": each.n_samples,
                    "effective_blocks": each.n_effective_blocks,
                }
                for each in found
            ],
            "exact_twins_over_aligned": exact,
        }
        write_json(json, "populations", numbers, command=command_line(), samples=samples, bootstrap=bootstrap)
    typer.echo(f"T = {weighed.temperature:g}, pressure {weighed.pressure:g}")
    typer.echo(describe_errors(bootstrap))
    for line in table(rows):
        typer.echo(line)
    if exact is not None:
        typer.echo(f"twinned over aligned crystals in this cell: {exact}, exactly")
    say_concerns(list(weighed.concerns))
