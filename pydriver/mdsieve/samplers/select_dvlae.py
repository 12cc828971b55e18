# SPDX-License-Identifier: GPL-2.0-or-later
"""Choose frames of stored trajectories by their difference vectors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mdsieve import _core
from mdsieve.descriptors import SymmetryFunctions
from mdsieve.io.replacing import replacing
from mdsieve.io.trajectories import iterate_raw_frames
from mdsieve.samplers.described_frames import FingerprintSpool, describe_frames, naming
from mdsieve.samplers.progress import ShareDone, showing_progress
from mdsieve.samplers.stream_record import StreamRecord

if TYPE_CHECKING:
    from mdsieve.descriptors import LengthUnit, Precision
    from mdsieve.difference import Mode
    from mdsieve.io.n2p2_data import DataUnits


@dataclass(frozen=True)
class DvlaeSelection:
    """What `select_dvlae` did.

    Attributes
    ----------
    n_frames, n_kept : int
        Frames seen and kept.
    n_bits : int
        Length of the difference vectors.
    """

    n_frames: int
    n_kept: int
    n_bits: int


def select_dvlae(
    paths: Iterable[str | os.PathLike],
    functions_path: str | os.PathLike | None,
    output: str | os.PathLike,
    *,
    smallest: float = 0.0,
    n_bins: int = 20,
    mode: Mode = "presence",
    step: float = 0.05,
    start: str | os.PathLike | None = None,
    save_frames: str | os.PathLike | None = None,
    earlier: Iterable[str | os.PathLike] = (),
    report: str | os.PathLike | None = None,
    types: Sequence[str] | None = None,
    n2p2_units: DataUnits = "metal",
    precision: Precision = "double",
    length_unit: LengthUnit = "angstrom",
    n_jobs: int = 1,
    overwrite: bool = False,
    progress: bool = True,
) -> DvlaeSelection:
    """Write those frames whose difference vector is farther than `smallest` from all kept before.

    The ranges are those of all these trajectories, which are read twice; the reference structure is the first
    frame.

    Parameters
    ----------
    paths : iterable of paths
        Trajectories, read in this order.
    functions_path : path or None
        ``input.nn`` of the symmetry functions.
    output : path
        Extended XYZ. Each frame says in ``info``: ``frame``, ``source`` and ``difference``, its distance to
        the nearest frame kept before. The file appears whole or not at all.
    smallest : float
        Hamming distance as a fraction of all bits; 0 keeps each vector once.
    n_bins, mode, step
        See `mdsieve.difference.DifferenceVectors`.
    start : path, optional
        Seen frames to begin with, with their ranges, bins and mode; the trajectories are then read once.
    save_frames : path, optional
        Where to write the seen frames at the end.
    earlier : iterable of paths
        Frames that are there already: they count as kept and are not written. The ranges are not those of
        these.
    report : path, optional
        A page about the selection.
    types : sequence of str, optional
        Element symbols of LAMMPS' atom types.
    n2p2_units : {"metal", "atomic"}
        Of n2p2's data files.
    n_jobs : int
        Threads that compute fingerprints.
    overwrite : bool
        Replace files that exist.
    progress : bool
        Show progress if the error stream is a terminal.

    Raises
    ------
    FileExistsError
        If an output exists and `overwrite` is not set.
    ValueError
        If anything given does not fit together, naming it.
    OSError
        If a file cannot be read or written.
    """
    from ase.io import write

    paths, earlier = [Path(path) for path in paths], [Path(path) for path in earlier]
    if not paths:
        raise ValueError("no trajectory was given")
    if functions_path is None:
        raise ValueError("no symmetry functions: give an input.nn file")
    if not 0 <= smallest < 1:
        raise ValueError(f"smallest distance {smallest}: expected a number from 0 to below 1")
    if n_jobs < 1:
        raise ValueError(f"{n_jobs} threads: expected at least 1")
    for path in (output, save_frames, report):
        if path is not None and Path(path).exists() and not overwrite:
            raise FileExistsError(17, "the file exists already; overwrite it explicitly", str(path))
    functions = SymmetryFunctions.from_file(
        Path(functions_path), precision=precision, length_unit=length_unit
    )
    n_frames = n_kept = 0
    with (
        showing_progress(progress) as show,
        FingerprintSpool(Path(output).absolute().parent) as spool,
    ):
        if start is not None:
            seen = _core.SeenFrames.deserialise(Path(start).read_bytes(), str(start))
            if seen.layout.descriptor_hash != functions.hash:
                raise ValueError(f"{start}: made with other symmetry functions than {functions_path}")
        else:
            scaling = _ranges(paths, types, n2p2_units, functions, n_jobs, spool, show("finding the ranges"))
            chosen = step if mode == "fraction" else 0.0
            seen = _core.SeenFrames(
                _core.HistogramLayout.from_scaling(
                    functions.hash, functions.elements, scaling, n_bins, mode, chosen
                )
            )
        _learn(iterate_raw_frames(earlier, types, n2p2_units), seen, functions, n_jobs, output, show)
        line, record = show("choosing"), StreamRecord()
        done = ShareDone(paths)
        spool.rewind()
        with replacing(output) as temporary, open(temporary, "w", encoding="utf-8") as file:
            raw_frames = iterate_raw_frames(paths, types, n2p2_units)
            for frame, described in describe_frames(raw_frames, functions, n_jobs, spool):
                record.see(frame)
                with naming(frame):
                    signature = seen.signature(described.elements, described.fingerprints)
                if not seen.reference:
                    seen.set_reference(signature)
                vector = seen.vector_of(signature)
                distance = seen.distance(vector)
                n_frames += 1
                if distance > smallest * (1.0 + 1e-12):
                    seen.add(vector)
                    n_kept += 1
                    atoms = frame.atoms()
                    atoms.info |= {"frame": frame.index, "source": frame.source, "difference": distance}
                    write(file, atoms, format="extxyz")
                    record.keep(distance, "farther than the smallest distance")
                line(n_frames, n_kept, done.after(frame))
    if save_frames is not None:
        with replacing(save_frames) as temporary:
            temporary.write_bytes(seen.serialise())
    if report is not None:
        configuration = {
            "sampler": "DV-LAE",
            "smallest distance": smallest,
            "bins": n_bins,
            "mode": mode,
            "functions": str(functions_path),
            "files": [str(path) for path in paths],
            "earlier_files": [str(path) for path in earlier],
            "bits": seen.n_bits,
        }
        record.write_report(report, configuration)
    return DvlaeSelection(n_frames, n_kept, seen.n_bits)


def _learn(frames, seen: _core.SeenFrames, functions: SymmetryFunctions, n_jobs: int, output, show) -> None:
    """Let frames count as kept."""
    line = show("the earlier set")
    with FingerprintSpool(Path(output).absolute().parent) as spool:
        spool.rewind()  # nothing of these is needed again
        for number, (frame, described) in enumerate(describe_frames(frames, functions, n_jobs, spool)):
            with naming(frame):
                signature = seen.signature(described.elements, described.fingerprints)
            if not seen.reference:
                seen.set_reference(signature)
            seen.add(seen.vector_of(signature))
            line(number + 1, None)


def _ranges(
    paths, types, n2p2_units, functions: SymmetryFunctions, n_jobs: int, spool, report
) -> _core.Scaling:
    statistics = _core.ColumnStatistics([functions.n_features[symbol] for symbol in functions.elements])
    frames = describe_frames(iterate_raw_frames(paths, types, n2p2_units), functions, n_jobs, spool)
    done = ShareDone(paths)
    for n_frames, (frame, described) in enumerate(frames, start=1):
        with naming(frame):
            statistics.add(described.elements, described.fingerprints)
        report(n_frames, None, done.after(frame))
    return statistics.scaling("minmax", functions.elements)
