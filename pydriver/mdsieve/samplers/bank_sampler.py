# SPDX-License-Identifier: GPL-2.0-or-later
"""The bank's rule as a sampler: frames that show an environment no frame before has shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils.validation import check_is_fitted

from mdsieve import _core
from mdsieve.bank import check_thresholds, flat_fingerprints
from mdsieve.samplers.contract import Picks
from mdsieve.samplers.grouped import GroupedSampler

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import SymmetryFunctions
    from mdsieve.samplers.selection import Selection

__all__ = ["EnvironmentBankSampler", "environment_rows"]

_ANY = "X"  # the element of rows that say none


class EnvironmentBankSampler(GroupedSampler):
    """The greedy rule of Li et al., J. Chem. Phys. 160, 074109 (2024), on rows that are environments.

    Environments are taken frame by frame. One is new if its Euclidean distance, in scaled columns, to every
    stored one of its element exceeds the element's threshold; it is then stored, and its frame picked.

    Parameters
    ----------
    threshold : float or dict of str to float
        In scaled units, for all elements or for each.
    n_to_select : int, float or None
        Stop after so many frames, or that share of them; None: go through all.
    scaling : {"minmax", "std", None} or mdsieve._core.Scaling
        Of the columns, for each element: fitted on `X` and `X_selected`, none, or one that exists.
    order : {"given", "random"}
        In which the frames are taken.
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None
        For ``order="random"``.

    Attributes
    ----------
    selected_idx_, select_distance_, support_, n_features_in_
        See `GroupedSampler`. The distance of a pick is the largest novelty of its environments: distance to
        the nearest stored before the frame, divided by the threshold; infinite if the element had none.
    new_idx_ : ndarray of int, shape (n_new,)
        Rows that were stored, in the order in which they were.
    novelty_ : tuple of ndarray
        For each pick the novelty of its rows.
    bank_sizes_ : dict of str to int
        Stored environments of each element, those of `X_selected` included.

    Notes
    -----
    Same picks as `mdsieve.samplers.environment_bank.select_bank` and the bank itself, by the same compiled
    code. Rows of elements with fewer columns are padded with zeros (`environment_rows` does it).
    """

    def __init__(
        self,
        threshold: float | Mapping[str, float] = 0.25,
        *,
        n_to_select: int | float | None = None,
        scaling: Any = "minmax",
        order: Literal["given", "random"] = "given",
        random_state: Any = 0,
    ) -> None:
        self.threshold = threshold
        self.n_to_select = n_to_select
        self.scaling = scaling
        self.order = order
        self.random_state = random_state

    def fit(
        self, X, y=None, *, groups=None, elements=None, X_selected=None, elements_selected=None
    ) -> EnvironmentBankSampler:
        """Pick frames.

        Parameters
        ----------
        X : array-like of float, shape (n_rows, n_features)
            Environments, unscaled.
        y : ignored
        groups : array-like of int, shape (n_rows,), optional
            Frame of each row: 0, 1, …, ascending, none left out. None: each row is a frame of its own.
        elements : sequence of str, shape (n_rows,), optional
            Element of each row. None: all are alike.
        X_selected : array-like of float, shape (n_earlier, n_features), optional
            Environments that are known already; they go through the rule first.
        elements_selected : sequence of str, shape (n_earlier,), optional
            Element of each of those.

        Raises
        ------
        ValueError
            If anything given does not fit together.
        """
        self._given_elements = elements, elements_selected
        try:
            super().fit(X, y, groups=groups, X_selected=X_selected)
        finally:
            del self._given_elements
        return self

    def selection(self, sources: Sequence[str] | None = None) -> Selection:
        """What was picked and how; with the novelty of each environment of the picked frames."""
        check_is_fitted(self, "support_")
        return replace(super().selection(sources), novelty=self.novelty_)

    def _count_without_number(self, n_rows: int) -> int | None:
        return None

    def _pick_groups(
        self, X: np.ndarray, starts: np.ndarray, X_selected: np.ndarray | None, n_wanted: int | None
    ) -> Picks:
        labels, earlier = self._labels(len(X), X_selected)
        symbols = list(dict.fromkeys([*earlier, *labels])) if labels else [_ANY]
        number_of = {symbol: number for number, symbol in enumerate(symbols)}
        numbers = np.array([number_of[symbol] for symbol in labels], np.int32)
        earlier_numbers = np.array([number_of[symbol] for symbol in earlier], np.int32)
        bank = self._bank(symbols, X, numbers, X_selected, earlier_numbers)
        if X_selected is not None:
            _store(bank, earlier_numbers, X_selected, np.zeros(len(earlier), np.int64))
        frames = np.arange(len(starts) - 1)
        if self.order not in ("given", "random"):
            raise ValueError(f"order={self.order!r}: expected 'given' or 'random'")
        if self.order == "random":
            frames = self._rng().permutation(frames)
        indices: list[int] = []
        scores: list[float] = []
        reasons: list[str] = []
        novelties: list[np.ndarray] = []
        stored = [np.empty(0, np.int64)]
        for frame in frames:
            if n_wanted is not None and len(indices) == n_wanted:
                break
            begin, end = starts[frame], starts[frame + 1]
            rows, kinds = X[begin:end], numbers[begin:end]
            if not len(bank.select_new(kinds, rows.ravel())):
                continue
            novelty = bank.distances(kinds, rows.ravel()) / np.take(bank.thresholds, kinds)
            new = _store(bank, kinds, rows, np.arange(begin, end))
            indices.append(int(frame))
            scores.append(float(novelty.max()))
            reasons.append(f"{len(new)} of {end - begin} environments new")
            novelties.append(novelty)
            stored.append(new)
        self.new_idx_ = np.concatenate(stored)
        self.novelty_ = tuple(novelties)
        self.bank_sizes_ = {symbol: bank.size(number) for number, symbol in enumerate(symbols)}
        shortfall = 0 if n_wanted is None else n_wanted - len(indices)
        return Picks(indices, scores, reasons, shortfall)

    def _labels(self, n_rows: int, X_selected: np.ndarray | None) -> tuple[list[str], list[str]]:
        elements, earlier = getattr(self, "_given_elements", (None, None))
        n_earlier = 0 if X_selected is None else len(X_selected)
        found = []
        for name, given, n in (("elements", elements, n_rows), ("elements_selected", earlier, n_earlier)):
            if given is None and elements is not None and n:
                raise ValueError(f"{name}: expected one for each row, as elements")
            labels = [_ANY] * n if given is None else [str(symbol) for symbol in given]
            if len(labels) != n:
                raise ValueError(f"{len(labels)} {name}: expected {n}, one for each row")
            found.append(labels)
        return found[0], found[1]

    def _bank(
        self,
        symbols: list[str],
        X: np.ndarray,
        numbers: np.ndarray,
        X_selected: np.ndarray | None,
        earlier_numbers: np.ndarray,
    ) -> _core.EnvironmentBank:
        widths = [X.shape[1]] * len(symbols)
        thresholds = check_thresholds(self.threshold, symbols)
        scaling = self.scaling
        if scaling is None:
            scaling = _core.Scaling.identity(widths)
        elif isinstance(scaling, str):
            if scaling not in ("minmax", "std"):
                raise ValueError(f"scaling={scaling!r}: expected 'minmax', 'std', None or a Scaling")
            statistics = _core.ColumnStatistics(widths)
            statistics.add(numbers, X.ravel())
            if X_selected is not None:
                statistics.add(earlier_numbers, X_selected.ravel())
            scaling = statistics.scaling(scaling, symbols)
        return _core.EnvironmentBank(
            descriptor_text="",
            descriptor_hash="",
            elements=symbols,
            n_features=widths,
            cutoffs=[0.0] * len(symbols),
            thresholds=[thresholds[symbol] for symbol in symbols],
            scaling=scaling,
        )


def environment_rows(
    functions: SymmetryFunctions, frames: Iterable[Atoms], n_jobs: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fingerprints of the atoms of some frames, as `EnvironmentBankSampler` takes them.

    Parameters
    ----------
    functions : SymmetryFunctions
    frames : iterable of ase.Atoms
    n_jobs : int
        Threads.

    Returns
    -------
    X : ndarray of float, shape (n_environments, n_features)
        By frame, and within it by atom ID; elements with fewer functions are padded with zeros.
    groups : ndarray of int, shape (n_environments,)
        Frame of each.
    elements : ndarray of str, shape (n_environments,)

    Raises
    ------
    ValueError
        If there is no frame, or an element is not among the functions.
    """
    widths = np.array([functions.n_features[symbol] for symbol in functions.elements])
    most = int(widths.max())
    parts, groups, elements = [], [], []
    for number, atoms in enumerate(frames):
        rows = functions.create_by_element(atoms, n_jobs=n_jobs)
        kinds, flat, _, _ = flat_fingerprints(functions, atoms, rows)
        padded = np.zeros((len(kinds), most))
        padded[np.arange(most) < widths[kinds][:, None]] = flat
        parts.append(padded)
        groups.append(np.full(len(kinds), number))
        elements.append(np.array(functions.elements)[kinds])
    if not parts:
        raise ValueError("no frames to describe")
    return np.concatenate(parts), np.concatenate(groups), np.concatenate(elements)


def _store(
    bank: _core.EnvironmentBank, kinds: np.ndarray, rows: np.ndarray, places: np.ndarray
) -> np.ndarray:
    """Store what is new among some rows; their places."""
    new = bank.select_new(kinds, rows.ravel())
    at = places[new]
    bank.add(kinds[new], np.column_stack([np.zeros_like(at), at, at]), rows[new].ravel())
    return at
