# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve label``: energies, forces and stresses for frames."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdsieve.cli.label_options import (
    BatchOption,
    CalculatorOption,
    CommandOption,
    ElementsOption,
    LmpOption,
    PairCoeffOption,
    PairFileOption,
    PairStyleOption,
    ProcessesOption,
    ResumeOption,
    TimeoutOption,
)
from mdsieve.cli.outputs import check_outputs
from mdsieve.cli.select_options import OverwriteOption, TrajectoriesArgument, TypesOption, UnitsOption

if TYPE_CHECKING:
    from mdsieve.labels.files import Written

#: Exit code when some frames could not be labelled.
INCOMPLETE = 1


def label(
    trajectories: TrajectoriesArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Labelled frames, extended XYZ.")],
    pair_style: PairStyleOption = None,
    pair_coeff: PairCoeffOption = None,
    pair_file: PairFileOption = None,
    elements: ElementsOption = None,
    calculator: CalculatorOption = None,
    command: CommandOption = None,
    lmp: LmpOption = None,
    processes: ProcessesOption = 1,
    batch: BatchOption = None,
    timeout: TimeoutOption = None,
    types: TypesOption = None,
    n2p2_units: UnitsOption = "metal",
    overwrite: OverwriteOption = False,
    resume: ResumeOption = False,
) -> None:
    """Label frames: mdsieve label in.xyz -o out.xyz --pair-style eam/fs --pair-coeff '* * Al1.eam.fs Al'"""
    from mdsieve.cli.logs import log_to_stderr
    from mdsieve.io.trajectories import iterate_frames
    from mdsieve.labels.choose import choose_labeller
    from mdsieve.labels.files import write_labelled

    log_to_stderr()
    labeller = choose_labeller(
        pair_style=pair_style,
        pair_coeff=pair_coeff,
        pair_file=pair_file,
        elements=elements.split(",") if elements else None,
        calculator=calculator,
        command=command,
        lmp=lmp,
        n_processes=processes,
        frames_a_start=batch,
        timeout=timeout,
    )
    if labeller is None:
        raise ValueError("by what? expected --pair-style, --pair-file, --calculator or --command")
    check_labelling(output, overwrite, resume)
    frames = (
        frame.atoms for frame in iterate_frames(trajectories, types.split(",") if types else None, n2p2_units)
    )
    written = write_labelled(labeller, frames, output, resume=resume)
    typer.echo(f"{output}: {written.n_labelled} frames labelled by {labeller.description}")
    end_labelling(written, output)


def check_labelling(output: Path, overwrite: bool, resume: bool) -> None:
    """Whether the files of labelled frames may be written.

    Raises
    ------
    FileExistsError, FileNotFoundError
        If they exist already, or those of a run that was killed, or the folder does not.
    """
    from mdsieve.labels.files import failed_path, part_path

    begun = part_path(output).exists()
    check_outputs([output, failed_path(output)], overwrite or (resume and begun))
    if begun and not (resume or overwrite):
        state = "frames of a labelling that was killed; say --resume to go on, --overwrite to begin anew"
        raise FileExistsError(17, state, str(part_path(output)))


def end_labelling(written: "Written", output: Path) -> None:
    """Say how many frames could not be labelled, and end with `INCOMPLETE` if there are some."""
    from mdsieve.labels.files import failed_path

    if written.n_failed:
        typer.echo(f"{failed_path(output)}: {written.n_failed} frames could not be labelled", err=True)
        raise typer.Exit(INCOMPLETE)
