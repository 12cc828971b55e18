# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve calibrate``: which threshold?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mdsieve.cli.outputs import check_outputs
from mdsieve.cli.scaling import ScalingOption, chosen_scaling

if TYPE_CHECKING:
    from mdsieve.calibrate import Outcome, Pilot


def calibrate(
    trajectories: Annotated[
        list[Path], typer.Argument(help="A pilot trajectory: files that ASE reads in this order, or a store.")
    ],
    functions: Annotated[
        Path | None, typer.Option("--functions", "-f", help="Symmetry functions (input.nn).")
    ] = None,
    scaling: ScalingOption = None,
    budget: Annotated[
        int | None,
        typer.Option("--budget", "--number", "-n", help="Frames of the pilot that can be afforded."),
    ] = None,
    ratio: Annotated[
        Literal["equal", "noise"],
        typer.Option("--ratio", help="Thresholds of the elements: equal, or as their thermal noise."),
    ] = "equal",
    points: Annotated[int, typer.Option("--points", help="Thresholds of the curve.")] = 25,
    every: Annotated[int, typer.Option("--every", help="Take one frame out of so many.")] = 1,
    png: Annotated[
        Path | None, typer.Option("--picture", "--png", help="Write the curve as a picture: PNG, SVG or PDF.")
    ] = None,
    save_scaling: Annotated[
        Path | None, typer.Option("--save-scaling", help="Write the scaling as an n2p2 scaling.data file.")
    ] = None,
    types: Annotated[
        str | None, typer.Option("--types", help="Elements of LAMMPS' atom types, with commas: Ni,Al.")
    ] = None,
    precision: Annotated[
        Literal["double", "mixed"], typer.Option("--precision", help="Arithmetic of the fingerprints.")
    ] = "double",
    length_unit: Annotated[
        Literal["angstrom", "bohr"], typer.Option("--length-unit", help="Of the lengths in input.nn.")
    ] = "angstrom",
    threads: Annotated[int, typer.Option("--jobs", "-j", help="Threads that compute fingerprints.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Kept frames against threshold, thermal noise, knee: mdsieve calibrate pilot.extxyz -f ni.nn -n 200"""
    from rich.console import Console

    from mdsieve.calibrate import find_knee, read_pilot
    from mdsieve.descriptors import SymmetryFunctions
    from mdsieve.report.calibration import calibration_table, write_calibration_picture

    if points < 3:
        raise ValueError(f"--points {points}: expected at least 3")
    check_outputs([png, save_scaling], overwrite)
    given = None
    if functions is not None:
        given = SymmetryFunctions.from_file(functions, precision=precision, length_unit=length_unit)
    is_of_store = len(trajectories) == 1 and trajectories[0].suffix == ".db"
    scaling = chosen_scaling(scaling, None if is_of_store else functions)
    if save_scaling is not None and not is_of_store and scaling not in ("minmax", "std"):
        raise ValueError(
            f"--save-scaling: the scaling {scaling} is not fitted on these frames; "
            "expected --scaling minmax or std"
        )
    type_elements = types.split(",") if types else None
    pilot = read_pilot(trajectories, given, scaling, types=type_elements, every=every, n_jobs=threads)
    ratios = pilot.noise_ratios() if ratio == "noise" else None
    outcomes = pilot.curve(ratios=ratios, n=points)
    marks: dict[str, Outcome | None] = {"knee": find_knee(outcomes)}
    if budget is not None:
        marks["budget"] = pilot.afford(budget, ratios)
    Console().print(calibration_table(pilot, outcomes, marks))
    _say_noise(pilot)
    chosen = marks.get("budget") or marks["knee"]
    if save_scaling is not None:
        _write_scaling(pilot, save_scaling)
        scaling = str(save_scaling)
    if chosen is not None:
        _say_choice(pilot, chosen, functions, scaling, type_elements)
    else:
        typer.echo("The curve has no knee: choose a threshold from the table.")
    if png is not None:
        write_calibration_picture(pilot, outcomes, marks, png)
        typer.echo(f"wrote {png}")


def _say_noise(pilot: "Pilot") -> None:
    for symbol in pilot.elements:
        floor = pilot.noise_floor.get(symbol)
        if floor is None:
            typer.echo(f"thermal noise of {symbol}: not known, no atom of it is in two consecutive frames")
        else:
            typer.echo(
                f"thermal noise of {symbol}: median {floor.median:.4g}, 95 % below {floor.high:.4g} "
                f"({floor.n_pairs} pairs)"
            )


def _say_choice(
    pilot: "Pilot", chosen: "Outcome", functions: Path | None, scaling: str, types: list[str] | None
) -> None:
    words = " ".join(f"{symbol} {value:.4g}" for symbol, value in chosen.thresholds.items())
    for symbol, value in chosen.thresholds.items():
        floor = pilot.noise_floor.get(symbol)
        if floor is not None and value < floor.median:
            typer.echo(f"{symbol}: {value:.4g} lies below the thermal noise: vibrations will count as new")
    kind = " std" if pilot.scaling.kind == "std" else ""
    if pilot.scaling.kind == "none":
        source = "scaling none"
    else:
        source = f"scaling file {scaling if Path(scaling).is_file() else '...'}{kind}"
    name = functions if functions is not None else "sf.nn"
    elements = types or pilot.functions.elements
    typer.echo(f"keeps {chosen.n_frames} of {pilot.n_frames} frames; for the input script:")
    typer.echo(f"    threshold {words}")
    typer.echo(f"    fix sel all select N {name} {' '.join(elements)} threshold {words} {source}")
    if types is None and len(elements) > 1:
        typer.echo(
            f"Elements are in the order of {name}. The fix needs one per LAMMPS atom type, in the order of "
            "the types: give that order by --types to print it."
        )
    missing = [symbol for symbol in dict.fromkeys(elements) if symbol not in (*chosen.thresholds, "NULL")]
    if missing:
        typer.echo(f"{', '.join(missing)}: not in the pilot, the fix needs a threshold for each.")
    if source.endswith(("...", "... std")):
        typer.echo("A threshold holds for its scaling only: --save-scaling writes the one used here.")


def _write_scaling(pilot: "Pilot", path: Path) -> None:
    from mdsieve.io.replacing import replacing

    with replacing(path) as temporary:
        temporary.write_text(pilot.scaling_data(), encoding="utf-8")
    typer.echo(f"wrote {path}")
