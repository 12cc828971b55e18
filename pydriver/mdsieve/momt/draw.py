# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames drawn evenly over enthalpy and order parameter, for training sets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdsieve.io.replacing import replacing
from mdsieve.io.trajectories import iterate_raw_frames
from mdsieve.momt.frames import sampled_frames
from mdsieve.momt.samples import Samples


@dataclass(frozen=True, eq=False)
class Drawing:
    """Frames that were drawn.

    Attributes
    ----------
    trajectory : ndarray of int, shape (n,)
        Number of the trajectory of each.
    index : ndarray of int, shape (n,)
        Its place there, from 0.
    sample : ndarray of int, shape (n,)
        Number of its sample.
    n_candidates : int
    n_cells : int
        Cells of enthalpy and order with candidates.
    n_cells_drawn : int
        Those with drawn ones.
    shortfall : int
        How many fewer were drawn than were asked for.
    """

    trajectory: np.ndarray
    index: np.ndarray
    sample: np.ndarray
    n_candidates: int
    n_cells: int
    n_cells_drawn: int
    shortfall: int

    def __len__(self) -> int:
        return len(self.index)


def draw_evenly(cells: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """Draw from each cell in turn, in a random order, until there are enough.

    Parameters
    ----------
    cells : ndarray of int, shape (n_candidates,)
        Cell of each candidate.
    n : int
    seed : int

    Returns
    -------
    ndarray of int, shape (min(n, n_candidates),)
        Candidates, none twice, in the order in which they were drawn: the first k are as even as k can be.
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(cells))
    _, cell = np.unique(cells[shuffled], return_inverse=True)
    by_cell = np.argsort(cell, kind="stable")
    first = np.searchsorted(cell[by_cell], cell[by_cell])
    turn = np.empty(len(cells), dtype=np.int64)
    turn[by_cell] = np.arange(len(cells)) - first  # how many of its cell come before
    order = np.lexsort((rng.random(len(cells)), turn))
    return shuffled[order[:n]]


def draw_frames(
    samples: Samples,
    trajectories: Sequence[str | os.PathLike],
    n: int,
    *,
    types: Sequence[str] | None = None,
    grid: tuple[int, int] = (20, 20),
    seed: int = 0,
) -> Drawing:
    """Draw frames evenly over the cells of a grid of enthalpy and order parameter.

    Parameters
    ----------
    samples : Samples
    trajectories : sequence of paths
        One for each record.
    n : int
        How many to draw.
    types : sequence of str, optional
        Elements of LAMMPS' atom types.
    grid : tuple of int
        Cells along enthalpy and order, between the smallest and largest of the candidates.
    seed : int

    Raises
    ------
    OSError, ValueError
        As `sampled_frames`; if `n` or the grid make no sense.
    """
    if n < 1 or min(grid) < 1:
        raise ValueError(f"{n} frames of {grid[0]} x {grid[1]} cells: expected numbers > 0")
    number = {str(path): k for k, path in enumerate(trajectories)}
    if len(number) < len(trajectories):
        raise ValueError("a trajectory is named twice")
    where = [
        (number[found.frame.source], found.frame.index, found.sample)
        for found in sampled_frames(samples, trajectories, types)
    ]
    trajectory, index, sample = np.array(where, dtype=np.int64).T
    cells = np.zeros(len(sample), dtype=np.int64)
    for values, m in zip((samples.enthalpy[sample], samples.order[sample]), grid, strict=True):
        width = max(float(np.ptp(values)), 1e-300)
        cells = cells * m + np.minimum((m * ((values - values.min()) / width)).astype(np.int64), m - 1)
    drawn = draw_evenly(cells, n, seed)
    return Drawing(
        trajectory[drawn],
        index[drawn],
        sample[drawn],
        len(cells),
        len(np.unique(cells)),
        len(np.unique(cells[drawn])),
        max(n - len(drawn), 0),
    )


def write_frames(
    path: str | os.PathLike,
    drawing: Drawing,
    samples: Samples,
    trajectories: Sequence[str | os.PathLike],
    types: Sequence[str] | None = None,
    temperature: float | None = None,
) -> None:
    """Write drawn frames as extended XYZ in the order of their trajectories.

    The comment line has ``enthalpy`` and ``bias`` (v) of the cell, ``order``, ``log_weight`` (ln w at the
    temperature, but for a constant), ``step``, ``source`` and ``frame``.

    Parameters
    ----------
    path : path
    drawing : Drawing
    samples : Samples
    trajectories, types
        As they were drawn from.
    temperature : float, optional
        Of ``log_weight``; default: T0.
    """
    from ase.io.extxyz import write_extxyz

    log_weights = samples.log_weights(temperature or samples.weight.temperature)
    step = np.concatenate([record.step for record in samples.records])
    sample_of = {
        (int(t), int(k)): int(s)
        for t, k, s in zip(drawing.trajectory, drawing.index, drawing.sample, strict=True)
    }
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for number, trajectory in enumerate(trajectories):
            for frame in iterate_raw_frames([trajectory], types):
                sample = sample_of.get((number, frame.index))
                if sample is None:
                    continue
                atoms = frame.atoms()
                atoms.info.pop("timestep", None)
                atoms.info.update(
                    enthalpy=float(samples.enthalpy[sample]),
                    order=float(samples.order[sample]),
                    bias=float(samples.bias[sample]),
                    log_weight=float(log_weights[sample]),
                    step=int(step[sample]),
                    source=frame.source,
                    frame=frame.index,
                )
                write_extxyz(file, [atoms])
