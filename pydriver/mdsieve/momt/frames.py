# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames of trajectories and the samples that were taken at the same steps."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.io.trajectories import RawFrame, iterate_raw_frames
from mdsieve.momt.samples import Samples

if TYPE_CHECKING:
    from ase import Atoms

logger = logging.getLogger(__name__)

_SAME_VOLUME = 1e-3


@dataclass(frozen=True)
class SampledFrame:
    """A frame and its sample.

    Attributes
    ----------
    frame : RawFrame
    structure : ase.Atoms
        At least elements, positions and cell.
    sample : int
        Number of the sample.
    """

    frame: RawFrame
    structure: Atoms
    sample: int


def sampled_frames(
    samples: Samples, trajectories: Sequence[str | os.PathLike], types: Sequence[str] | None = None
) -> Iterator[SampledFrame]:
    """The frames at whose steps there are samples, in the order of the files.

    Parameters
    ----------
    samples : Samples
    trajectories : sequence of paths
        One for each record, in the same order; whatever `mdsieve.io.trajectories` reads, if the frames tell
        their time steps.
    types : sequence of str, optional
        Elements of LAMMPS' atom types.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If there is not one a record; if a frame tells no step or is not of this record by atoms or volume;
        if no frame is at a recorded step.
    """
    if len(trajectories) != len(samples.records):
        raise ValueError(
            f"{len(trajectories)} trajectories and {len(samples.records)} records: expected one for each"
        )
    first = 0
    n_found = n_frames = 0
    for record, path in zip(samples.records, trajectories, strict=True):
        row_of = {int(step): row for row, step in enumerate(record.step)}
        for frame in iterate_raw_frames([path], types):
            n_frames += 1
            structure = frame.structure()
            row = row_of.pop(_step(structure, frame), None)  # of a step that comes twice, the first
            if row is None:
                continue
            n_found += 1
            volume = None if record.volume is None else float(record.volume[row])
            _check(structure, frame, samples.n_atoms, volume)
            yield SampledFrame(frame, structure, first + row)
        first += len(record)
    if n_found == 0:
        raise ValueError(f"{', '.join(map(str, trajectories))}: no frame at a recorded step")
    if n_found < n_frames:
        logger.info("%d of %d frames are at recorded steps, each once", n_found, n_frames)


def _step(structure: Atoms, frame: RawFrame) -> int:
    step = structure.info.get("timestep", structure.info.get("step"))
    if not isinstance(step, (int, np.integer)):
        raise ValueError(f"{frame.source}: frame {frame.index}: no time step: expected `timestep` or `step`")
    return int(step)


def _check(structure: Atoms, frame: RawFrame, n_atoms: int, volume: float | None) -> None:
    where = f"{frame.source}: frame {frame.index}"
    if len(structure) != n_atoms:
        raise ValueError(f"{where}: {len(structure)} atoms: expected {n_atoms}, those of the weight")
    if volume is not None and abs(structure.get_volume() / volume - 1.0) > _SAME_VOLUME:
        raise ValueError(
            f"{where}: volume {structure.get_volume():.6g}, but {volume:.6g} in the record at this step: "
            "expected trajectories in the order of their records"
        )
