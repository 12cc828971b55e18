# SPDX-License-Identifier: GPL-2.0-or-later
"""Pair distribution functions at other temperatures, out of stored frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mdsieve.momt.blocks import Bootstrap, standard_error
from mdsieve.momt.frames import SampledFrame
from mdsieve.momt.reweighting import LEAST_SAMPLES, Reweighting
from mdsieve.momt.samples import effective_number
from mdsieve.momt.weight import Axis


@dataclass(frozen=True, eq=False)
class PairDistribution:
    """g(r) of all atoms alike.

    Attributes
    ----------
    distance : Axis
        Of the bins.
    value, error : ndarray of float, shape (n_bins,)
    n_frames : int
    n_effective : float
        (sum w)^2 / sum w^2 of the frames.
    """

    distance: Axis
    value: np.ndarray
    error: np.ndarray
    n_frames: int
    n_effective: float


@dataclass(frozen=True, eq=False)
class PairCounts:
    """Pairs of frames, each weighted by V / N^2 of the frame.

    Attributes
    ----------
    distance : Axis
    samples : ndarray of int, shape (n_frames,)
        Number of each frame's sample.
    counts : ndarray of float, shape (n_frames, n_bins)
    """

    distance: Axis
    samples: np.ndarray
    counts: np.ndarray


def count_pairs(frames: Iterable[SampledFrame], cutoff: float = 6.0, n_bins: int = 120) -> PairCounts:
    """Count distances up to a cutoff, which may be longer than the cell.

    Raises
    ------
    ValueError
        If cutoff or bins make no sense.
    """
    if not 0.0 < cutoff < np.inf or n_bins < 1:
        raise ValueError(f"distances up to {cutoff:g} in {n_bins} bins: expected a number > 0 and at least 1")
    from vesin import NeighborList

    neighbours = NeighborList(cutoff=cutoff, full_list=False)
    axis = Axis(0.0, cutoff, n_bins)
    rows, samples = [], []
    for frame in frames:
        atoms = frame.structure
        (found,) = neighbours.compute(atoms.positions, atoms.cell.array, bool(atoms.pbc.all()), "d")
        pairs, _ = np.histogram(found, axis.edges)
        rows.append(2.0 * pairs * atoms.get_volume() / len(atoms) ** 2)
        samples.append(frame.sample)
    return PairCounts(axis, np.array(samples, dtype=np.int64), np.array(rows).reshape(-1, n_bins))


def pair_distributions(
    pairs: PairCounts,
    reweighting: Reweighting,
    bootstrap: Bootstrap,
    parts: Mapping[str, np.ndarray],
    *,
    least: float = LEAST_SAMPLES,
) -> dict[str, PairDistribution]:
    """g(r) = sum w V n(r) / N^2 / (sum w x shell) at a temperature and pressure.

    Parameters
    ----------
    pairs : PairCounts
    reweighting : Reweighting
    bootstrap : Bootstrap
    parts : mapping of str to ndarray of bool, shape (n_samples,)
        The phases: which samples are theirs.
    least : float
        Parts of fewer effective frames are left out.

    Raises
    ------
    ValueError
        If none is left.
    """
    edges = pairs.distance.edges
    shell = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    labels = bootstrap.blocks.labels[pairs.samples]
    found = {}
    for name, mine in parts.items():
        weights = (reweighting.weights * mine)[pairs.samples]
        n = effective_number(weights)
        if n < least:
            continue
        weights = weights / weights.sum()
        sums = np.zeros((bootstrap.blocks.n, pairs.distance.n))
        np.add.at(sums, labels, weights[:, None] * pairs.counts)
        totals = np.bincount(labels, weights=weights, minlength=bootstrap.blocks.n)
        with np.errstate(divide="ignore", invalid="ignore"):
            resampled = bootstrap.resampled(sums) / bootstrap.resampled(totals)[:, None]
        found[name] = PairDistribution(
            pairs.distance,
            sums.sum(axis=0) / shell,
            standard_error(resampled) / shell,
            int(np.count_nonzero(weights)),
            n,
        )
    if not found:
        raise ValueError(
            f"temperature {reweighting.temperature:g}: fewer than {least:g} effective frames in any phase"
        )
    return found
