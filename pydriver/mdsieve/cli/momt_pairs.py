# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve momt pairs``: pair distribution functions."""

from typing import Annotated

import typer

from mdsieve.cli.momt_options import (
    BlocksOption,
    CsvOption,
    FixOption,
    FromOption,
    OverwriteOption,
    PhasesOption,
    PictureOption,
    PressureOption,
    RecordsArgument,
    ResamplesOption,
    SeedOption,
    TemperatureOption,
    TrajectoriesOption,
    TypesOption,
    VolumeOption,
    WeightArgument,
    make_bootstrap,
    make_bounds,
    say_concerns,
)
from mdsieve.cli.outputs import check_outputs


def momt_pairs(
    weight: WeightArgument,
    records: RecordsArgument,
    frames: TrajectoriesOption,
    temperature: TemperatureOption = None,
    pressure: PressureOption = None,
    phases: PhasesOption = None,
    cutoff: Annotated[float, typer.Option("--cutoff", help="Longest distance.")] = 6.0,
    bins: Annotated[int, typer.Option("--bins", help="Of the distance.")] = 120,
    types: TypesOption = None,
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
    """Distances between atoms at a temperature, of all frames and of each phase.

    mdsieve momt pairs weight.txt record.txt --frames frames.dump -T 1600 --csv pairs.csv
    """
    import numpy as np

    from mdsieve.momt.frames import sampled_frames
    from mdsieve.momt.numbers import write_csv
    from mdsieve.momt.pair_distribution import count_pairs, pair_distributions
    from mdsieve.momt.phases import default_bounds
    from mdsieve.momt.plots import draw_pairs, save
    from mdsieve.momt.reweighting import reweight
    from mdsieve.momt.samples import Samples
    from mdsieve.samplers.progress import counting, showing_progress

    if csv is None and picture is None:
        raise ValueError("nothing to write: expected --csv or --picture")
    check_outputs([csv, picture], overwrite)
    samples = Samples.read(weight, records, fix=fix, volume=volume, first_step=first_step)
    bootstrap = make_bootstrap(samples, blocks, resamples, seed)
    weighed = reweight(samples, temperature, pressure, bootstrap=bootstrap)
    bounds = make_bounds(phases) or default_bounds(samples.weight)
    sides = bounds.sides(samples)
    with showing_progress(True) as show:
        found = sampled_frames(samples, frames, types.split(",") if types else None)
        pairs = count_pairs(counting(found, show("counting pairs")), cutoff, bins)
    parts = {"all": np.ones(len(samples), bool), "solid": sides > 0, "liquid": sides < 0}
    distributions = pair_distributions(pairs, weighed, bootstrap, parts)
    if csv is not None:
        columns = [column for each in distributions.values() for column in (each.value, each.error)]
        names = [word for name in distributions for word in (name, f"{name}_error")]
        rows = zip(pairs.distance.centres.tolist(), *(c.tolist() for c in columns), strict=True)
        write_csv(csv, ["distance", *names], list(rows))
        typer.echo(f"wrote {csv}")
    if picture is not None:
        save(draw_pairs(distributions, f"T = {weighed.temperature:g}; {bounds}"), picture)
        typer.echo(f"wrote {picture}")
    for name, each in distributions.items():
        peak = int(each.value.argmax())
        typer.echo(
            f"{name:6}  {each.n_frames} frames, N_eff {each.n_effective:.0f}, "
            f"highest {each.value[peak]:.3f} at {each.distance.centres[peak]:.3f}"
        )
    say_concerns(list(weighed.concerns))
