# SPDX-License-Identifier: GPL-2.0-or-later
"""Which members of each cluster are taken, and in what order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["Chosen", "Places", "centroids", "choose_members", "interlaced", "steps"]

Places = Literal["interlaced", "steps"]


@dataclass(frozen=True)
class Chosen:
    """Picked rows in the order of the picks.

    Attributes
    ----------
    rows : ndarray of int
    clusters : ndarray of int
    distances : ndarray of float
        From the centroid of the cluster.
    rounds : ndarray of int
        0 for the first of its cluster.
    """

    rows: np.ndarray
    clusters: np.ndarray
    distances: np.ndarray
    rounds: np.ndarray


def interlaced(n_members: int, n_places: int) -> list[int]:
    """Places among members that are sorted by distance: first, last, middle, quarters, …

    More places only add to fewer. A place that is taken gives way to the nearest free one.
    """
    taken: list[int] = []
    free = set(range(n_members))
    for fraction in _halvings():
        if len(taken) >= min(n_members, n_places):
            return taken
        wanted = int(fraction * (n_members - 1))
        if wanted not in free:
            wanted = min(free, key=lambda place: (abs(place - wanted), place))
        free.remove(wanted)
        taken.append(wanted)
    return taken


def _halvings():
    """0, 1, 1/2, 1/4, 3/4, 1/8, 3/8, …"""
    yield 0.0
    yield 1.0
    step = 1.0
    while True:
        yield from np.arange(step / 2, 1.0, step)
        step /= 2


def steps(n_members: int, n_places: int) -> list[int]:
    """Places in constant steps from the first to the last, none twice."""
    return list(dict.fromkeys(int(x) for x in np.linspace(0, n_members - 1, n_places)))


def centroids(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean of the rows of each cluster, shape (n_clusters, n_components)."""
    n_clusters = int(labels.max()) + 1
    sizes = np.bincount(labels, minlength=n_clusters)
    sums = [np.bincount(labels, scores[:, i], minlength=n_clusters) for i in range(scores.shape[1])]
    return np.array(sums).T / sizes[:, None]


def distances_from(scores: np.ndarray, points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of each row from the point of its cluster, shape (n_rows,)."""
    found = np.empty(len(scores))
    step = 1 << 16
    for start in range(0, len(scores), step):
        part = slice(start, start + step)
        found[part] = np.linalg.norm(scores[part] - points[labels[part]], axis=1)
    return found


def choose_members(
    labels: np.ndarray,
    distances: np.ndarray,
    per_cluster: int,
    *,
    n_earlier: np.ndarray,
    ties: np.ndarray,
    places: Places = "interlaced",
    duplicates: bool = False,
) -> Chosen:
    """Members of each cluster, sorted by distance from its centroid and taken at places of that order.

    The first of every cluster comes before the second of any; clusters come in the order of their numbers.

    Parameters
    ----------
    labels : ndarray of int, shape (n_rows,)
    distances : ndarray of float, shape (n_rows,)
    per_cluster : int
        Members a cluster that are wanted.
    n_earlier : ndarray of int, shape (n_clusters,)
        Members that each cluster has in an earlier set: so many fewer are wanted, and the first places are
        theirs.
    ties : ndarray, shape (n_rows,)
        Of members at the same distance the one with the smaller number comes first (both members of a cluster
        of two have the same, but for rounding).
    places : {"interlaced", "steps"}
        See the functions of these names.
    duplicates : bool
        Take members of a small cluster again and again until there are enough.
    """
    rounded = np.round(distances / (float(distances.max(initial=0.0)) or 1.0), 10)
    order = np.lexsort((ties, rounded, labels))
    n_clusters = len(n_earlier)
    ends = np.cumsum(np.bincount(labels, minlength=n_clusters))
    starts = np.concatenate([[0], ends[:-1]])
    found: list[tuple[int, int, int]] = []  # round, cluster, place in the order
    choose = interlaced if places == "interlaced" else steps
    for cluster in np.flatnonzero((ends > starts) & (n_earlier < per_cluster)).tolist():
        start, size, first = (
            int(starts[cluster]),
            int(ends[cluster] - starts[cluster]),
            int(n_earlier[cluster]),
        )
        chosen = choose(size, per_cluster) if per_cluster > 1 else [0]
        left = chosen[first:] or chosen[-1:]
        if duplicates:
            left = [left[i % len(left)] for i in range(per_cluster - first)]
        found += [(first + i, cluster, start + place) for i, place in enumerate(left[: per_cluster - first])]
    found.sort()
    rounds, clusters, at = np.array(found, dtype=np.int64).reshape(-1, 3).T
    rows = order[at]
    return Chosen(rows, clusters, distances[rows], rounds)
