# SPDX-License-Identifier: GPL-2.0-or-later
"""Means at constant temperature and pressure out of samples of a multiorder-multithermal ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from mdsieve.momt.blocks import Bootstrap, Estimate, standard_error
from mdsieve.momt.phases import PhaseBounds
from mdsieve.momt.samples import Samples, effective_number

#: Fewer effective samples than these are refused ...
LEAST_SAMPLES = 20.0
#: ... and fewer effective blocks are warned of, ...
_FEW_BLOCKS = 5.0
#: ... as is more weight than this at the bounds of the window of enthalpy and beyond.
_MUCH_AT_EDGES = 0.1


@dataclass(frozen=True, eq=False)
class Reweighting:
    """Samples as those of NPT at some temperature and pressure.

    Attributes
    ----------
    temperature, pressure : float
    weights : ndarray of float, shape (n_samples,)
        Their sum is 1.
    n_effective : float
        (sum w)^2 / sum w^2: so many independent samples at most.
    n_effective_blocks : float
        The same of the blocks: how many stretches of the run contribute.
    share_at_edges : float
        Weight outside the window of enthalpy and in its outermost intervals.
    concerns : tuple of str
        Why not to trust it.
    """

    temperature: float
    pressure: float
    weights: np.ndarray
    n_effective: float
    n_effective_blocks: float
    share_at_edges: float
    concerns: tuple[str, ...]


def reweight(
    samples: Samples,
    temperature: float | None = None,
    pressure: float | None = None,
    *,
    bootstrap: Bootstrap,
    least: float = LEAST_SAMPLES,
) -> Reweighting:
    """Weigh samples for another temperature and pressure.

    Parameters
    ----------
    samples : Samples
    temperature : float, optional
        Between the temperatures of the weight's tails; default: T0.
    pressure : float, optional
        Default: P0.
    bootstrap : Bootstrap
        Its blocks are looked at.
    least : float
        Effective samples to insist on.

    Raises
    ------
    ValueError
        If the temperature is out of range or there are too few effective samples.
    """
    temperature = samples.weight.temperature if temperature is None else temperature
    check_temperature(samples, temperature)
    pressure = samples.weight.pressure if pressure is None else pressure
    weights = softmax(samples.log_weights(temperature, pressure))
    n = effective_number(weights)
    if n < least:
        raise ValueError(
            f"temperature {temperature:g}, pressure {pressure:g}: {n:.1f} effective samples of "
            f"{len(samples)}: expected {least:g}; the samples hardly overlap with this ensemble"
        )
    window = samples.weight.enthalpy
    at_edge = samples.enthalpy < window.lower + window.spacing
    at_edge |= samples.enthalpy > window.upper - window.spacing
    share = float(weights[at_edge].sum())
    blocks = effective_number(bootstrap.sums(weights))
    concerns = []
    if blocks < _FEW_BLOCKS:
        concerns.append(f"{blocks:.1f} effective blocks of {bootstrap.blocks.n}: do not trust the errors")
    if share > _MUCH_AT_EDGES:
        concerns.append(
            f"{100 * share:.0f} % of the weight is at the bounds of the window of enthalpy or beyond"
        )
    return Reweighting(temperature, pressure, weights, n, blocks, share, tuple(concerns))


def check_temperature(samples: Samples, temperature: float) -> None:
    """Whether a temperature is between those of the tails.

    Raises
    ------
    ValueError
        If not.
    """
    coldest, hottest = samples.weight.tails
    if not coldest <= temperature <= hottest:
        raise ValueError(
            f"temperature {temperature:g}: expected {coldest:g} to {hottest:g}, "
            f"the tails of {samples.weight.name}"
        )


@dataclass(frozen=True)
class Means:
    """Means of one phase, or of all, at one temperature and pressure.

    Attributes
    ----------
    phase : {"all", "solid", "liquid"}
    temperature, pressure : float
    share : Estimate
        Probability of the phase.
    n_effective : float
        Of its samples.
    enthalpy : Estimate
        H per atom, without kinetic energy.
    volume : Estimate or None
        Per atom.
    order : Estimate
    heat_capacity : Estimate
        At constant pressure, in k per atom: var(H) / (k T)^2 / N + 3/2 of the momenta.
    columns : dict of str to Estimate
        Further columns as they were recorded.
    concerns : tuple of str
    """

    phase: str
    temperature: float
    pressure: float
    share: Estimate
    n_effective: float
    enthalpy: Estimate
    volume: Estimate | None
    order: Estimate
    heat_capacity: Estimate
    columns: dict[str, Estimate]
    concerns: tuple[str, ...]


def means(
    samples: Samples,
    reweighting: Reweighting,
    bootstrap: Bootstrap,
    *,
    bounds: PhaseBounds | None = None,
    columns: Sequence[str] = (),
    least: float = LEAST_SAMPLES,
) -> list[Means]:
    """Means of all samples and, with bounds, of either phase.

    Parameters
    ----------
    samples : Samples
    reweighting : Reweighting
    bootstrap : Bootstrap
        For the errors.
    bounds : PhaseBounds, optional
    columns : sequence of str
        Further columns to average.
    least : float
        A phase of fewer effective samples is left out.

    Raises
    ------
    ValueError
        If a column is not in all records.
    """
    for name in columns:
        if name not in samples.columns:
            raise ValueError(f"column {name}: expected one of {', '.join(samples.columns) or 'none'}")
    parts = [("all", np.ones(len(samples), bool))]
    if bounds is not None:
        sides = bounds.sides(samples)
        parts += [("solid", sides > 0), ("liquid", sides < 0)]
    found = []
    for phase, mine in parts:
        weights = reweighting.weights * mine
        if effective_number(weights) >= least:
            found.append(_means_of(phase, samples, reweighting, weights, bootstrap, columns))
    return found


class _Averages:
    """Weighted means of one set of weights, and those of its resamples."""

    def __init__(self, weights: np.ndarray, bootstrap: Bootstrap) -> None:
        self._weights, self._bootstrap = weights, bootstrap
        self._sum = weights.sum()
        self._sums = bootstrap.resampled(bootstrap.sums(weights))

    def of(self, values: np.ndarray) -> tuple[float, np.ndarray]:
        product = self._weights * values
        with np.errstate(invalid="ignore", divide="ignore"):
            resampled = self._bootstrap.resampled(self._bootstrap.sums(product)) / self._sums
        return float(product.sum() / self._sum), resampled

    def estimate(self, values: np.ndarray) -> Estimate:
        value, resampled = self.of(values)
        return Estimate(value, float(standard_error(resampled)))

    def share(self, whole: np.ndarray) -> Estimate:
        resampled = self._sums / self._bootstrap.resampled(self._bootstrap.sums(whole))
        return Estimate(float(self._sum / whole.sum()), float(standard_error(resampled)))


def _means_of(
    phase: str,
    samples: Samples,
    reweighting: Reweighting,
    weights: np.ndarray,
    bootstrap: Bootstrap,
    columns: Sequence[str],
) -> Means:
    n = samples.n_atoms
    enthalpy = samples.enthalpy_at(reweighting.pressure)
    average = _Averages(weights, bootstrap)
    centre = float(np.dot(weights, enthalpy) / weights.sum())
    thermal = samples.weight.boltzmann * reweighting.temperature
    first, firsts = average.of(enthalpy - centre)
    second, seconds = average.of((enthalpy - centre) ** 2)
    capacity, capacities = (
        (square - mean**2) / thermal**2 / n + 1.5 for mean, square in ((first, second), (firsts, seconds))
    )
    concerns = list(reweighting.concerns)
    blocks = effective_number(bootstrap.sums(weights))
    if phase != "all" and blocks < _FEW_BLOCKS:
        concerns.append(f"{phase}: {blocks:.1f} effective blocks of {bootstrap.blocks.n}")
    return Means(
        phase,
        reweighting.temperature,
        reweighting.pressure,
        average.share(reweighting.weights),
        effective_number(weights),
        average.estimate(enthalpy / n),
        None if samples.volume is None else average.estimate(samples.volume / n),
        average.estimate(samples.order),
        Estimate(float(capacity), float(standard_error(np.asarray(capacities)))),
        {name: average.estimate(samples.columns[name]) for name in columns},
        tuple(concerns),
    )
