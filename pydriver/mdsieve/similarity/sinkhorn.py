# SPDX-License-Identifier: GPL-2.0-or-later
"""Regularised matches of atoms for many pairs of structures at a time (Sinkhorn's iteration on PyTorch)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["rematch_similarities"]

logger = logging.getLogger(__name__)

# scalings stay within exp of twice this, their squares within what a number can be
_SAFE_EXPONENT = 150.0
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
    are logarithms where exp(C/α) spans more than double precision can hold, else plain numbers.
    """
    import torch

    if not len(similarities):
        return similarities.new_empty(0)
    columns = torch.arange(similarities.shape[2], device=similarities.device)
    rows = torch.arange(similarities.shape[1], device=similarities.device)
    row_weights = (rows < n_rows[:, None]) / n_rows[:, None].double()
    column_weights = (columns < n_columns[:, None]) / n_columns[:, None].double()
    largest = float(similarities.abs().amax()) / alpha
    kind = _Plain if largest < _SAFE_EXPONENT else _Logarithmic
    scaling: Any = kind(similarities, row_weights, column_weights, alpha)
    result = torch.empty(len(similarities), dtype=torch.float64, device=similarities.device)
    pairs = torch.arange(len(similarities), device=similarities.device)
    is_left = torch.ones_like(pairs, dtype=torch.bool)
    for iteration in range(max_iterations):
        change = scaling.step()
        if iteration % _LOOK_EVERY == 0:
            continue
        finished = is_left & (change <= tolerance)
        n_finished = int(finished.sum())
        if n_finished == 0:
            continue
        if n_finished == len(pairs):
            result[pairs] = scaling.total(slice(None))
            return result
        result[pairs[finished]] = scaling.total(finished)
        is_left &= ~finished
        n_left = int(is_left.sum())
        if n_left == 0:
            return result
        if n_left < (1.0 - _MANY_DONE) * len(is_left):
            scaling.keep(is_left)
            pairs, is_left = pairs[is_left], torch.ones(n_left, dtype=torch.bool, device=pairs.device)
    result[pairs[is_left]] = scaling.total(is_left)
    logger.warning(
        "REMatch: %d of %d pairs not finished after %d iterations",
        int(is_left.sum()),
        len(similarities),
        max_iterations,
    )
    return result


class _Plain:
    """P = u_i exp(C_ij/α) v_j."""

    def __init__(
        self, similarities: Tensor, row_weights: Tensor, column_weights: Tensor, alpha: float
    ) -> None:
        self.similarities = similarities
        self.kernel = self._kernel(similarities / alpha)
        self.row_weights, self.column_weights = self._weights(row_weights), self._weights(column_weights)
        self.u, self.v = self.row_weights.clone(), self.column_weights.clone()

    def _kernel(self, scaled: Tensor) -> Tensor:
        return scaled.exp_()

    def _weights(self, weights: Tensor) -> Tensor:
        return weights

    def step(self) -> Tensor:
        """One iteration; the change of each pair."""
        import torch

        u, v = self.u, self.v
        # these two forms of the products read the matrices along their rows, others take three times as long
        self.v = self.column_weights / (u[:, None, :] @ self.kernel)[:, 0]
        self.u = self.row_weights / torch.linalg.vecdot(self.kernel, self.v[:, None, :])
        return _change(self.u, u) + _change(self.v, v)

    def total(self, which: Tensor | slice) -> Tensor:
        """Σ P_ij C_ij of some pairs."""
        import torch

        weighted = self.kernel[which] * self.similarities[which]
        return torch.linalg.vecdot(torch.linalg.vecdot(weighted, self.v[which][:, None, :]), self.u[which])

    def keep(self, which: Tensor) -> None:
        """Go on with some of the pairs only."""
        self.similarities, self.kernel = self.similarities[which], self.kernel[which]
        self.u, self.v = self.u[which], self.v[which]
        self.row_weights, self.column_weights = self.row_weights[which], self.column_weights[which]


class _Logarithmic(_Plain):
    """ln P = u_i + C_ij/α + v_j; -inf beyond the atoms."""

    def _kernel(self, scaled: Tensor) -> Tensor:
        return scaled

    def _weights(self, weights: Tensor) -> Tensor:
        return weights.log()

    def step(self) -> Tensor:
        """One iteration; the change of each pair."""
        u, v = self.u, self.v
        self.v = self.column_weights - (self.kernel + u[:, :, None]).logsumexp(dim=1)
        self.u = self.row_weights - (self.kernel + self.v[:, None, :]).logsumexp(dim=2)
        return _change(*_from_logarithms(self.u, u)) + _change(*_from_logarithms(self.v, v))

    def total(self, which: Tensor | slice) -> Tensor:
        """Σ P_ij C_ij of some pairs."""
        match = (self.kernel[which] + self.u[which][:, :, None] + self.v[which][:, None, :]).exp()
        return (match * self.similarities[which]).sum(dim=(1, 2))


def _change(new: Tensor, old: Tensor) -> Tensor:
    return ((new - old) ** 2).sum(dim=1) / (new**2).sum(dim=1)


def _from_logarithms(new: Tensor, old: Tensor) -> tuple[Tensor, Tensor]:
    """Both as plain numbers in units of the largest new one."""
    top = new.amax(dim=1, keepdim=True)
    return (new - top).exp(), (old - top).exp()
