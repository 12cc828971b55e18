# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve select dvlae``: difference vectors."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mdsieve.cli.select_options import ReferenceOption, ReportOption, UnitsOption


def select_dvlae(
    trajectories: Annotated[list[Path], typer.Argument(help="Files that ASE reads, taken in this order.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Kept frames, extended XYZ.")],
    functions: Annotated[Path, typer.Option("--functions", "-f", help="Symmetry functions (input.nn).")],
    smallest: Annotated[
        float, typer.Option("--distance", "-d", help="Smallest Hamming distance, a fraction of all bits.")
    ] = 0.0,
    bins: Annotated[int, typer.Option("--bins", help="Bins of each symmetry function's range.")] = 20,
    mode: Annotated[
        Literal["presence", "count", "fraction"], typer.Option("--mode", help="What makes a bit 1.")
    ] = "presence",
    step: Annotated[float, typer.Option("--step", help="Of mode fraction.")] = 0.05,
    start: Annotated[Path | None, typer.Option("--frames", help="Seen frames to begin with.")] = None,
    save_frames: Annotated[
        Path | None, typer.Option("--save-frames", help="Write the seen frames at the end.")
    ] = None,
    reference: ReferenceOption = None,
    report: ReportOption = None,
    types: Annotated[
        str | None, typer.Option("--types", help="Elements of LAMMPS' atom types, with commas: Ni,Al.")
    ] = None,
    n2p2_units: UnitsOption = "metal",
    precision: Annotated[
        Literal["double", "mixed"], typer.Option("--precision", help="Arithmetic of the fingerprints.")
    ] = "double",
    length_unit: Annotated[
        Literal["angstrom", "bohr"], typer.Option("--length-unit", help="Of the lengths in input.nn.")
    ] = "angstrom",
    threads: Annotated[
        int | None,
        typer.Option("--jobs", "-j", help="Threads that read and compute [default: one per core]."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Keep frames whose difference vector (DV-LAE) is farther than a distance from all kept before.

    mdsieve select dvlae run-*.extxyz -f ni.nn -d 0.02 -o kept.extxyz
    """
    from mdsieve.samplers import select_dvlae as by_difference
    from mdsieve.samplers.described_frames import cores

    selection = by_difference.select_dvlae(
        trajectories,
        functions,
        output,
        smallest=smallest,
        n_bins=bins,
        mode=mode,
        step=step,
        start=start,
        save_frames=save_frames,
        earlier=reference or (),
        report=report,
        types=types.split(",") if types else None,
        n2p2_units=n2p2_units,
        precision=precision,
        length_unit=length_unit,
        n_jobs=cores() if threads is None else threads,
        overwrite=overwrite,
    )
    typer.echo(
        f"{output}: {selection.n_kept} of {selection.n_frames} frames kept; {selection.n_bits} bits a frame"
    )
