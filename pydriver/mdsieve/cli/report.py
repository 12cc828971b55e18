# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve report``: a campaign as one page for a browser."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mdsieve.cli.outputs import OverwriteOption, check_outputs


def report(
    store: Annotated[Path, typer.Argument(help="A store, e.g. store.db.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("report.html"),
    method: Annotated[
        Literal["pca", "tsne", "umap"], typer.Option("--map", help="How frames are brought to the plane.")
    ] = "pca",
    seed: Annotated[int, typer.Option("--seed", help="Of the map.")] = 0,
    trajectory: Annotated[
        list[Path] | None,
        typer.Option("--trajectory", help="What the kept frames were chosen from; once for each file."),
    ] = None,
    types: Annotated[
        str | None, typer.Option("--types", help="Elements of LAMMPS' atom types, with commas: Ni,Al.")
    ] = None,
    log: Annotated[Path | None, typer.Option("--log", help="A LAMMPS log whose end is quoted.")] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Write a page with plots, map, histograms, frames and their atoms: mdsieve report store.db"""
    from mdsieve.driver.store import FrameStore
    from mdsieve.io.trajectories import iterate_frames
    from mdsieve.report import write_report

    check_outputs([output], overwrite)
    frames = None
    if trajectory:
        frames = (frame.atoms for frame in iterate_frames(trajectory, types.split(",") if types else None))
    with FrameStore.read(store) as opened:
        write_report(opened, output, log, method=method, seed=seed, trajectory=frames)
    typer.echo(f"wrote {output}")
