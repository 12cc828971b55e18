# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors by the block bootstrap: stretches of the records are drawn again, with replacement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from mdsieve.momt.samples import Samples


class Estimate(NamedTuple):
    """A number and its standard error; the error is NaN where it cannot be told."""

    value: float
    error: float


@dataclass(frozen=True, eq=False)
class Blocks:
    """Samples parted into blocks.

    Attributes
    ----------
    labels : ndarray of int, shape (n_samples,)
        Block of each sample.
    n : int
    words : str
        What a block is.
    """

    labels: np.ndarray
    n: int
    words: str


def time_blocks(samples: Samples, n: int = 20) -> Blocks:
    """Consecutive stretches of about equal length, none of which spans two records.

    Raises
    ------
    ValueError
        If there are fewer than 2, more than samples or fewer than records.
    """
    if not 2 <= n <= len(samples):
        raise ValueError(f"{n} blocks: expected 2 to {len(samples)}, the number of samples")
    if n < len(samples.records):
        raise ValueError(f"{n} blocks of {len(samples.records)} records: expected at least one a record")
    sizes = np.array([len(record) for record in samples.records])
    counts = np.maximum(np.floor(n * sizes / sizes.sum()).astype(int), 1)
    while counts.sum() < n:
        counts[np.argmax(np.where(counts < sizes, sizes / counts, 0.0))] += 1
    while counts.sum() > n:
        counts[np.argmin(np.where(counts > 1, sizes / counts, np.inf))] -= 1
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    labels = [
        before + np.arange(size) * count // size
        for before, size, count in zip(first, sizes, counts, strict=True)
    ]
    return Blocks(np.concatenate(labels), n, f"{n} stretches of {len(samples) / n:.0f} samples")


def record_blocks(samples: Samples) -> Blocks:
    """Whole records.

    Raises
    ------
    ValueError
        If there is only one.
    """
    n = len(samples.records)
    if n < 2:
        raise ValueError("blocks of whole records: expected at least two records")
    return Blocks(samples.record, n, f"{n} records")


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """How often each block comes in each resample (Efron; Künsch, Ann. Stat. 17, 1217, 1989, for blocks).

    Attributes
    ----------
    blocks : Blocks
    n_resamples : int
    seed : int
    """

    blocks: Blocks
    n_resamples: int = 400
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n_resamples < 2:
            raise ValueError(f"{self.n_resamples} resamples: expected at least 2")

    @cached_property
    def counts(self) -> np.ndarray:
        """Float64[n_resamples, n_blocks]."""
        n = self.blocks.n
        drawn = np.random.default_rng(self.seed).multinomial(n, np.full(n, 1.0 / n), size=self.n_resamples)
        return drawn.astype(float)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum over each block, float64[n_blocks].

        Parameters
        ----------
        values : ndarray of float, shape (n_samples,)
        """
        return np.bincount(self.blocks.labels, weights=values, minlength=self.blocks.n)

    def resampled(self, sums: np.ndarray) -> np.ndarray:
        """Sums over each resample.

        Parameters
        ----------
        sums : ndarray of float, shape (n_blocks, ...)
            Sums over blocks.

        Returns
        -------
        ndarray of float, shape (n_resamples, ...)
        """
        return np.tensordot(self.counts, sums, axes=(1, 0))

    def describe(self) -> dict[str, object]:
        """Blocks, resamples and seed, for files."""
        return {"blocks": self.blocks.words, "resamples": self.n_resamples, "seed": self.seed}


def standard_error(resampled: np.ndarray) -> np.ndarray:
    """Standard deviation over the resamples (first axis) in which a number is finite.

    NaN where more than a tenth of them have none: the error is then as large as the number.
    """
    finite = np.isfinite(resampled)
    few = finite.sum(axis=0) < max(2, 0.9 * len(resampled))
    values = np.where(finite, resampled, 0.0)
    n = np.maximum(finite.sum(axis=0), 1)
    mean = values.sum(axis=0) / n
    squares = np.where(finite, (values - mean) ** 2, 0.0).sum(axis=0)
    return np.where(few, np.nan, np.sqrt(squares / np.maximum(n - 1, 1)))
