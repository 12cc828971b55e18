# SPDX-License-Identifier: GPL-2.0-or-later
"""Column scaling and PyTorch, as the scorers share them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mdsieve import _core
    from mdsieve.scores.contract import Environments

__all__ = ["Columns", "import_torch"]


@dataclass(frozen=True, eq=False)
class Columns:
    """A frozen scaling of fingerprint columns: scaled = (raw - shift) * factor.

    Attributes
    ----------
    symbols : tuple of str
        The descriptor's elements.
    shift, factor : tuple of ndarray of float, each of shape (n_features,)
        One of each an element.
    """

    symbols: tuple[str, ...]
    shift: tuple[np.ndarray, ...]
    factor: tuple[np.ndarray, ...]

    @classmethod
    def of_scaling(cls, symbols: Iterable[str], scaling: _core.Scaling) -> Columns:
        """That of a bank."""
        shift = tuple(np.asarray(row, float) for row in scaling.shift)
        return cls(tuple(symbols), shift, tuple(np.asarray(row, float) for row in scaling.factor))

    @classmethod
    def fit(cls, frames: Iterable[Environments]) -> Columns:
        """Mean 0 and standard deviation 1 over all environments of some frames.

        A column that does not vary (relative to its size by less than 1e-10) has factor 1 / its absolute
        mean, or 1 if that is 0.

        Raises
        ------
        ValueError
            If there is no frame, or an element never occurs.
        """
        rows: list[list[np.ndarray]] | None = None
        for frame in frames:
            rows = [[] for _ in frame.symbols] if rows is None else rows
            symbols = frame.symbols
            for known, found in zip(rows, frame.by_element, strict=True):
                known.append(found.fingerprints)
        if rows is None:
            raise ValueError("no frames to fit the scaling of columns on")
        missing = [s for s, known in zip(symbols, rows, strict=True) if not any(map(len, known))]
        if missing:
            raise ValueError(f"{', '.join(missing)} does not occur: its columns cannot be scaled")
        means, factors = [], []
        for known in rows:
            values = np.concatenate(known)
            mean, spread = values.mean(axis=0), values.std(axis=0)
            size = np.where(mean == 0.0, 1.0, np.abs(mean))
            means.append(mean)
            factors.append(1.0 / np.where(spread > 1e-10 * np.abs(mean), spread, size))
        return cls(symbols, tuple(means), tuple(factors))

    def apply(self, element: int, fingerprints: np.ndarray) -> np.ndarray:
        """Scaled fingerprints of one element."""
        return (fingerprints - self.shift[element]) * self.factor[element]

    def require(self, environments: Environments) -> None:
        """Refuse a frame of another descriptor.

        Raises
        ------
        ValueError
        """
        widths = tuple(len(row) for row in self.shift)
        if environments.symbols != self.symbols or environments.n_features != widths:
            raise ValueError(
                f"fingerprints of {_listed(environments.symbols, environments.n_features)}, expected "
                f"{_listed(self.symbols, widths)}"
            )

    def arrays(self) -> dict[str, np.ndarray]:
        """Shifts and factors one after the other, for a header."""
        return {"shift": np.concatenate(self.shift), "factor": np.concatenate(self.factor)}


def import_torch(what: str) -> Any:
    """PyTorch, or an error that says how to get it.

    Raises
    ------
    ImportError
    """
    try:
        import torch
    except ImportError:
        raise ImportError(f"{what} needs PyTorch: pip install 'mdsieve[scores]'") from None
    return torch


def _listed(symbols: Iterable[str], widths: Iterable[int]) -> str:
    return ", ".join(f"{symbol} ({width})" for symbol, width in zip(symbols, widths, strict=True))
