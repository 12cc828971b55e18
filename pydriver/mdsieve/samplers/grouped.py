# SPDX-License-Identifier: GPL-2.0-or-later
"""Samplers of frames that look at single environments: rows are environments, groups are frames."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from sklearn.utils.validation import validate_data

from mdsieve.samplers.contract import Picks, Sampler, seed_of

__all__ = ["GroupedSampler"]


class GroupedSampler(Sampler):
    """Picks groups of rows: frames, of which each row is an environment.

    Everything that counts rows in `Sampler` counts groups here: `n_to_select`, `selected_idx_`, `support_`
    and the candidates of `pick`. A subclass has `_pick_groups`.
    """

    def fit(self, X, y=None, *, groups=None, X_selected=None) -> GroupedSampler:
        """Pick groups.

        Parameters
        ----------
        X : array-like of float, shape (n_rows, n_features)
            Environments.
        y : ignored
        groups : array-like of int, shape (n_rows,), optional
            Frame of each row: 0, 1, …, ascending, none left out. None: each row is a frame of its own.
        X_selected : array-like of float, shape (n_earlier, n_features), optional
            Environments of an existing set.

        Raises
        ------
        ValueError
            As `Sampler.fit`; if the groups are not what is expected.
        """
        rows = validate_data(self, X, dtype=np.float64, order="C")
        earlier = self._earlier_rows(X_selected)
        starts = _starts(groups, len(rows))
        n_groups = len(starts) - 1
        self.seed_ = seed_of(self.random_state) if hasattr(self, "random_state") else None
        picks = self._pick_groups(rows, starts, earlier, self._n_wanted(n_groups))
        self._remember(picks, n_groups)
        return self

    def _pick(self, X: np.ndarray, X_selected: np.ndarray | None, n_wanted: int | None) -> Picks:
        return self._pick_groups(X, np.arange(len(X) + 1), X_selected, n_wanted)

    @abstractmethod
    def _pick_groups(
        self, X: np.ndarray, starts: np.ndarray, X_selected: np.ndarray | None, n_wanted: int | None
    ) -> Picks:
        """Do the work.

        Parameters
        ----------
        X, X_selected, n_wanted
            As for `Sampler._pick`; the number is one of groups.
        starts : ndarray of int, shape (n_groups + 1,)
            Group g has the rows from ``starts[g]`` to ``starts[g + 1]``.
        """


def _starts(groups, n_rows: int) -> np.ndarray:
    if groups is None:
        return np.arange(n_rows + 1)
    labels = np.asarray(groups)
    if labels.shape != (n_rows,):
        raise ValueError(f"groups of shape {labels.shape}: expected one frame for each of {n_rows} rows")
    steps = np.diff(labels)
    if labels[0] != 0 or not np.isin(steps, (0, 1)).all():
        raise ValueError("groups: expected the frames' numbers 0, 1, …, ascending, none left out")
    return np.concatenate([[0], np.flatnonzero(steps) + 1, [n_rows]])
