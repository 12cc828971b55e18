# SPDX-License-Identifier: GPL-2.0-or-later
"""Populations of regions of enthalpy and order parameter: the crystal, its twins, the liquid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdsieve.momt.blocks import Bootstrap, Estimate, standard_error
from mdsieve.momt.reweighting import Reweighting
from mdsieve.momt.samples import Samples, effective_number
from mdsieve.momt.weight import Weight


@dataclass(frozen=True)
class Region:
    """Bounds of enthalpy per atom and order parameter; lower bounds belong to it.

    Attributes
    ----------
    name : str
    enthalpy, order : tuple of float
        Lower and upper bound; infinite where there is none.
    """

    name: str
    enthalpy: tuple[float, float] = (-math.inf, math.inf)
    order: tuple[float, float] = (-math.inf, math.inf)

    @classmethod
    def parse(cls, words: str) -> Region:
        """Read ``NAME=LOWER:UPPER,LOWER:UPPER``, enthalpy first, bounds left out where there are none.

        Raises
        ------
        ValueError
            If it is not of this form.
        """
        name, equals, bounds = words.partition("=")
        parts = bounds.split(",")
        wrong = ValueError(
            f"region {words}: expected NAME=LOWER:UPPER,LOWER:UPPER, enthalpy per atom and order, as "
            "twins=:-4.45,14:40"
        )
        if not name or not equals or len(parts) != 2 or any(part.count(":") != 1 for part in parts):
            raise wrong
        try:
            pairs = [
                (float(lower or -math.inf), float(upper or math.inf))
                for lower, upper in (part.split(":") for part in parts)
            ]
        except ValueError:
            raise wrong from None
        if not all(lower < upper for lower, upper in pairs):
            raise ValueError(f"region {words}: expected lower bounds below the upper ones")
        return cls(name, pairs[0], pairs[1])

    def holds(self, samples: Samples) -> np.ndarray:
        """Which samples are in it, bool[n]."""
        enthalpy = samples.enthalpy / samples.n_atoms
        inside = (enthalpy >= self.enthalpy[0]) & (enthalpy < self.enthalpy[1])
        return inside & (samples.order >= self.order[0]) & (samples.order < self.order[1])


@dataclass(frozen=True)
class Population:
    """How probable a region is.

    Attributes
    ----------
    region : Region
    share : Estimate
        Its probability.
    to_first : Estimate
        Over that of the first region.
    n_samples : int
    n_effective_blocks : float
        How many stretches of the run contribute.
    """

    region: Region
    share: Estimate
    to_first: Estimate
    n_samples: int
    n_effective_blocks: float


def populations(
    samples: Samples, reweighting: Reweighting, bootstrap: Bootstrap, regions: Sequence[Region]
) -> list[Population]:
    """Probabilities of regions at a temperature and pressure.

    Raises
    ------
    ValueError
        If there is no region, or two have samples in common.
    """
    if not regions:
        raise ValueError("no region: expected at least one")
    inside = np.array([region.holds(samples) for region in regions])
    twice = np.flatnonzero(inside.sum(axis=0) > 1)
    if len(twice):
        names = [region.name for region, mine in zip(regions, inside[:, twice[0]], strict=True) if mine]
        raise ValueError(f"regions {' and '.join(names)} overlap: {len(twice)} samples are in both")
    whole = bootstrap.resampled(bootstrap.sums(reweighting.weights))
    found: list[Population] = []
    first: tuple[float, np.ndarray] | None = None
    for region, mine in zip(regions, inside, strict=True):
        weights = reweighting.weights * mine
        sums = bootstrap.sums(weights)
        share, shares = float(weights.sum()), bootstrap.resampled(sums) / whole
        first = (share, shares) if first is None else first
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio, ratios = np.divide(share, first[0]), shares / first[1]
        found.append(
            Population(
                region,
                Estimate(share, float(standard_error(shares))),
                Estimate(float(ratio), float(standard_error(ratios))),
                int(mine.sum()),
                effective_number(sums),
            )
        )
    return found


def exact_twins(weight: Weight) -> int | None:
    """Twins that fit the cell beside each aligned crystal: 4 in m x m x m fcc cells with m a multiple of 3.

    The twin law is a rotation by 60 degrees about one of the four <111>; the twinned lattice has the cell's
    vectors if 3 divides m. Of other cells None is told.
    """
    m = weight.repeats
    return 4 if weight.lattice == "fcc" and len(set(m)) == 1 and m[0] % 3 == 0 else None
