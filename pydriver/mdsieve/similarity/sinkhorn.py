# SPDX-License-Identifier: GPL-2.0-or-later
"""Regularised matches of atoms for many pairs of structures at a time (Sinkhorn's iteration on PyTorch)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["rematch_similarities"]

logger = logging.getLogger(__name__)

# exp of twice this neither overflows nor vanishes, and no scaling factor exceeds exp of this
_SAFE_RANGE = 300.0
_LOOK_EVERY = 5  # the first of so many iterations is not looked at
_MANY_DONE = 0.3  # share of finished pairs at which the rest is gathered


def rematch_similarities(
    similarities: Tensor,
    n_rows: Tensor,
    n_columns: Tensor,
    alpha: float,
    tolerance: float,
    max_iterations: int,
) -> Tensor:
    """Σ P_ij C_ij for the match P that maximises Σ P_ij (C_ij - α ln P_ij), rows and columns of equal weight.

    Parameters
    ----------
    similarities : Tensor of float64, shape (n_pairs, n, m)
        C of each pair; what lies beyond its rows and columns is finite and does not count.
    n_rows, n_columns : Tensor of int, shape (n_pairs,)
        Atoms of the first and of the second structure.
    alpha : float
        Above 0: near 0 each atom is matched with its like, a large one gives the average kernel.
    tolerance : float
        A pair is finished when the squared relative changes of its two scalings add up to no more. Looked
        at after the same iterations as in DScribe: the same tolerance ends a pair where it does there.
    max_iterations : int
        Pairs that are not finished by then keep what they have; a warning says how many.

    Returns
    -------
    Tensor of float64, shape (n_pairs,)

    Notes
    -----
    De, Bartók, Csányi, Ceriotti, Phys. Chem. Chem. Phys. 18, 13754 (2016), equations 10 to 12. The scalings
    are logarithms where exp((C - 1)/α) spans more than double precision can hold, else plain numbers.
    """
    import torch

    columns = torch.arange(similarities.shape[2], device=similarities.device)
    rows = torch.arange(similarities.shape[1], device=similarities.device)
    row_weights = (rows < n_rows[:, None]) / n_rows[:, None].double()
    column_weights = (columns < n_columns[:, None]) / n_columns[:, None].double()
    scaled = (similarities - 1.0) / alpha
    spread = float(scaled.abs().amax()) if scaled.numel() else 0.0
    kind = _Plain if spread < _SAFE_RANGE else _Logarithmic
    scaling: Any = kind(scaled, row_weights, column_weights)
    result = torch.empty(len(similarities), dtype=torch.float64, device=similarities.device)
    pairs = torch.arange(len(similarities), device=similarities.device)
    is_left = torch.ones_like(pairs, dtype=torch.bool)
    for iteration in range(max_iterations):
        change = scaling.step()
        if iteration % _LOOK_EVERY == 0 or not bool((finished := is_left & (change <= tolerance)).any()):
            continue
        result[pairs[finished]] = scaling.total(similarities[pairs], finished)
        is_left &= ~finished
        n_left = int(is_left.sum())
        if n_left == 0:
            return result
        if n_left < (1.0 - _MANY_DONE) * len(is_left):
            scaling.keep(is_left)
            pairs, is_left = pairs[is_left], torch.ones(n_left, dtype=torch.bool, device=pairs.device)
    if len(pairs):
        result[pairs[is_left]] = scaling.total(similarities[pairs], is_left)
        logger.warning(
            "REMatch: %d of %d pairs not finished after %d iterations",
            int(is_left.sum()),
            len(similarities),
            max_iterations,
        )
    return result


class _Plain:
    """P = u_i exp((C_ij - 1)/α) v_j."""

    def __init__(self, scaled: Tensor, row_weights: Tensor, column_weights: Tensor) -> None:
        import torch

        self.kernel = torch.exp(scaled)
        self.row_weights, self.column_weights = row_weights, column_weights
        self.u, self.v = row_weights.clone(), column_weights.clone()

    def step(self) -> Tensor:
        """One iteration; the change of each pair."""
        u, v = self.u, self.v
        self.v = self.column_weights / (self.kernel.mT @ u[:, :, None])[:, :, 0]
        self.u = self.row_weights / (self.kernel @ self.v[:, :, None])[:, :, 0]
        return _change(self.u, u) + _change(self.v, v)

    def total(self, similarities: Tensor, which: Tensor) -> Tensor:
        match = self.kernel[which] * self.u[which][:, :, None] * self.v[which][:, None, :]
        return (match * similarities[which]).sum(dim=(1, 2))

    def keep(self, which: Tensor) -> None:
        self.kernel, self.u, self.v = self.kernel[which], self.u[which], self.v[which]
        self.row_weights, self.column_weights = self.row_weights[which], self.column_weights[which]


class _Logarithmic:
    """ln P = u_i + (C_ij - 1)/α + v_j; -inf beyond the atoms."""

    def __init__(self, scaled: Tensor, row_weights: Tensor, column_weights: Tensor) -> None:
        self.kernel = scaled
        self.row_weights, self.column_weights = row_weights.log(), column_weights.log()
        self.u, self.v = self.row_weights.clone(), self.column_weights.clone()

    def step(self) -> Tensor:
        """One iteration; the change of each pair."""
        u, v = self.u, self.v
        self.v = self.column_weights - (self.kernel + u[:, :, None]).logsumexp(dim=1)
        self.u = self.row_weights - (self.kernel + self.v[:, None, :]).logsumexp(dim=2)
        return _change(*_from_logarithms(self.u, u)) + _change(*_from_logarithms(self.v, v))

    def total(self, similarities: Tensor, which: Tensor) -> Tensor:
        match = (self.kernel[which] + self.u[which][:, :, None] + self.v[which][:, None, :]).exp()
        return (match * similarities[which]).sum(dim=(1, 2))

    keep = _Plain.keep


def _change(new: Tensor, old: Tensor) -> Tensor:
    return ((new - old) ** 2).sum(dim=1) / (new**2).sum(dim=1)


def _from_logarithms(new: Tensor, old: Tensor) -> tuple[Tensor, Tensor]:
    """Both as plain numbers in units of the largest new one."""
    top = new.amax(dim=1, keepdim=True)
    return (new - top).exp(), (old - top).exp()
