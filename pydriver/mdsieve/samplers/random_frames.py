# SPDX-License-Identifier: GPL-2.0-or-later
"""Random picks, over all rows or within strata: what every other sampler has to beat."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from mdsieve.samplers.contract import Picks, Sampler

__all__ = ["RandomSampler", "StratifiedRandomSampler", "allocate"]

Allocation = Literal["proportional", "equal"]


class RandomSampler(Sampler):
    """Rows at random, each as likely as any other, none twice.

    Parameters
    ----------
    n_to_select : int, float or None
        Number or share of rows to pick; None: half.
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None

    Attributes
    ----------
    selected_idx_, select_distance_, support_, n_features_in_, seed_
        See `Sampler`. Distances are NaN. More picks with the same seed begin with the same ones.
    """

    def __init__(self, n_to_select: int | float | None = None, *, random_state: Any = 0) -> None:
        self.n_to_select = n_to_select
        self.random_state = random_state

    def _pick(self, X: np.ndarray, X_selected: np.ndarray | None, n_wanted: int | None) -> Picks:
        assert n_wanted is not None
        picked = self._rng().permutation(len(X))[:n_wanted]
        return Picks(picked, [np.nan] * n_wanted, ["random"] * n_wanted)


class StratifiedRandomSampler(Sampler):
    """Random rows of each stratum: of each composition, source, phase or whatever `fit` is told.

    Parameters
    ----------
    n_to_select : int, float or None
        Number or share of rows to pick; None: half.
    allocation : {"proportional", "equal"}
        As many of each stratum as it has rows in proportion, or the same number of each as far as it has so
        many. With at least as many picks as strata none is left out.
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None

    Attributes
    ----------
    selected_idx_, select_distance_, support_, n_features_in_, seed_
        See `Sampler`. Distances are NaN. The strata take turns in the order of the picks.
    n_of_stratum_ : dict
        Stratum -> number of picks.
    """

    def __init__(
        self,
        n_to_select: int | float | None = None,
        *,
        allocation: Allocation = "proportional",
        random_state: Any = 0,
    ) -> None:
        self.n_to_select = n_to_select
        self.allocation = allocation
        self.random_state = random_state

    def fit(self, X, y=None, *, X_selected=None) -> StratifiedRandomSampler:
        """Pick rows.

        Parameters
        ----------
        X : array-like of float, shape (n_rows, n_features)
            Candidates; only their number matters.
        y : array-like, shape (n_rows,), optional
            Stratum of each row, a number or a word. None: all rows are one stratum.
        X_selected : array-like, optional
            Does not change anything.

        Raises
        ------
        ValueError
            As `Sampler.fit`; if there is not one stratum a row.
        """
        self._strata = None if y is None else np.asarray(y)
        try:
            super().fit(X, X_selected=X_selected)
        finally:
            del self._strata
        return self

    def _pick(self, X: np.ndarray, X_selected: np.ndarray | None, n_wanted: int | None) -> Picks:
        assert n_wanted is not None
        labels = np.zeros(len(X), int) if self._strata is None else self._strata
        if labels.shape != (len(X),):
            raise ValueError(f"y of shape {labels.shape}: expected one stratum for each of {len(X)} rows")
        names, of_row, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        counts = allocate(sizes, n_wanted, self.allocation)
        rng = self._rng()
        found: list[tuple[float, int, int]] = []
        for stratum, count in enumerate(counts):
            rows = rng.permutation(np.flatnonzero(of_row == stratum))[:count]
            found += [((place + 0.5) / count, stratum, int(row)) for place, row in enumerate(rows)]
        found.sort()
        self.n_of_stratum_ = dict(zip(names.tolist(), counts.tolist(), strict=True))
        reasons = [f"random of {names[stratum]}" for _, stratum, _ in found]
        return Picks([row for *_, row in found], [np.nan] * len(found), reasons)


def allocate(sizes: np.ndarray, n: int, allocation: Allocation) -> np.ndarray:
    """How many of each stratum: whole numbers that sum up to `n`, none above the stratum's size.

    Proportional shares are rounded by the largest remainder (Hamilton), after one for each stratum where `n`
    allows it; equal shares go round the strata, the larger ones first.

    Parameters
    ----------
    sizes : ndarray of int, shape (n_strata,)
    n : int
        At most the sum of the sizes.
    allocation : {"proportional", "equal"}

    Raises
    ------
    ValueError
        If the allocation is unknown.
    """
    if allocation not in ("proportional", "equal"):
        raise ValueError(f"allocation={allocation!r}: expected 'proportional' or 'equal'")
    order = np.argsort(-sizes, kind="stable")
    counts = np.zeros(len(sizes), dtype=np.int64)
    if allocation == "proportional":
        counts[:] = n >= len(sizes)
        shares = np.maximum(n * sizes / sizes.sum() - counts, 0.0)
        rest = n - counts.sum()
        if shares.sum() > 0:
            shares *= rest / shares.sum()
        counts += np.minimum(np.floor(shares).astype(np.int64), sizes - counts)
        order = np.lexsort((-sizes, -(shares - np.floor(shares))))
    while counts.sum() < n:
        for stratum in order:
            if counts.sum() < n and counts[stratum] < sizes[stratum]:
                counts[stratum] += 1
    return counts
