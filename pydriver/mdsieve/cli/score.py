# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve score``: how well kept frames stand for all."""

from pathlib import Path
from typing import Annotated

import typer

from mdsieve.cli.outputs import check_outputs
from mdsieve.cli.select_options import (
    CheckpointOption,
    CutoffOption,
    EncoderOption,
    Encoding,
    EngineOption,
    FunctionsOption,
    LengthUnitOption,
    OverwriteOption,
    ScaleOption,
    SchedulerOption,
    SeedOption,
    SigmaOption,
    TypesOption,
    UnitsOption,
    WorkersOption,
    default_scale,
    make_encoder,
)


def score(
    whole: Annotated[Path, typer.Argument(metavar="ALL", help="All frames.")],
    kept: Annotated[Path, typer.Argument(metavar="KEPT", help="Those that were kept.")],
    reach: Annotated[
        float, typer.Option("--reach", help="A frame is represented if a kept one is nearer than this.")
    ] = 0.1,
    bins: Annotated[int, typer.Option("--bins", help="Of each principal component.")] = 50,
    bandwidth: Annotated[
        float | None,
        typer.Option("--bandwidth", help="Of the entropy [default: the median nearest distance]."),
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write the numbers.")] = None,
    functions: FunctionsOption = None,
    encoder: EncoderOption = None,
    scale: ScaleOption = None,
    cutoff: CutoffOption = 5.0,
    sigma: SigmaOption = 0.5,
    length_unit: LengthUnitOption = "angstrom",
    types: TypesOption = None,
    n2p2_units: UnitsOption = "metal",
    seed: SeedOption = 0,
    engine: EngineOption = None,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    checkpoint: CheckpointOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """REP, farthest distance, coverage and entropy: mdsieve score all.extxyz kept.extxyz -f ni.nn"""
    from mdsieve.engine.choose import open_engine
    from mdsieve.io.replacing import replacing
    from mdsieve.samplers.encoded_frames import Trajectories
    from mdsieve.samplers.score_frames import score_frames

    check_outputs([json], overwrite)
    elements = types.split(",") if types else None
    every = Trajectories([whole], elements, n2p2_units)
    some = Trajectories([kept], elements, n2p2_units)
    encoding = Encoding(encoder, functions, length_unit, cutoff, sigma, scale)
    with open_engine(engine, n_workers=workers, scheduler=scheduler) as opened:
        if opened is None:  # a rank that was a worker, and has done its work
            return
        found = score_frames(
            every,
            some,
            make_encoder(encoding, every, some),
            scale=default_scale(encoding),
            reach=reach,
            n_bins=bins,
            bandwidth=bandwidth,
            seed=seed,
            executor=opened,
            checkpoint=checkpoint,
        )
    if json is not None:
        with replacing(json) as temporary:
            temporary.write_text(found.to_json() + "\n", encoding="utf-8")
    lines = [
        ("frames", f"{found.n_kept} of {found.n_all}"),
        (f"represented (REP, within {found.reach:g})", f"{100 * found.represented:.1f} %"),
        ("farthest distance", f"{found.farthest:.4g}"),
        ("mean distance", f"{found.mean:.4g}"),
        (
            f"coverage of {found.n_components} principal components, {found.n_bins} bins",
            f"{found.component_coverage:.3f}",
        ),
        ("joint coverage", f"{found.joint_coverage:.3f}, {found.joint_most:.3f} at most with so many"),
    ]
    if found.n_environments_all:
        lines += [
            (
                f"entropy of all environments, bandwidth {found.bandwidth:.3g}",
                f"{found.entropy_all:.3f} nats of {found.entropy_most_all:.3f}",
            ),
            (
                "entropy of the kept ones",
                f"{found.entropy_kept:.3f} nats of {found.entropy_most_kept:.3f}",
            ),
        ]
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        typer.echo(f"{name:{width}}  {value}")
