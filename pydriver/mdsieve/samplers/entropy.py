# SPDX-License-Identifier: GPL-2.0-or-later
"""Entropy: how diverse environments are, and the frames that hold the most of it (minimum set cover)."""

from __future__ import annotations

from itertools import pairwise
from numbers import Real

import numpy as np

from mdsieve.samplers.contract import Picks
from mdsieve.samplers.grouped import GroupedSampler

__all__ = ["EntropySampler", "differential_entropies", "entropy"]

_BLOCK = 1 << 21  # exponents at a time
#: Largest rounding error of an exponent that is accepted from |x|² - 2 x·y + |y|².
_ROUNDING = 1e-9


class EntropySampler(GroupedSampler):
    """Frames that are diverse in themselves and hold an environment far from all picked before.

    The greedy form of the minimum set cover of environments by frames (MSC) of Yu, Lordi, Schwalbe-Koda,
    arXiv:2511.10561, as their program QUESTS has it. The first pick is the frame of the largest entropy H.
    Then, with all environments X of the frames picked so far, always the frame of the largest

        max_{y in frame} δH(y|X) + weight × H(frame),   δH(y|X) = -ln Σ_{x in X} exp(-|x - y|² / 2h²).

    Parameters
    ----------
    n_to_select : int, float or None
        Number or share of frames; None: until `cover` is reached, without it half.
    bandwidth : float
        h, in the units of the rows; 0.015 1/Å belongs to QUESTS' own descriptor and to no other.
    weight : float
        Of a frame's own entropy; QUESTS: 1.
    cover : float or None
        Stop when no frame holds an environment with δH above this; 0: every environment has one environment's
        worth of picked ones around it.

    Attributes
    ----------
    selected_idx_, select_distance_, support_, n_features_in_
        See `GroupedSampler`. The distance of a pick is the largest δH of its environments before it was
        picked, infinite for the first.
    entropy_ : float
        H of all environments of the picked frames [nats].

    Notes
    -----
    Sums are kept as logarithms: δH is finite however far an environment lies (QUESTS' own is infinite where
    the kernel underflows, and then takes the first of such frames). A pick costs
    n_environments × n_atoms × n_features.
    """

    def __init__(
        self,
        n_to_select: int | float | None = None,
        *,
        bandwidth: float = 0.015,
        weight: float = 1.0,
        cover: float | None = None,
    ) -> None:
        self.n_to_select = n_to_select
        self.bandwidth = bandwidth
        self.weight = weight
        self.cover = cover

    def _count_without_number(self, n_rows: int) -> int | None:
        return super()._count_without_number(n_rows) if self.cover is None else n_rows

    def _pick_groups(
        self, X: np.ndarray, starts: np.ndarray, X_selected: np.ndarray | None, n_wanted: int | None
    ) -> Picks:
        h = _bandwidth(self.bandwidth)
        assert n_wanted is not None
        rows = X / (np.sqrt(2.0) * h)
        own = np.array([_entropy(rows[b:e]) for b, e in pairwise(starts)])
        log_sums = np.full(len(rows), -np.inf)
        if X_selected is not None:
            _add_to(log_sums, rows, X_selected / (np.sqrt(2.0) * h))
        is_left = np.ones(len(own), dtype=bool)
        found: list[tuple[int, float, str]] = []
        while len(found) < n_wanted:
            novelty = np.maximum.reduceat(-log_sums, starts[:-1])
            score = own if np.isinf(novelty).all() else novelty + self.weight * own
            if self.cover is not None and not novelty[is_left].max() > self.cover:
                break
            index = int(np.argmax(np.where(is_left, score, -np.inf)))
            delta = float(novelty[index])
            found.append((index, delta, _reason(delta, float(own[index]))))
            is_left[index] = False
            if len(found) < n_wanted:
                _add_to(log_sums, rows, rows[starts[index] : starts[index + 1]])
        indices, deltas, reasons = zip(*found, strict=True) if found else ((), (), ())
        picked = [rows[starts[i] : starts[i + 1]] for i in indices]
        self.entropy_ = _entropy(np.concatenate(picked)) if picked else 0.0
        return Picks(indices, deltas, reasons)


def entropy(X: np.ndarray, bandwidth: float) -> float:
    """Information entropy of environments, H = -mean_y ln(1/n Σ_x exp(-|x - y|² / 2h²)) [nats].

    From 0 (all alike) to ln n (each far from all others). Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025).

    Parameters
    ----------
    X : ndarray of float, shape (n, n_features)
    bandwidth : float
        h, in the units of X.
    """
    return _entropy(np.asarray(X, dtype=float) / (np.sqrt(2.0) * _bandwidth(bandwidth)))


def differential_entropies(Y: np.ndarray, X: np.ndarray, bandwidth: float) -> np.ndarray:
    """δH(y|X) of each row of Y, shape (n,); infinite if X is empty."""
    unit = np.sqrt(2.0) * _bandwidth(bandwidth)
    log_sums = np.full(len(Y), -np.inf)
    _add_to(log_sums, np.asarray(Y, dtype=float) / unit, np.asarray(X, dtype=float) / unit)
    return -log_sums


def _entropy(rows: np.ndarray) -> float:
    log_sums = np.full(len(rows), -np.inf)
    _add_to(log_sums, rows, rows)
    return float(np.log(len(rows)) - log_sums.mean())


def _add_to(log_sums: np.ndarray, rows: np.ndarray, others: np.ndarray) -> None:
    """Add Σ exp(-|x - y|²) over the others to the sums of each row, all as logarithms."""
    if not len(others):
        return
    centre = others.mean(axis=0)  # small numbers lose fewer digits in |x|² - 2 x·y + |y|²
    others = others - centre
    squares = np.einsum("ij,ij->i", others, others)
    step = max(1, _BLOCK // len(others))
    for begin in range(0, len(rows), step):
        exponents = _exponents(rows[begin : begin + step] - centre, others, squares)
        largest = exponents.max(axis=1)
        exponents -= largest[:, None]
        np.exp(exponents, out=exponents)
        part = log_sums[begin : begin + step]
        np.logaddexp(part, np.log(exponents.sum(axis=1)) + largest, out=part)


def _exponents(rows: np.ndarray, others: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Compute -|x - y|² of each row and each of the others, shape (n_rows, n_others).

    One product of matrices, unless the numbers are so large (a small bandwidth, several elements) that the
    difference of squares loses the digits of near pairs: then the differences are squared and summed.
    """
    own = np.einsum("ij,ij->i", rows, rows)
    if np.finfo(float).eps * (own.max(initial=0.0) + squares.max()) > _ROUNDING:
        from scipy.spatial.distance import cdist

        return -cdist(rows, others, "sqeuclidean")
    exponents = rows @ others.T
    exponents *= 2.0
    exponents -= squares
    exponents -= own[:, None]
    return np.minimum(exponents, 0.0, out=exponents)


def _bandwidth(h: float) -> float:
    if isinstance(h, bool) or not isinstance(h, Real) or not (np.isfinite(float(h)) and float(h) > 0):
        raise ValueError(f"bandwidth={h!r}: expected a number above 0")
    return float(h)


def _reason(delta: float, own: float) -> str:
    if np.isinf(delta):
        return f"start: largest entropy {own:.6g}"
    return f"differential entropy {delta:.6g}, own entropy {own:.6g}"
