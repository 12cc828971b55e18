# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve translate``: a data set of one material as one of another."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
from mdsieve.cli.select_options import OverwriteOption, TrajectoriesArgument, TypesOption, UnitsOption

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.io.trajectories import SourceFrame
    from mdsieve.translate import Translation


def translate(
    trajectories: TrajectoriesArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Translated frames, extended XYZ.")],
    old: Annotated[str | None, typer.Option("--from", help="The element to replace.")] = None,
    new: Annotated[str | None, typer.Option("--to", help="What it becomes.")] = None,
    swaps: Annotated[
        list[str] | None, typer.Option("--map", help="Further elements: Nb=Ta; once for each.")
    ] = None,
    scale: Annotated[
        str | None, typer.Option("--scale", help="Factor of all lengths: 1.15, or a ratio: 4.05/3.52.")
    ] = None,
    scale_by: Annotated[
        Literal["lattice", "bond", "volume"] | None,
        typer.Option(
            "--scale-by", help="Or compute it from the elements' crystals: a, bond length, V^(1/3)."
        ),
    ] = None,
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
    """Swap elements, scale: mdsieve translate ni.xyz -o al.xyz --from Ni --to Al --scale 4.05/3.52"""
    from mdsieve.cli.label import check_labelling, end_labelling
    from mdsieve.cli.logs import log_to_stderr
    from mdsieve.io.trajectories import iterate_frames
    from mdsieve.labels.choose import choose_labeller
    from mdsieve.labels.files import write_labelled, write_unlabelled
    from mdsieve.translate import Translation, parse_scale

    log_to_stderr()
    if scale is not None and scale_by is None:
        translation = Translation(_elements(old, new, swaps or []), parse_scale(scale))
    elif scale is None and scale_by is not None:
        translation = Translation(_elements(old, new, swaps or []), scale_by)
    else:
        raise ValueError("expected either --scale or --scale-by")
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
    check_labelling(output, overwrite, resume)
    read = iterate_frames(trajectories, types.split(",") if types else None, n2p2_units)
    frames = _translated(translation, read)
    if labeller is None:
        n_frames = write_unlabelled(frames, output)
        typer.echo(f"{output}: {n_frames} frames, {translation.description}; without labels")
        return
    written = write_labelled(labeller, frames, output, resume=resume)
    typer.echo(
        f"{output}: {written.n_labelled} frames, {translation.description}; "
        f"labelled by {labeller.description}"
    )
    end_labelling(written, output)


def _translated(translation: "Translation", frames: "Iterator[SourceFrame]") -> "Iterator[Atoms]":
    for frame in frames:
        try:
            yield translation.apply(frame.atoms)
        except ValueError as error:
            raise ValueError(f"{frame.source}: frame {frame.index}: {error}") from None


def _elements(old: str | None, new: str | None, swaps: list[str]) -> dict[str, str]:
    if (old is None) != (new is None):
        raise ValueError("expected --from and --to together")
    pairs = [] if old is None or new is None else [(old, new)]
    for words in swaps:
        left, _, right = words.partition("=")
        if not (left and right):
            raise ValueError(f"--map {words}: expected OLD=NEW, such as Nb=Ta")
        pairs.append((left, right))
    if not pairs:
        raise ValueError("expected --from and --to, or --map OLD=NEW")
    elements = dict(pairs)
    if len(elements) < len(pairs):
        raise ValueError("an element is named twice as what is replaced")
    return elements
