# SPDX-License-Identifier: GPL-2.0-or-later
"""The temperature at which solid and liquid of the cell are equally probable."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import logsumexp, softmax

from mdsieve.momt.blocks import Bootstrap, Estimate, standard_error
from mdsieve.momt.phases import PhaseBounds, default_bounds
from mdsieve.momt.reweighting import LEAST_SAMPLES
from mdsieve.momt.samples import Samples, effective_number

_GRID = 81
_MOST_STEPS = 50  # until the split is midway between the phases ...
_CLOSE = 1e-4  # ... within this part of the range


@dataclass(frozen=True)
class MeltingPoint:
    """Where ln(P_solid / P_liquid) = 0.

    Attributes
    ----------
    temperature : Estimate
    bounds : PhaseBounds
        What parts the phases.
    heat_of_fusion : Estimate
        Enthalpy of the liquid less that of the solid, per atom, at this temperature.
    n_unresolved : int
        Resamples without such a temperature, left out of the error.
    concerns : tuple of str
    """

    temperature: Estimate
    bounds: PhaseBounds
    heat_of_fusion: Estimate
    n_unresolved: int
    concerns: tuple[str, ...]


@dataclass(frozen=True)
class HeatCapacityPeak:
    """Where the heat capacity of the cell is largest.

    Attributes
    ----------
    temperature : Estimate
    height : Estimate
        k per atom, with 3/2 of the momenta.
    """

    temperature: Estimate
    height: Estimate


def temperature_range(
    samples: Samples, pressure: float | None = None, *, least: float = LEAST_SAMPLES
) -> tuple[float, float]:
    """The temperatures around T0, within the tails, at which there are enough effective samples.

    Raises
    ------
    ValueError
        If there are none.
    """
    coldest, hottest = samples.weight.tails
    grid = np.linspace(coldest, hottest, _GRID) if coldest < hottest else np.array([coldest])
    enough = np.array([effective_number(softmax(samples.log_weights(t, pressure))) >= least for t in grid])
    middle = int(np.argmin(np.abs(grid - samples.weight.temperature)))
    if not enough[middle]:
        raise ValueError(f"fewer than {least:g} effective samples at T0")
    low = high = middle
    while low > 0 and enough[low - 1]:
        low -= 1
    while high < len(grid) - 1 and enough[high + 1]:
        high += 1
    return float(grid[low]), float(grid[high])


def melting_point(
    samples: Samples,
    bootstrap: Bootstrap,
    bounds: PhaseBounds | None = None,
    pressure: float | None = None,
    *,
    by: Literal["order", "enthalpy"] = "enthalpy",
) -> MeltingPoint:
    """Find the temperature of equal weights of the phases.

    Parameters
    ----------
    samples : Samples
    bootstrap : Bootstrap
    bounds : PhaseBounds, optional
        Default: midway between the means of the two phases at the melting point itself, by order or enthalpy.
    pressure : float, optional
        Default: P0.
    by : {"order", "enthalpy"}
        Without `bounds`. The order parameter does not see twinned crystals: prefer the enthalpy.

    Raises
    ------
    ValueError
        If there is no such temperature in range, or the phases were not both seen.
    """
    low, high = temperature_range(samples, pressure)
    if bounds is None:
        bounds = _midway(samples, by, low, high, pressure)
    found = _root(samples, bounds, low, high, pressure)
    sides = bounds.sides(samples)
    grid = np.linspace(low, high, _GRID)
    logs = np.empty((bootstrap.n_resamples, len(grid)))
    for k, temperature in enumerate(grid):
        weights = np.exp(samples.log_weights(temperature, pressure))
        with np.errstate(divide="ignore", invalid="ignore"):
            logs[:, k] = np.log(bootstrap.resampled(bootstrap.sums(weights * (sides > 0)))) - np.log(
                bootstrap.resampled(bootstrap.sums(weights * (sides < 0)))
            )
    roots = np.array([_crossing(grid, row) for row in logs])
    unresolved = int(np.count_nonzero(np.isnan(roots)))
    concerns = []
    if unresolved:
        concerns.append(f"{unresolved} of {bootstrap.n_resamples} resamples have no melting point in range")
    weights = softmax(samples.log_weights(found, pressure))
    for name, side in (("solid", 1), ("liquid", -1)):
        blocks = effective_number(bootstrap.sums(weights * (sides == side)))
        if blocks < 3.0:
            concerns.append(f"{name}: {blocks:.1f} effective blocks of {bootstrap.blocks.n}")
    return MeltingPoint(
        Estimate(found, float(standard_error(roots))),
        bounds,
        _heat_of_fusion(samples, sides, weights, bootstrap, pressure),
        unresolved,
        tuple(concerns),
    )


def melting_points(
    samples: Samples,
    bootstrap: Bootstrap,
    bounds: PhaseBounds | None = None,
    pressure: float | None = None,
) -> tuple[list[MeltingPoint], list[str]]:
    """Melting points with phases by enthalpy and by order, or by given bounds; and what is wrong with them.

    Parameters
    ----------
    samples : Samples
    bootstrap : Bootstrap
    bounds : PhaseBounds, optional
    pressure : float, optional
        Default: P0.
    """
    points: list[MeltingPoint] = []
    concerns: list[str] = []
    for by in ("enthalpy", "order") if bounds is None else (bounds.by,):
        try:
            point = melting_point(samples, bootstrap, bounds, pressure, by=by)
        except ValueError as error:
            concerns.append(str(error))
        else:
            points.append(point)
            concerns += point.concerns
    return points, concerns


def log_ratio(
    samples: Samples, bounds: PhaseBounds, temperature: float, pressure: float | None = None
) -> float:
    """ln(P_solid / P_liquid) at a temperature; -G_solid + G_liquid in k T."""
    sides = bounds.sides(samples)
    return _log_ratio(samples, sides, temperature, pressure)


def heat_capacity_peak(
    samples: Samples, bootstrap: Bootstrap, pressure: float | None = None
) -> HeatCapacityPeak:
    """Find the largest heat capacity between the temperatures in range.

    Raises
    ------
    ValueError
        If it is at an end of the range.
    """
    low, high = temperature_range(samples, pressure)
    grid = np.linspace(low, high, _GRID)
    enthalpy = samples.enthalpy_at(pressure)
    enthalpy = enthalpy - enthalpy.mean()
    curve = np.empty(len(grid))
    curves = np.empty((bootstrap.n_resamples, len(grid)))
    for k, temperature in enumerate(grid):
        weights = np.exp(samples.log_weights(temperature, pressure))
        parts = np.stack([bootstrap.sums(weights * enthalpy**power) for power in (0, 1, 2)], axis=1)
        unit = (samples.weight.boltzmann * temperature) ** 2 * samples.n_atoms
        curve[k] = _variance(parts.sum(axis=0)) / unit + 1.5
        curves[:, k] = _variance(bootstrap.resampled(parts)) / unit + 1.5
    at = int(np.argmax(curve))
    if at in (0, len(grid) - 1):
        raise ValueError(f"the heat capacity has no peak between {low:g} and {high:g} K")

    def negative(temperature: float) -> float:
        weights = softmax(samples.log_weights(temperature, pressure))
        unit = (samples.weight.boltzmann * temperature) ** 2 * samples.n_atoms
        mean = np.dot(weights, enthalpy)
        return -float(np.dot(weights, (enthalpy - mean) ** 2) / unit + 1.5)

    best = minimize_scalar(negative, bounds=(grid[at - 1], grid[at + 1]), method="bounded")
    tops = np.array([_top(grid, row) for row in curves])
    return HeatCapacityPeak(
        Estimate(float(best.x), float(standard_error(tops[:, 0]))),
        Estimate(-float(best.fun), float(standard_error(tops[:, 1]))),
    )


def _log_ratio(samples: Samples, sides: np.ndarray, temperature: float, pressure: float | None) -> float:
    log = samples.log_weights(temperature, pressure)
    parts = [log[sides > 0], log[sides < 0]]
    if not all(map(len, parts)):
        raise ValueError(f"no sample of the {'liquid' if len(parts[0]) else 'solid'}: expected both phases")
    solid, liquid = map(logsumexp, parts)
    return float(solid - liquid)


def _root(samples: Samples, bounds: PhaseBounds, low: float, high: float, pressure: float | None) -> float:
    sides = bounds.sides(samples)
    at_low, at_high = (_log_ratio(samples, sides, t, pressure) for t in (low, high))
    if not at_low > 0.0 > at_high:
        raise ValueError(
            f"{bounds}: ln(P_solid / P_liquid) is {at_low:.2g} at {low:g} K and {at_high:.2g} at {high:g} K: "
            "no melting point between them"
        )
    return float(brentq(lambda t: _log_ratio(samples, sides, t, pressure), low, high, xtol=1e-6))


def _midway(
    samples: Samples, by: Literal["order", "enthalpy"], low: float, high: float, pressure: float | None
) -> PhaseBounds:
    """The split that is midway between the means of the phases that it parts, where they are alike."""
    values = samples.order if by == "order" else samples.enthalpy / samples.n_atoms
    sides = default_bounds(samples.weight).sides(samples)
    if not (sides > 0).any() or not (sides < 0).any():
        raise ValueError(
            f"no sample of the {'liquid' if (sides > 0).any() else 'solid'} "
            f"({default_bounds(samples.weight)}): expected both phases"
        )
    weights = softmax(samples.log_weights(samples.weight.temperature, pressure))
    split = math.nan
    for _ in range(_MOST_STEPS):
        before = split
        ends = [np.average(values[part], weights=weights[part]) for part in (sides > 0, sides < 0)]
        split = float(np.mean(ends))
        bounds = PhaseBounds(by, split, split)
        if abs(split - before) < _CLOSE * np.ptp(values):
            break
        sides = bounds.sides(samples)
        weights = softmax(samples.log_weights(_root(samples, bounds, low, high, pressure), pressure))
    return bounds


def _crossing(grid: np.ndarray, logs: np.ndarray) -> float:
    """Where a falling line through points crosses 0; NaN if it does not."""
    finite = np.isfinite(logs)
    falls = np.flatnonzero(finite[:-1] & finite[1:] & (logs[:-1] > 0.0) & (logs[1:] <= 0.0))
    if not len(falls):
        return math.nan
    k = falls[0]
    return float(grid[k] + (grid[k + 1] - grid[k]) * logs[k] / (logs[k] - logs[k + 1]))


def _variance(sums: np.ndarray) -> np.ndarray:
    """Of sums of w, w x and w x^2 along the last axis of parts (first axis: resamples)."""
    total, first, second = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return second / total - (first / total) ** 2


def _top(grid: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Place and height of the parabola through the highest point and its neighbours."""
    k = int(np.argmax(values))
    if k in (0, len(grid) - 1):
        return math.nan, math.nan
    left, mid, right = values[k - 1 : k + 2]
    shift = 0.5 * (left - right) / (left - 2.0 * mid + right)
    return float(grid[k] + shift * (grid[1] - grid[0])), float(mid - 0.25 * (left - right) * shift)


def _heat_of_fusion(
    samples: Samples, sides: np.ndarray, weights: np.ndarray, bootstrap: Bootstrap, pressure: float | None
) -> Estimate:
    enthalpy = samples.enthalpy_at(pressure) / samples.n_atoms
    enthalpy = enthalpy - enthalpy.mean()
    value, resampled = 0.0, np.zeros(bootstrap.n_resamples)
    for side in (1, -1):
        part = weights * (sides == side)
        value -= side * float(np.dot(part, enthalpy) / part.sum())
        with np.errstate(invalid="ignore", divide="ignore"):
            resampled -= (
                side
                * bootstrap.resampled(bootstrap.sums(part * enthalpy))
                / bootstrap.resampled(bootstrap.sums(part))
            )
    return Estimate(value, float(standard_error(resampled)))
