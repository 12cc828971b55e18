# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve momt reweight``: means at constant temperature and pressure."""

from typing import TYPE_CHECKING, Annotated

import typer

from mdsieve.cli.momt_options import (
    BlocksOption,
    CsvOption,
    FixOption,
    FromOption,
    JsonOption,
    OverwriteOption,
    PhasesOption,
    PressureOption,
    RecordsArgument,
    ResamplesOption,
    SeedOption,
    TemperaturesOption,
    VolumeOption,
    WeightArgument,
    command_line,
    describe_errors,
    make_bootstrap,
    make_bounds,
    parse_temperatures,
    say_concerns,
)
from mdsieve.cli.outputs import check_outputs

if TYPE_CHECKING:
    from mdsieve.momt.reweighting import Means


def momt_reweight(
    weight: WeightArgument,
    records: RecordsArgument,
    temperatures: TemperaturesOption = None,
    pressure: PressureOption = None,
    phases: PhasesOption = None,
    columns: Annotated[
        str | None, typer.Option("--columns", help="Further columns to average, with commas; `all`.")
    ] = None,
    blocks: BlocksOption = "20",
    resamples: ResamplesOption = 400,
    seed: SeedOption = 0,
    fix: FixOption = None,
    volume: VolumeOption = None,
    first_step: FromOption = None,
    csv: CsvOption = None,
    json: JsonOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Enthalpy, volume, heat capacity and any column at other temperatures, of all samples and of each phase.

    mdsieve momt reweight weight.txt record.txt -T 1600:2400:100
    """
    from mdsieve.momt.numbers import table, with_error, write_csv, write_json
    from mdsieve.momt.phases import default_bounds
    from mdsieve.momt.reweighting import means, reweight
    from mdsieve.momt.samples import Samples

    check_outputs([csv, json], overwrite)
    samples = Samples.read(weight, records, fix=fix, volume=volume, first_step=first_step)
    bootstrap = make_bootstrap(samples, blocks, resamples, seed)
    bounds = make_bounds(phases) or default_bounds(samples.weight)
    wanted = list(samples.columns) if columns == "all" else columns.split(",") if columns else []
    found: list[Means] = []
    for temperature in parse_temperatures(temperatures, samples.weight.temperature):
        weighed = reweight(samples, temperature, pressure, bootstrap=bootstrap)
        found += means(samples, weighed, bootstrap, bounds=bounds, columns=wanted)
    rows = [["T", "phase", "share", "H/N", "V/N", "O", "Cp/Nk", "N_eff", *wanted]]
    for each in found:
        row = [f"{each.temperature:g}", each.phase, with_error(each.share), with_error(each.enthalpy)]
        row += [with_error(each.volume) if each.volume else "-", with_error(each.order)]
        row += [with_error(each.heat_capacity), f"{each.n_effective:.0f}"]
        rows.append(row + [with_error(each.columns[name]) for name in wanted])
    if csv is not None:
        write_csv(csv, _names(wanted), [_row(each, wanted) for each in found])
    if json is not None:
        numbers = {"phases": str(bounds), "means": found}
        write_json(json, "means", numbers, command=command_line(), samples=samples, bootstrap=bootstrap)
    typer.echo(f"pressure {found[0].pressure:g}; {bounds}")
    typer.echo(describe_errors(bootstrap))
    for line in table(rows):
        typer.echo(line)
    say_concerns([f"T = {each.temperature:g}: {words}" for each in found for words in each.concerns])


def _names(wanted: list[str]) -> list[str]:
    pairs = ["share", "enthalpy", "volume", "order", "heat_capacity", *wanted]
    return [
        "temperature",
        "pressure",
        "phase",
        "n_effective",
        *(word for name in pairs for word in (name, f"{name}_error")),
    ]


def _row(each: "Means", wanted: list[str]) -> list[object]:
    estimates = [each.share, each.enthalpy, each.volume, each.order, each.heat_capacity]
    estimates += [each.columns[name] for name in wanted]
    cells = [part for estimate in estimates for part in (estimate or (None, None))]
    return [each.temperature, each.pressure, each.phase, each.n_effective, *cells]
