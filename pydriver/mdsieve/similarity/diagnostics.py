# SPDX-License-Identifier: GPL-2.0-or-later
"""What similarities say of a data set and of a subset: coverage curves, diagrams, distributions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mdsieve.similarity.kernel import Indices, StructureKernel, distances

__all__ = [
    "CoverageCurve",
    "SimilarityDistribution",
    "coverage_curve",
    "representativeness",
    "similarity_diagram",
    "similarity_distributions",
]

_BLOCK = 1 << 22  # numbers at a time


@dataclass(frozen=True, eq=False)
class CoverageCurve:
    """How well the first picks of a subset stand for a whole set. Entry k - 1 is for k picks.

    Attributes
    ----------
    size : ndarray of int, shape (n_picks,)
        1, 2, …
    farthest : ndarray of float, shape (n_picks,)
        Distance of the structure that is farthest from the picks: the Hausdorff distance.
    mean : ndarray of float, shape (n_picks,)
        Mean distance of the structures to their nearest pick.
    represented : ndarray of float, shape (n_picks,)
        REP: share of the structures that have a pick nearer than `reach`.
    reach : float
    """

    size: np.ndarray
    farthest: np.ndarray
    mean: np.ndarray
    represented: np.ndarray
    reach: float


@dataclass(frozen=True, eq=False)
class SimilarityDistribution:
    """Similarities of the pairs of a group.

    Attributes
    ----------
    similarities : ndarray of float, shape (n_pairs,)
        Ascending.
    n_structures : int
        Of the group.
    n_compared : int
        How many of them were compared, each with each; fewer than all were drawn at random.
    """

    similarities: np.ndarray
    n_structures: int
    n_compared: int

    def cumulative(self, values: np.ndarray | float) -> np.ndarray:
        """Share of the pairs whose similarity is at most a value; NaN where there is no pair."""
        found = np.searchsorted(self.similarities, values, side="right")
        return found / len(self.similarities) if len(self.similarities) else np.full(np.shape(values), np.nan)


def coverage_curve(
    whole: np.ndarray | StructureKernel,
    picks: Indices,
    *,
    reach: float = 0.1,
    earlier: Indices = (),
) -> CoverageCurve:
    """Farthest and mean distance to the picks and REP, for the first pick, the first two, and so on.

    Parameters
    ----------
    whole : ndarray of float, shape (n, n_features), or StructureKernel
        All structures, the picked ones among them. Distances are Euclidean, or √(2 - 2K).
    picks : sequence of int
        In the order in which they were picked.
    reach : float
        Nearer than this is represented; 0.1 in the paper of the Li-Si set.
    earlier : sequence of int
        Structures that count as picked from the beginning.

    Returns
    -------
    CoverageCurve

    Raises
    ------
    ValueError
        If there is no pick, or an index is not one of a structure.

    Notes
    -----
    A picked structure is at distance 0 from itself, whatever the kernel says. One row of distances a pick is
    held.
    """
    row = _distance_rows(whole)
    order = np.asarray(picks, dtype=np.int64)
    begun = np.asarray(earlier, dtype=np.int64)
    every = np.concatenate([begun, order])
    if not len(order):
        raise ValueError("no picks: a coverage curve needs at least one")
    if every.min() < 0 or every.max() >= len(whole):
        raise ValueError(f"picks: expected indices from 0 to {len(whole) - 1}")
    nearest = np.full(len(whole), np.inf)
    for index in begun:
        np.minimum(nearest, row(int(index)), out=nearest)
        nearest[index] = 0.0
    farthest, mean, represented = [], [], []
    for index in order:
        np.minimum(nearest, row(int(index)), out=nearest)
        nearest[index] = 0.0
        farthest.append(nearest.max())
        mean.append(nearest.mean())
        represented.append(np.count_nonzero(nearest < reach) / len(nearest))
    return CoverageCurve(
        np.arange(1, len(order) + 1), np.array(farthest), np.array(mean), np.array(represented), reach
    )


def representativeness(whole: np.ndarray | StructureKernel, picks: Indices, *, reach: float = 0.1) -> float:
    """REP: share of the structures that have a pick nearer than `reach`; see `coverage_curve`."""
    return float(coverage_curve(whole, picks, reach=reach).represented[-1])


def similarity_diagram(kernel: StructureKernel, first: Indices, second: Indices) -> np.ndarray:
    """Mean similarity of each structure to two groups, such as the two end members of a composition line.

    Parameters
    ----------
    kernel : StructureKernel
    first, second : sequence of int
        Structures of the groups.

    Returns
    -------
    ndarray of float, shape (n, 2)

    Raises
    ------
    ValueError
        If a group is empty.
    """
    columns = []
    for name, group in (("first", first), ("second", second)):
        if not len(group):
            raise ValueError(f"the {name} group is empty")
        at_a_time = max(1, _BLOCK // len(group))
        parts = [
            kernel.block(range(begin, min(begin + at_a_time, len(kernel))), group).mean(axis=1)
            for begin in range(0, len(kernel), at_a_time)
        ]
        columns.append(np.concatenate(parts))
    return np.column_stack(columns)


def similarity_distributions(
    kernel: StructureKernel, groups: Sequence[str], *, max_pairs: int = 500_000, random_state: int = 0
) -> dict[str, SimilarityDistribution]:
    """Pairwise similarities within each group: how much of a data set repeats itself.

    Parameters
    ----------
    kernel : StructureKernel
    groups : sequence of str
        Group of each structure, such as its composition (``atoms.get_chemical_formula(empirical=True)``).
    max_pairs : int
        In a larger group as many structures as make no more pairs are drawn at random.
    random_state : int
        Seed of the draw.

    Returns
    -------
    dict of str to SimilarityDistribution
        In the order in which the groups first occur.

    Raises
    ------
    ValueError
        If there is not one group for each structure.
    """
    if len(groups) != len(kernel):
        raise ValueError(f"{len(groups)} groups: expected {len(kernel)}, one for each structure")
    if max_pairs < 1:
        raise ValueError(f"max_pairs={max_pairs}: expected at least 1")
    rng = np.random.default_rng(random_state)
    most = int((1 + np.sqrt(1 + 8 * max_pairs)) // 2)
    found = {}
    labels = np.array([str(group) for group in groups])
    for label in dict.fromkeys(labels.tolist()):
        members = np.flatnonzero(labels == label)
        used = members if len(members) <= most else np.sort(rng.choice(members, most, replace=False))
        found[label] = SimilarityDistribution(np.sort(_pairs_within(kernel, used)), len(members), len(used))
    return found


def _pairs_within(kernel: StructureKernel, members: np.ndarray) -> np.ndarray:
    """Similarities of all pairs of different members, shape (n (n - 1) / 2,)."""
    at_a_time = max(1, _BLOCK // max(1, len(members)))
    parts = [np.empty(0)]
    for begin in range(0, len(members), at_a_time):
        end = min(begin + at_a_time, len(members))
        values = kernel.block(members[begin:end], members[begin:])
        parts.append(values[np.triu_indices(end - begin, 1, len(members) - begin)])
    return np.concatenate(parts)


def _distance_rows(whole: np.ndarray | StructureKernel) -> Callable[[int], np.ndarray]:
    """Index -> distances of that structure to all."""
    if isinstance(whole, StructureKernel):
        return lambda index: distances(whole.row(index))
    rows = np.asarray(whole, dtype=float)
    if rows.ndim != 2:
        raise ValueError(f"structures of shape {rows.shape}: expected one row each")
    at_a_time = max(1, _BLOCK // max(1, rows.shape[1]))

    def row(index: int) -> np.ndarray:
        found = np.empty(len(rows))
        for begin in range(0, len(rows), at_a_time):
            part = rows[begin : begin + at_a_time] - rows[index]
            found[begin : begin + at_a_time] = np.sqrt(np.einsum("ij,ij->i", part, part))
        return found

    return row
