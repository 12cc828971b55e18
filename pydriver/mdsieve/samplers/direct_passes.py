# SPDX-License-Identifier: GPL-2.0-or-later
"""DIRECT in two passes: each trajectory first, then the union of what was picked."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import clone

from mdsieve.io.feature_file import FeatureFile
from mdsieve.samplers.direct import DIRECT

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mdsieve.samplers.selection import Selection

__all__ = ["TwoPasses", "two_passes"]


@dataclass(frozen=True, eq=False)
class TwoPasses:
    """What two passes picked.

    Attributes
    ----------
    parts, rows : ndarray of int, shape (n_selected,)
        Trajectory and row in it of each pick, in the order of the second pass.
    indices : ndarray of int, shape (n_selected,)
        The same as numbers of rows, all trajectories one after the other.
    first : tuple of ndarray of int
        Rows of each trajectory that the first pass picked.
    n_rows : tuple of int
        Rows of each trajectory.
    second : DIRECT
        Fitted on the union.
    """

    parts: np.ndarray
    rows: np.ndarray
    indices: np.ndarray
    first: tuple[np.ndarray, ...]
    n_rows: tuple[int, ...]
    second: DIRECT

    def selection(self) -> Selection:
        """As other samplers give it; candidates are the rows of all trajectories."""
        from dataclasses import replace

        return replace(
            self.second.selection(), indices=self.indices.copy(), n_candidates=sum(self.n_rows)
        ).with_configuration(
            passes=2, first_pass=[len(each) for each in self.first], rows_of_trajectories=list(self.n_rows)
        )


def two_passes(
    parts: Iterable[ArrayLike | FeatureFile | str | os.PathLike],
    n_each: int,
    n_to_select: int,
    sampler: DIRECT | None = None,
) -> TwoPasses:
    """Pick from each trajectory, then from what was picked, as the paper did for Ti-H.

    No more is in memory at a time than one trajectory and the picks so far.

    Parameters
    ----------
    parts : iterable of array-like, FeatureFile or path
        Features of each trajectory, shape (n_rows, n_features).
    n_each : int
        Picks a trajectory; of a shorter one all its rows.
    n_to_select : int
        Picks of the union.
    sampler : DIRECT, optional
        Parameters of both passes, but for the numbers.

    Raises
    ------
    ValueError
        If there is no trajectory, widths differ, or the union is smaller than `n_to_select`.
    """
    template = clone(sampler) if sampler is not None else DIRECT()
    template.set_params(n_clusters=None)
    first: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    lengths: list[int] = []
    for part in parts:
        picked, values, n = _first_pass(part, n_each, template)
        if rows and values.shape[1] != rows[0].shape[1]:
            raise ValueError(
                f"trajectory {len(rows)}: {values.shape[1]} features, expected {rows[0].shape[1]} as before"
            )
        first.append(picked)
        rows.append(values)
        lengths.append(n)
    if not rows:
        raise ValueError("no trajectories")
    union = np.concatenate(rows)
    second = clone(template).set_params(n_to_select=n_to_select).fit(union)
    part_of = np.repeat(np.arange(len(first)), [len(each) for each in first])[second.selected_idx_]
    row_of = np.concatenate(first)[second.selected_idx_]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return TwoPasses(part_of, row_of, starts[part_of] + row_of, tuple(first), tuple(lengths), second)


def _first_pass(
    part: ArrayLike | FeatureFile | str | os.PathLike, n_each: int, template: DIRECT
) -> tuple[np.ndarray, np.ndarray, int]:
    """Picked rows of a trajectory in ascending order, their features, and how many rows there are."""
    if isinstance(part, str | os.PathLike):
        with FeatureFile(part) as opened:
            return _first_pass(opened, n_each, template)
    features = part if isinstance(part, FeatureFile) else np.asarray(part, dtype=np.float64)
    n = len(features)
    if n <= n_each:
        picked = np.arange(n)
    else:
        sampler = clone(template).set_params(n_to_select=n_each)
        fitted = sampler.fit_file(features) if isinstance(features, FeatureFile) else sampler.fit(features)
        picked = np.sort(fitted.selected_idx_)
    taken = features.take(picked) if isinstance(features, FeatureFile) else features[picked]
    return picked, taken, n
