# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve validate``: properties of a potential beside those of a reference."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from ase import Atoms

#: Exit code when some property could not be found.
INCOMPLETE = 1


def validate(
    context: typer.Context,
    potential: Annotated[
        str,
        typer.Argument(
            help="'pair_style ...; pair_coeff ...' or a file of it, an ensemble (.h5), a folder of n2p2, "
            "module:function."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    reference: Annotated[
        str | None, typer.Option("--reference", "-r", help="The same, for what is taken as true.")
    ] = None,
    what: Annotated[
        str | None,
        typer.Option(
            "--what",
            "-w",
            help="Of crystals,volumes,elastic,vacancy,phonons,liquid,errors,reliability "
            "[default: the first four]; errors in any case with --labelled.",
            show_default=False,
        ),
    ] = None,
    element: Annotated[
        str | None,
        typer.Option("--element", help="Whose crystals [default: the potential's only one]."),
    ] = None,
    elements: Annotated[
        str | None, typer.Option("--elements", help="Elements of LAMMPS' atom types, with commas.")
    ] = None,
    lattice: Annotated[
        Literal["fcc", "bcc", "hcp"] | None,
        typer.Option("--lattice", help="For elastic, vacancy, phonons, reliability [default: as in nature]."),
    ] = None,
    volume: Annotated[
        float | None, typer.Option("--volume", help="Å³ an atom to begin with [default: experiment].")
    ] = None,
    ratio: Annotated[float, typer.Option("--hcp-ratio", help="c/a that HCP keeps.")] = 1.555,
    relax_hcp: Annotated[bool, typer.Option("--relax-hcp", help="Find the best c/a of HCP.")] = False,
    labelled: Annotated[
        list[Path] | None,
        typer.Option("--labelled", help="Frames with energies and forces; once for each file."),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", "-T", help="K, of liquid and reliability.")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", help="MD steps of each run.")] = 5000,
    timestep: Annotated[float, typer.Option("--timestep", help="fs.")] = 2.0,
    liquid_volume: Annotated[
        float | None,
        typer.Option("--liquid-volume", help="Å³ an atom [default: 1.15 times that of the reference's FCC]."),
    ] = None,
    melt_steps: Annotated[
        int, typer.Option("--melt-steps", min=0, help="MD steps that melt the crystal, of liquid.")
    ] = 3000,
    melt_temperature: Annotated[
        float | None,
        typer.Option("--melt-temperature", help="K, of these [default: twice --temperature]."),
    ] = None,
    equilibration_steps: Annotated[
        int, typer.Option("--equilibration-steps", min=0, help="MD steps between these and --steps.")
    ] = 2000,
    runs: Annotated[int, typer.Option("--runs", help="Of reliability.")] = 10,
    most_spread: Annotated[
        float | None, typer.Option("--most-spread", help="Bound of the spread of atomic energies, eV.")
    ] = None,
    spread_of: Annotated[
        Path | None, typer.Option("--spread-of", help="Of this ensemble [default: the potential].")
    ] = None,
    most_grade: Annotated[
        float | None, typer.Option("--most-grade", help="Bound of γ; with --functions and --training.")
    ] = None,
    functions: Annotated[
        Path | None, typer.Option("--functions", "-f", help="Symmetry functions (input.nn) of γ.")
    ] = None,
    training: Annotated[
        list[Path] | None, typer.Option("--training", help="Frames that γ counts from; once for each file.")
    ] = None,
    least_distance: Annotated[
        float | None, typer.Option("--least-distance", help="Å that two atoms must keep in reliability.")
    ] = None,
    length_unit: Annotated[
        Literal["angstrom", "bohr"], typer.Option("--length-unit", help="Of a folder of n2p2.")
    ] = "angstrom",
    energy_unit: Annotated[
        Literal["eV", "hartree"], typer.Option("--energy-unit", help="Of a folder of n2p2.")
    ] = "eV",
    seed: Annotated[int, typer.Option("--seed", help="Of velocities.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write into a folder that exists.")] = False,
) -> None:
    """Is a potential any good? mdsieve validate ensemble.h5 -r ni.potential -o report"""
    from rich.console import Console

    from mdsieve.cli.logs import log_to_stderr
    from mdsieve.validate.choose import QUICK, Wanted, element_of, make_properties
    from mdsieve.validate.files import table, write_folder
    from mdsieve.validate.subject import Subject
    from mdsieve.validate.validation import validate as measure_all

    log_to_stderr()
    if output.exists() and not overwrite:
        raise FileExistsError(17, "exists already; say --overwrite to write into it", str(output))
    types = elements.split(",") if elements else None
    subject = Subject.open(potential, types, length_unit=length_unit, energy_unit=energy_unit)
    other = None
    if reference is not None:
        other = Subject.open(reference, types, length_unit=length_unit, energy_unit=energy_unit)
    names = [*(what.split(",") if what else QUICK), *(["errors"] if labelled else [])]
    wanted = Wanted(
        names,
        element_of(subject, element),
        lattice=lattice,
        volume=volume,
        ratio=ratio,
        free_ratio=relax_hcp,
        labelled=_frames(labelled),
        temperature=temperature,
        n_steps=steps,
        n_equilibrate=equilibration_steps,
        n_melt=melt_steps,
        melt_temperature=melt_temperature,
        timestep=timestep,
        liquid_volume=liquid_volume,
        n_runs=runs,
        most_spread=most_spread,
        most_grade=most_grade,
        least_distance=least_distance,
        spread_of=spread_of,
        functions=functions,
        training=_frames(training),
        seed=seed,
    )
    for one in filter(None, [subject, other]):
        one.check(wanted.start.supercell())
    found = measure_all(subject, other, make_properties(wanted, subject, other))
    settings = {**context.params, "what": names, "element": wanted.element, "lattice": wanted.start.lattice}
    written = write_folder(found, output, settings)
    Console().print(table(found))
    typer.echo(f"{output}: {len(written)} files")
    if found.problems:
        for name, problem in found.problems.items():
            typer.echo(f"{name}: {problem}", err=True)
        raise typer.Exit(INCOMPLETE)


def _frames(paths: list[Path] | None) -> "Callable[[], Iterator[Atoms]] | None":
    from mdsieve.io.trajectories import iterate_frames

    if not paths:
        return None
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(2, "no such trajectory", str(path))
    return lambda: (frame.atoms for frame in iterate_frames(paths))
