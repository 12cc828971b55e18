# SPDX-License-Identifier: GPL-2.0-or-later
"""How evenly the weight has been visited."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mdsieve.momt.samples import Samples
from mdsieve.momt.weight import Axis, Weight


@dataclass(frozen=True, eq=False)
class Flatness:
    """Visits inside the region that the weight was learnt for.

    Attributes
    ----------
    depth : float
        The region: bins in whose middle, and in those of the eight around it, v > `depth` k T0. Where nothing
        was learnt v is 0, and what costs more free energy than the cap has been cut off there. Across a bin
        at the rim the free energy changes by more than a spline of such bins can follow.
    enthalpy, order : Axis
        Of the bins; the enthalpy is that of the cell.
    visits : ndarray of int, shape (n_enthalpy, n_order)
    region : ndarray of bool, shape (n_enthalpy, n_order)
    n_outside : int
        Samples outside the window of enthalpy.
    """

    depth: float
    enthalpy: Axis
    order: Axis
    visits: np.ndarray
    region: np.ndarray
    n_outside: int

    @property
    def inside(self) -> np.ndarray:
        """Visits of the bins of the region, int64[n]."""
        return self.visits[self.region]

    @property
    def n_samples(self) -> int:
        """All samples, those outside the window included."""
        return int(self.visits.sum()) + self.n_outside

    @property
    def share_inside(self) -> float:
        """Of all samples, those in the region."""
        return float(self.inside.sum()) / self.n_samples if self.n_samples else 0.0

    @property
    def n_empty(self) -> int:
        """Bins of the region that have never been visited."""
        return int(np.count_nonzero(self.inside == 0))

    @property
    def ratio(self) -> float:
        """Most visits of a bin of the region over fewest; inf where one has none."""
        return _ratio(self.inside)

    @property
    def quantile_ratio(self) -> float:
        """95 % quantile of the visits of a bin over the 5 % quantile."""
        if not len(self.inside):
            return np.inf
        low, high = np.quantile(self.inside, (0.05, 0.95))
        return float(high / low) if low > 0 else np.inf

    def numbers(self) -> dict[str, float]:
        """What is told of it, for files."""
        return {
            "depth": self.depth,
            "bins": len(self.inside),
            "never_visited": self.n_empty,
            "share_inside": self.share_inside,
            "outside_window": self.n_outside,
            "ratio": self.ratio,
            "quantile_ratio": self.quantile_ratio,
            "ratio_along_order": self.ratio_along_order,
            "ratio_along_enthalpy": self.ratio_along_enthalpy,
        }

    @property
    def along_order(self) -> np.ndarray:
        """Mean visits of a bin of the region in each interval of O, float64[n_order]; NaN without one."""
        return _mean_of(self.visits, self.region, 0)

    @property
    def along_enthalpy(self) -> np.ndarray:
        """The same for intervals of H."""
        return _mean_of(self.visits, self.region, 1)

    @property
    def ratio_along_order(self) -> float:
        """Largest over smallest of `along_order`."""
        return _ratio(self.along_order[np.isfinite(self.along_order)])

    @property
    def ratio_along_enthalpy(self) -> float:
        """Largest over smallest of `along_enthalpy`."""
        return _ratio(self.along_enthalpy[np.isfinite(self.along_enthalpy)])


def visits_of(samples: Samples) -> tuple[np.ndarray, int]:
    """Samples in each bin of the weight, int64[n, m], and how many are outside its window."""
    bins = samples.weight.bins(samples.enthalpy, samples.order)
    shape = (samples.weight.enthalpy.n, samples.weight.order.n)
    inside = bins[bins >= 0]
    return np.bincount(inside, minlength=shape[0] * shape[1]).reshape(shape), len(bins) - len(inside)


def flatness(
    weight: Weight, visits: np.ndarray, *, n_outside: int = 0, depth: float = 1.0, merge: int = 1
) -> Flatness:
    """Compare the visits of the bins of a weight.

    Parameters
    ----------
    weight : Weight
    visits : ndarray of int, shape (n_enthalpy, n_order)
        Those of the weight's file, or of `visits_of`.
    n_outside : int
        Samples outside the window.
    depth : float
        See `Flatness`.
    merge : int
        Take this many intervals along either axis as one; what is left over at the upper ends is left out.
        A merged bin is of the region if all its parts are.

    Raises
    ------
    ValueError
        If `merge` leaves no bins, or the shape of the visits is not that of the weight.
    """
    from scipy.ndimage import binary_erosion

    region = binary_erosion(weight.on_grid() > depth * weight.thermal_energy, np.ones((3, 3)))
    if visits.shape != region.shape:
        raise ValueError(f"visits of {visits.shape} bins: expected {region.shape}")
    if not 1 <= merge <= min(region.shape):
        raise ValueError(f"{merge} intervals as one: expected 1 to {min(region.shape)}")
    shape = (region.shape[0] // merge, merge, region.shape[1] // merge, merge)
    cut = slice(shape[0] * merge), slice(shape[2] * merge)
    return Flatness(
        depth,
        _merged(weight.enthalpy, merge),
        _merged(weight.order, merge),
        visits[cut].reshape(shape).sum(axis=(1, 3)),
        np.asarray(region[cut].reshape(shape).all(axis=(1, 3))),
        n_outside,
    )


def _merged(axis: Axis, merge: int) -> Axis:
    n = axis.n // merge
    return Axis(axis.lower, axis.lower + n * merge * axis.spacing, n)


def _ratio(values: np.ndarray) -> float:
    if not len(values) or values.min() <= 0:
        return np.inf
    return float(values.max() / values.min())


def _mean_of(visits: np.ndarray, region: np.ndarray, axis: int) -> np.ndarray:
    n = region.sum(axis=axis)
    return np.where(n > 0, (visits * region).sum(axis=axis) / np.maximum(n, 1), np.nan)
