# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve select bank``: the bank of local environments."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mdsieve.cli.scaling import ScalingOption, chosen_scaling
from mdsieve.cli.select_options import ReferenceOption, ReportOption, UnitsOption
from mdsieve.cli.thresholds import OptionalThresholdWords, parse_thresholds


def select_bank(
    trajectories: Annotated[list[Path], typer.Argument(help="Files that ASE reads, taken in this order.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Kept frames, extended XYZ.")],
    functions: Annotated[
        Path | None, typer.Option("--functions", "-f", help="Symmetry functions (input.nn).")
    ] = None,
    threshold: OptionalThresholdWords = None,
    scaling: ScalingOption = None,
    start: Annotated[Path | None, typer.Option("--bank", "-b", help="Bank to begin with.")] = None,
    save_bank: Annotated[Path | None, typer.Option("--save-bank", help="Write the bank at the end.")] = None,
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
    budget: Annotated[
        int | None,
        typer.Option(
            "--budget",
            "--number",
            "-n",
            help="Keep so many: the radius grows as it must, from the threshold.",
        ),
    ] = None,
    of: Annotated[
        Literal["frames", "environments"], typer.Option("--of", help="What the budget counts.")
    ] = "frames",
) -> None:
    """Keep frames that hold an environment farther than a threshold from all seen before.

    mdsieve select bank run-*.extxyz -f ni.nn -t 0.25 -o kept.extxyz
    """
    from mdsieve.samplers.described_frames import cores

    threads = cores() if threads is None else threads
    if budget is not None:
        if start is not None or functions is None:
            raise ValueError("--budget: expected --functions, and no --bank to begin with")
        if reference or report is not None:
            raise ValueError("--budget: expected no --reference and no --report")
        from mdsieve.samplers.select_budget import select_budget

        found = select_budget(
            trajectories,
            functions,
            budget,
            output,
            of=of,
            thresholds=parse_thresholds(threshold) if threshold else None,
            scaling=chosen_scaling(scaling, functions),
            save_bank=save_bank,
            types=types.split(",") if types else None,
            n2p2_units=n2p2_units,
            precision=precision,
            length_unit=length_unit,
            n_jobs=threads,
            overwrite=overwrite,
        )
        sizes = ", ".join(f"{element} {size}" for element, size in found.bank_sizes.items())
        typer.echo(
            f"{output}: {found.n_kept} of {found.n_frames} frames kept; bank {sizes}; "
            f"every environment within {found.cover:.4g} of the bank, "
            f"no {budget} environments cover all within {found.lower_bound:.4g}"
        )
        return
    from mdsieve.samplers import environment_bank

    selection = environment_bank.select_bank(
        trajectories,
        functions,
        parse_thresholds(threshold) if threshold else None,
        output,
        scaling=chosen_scaling(scaling, functions if start is None else None),
        bank=start,
        save_bank=save_bank,
        earlier=reference or (),
        report=report,
        types=types.split(",") if types else None,
        n2p2_units=n2p2_units,
        precision=precision,
        length_unit=length_unit,
        n_jobs=threads,
        overwrite=overwrite,
    )
    sizes = ", ".join(f"{element} {size}" for element, size in selection.bank_sizes.items())
    typer.echo(
        f"{output}: {selection.n_kept} of {selection.n_frames} frames kept; "
        f"{selection.n_new} of {selection.n_environments} environments new; bank {sizes}"
    )
