# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that the commands ``mdsieve select ...`` share, and what they do alike."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mdsieve.cli.outputs import OverwriteOption as OverwriteOption

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from mdsieve.encoders.contract import Encoder
    from mdsieve.samplers.contract import Sampler
    from mdsieve.samplers.encoded_frames import Trajectories
    from mdsieve.samplers.select_frames import Scale
    from mdsieve.similarity.kernel import StructureKernel

EncoderName = Literal["mean", "pooled", "soap", "chgnet", "m3gnet"]
ScaleName = Literal["none", "standard", "minmax", "unit"]

TrajectoriesArgument = Annotated[
    list[Path],
    typer.Argument(
        help="Files that ASE reads, LAMMPS dumps, n2p2's input.data, DeePMD folders; taken in this order."
    ),
]
OutputOption = Annotated[
    Path, typer.Option("--output", "-o", help="Picked frames in pick order, extended XYZ.")
]
NumberOption = Annotated[
    str | None, typer.Option("--number", "-n", help="How many to pick: 400, or a share: 10% or 0.1.")
]
ReferenceOption = Annotated[
    list[Path] | None,
    typer.Option("--reference", "-r", help="Frames that are there already: pick in addition to them."),
]
ReportOption = Annotated[Path | None, typer.Option("--report", help="Write a page about the selection.")]
JsonOption = Annotated[
    Path | None, typer.Option("--json", help="Write indices, scores, reasons, options and versions.")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Of all that is random.")]
TypesOption = Annotated[
    str | None, typer.Option("--types", help="Elements of LAMMPS' atom types, with commas: Ni,Al.")
]
UnitsOption = Annotated[
    Literal["metal", "atomic"],
    typer.Option("--n2p2-units", help="Of n2p2's data: Å and eV, or Bohr and Hartree."),
]
FunctionsOption = Annotated[
    Path | None, typer.Option("--functions", "-f", help="Symmetry functions (input.nn).")
]
LengthUnitOption = Annotated[
    Literal["angstrom", "bohr"], typer.Option("--length-unit", help="Of the lengths in input.nn.")
]
EncoderOption = Annotated[
    EncoderName | None,
    typer.Option(
        "--encoder",
        "-e",
        help="How frames become numbers [default: mean with --functions, else soap].",
        show_default=False,
    ),
]
CutoffOption = Annotated[float, typer.Option("--cutoff", help="Of SOAP, Å.")]
SigmaOption = Annotated[float, typer.Option("--sigma", help="Of SOAP, Å.")]
ScaleOption = Annotated[
    ScaleName | None,
    typer.Option(
        "--scale",
        help="Columns to 0…1 (minmax) or mean 0 and deviation 1 (standard), rows to length 1 (unit) "
        "[default: none for mean, unit for soap, else standard].",
        show_default=False,
    ),
]
EngineOption = Annotated[
    Literal["processes", "mpi", "dask"] | None,
    typer.Option(
        "--engine", help="Who encodes [default: mpi under mpiexec, dask with --scheduler, else processes]."
    ),
]
WorkersOption = Annotated[
    int | None, typer.Option("--jobs", "-j", help="Processes that encode [default: one per core].")
]
SchedulerOption = Annotated[
    str | None, typer.Option("--scheduler", help="Address of the Dask scheduler: tcp://host:8786.")
]
CheckpointOption = Annotated[
    Path | None, typer.Option("--checkpoint", help="Folder of finished chunks: a killed job resumes.")
]


def parse_number(words: str | None) -> int | float | None:
    """``400``, ``0.1`` or ``10%`` as a number or a share.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if words is None:
        return None
    try:
        if words.endswith("%"):
            return float(words[:-1]) / 100.0
        return int(words) if words.lstrip("+-").isdecimal() else float(words)
    except ValueError:
        raise ValueError(f"--number {words}: expected a number as 400, or a share as 10% or 0.1") from None


@dataclass(frozen=True)
class Files:
    """What is read and written."""

    trajectories: list[Path]
    output: Path
    reference: list[Path] | None
    report: Path | None
    json: Path | None
    types: str | None
    n2p2_units: Literal["metal", "atomic"]
    overwrite: bool


@dataclass(frozen=True)
class Encoding:
    """How frames become rows."""

    name: EncoderName | None
    functions: Path | None
    length_unit: Literal["angstrom", "bohr"]
    cutoff: float
    sigma: float
    scale: ScaleName | None

    @property
    def encoder(self) -> EncoderName:
        """The encoder's name, also where none was said."""
        if self.name is not None:
            return self.name
        return "soap" if self.functions is None else "mean"


@dataclass(frozen=True)
class Work:
    """Who computes."""

    engine: Literal["processes", "mpi", "dask"] | None
    workers: int | None
    scheduler: str | None
    checkpoint: Path | None


def select_with(
    sampler: "Sampler",
    files: Files,
    work: Work,
    encoding: Encoding | None,
    *,
    strata: str | None = None,
    is_split_by_element: bool = False,
    kernel: "Callable[[Sequence[np.ndarray]], StructureKernel] | None" = None,
) -> None:
    """Run a sampler and say what came of it.

    Parameters
    ----------
    sampler : Sampler
    files : Files
    work : Work
    encoding : Encoding or None
        None: the sampler does not look at the frames.
    strata, is_split_by_element, kernel : optional
        See `mdsieve.samplers.select_frames.select_frames`.
    """
    import shlex
    import sys

    from mdsieve.engine.choose import open_engine
    from mdsieve.samplers.encoded_frames import Trajectories
    from mdsieve.samplers.select_frames import Outputs, select_frames

    types = files.types.split(",") if files.types else None
    frames = Trajectories(files.trajectories, types, files.n2p2_units)
    earlier = Trajectories(files.reference, types, files.n2p2_units) if files.reference else None
    outputs = Outputs(files.output, files.json, files.report, files.overwrite)
    with open_engine(work.engine, n_workers=work.workers, scheduler=work.scheduler) as engine:
        if engine is None:  # a rank that was a worker, and has done its work
            return
        outputs.check()
        selection = select_frames(
            frames,
            sampler,
            None if encoding is None else make_encoder(encoding, frames, earlier),
            outputs,
            earlier=earlier,
            strata=strata,
            kernel=kernel,
            scale="none" if encoding is None else default_scale(encoding),
            is_split_by_element=is_split_by_element,
            executor=engine,
            checkpoint=work.checkpoint,
            command=shlex.join(["mdsieve", *sys.argv[1:]]),
        )
    less = f", {selection.shortfall} fewer than asked for" if selection.shortfall else ""
    typer.echo(f"{files.output}: {len(selection)} of {selection.n_candidates} frames picked{less}")


def default_scale(encoding: Encoding) -> "Scale":
    """The scale that was said, else the encoder's own."""
    if encoding.scale is not None:
        return encoding.scale
    return {"mean": "none", "soap": "unit"}.get(encoding.encoder, "standard")  # type: ignore[return-value]


def make_encoder(encoding: Encoding, frames: "Trajectories", earlier: "Trajectories | None") -> "Encoder":
    """The encoder that the options describe.

    Raises
    ------
    ValueError
        If options are missing or do not belong to it.
    """
    name = encoding.encoder
    if name in ("mean", "pooled"):
        if encoding.functions is None:
            raise ValueError(f"--encoder {name}: expected symmetry functions, --functions input.nn")
        from mdsieve.descriptors import SymmetryFunctions
        from mdsieve.encoders.mean import FingerprintSummaries
        from mdsieve.encoders.pooled import PooledSymmetryFunctions

        functions = SymmetryFunctions.from_file(encoding.functions, length_unit=encoding.length_unit)
        return FingerprintSummaries(functions) if name == "mean" else PooledSymmetryFunctions(functions)
    if encoding.functions is not None:
        raise ValueError(f"--functions with --encoder {name}: expected with mean and pooled only")
    if name == "soap":
        from mdsieve.encoders.soap import Soap
        from mdsieve.encoders.unit_mean import UnitMean

        species = {
            symbol
            for each in (frames, earlier or ())
            for frame in each
            for symbol in frame.structure().get_chemical_symbols()
        }
        return UnitMean(Soap(sorted(species), r_cut=encoding.cutoff, sigma=encoding.sigma))
    if name == "chgnet":
        from mdsieve.encoders.chgnet import ChgnetReadout

        return ChgnetReadout()
    from mdsieve.encoders.matgl import M3gnetReadout

    return M3gnetReadout()
