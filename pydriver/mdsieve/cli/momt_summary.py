# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve momt summary``: has the run been everywhere, and back?"""

from pathlib import Path
from typing import Annotated

import typer

from mdsieve.cli.momt_options import (
    FixOption,
    FromOption,
    JsonOption,
    OverwriteOption,
    PhasesOption,
    VolumeOption,
    WeightArgument,
    command_line,
    make_bounds,
)
from mdsieve.cli.outputs import check_outputs


def momt_summary(
    weight: WeightArgument,
    records: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RECORD...]", help="Records of the run; without: the visits in WEIGHT."),
    ] = None,
    phases: PhasesOption = None,
    depth: Annotated[
        float,
        typer.Option(
            "--depth", help="The region to be flat in: bins whose v, and their neighbours', is more, in k T0."
        ),
    ] = 1.0,
    merge: Annotated[int, typer.Option("--merge", help="Take so many bins along either axis as one.")] = 1,
    timestep: Annotated[
        float | None, typer.Option("--timestep", help="Length of a step, to tell times as well.")
    ] = None,
    fix: FixOption = None,
    volume: VolumeOption = None,
    first_step: FromOption = None,
    json: JsonOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Flatness of the visits, passages and round trips: mdsieve momt summary weight.txt record.txt"""
    from mdsieve.momt.flatness import flatness, visits_of
    from mdsieve.momt.numbers import write_json
    from mdsieve.momt.phases import find_passages
    from mdsieve.momt.samples import Samples
    from mdsieve.momt.weight import Weight

    check_outputs([json], overwrite)
    samples = passages = None
    if records:
        samples = Samples.read(weight, records, fix=fix, volume=volume, first_step=first_step)
        loaded, (visits, n_outside) = samples.weight, visits_of(samples)
        passages = find_passages(samples, make_bounds(phases))
    else:
        loaded = Weight.load(weight)
        visits, n_outside = loaded.visits, 0
    flat = flatness(loaded, visits, n_outside=n_outside, depth=depth, merge=merge)
    window, order, n = loaded.enthalpy, loaded.order, loaded.n_atoms
    lines = [
        ("ensemble", f"{n} atoms, T0 = {loaded.temperature:g}, P0 = {loaded.pressure:g}"),
        (
            "window",
            f"H/N {window.lower / n:g} to {window.upper / n:g} in {window.n}, "
            f"O {order.lower:g} to {order.upper:g} in {order.n} intervals",
        ),
        (
            "samples",
            f"{flat.n_samples}"
            + (f", {n_outside} of them outside the window" if samples else " inside the window"),
        ),
        (
            f"region v > {depth:g} k T0",
            f"{len(flat.inside)} bins{f' of {merge} x {merge}' if merge > 1 else ''}, "
            f"{100 * flat.share_inside:.1f} % of the samples, {flat.n_empty} bins never visited",
        ),
        ("visits, max/min", f"{flat.ratio:.3g}; between 95 % and 5 % quantile {flat.quantile_ratio:.3g}"),
        ("along O and H", f"max/min {flat.ratio_along_order:.3g} and {flat.ratio_along_enthalpy:.3g}"),
    ]
    if passages is None:
        lines += [("passages", f"{loaded.passages}, counted by fix momt")]
    else:
        each = passages.steps_per_passage
        times = f" ({each * timestep:.4g} of time)" if timestep is not None else ""
        lines += [
            ("phases", f"{passages.bounds}"),
            (
                "shares",
                f"solid {100 * passages.solid:.1f} %, liquid {100 * passages.liquid:.1f} % of the samples",
            ),
            (
                "passages",
                f"{len(passages)}, {passages.round_trips} round trips of {passages.n_records} walkers"
                + (f"; one in {each:.4g} steps{times}" if len(passages) else ""),
            ),
        ]
        if len(passages):
            took = passages.durations()
            lines += [("on the way", f"{took.mean():.4g} steps on average, {took.min()} to {took.max()}")]
    if json is not None:
        numbers = {
            "flatness": {
                **flat.numbers(),
                "merge": merge,
                "enthalpy": flat.enthalpy.centres,
                "along_enthalpy": flat.along_enthalpy,
                "order": flat.order.centres,
                "along_order": flat.along_order,
            },
            "passages": passages,
        }
        write_json(json, "summary", numbers, command=command_line(), samples=samples)
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        typer.echo(f"{name:{width}}  {value}")
