# SPDX-License-Identifier: GPL-2.0-or-later
"""Solid and liquid, told apart by the order parameter or the enthalpy, and the passages between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mdsieve.momt.samples import Samples
from mdsieve.momt.weight import Weight

#: As in ``fix momt``: shares of the perfect crystal's order parameter.
_LIQUID_ORDER, _CRYSTAL_ORDER = 0.12, 0.7


@dataclass(frozen=True)
class PhaseBounds:
    """What is solid, what is liquid and what neither.

    Attributes
    ----------
    by : {"order", "enthalpy"}
        The order parameter: more than `upper` is solid; or the enthalpy per atom: more is liquid.
    lower, upper : float
        They may be equal.

    Raises
    ------
    ValueError
        If the bounds are not finite or reversed.
    """

    by: Literal["order", "enthalpy"]
    lower: float
    upper: float

    def __post_init__(self) -> None:
        if self.by not in ("order", "enthalpy"):
            raise ValueError(f"phases by {self.by!r}: expected order or enthalpy")
        if not (math.isfinite(self.lower) and math.isfinite(self.upper) and self.lower <= self.upper):
            raise ValueError(
                f"phases by {self.by} {self.lower:g} {self.upper:g}: expected two numbers, the lower first"
            )

    def sides(self, samples: Samples) -> np.ndarray:
        """1 for the solid, -1 for the liquid, 0 between them, int8[n]."""
        if self.by == "order":
            value, sign = samples.order, 1
        else:
            value, sign = samples.enthalpy / samples.n_atoms, -1
        return (sign * ((value > self.upper).astype(np.int8) - (value < self.lower))).astype(np.int8)

    def __str__(self) -> str:
        name, (low, high) = ("O", ("liquid", "solid")) if self.by == "order" else ("H/N", ("solid", "liquid"))
        return f"{low} {name} < {self.lower:g}, {high} {name} > {self.upper:g}"


def default_bounds(weight: Weight) -> PhaseBounds:
    """Those of ``fix momt``: order parameters of 12 % and 70 % of the perfect crystal's."""
    n = weight.n_atoms
    return PhaseBounds("order", _LIQUID_ORDER * n, _CRYSTAL_ORDER * n)


@dataclass(frozen=True)
class Passage:
    """One way from phase to phase.

    Attributes
    ----------
    record : int
    left : int
        Last step in the old phase.
    arrived : int
        First step in the new one.
    is_melting : bool
    """

    record: int
    left: int
    arrived: int
    is_melting: bool


@dataclass(frozen=True)
class Passages:
    """All ways of all walkers.

    Attributes
    ----------
    bounds : PhaseBounds
    passages : tuple of Passage
    n_records : int
    n_steps : int
        Steps of all records.
    round_trips : int
        Pairs of passages of a walker.
    solid, liquid : float
        Shares of the samples.
    """

    bounds: PhaseBounds
    passages: tuple[Passage, ...]
    n_records: int
    n_steps: int
    round_trips: int
    solid: float
    liquid: float

    def __len__(self) -> int:
        return len(self.passages)

    @property
    def steps_per_passage(self) -> float:
        """Steps of all records over passages; inf without one."""
        return self.n_steps / len(self) if len(self) else math.inf

    def durations(self) -> np.ndarray:
        """Steps from the last in the old phase to the first in the new one, int64[n_passages]."""
        return np.array([passage.arrived - passage.left for passage in self.passages], dtype=np.int64)


def find_passages(samples: Samples, bounds: PhaseBounds | None = None) -> Passages:
    """Count ways between the phases as ``fix momt`` does: into one after the other, whatever lies between.

    Parameters
    ----------
    samples : Samples
    bounds : PhaseBounds, optional
        Default: those of the fix.

    Notes
    -----
    Only what was recorded is seen: the fix, which looks every so many steps, may count more.
    """
    bounds = default_bounds(samples.weight) if bounds is None else bounds
    sides = bounds.sides(samples)
    found: list[Passage] = []
    trips = 0
    for number, record in enumerate(samples.records):
        mine = sides[samples.record == number]
        at = np.flatnonzero(mine)
        turns = np.flatnonzero(np.diff(mine[at]))
        trips += len(turns) // 2
        found += [
            Passage(number, int(record.step[at[t]]), int(record.step[at[t + 1]]), bool(mine[at[t + 1]] < 0))
            for t in turns
        ]
    n_steps = sum(int(record.step[-1] - record.step[0]) for record in samples.records)
    return Passages(
        bounds,
        tuple(found),
        len(samples.records),
        n_steps,
        trips,
        float(np.mean(sides > 0)),
        float(np.mean(sides < 0)),
    )
