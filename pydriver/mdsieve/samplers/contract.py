# SPDX-License-Identifier: GPL-2.0-or-later
"""What every sampler of rows is: a scikit-learn estimator that picks some of the rows it is fitted on.

A sampler sees an array, one row a candidate. Frames become rows through an encoder (`mdsieve.encoders`).
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

if TYPE_CHECKING:
    from mdsieve.samplers.selection import Selection

__all__ = ["GreedySampler", "Picks", "Sampler", "seed_of"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picks:
    """What a sampler's work comes to.

    Attributes
    ----------
    indices : sequence of int
        Rows in the order in which they were picked.
    distances : sequence of float
        One a pick, in the sampler's own measure; NaN where it has none.
    reasons : sequence of str
        One a pick: why it was taken.
    shortfall : int
        How many fewer these are than were asked for.
    """

    indices: Sequence[int] | np.ndarray
    distances: Sequence[float] | np.ndarray
    reasons: Sequence[str]
    shortfall: int = 0


class Sampler(BaseEstimator, ABC):
    """Picks rows. A subclass names its parameters in `__init__`, stores them as they are, and has `_pick`.

    Parameters that mean the same in every sampler that has them:

    n_to_select : int, float or None
        Number of rows to pick; a float is a share of the rows, above 0 and up to 1 (rounded, at least one
        row). None: what the sampler does without, by default half of the rows. Rows of `X_selected` do not
        count.
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None
        Seed of all random choices; from a generator a seed is drawn, None draws a fresh one. The seed that
        was used is `seed_`.

    Attributes
    ----------
    selected_idx_ : ndarray of int, shape (n_selected,)
        Picked rows in the order in which they were picked.
    select_distance_ : ndarray of float, shape (n_selected,)
        One a pick, in the sampler's own measure; NaN where it has none.
    select_reason_ : tuple of str
        One a pick: why it was taken.
    support_ : ndarray of bool, shape (n_rows,)
        True where a row was picked.
    shortfall_ : int
        How many fewer rows were picked than were asked for.
    n_features_in_ : int
        Columns of the rows.
    seed_ : int or None
        Seed of the random choices; None for a sampler without `random_state`.

    Notes
    -----
    There is no `transform`: scikit-learn's gives a row for each row. `pick` takes the picked ones out of
    anything that has as many items as there were rows.
    """

    def fit(self, X, y=None, *, X_selected=None) -> Sampler:
        """Pick rows.

        Parameters
        ----------
        X : array-like of float, shape (n_rows, n_features)
            Candidates. A memory-mapped float64 array in C order is not copied.
        y : ignored
        X_selected : array-like of float, shape (n_earlier, n_features), optional
            Rows of an existing set: what is picked is picked in addition to them.

        Raises
        ------
        ValueError
            If rows are not finite numbers, the widths differ, or a parameter is out of its range.
        """
        rows = validate_data(self, X, dtype=np.float64, order="C")
        earlier = self._earlier_rows(X_selected)
        self.seed_ = seed_of(self.random_state) if hasattr(self, "random_state") else None
        picks = self._pick(rows, earlier, self._n_wanted(len(rows)))
        self._remember(picks, len(rows))
        return self

    def get_support(self, indices: bool = False) -> np.ndarray:
        """Which rows were picked.

        Parameters
        ----------
        indices : bool
            Their ascending indices instead of a mask.
        """
        check_is_fitted(self, "support_")
        return np.flatnonzero(self.support_) if indices else self.support_.copy()

    def pick(self, candidates) -> Any:
        """The picked ones, in the order in which they were picked.

        Parameters
        ----------
        candidates : ndarray or sequence
            As many items as the sampler was fitted on rows: the rows, or the frames they were made of.

        Returns
        -------
        ndarray for an array, else list

        Raises
        ------
        ValueError
            If there are more or fewer of them.
        """
        check_is_fitted(self, "support_")
        if len(candidates) != len(self.support_):
            raise ValueError(
                f"{len(candidates)} candidates: expected {len(self.support_)}, the rows it was fitted on"
            )
        if isinstance(candidates, np.ndarray):
            return candidates[self.selected_idx_]
        return [candidates[i] for i in self.selected_idx_]

    def selection(self, sources: Sequence[str] | None = None) -> Selection:
        """What was picked and how, to be written to files.

        Parameters
        ----------
        sources : sequence of str, optional
            Where each candidate comes from, one a row.
        """
        from mdsieve.samplers.selection import Selection

        check_is_fitted(self, "support_")
        return Selection.of(self, sources)

    # what subclasses give

    @abstractmethod
    def _pick(self, X: np.ndarray, X_selected: np.ndarray | None, n_wanted: int | None) -> Picks:
        """Do the work.

        Parameters
        ----------
        X : ndarray of float64, shape (n_rows, n_features)
            C order, finite; may be memory-mapped and must not be changed.
        X_selected : ndarray of float64, shape (n_earlier, n_features), or None
            Never empty.
        n_wanted : int or None
            Between 1 and n_rows; None: the sampler's own rule decides.
        """

    def _count_without_number(self, n_rows: int) -> int | None:
        """How many are wanted if `n_to_select` is None; None: the sampler's own rule decides."""
        return -(-n_rows // 2)

    # for subclasses

    def _rng(self) -> np.random.Generator:
        """A fresh generator, the same at every call of a fit."""
        return np.random.default_rng(self.seed_)

    # within

    def _n_wanted(self, n_rows: int) -> int | None:
        n = getattr(self, "n_to_select", None)
        return self._count_without_number(n_rows) if n is None else _count(n, n_rows)

    def _earlier_rows(self, X_selected) -> np.ndarray | None:
        if X_selected is None:
            return None
        rows = check_array(
            X_selected, dtype=np.float64, order="C", ensure_min_samples=0, input_name="X_selected"
        )
        if rows.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X_selected has {rows.shape[1]} columns: expected {self.n_features_in_}, as many as X"
            )
        return rows if len(rows) else None

    def _remember(self, picks: Picks, n_rows: int) -> None:
        indices = np.asarray(picks.indices, dtype=np.int64)
        distances = np.asarray(picks.distances, dtype=float)
        if not len(indices) == len(distances) == len(picks.reasons):
            raise RuntimeError(
                f"{type(self).__name__}: {len(indices)} picks, {len(distances)} distances, "
                f"{len(picks.reasons)} reasons"
            )
        self.selected_idx_ = indices
        self.select_distance_ = distances
        self.select_reason_ = tuple(picks.reasons)
        self.shortfall_ = int(picks.shortfall)
        self.support_ = np.zeros(n_rows, dtype=bool)
        self.support_[indices] = True
        if self.shortfall_:
            logger.warning("%s: %d fewer than asked for", type(self).__name__, self.shortfall_)


class GreedySampler(Sampler):
    """Picks rows one after the other, each time the one with the largest score. The loop lives here.

    A subclass has `_begin`, `_scores` and `_take`; one that finds the largest score faster than by looking at
    all of them has its own `_best`. Among equal scores the row with the lowest index is taken, and none
    twice. Besides `n_to_select` it may have the parameter

    distance : float or None
        Stop before the first pick whose score is not above this. Without `n_to_select` there is no other
        limit.
    """

    def _count_without_number(self, n_rows: int) -> int | None:
        return super()._count_without_number(n_rows) if self._smallest() is None else n_rows

    def _pick(self, X: np.ndarray, X_selected: np.ndarray | None, n_wanted: int | None) -> Picks:
        smallest = self._smallest()
        n_wanted = len(X) if n_wanted is None else n_wanted
        self._is_left = np.ones(len(X), dtype=bool)
        found: list[tuple[int, float, str]] = []
        try:
            first = self._begin(X, X_selected)
            while len(found) < n_wanted:
                if first is not None and not found:
                    found.append(first)
                else:
                    index, score = self._best()
                    if smallest is not None and not score > smallest:
                        break
                    found.append((index, score, self._reason(score)))
                self._is_left[found[-1][0]] = False
                if len(found) < n_wanted:
                    self._take(found[-1][0])
        finally:
            self._end()
        indices, scores, reasons = zip(*found, strict=True) if found else ((), (), ())
        return Picks(indices, scores, reasons)

    @abstractmethod
    def _begin(self, X: np.ndarray, X_selected: np.ndarray | None) -> tuple[int, float, str] | None:
        """Prepare; index, score and reason of a first pick that no score decides, or None."""

    @abstractmethod
    def _scores(self) -> np.ndarray:
        """One number a row, shape (n_rows,), given what was taken; of rows taken already any number."""

    @abstractmethod
    def _take(self, index: int) -> None:
        """Learn that a row was picked."""

    @abstractmethod
    def _reason(self, score: float) -> str:
        """Why a row with this score was picked."""

    def _best(self) -> tuple[int, float]:
        """Index and score of the row to take next."""
        scores = np.where(self._is_left, self._scores(), -np.inf)
        index = int(np.argmax(scores))
        if not self._is_left[index]:  # nothing but -inf is left
            index = int(np.argmax(self._is_left))
        return index, float(scores[index])

    def _end(self) -> None:
        """Let go of what only the loop needs."""
        del self._is_left

    def _smallest(self) -> float | None:
        smallest = getattr(self, "distance", None)
        if smallest is None:
            return None
        if isinstance(smallest, bool) or not isinstance(smallest, Real) or not float(smallest) >= 0:
            raise ValueError(f"distance={smallest!r}: expected a number of at least 0, or None")
        return float(smallest)


def _count(n_to_select: Any, n_rows: int) -> int:
    """`n_to_select` as a number of rows."""
    if isinstance(n_to_select, Integral) and not isinstance(n_to_select, bool):
        n = int(n_to_select)
        if not 1 <= n <= n_rows:
            raise ValueError(f"n_to_select={n}: expected a number from 1 to {n_rows}, the rows there are")
        return n
    if isinstance(n_to_select, Real) and not isinstance(n_to_select, bool) and 0 < float(n_to_select) <= 1:
        return max(1, round(float(n_to_select) * n_rows))
    raise ValueError(
        f"n_to_select={n_to_select!r}: expected a whole number from 1, a share above 0 and up to 1.0, or None"
    )


def seed_of(random_state: Any) -> int:
    """The seed that a `random_state` means; a generator is drawn from, None gives a fresh one.

    Raises
    ------
    ValueError
        If it is none of those that `Sampler` names.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, Integral) and not isinstance(random_state, bool):
        if random_state < 0:
            raise ValueError(f"random_state={random_state!r}: expected 0 or more")
        return int(random_state)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**32))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**32, dtype=np.uint64))
    raise ValueError(
        f"random_state={random_state!r}: expected a whole number, a NumPy generator, a RandomState or None"
    )
