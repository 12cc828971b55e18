# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that commands which train networks share, and what they do alike."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from mdsieve.descriptors import SymmetryFunctions

FramesArgument = Annotated[
    list[Path],
    typer.Argument(help="Labelled frames: files that ASE reads, n2p2 data, DeePMD folders."),
]
FunctionsOption = Annotated[
    Path | None,
    typer.Option("--functions", "-f", help="Symmetry functions (input.nn); not needed with --start."),
]
MembersOption = Annotated[int, typer.Option("--members", help="Networks of the ensemble.")]
HiddenOption = Annotated[str, typer.Option("--hidden", help="Neurons of the hidden layers, with commas.")]
ActivationOption = Annotated[
    str, typer.Option("--activation", help="Of the hidden layers, n2p2's letter: t tanh, u GELU, ...")
]
EpochsOption = Annotated[int, typer.Option("--epochs", help="Passes over the frames.")]
BatchOption = Annotated[int, typer.Option("--batch-size", help="Frames a step.")]
RateOption = Annotated[float, typer.Option("--learning-rate", help="Largest step of AdamW.")]
ScheduleOption = Annotated[
    Literal["cosine", "plateau"], typer.Option("--schedule", help="How the learning rate falls.")
]
PatienceOption = Annotated[
    int | None,
    typer.Option("--patience", help="Epochs without progress after which a member stops [default: none]."),
]
EnergyWeightOption = Annotated[float, typer.Option("--energy-weight", help="Of (ΔE/n)², 1/eV².")]
ForceWeightOption = Annotated[float, typer.Option("--force-weight", help="Of ΔF², Å²/eV².")]
StressWeightOption = Annotated[
    float, typer.Option("--stress-weight", help="Of the squared error of the virial an atom, 1/eV².")
]
ValidationOption = Annotated[
    float, typer.Option("--validation", help="Share of the frames on which a member is not trained.")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Of all that is random.")]
CacheOption = Annotated[
    Path | None,
    typer.Option("--cache", help="Folder for fingerprints and their derivatives: kept for later."),
]
MemoryOption = Annotated[
    float, typer.Option("--memory", help="GB of derivatives above which they are kept in files.")
]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", "-j", help="Threads [default: one per core].", show_default=False)
]
DeviceOption = Annotated[str, typer.Option("--device", help="Device of PyTorch: cpu, cuda, cuda:1.")]


def read_functions(path: Path | None, length_unit: Literal["angstrom", "bohr"]) -> "SymmetryFunctions":
    """The symmetry functions that were named.

    Raises
    ------
    ValueError
        If none were.
    """
    from mdsieve.descriptors import SymmetryFunctions

    if path is None:
        raise ValueError("expected symmetry functions, --functions input.nn")
    return SymmetryFunctions.from_file(path, length_unit=length_unit)


def check_device(device: str | None) -> None:
    """Refuse a device that PyTorch cannot use.

    Raises
    ------
    ValueError
        If the name is unknown or there is no such device.
    """
    if device is None:
        return
    from mdsieve.potentials.networks import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"device {device}: PyTorch cannot use it: {reason}") from None


def hidden_layers(words: str) -> tuple[int, ...]:
    """Numbers of neurons.

    Raises
    ------
    ValueError
        If they are no numbers.
    """
    try:
        return tuple(int(word) for word in words.split(","))
    except ValueError:
        raise ValueError(f"--hidden {words}: expected numbers with commas, as 32,32") from None


def showing(total: int, title: str) -> "AbstractContextManager[Callable[..., None]]":
    """A line of progress on a terminal; a context that gives a function to move it with."""
    from contextlib import contextmanager

    @contextmanager
    def line() -> "Iterator[Callable[..., None]]":
        with showing_steps() as report:
            yield lambda done, words="": report(title, done, total, words)

    return line()


def showing_steps() -> "AbstractContextManager[Callable[[str, int, int, str], None]]":
    """A line of progress on a terminal for each title that is reported, the last one at the bottom."""
    from contextlib import contextmanager

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    @contextmanager
    def lines() -> "Iterator[Callable[[str, int, int, str], None]]":
        console = Console(stderr=True)
        if not console.is_terminal:
            yield lambda *_: None
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} {task.fields[words]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as bars:
            shown: list[tuple[str, Any]] = []

            def report(title: str, done: int, total: int, words: str) -> None:
                if not shown or shown[-1][0] != title:
                    shown.append((title, bars.add_task(title, total=total, words="")))
                bars.update(shown[-1][1], completed=done, total=total, words=words)

            yield report

    return lines()


def shown_errors(entry: dict[str, Any]) -> str:
    """Validation errors, mean over the members."""
    from mdsieve.potentials.training import shown

    return shown(entry, ("validation_energy", "validation_force"))


def write_json(path: Path, content: object) -> None:
    """Write JSON, whole or not at all."""
    import json

    from mdsieve.io.replacing import replacing

    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
