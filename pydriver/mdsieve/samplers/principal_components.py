# SPDX-License-Identifier: GPL-2.0-or-later
"""Principal components of standardised features, from rows that come in blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.io.feature_file import row_blocks

if TYPE_CHECKING:
    from mdsieve.io.feature_file import FeatureFile

__all__ = ["PrincipalComponents", "fit_components"]


@dataclass(frozen=True)
class PrincipalComponents:
    """Where features lie along their principal axes.

    Attributes
    ----------
    mean, scale : ndarray of float, shape (n_features,)
        A feature is standardised as (x - mean) / scale; the scale of a constant one is infinite.
    axes : ndarray of float, shape (n_components, n_features)
        Orthonormal; the component of largest size of each is positive.
    variances : ndarray of float, shape (n_components,)
        Eigenvalues: variances of the scores (divided by n - 1).
    shares : ndarray of float, shape (n_components,)
        Of the variance of all standardised features.
    """

    mean: np.ndarray
    scale: np.ndarray
    axes: np.ndarray
    variances: np.ndarray
    shares: np.ndarray

    def scores(self, rows: np.ndarray, *, weighted: bool = True) -> np.ndarray:
        """Rows along the axes, shape (n_rows, n_components); weighted: times `shares`."""
        scores = ((rows - self.mean) / self.scale) @ self.axes.T
        return scores * self.shares if weighted else scores


def fit_components(
    rows: np.ndarray | FeatureFile, n_components: int | None = None, *, scale: bool = True
) -> PrincipalComponents:
    """Principal components in one pass over the rows.

    Means and covariances of blocks are merged exactly (Chan, Golub and LeVeque, Am. Stat. 37, 242, 1983): the
    result is that of all rows at once up to rounding.

    Parameters
    ----------
    rows : ndarray or FeatureFile, shape (n_rows, n_features)
    n_components : int or None
        None: Kaiser's rule, eigenvalues above 1; at least one.
    scale : bool
        Divide features by their standard deviation (divided by n).

    Raises
    ------
    ValueError
        If there are not so many features, or no feature varies.
    """
    n, mean, scatter = _moments(rows)
    n_features = len(mean)
    if n_components is not None and not 1 <= n_components <= n_features:
        raise ValueError(f"n_components={n_components}: expected a number from 1 to {n_features}, or None")
    variance = np.diag(scatter) / n
    rounding = np.finfo(float).eps
    is_constant = variance <= n * rounding * variance + (n * rounding * mean) ** 2
    deviation = np.sqrt(variance) if scale else np.ones(n_features)
    deviation[is_constant] = np.inf
    matrix = scatter / np.outer(deviation, deviation) / max(1, n - 1)
    values, vectors = np.linalg.eigh(matrix)
    values, axes = np.maximum(values[::-1], 0.0), vectors.T[::-1]
    kept = max(1, int((values > 1.0).sum())) if n_components is None else n_components
    total = float(values.sum()) or 1.0
    largest = axes[np.arange(n_features), np.abs(axes).argmax(axis=1)]
    axes = axes * np.where(largest < 0, -1.0, 1.0)[:, None]
    return PrincipalComponents(mean, deviation, axes[:kept].copy(), values[:kept], values[:kept] / total)


def _moments(rows: np.ndarray | FeatureFile) -> tuple[int, np.ndarray, np.ndarray]:
    """Number, mean and sum of products of deviations from it."""
    n, n_features = 0, rows.shape[1]
    mean, scatter = np.zeros(n_features), np.zeros((n_features, n_features))
    for _, block in row_blocks(rows):
        m = len(block)
        its_mean = block.mean(axis=0)
        centred = block - its_mean
        away = its_mean - mean
        scatter += centred.T @ centred + np.outer(away, away) * (n * m / (n + m))
        mean = mean + away * (m / (n + m))
        n += m
    return n, mean, scatter
