# SPDX-License-Identifier: GPL-2.0-or-later
"""Free-energy surfaces and densities of states over enthalpy and order parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mdsieve.momt.blocks import Bootstrap, standard_error
from mdsieve.momt.reweighting import Reweighting
from mdsieve.momt.samples import Samples
from mdsieve.momt.weight import Axis

Coordinate = Literal["enthalpy", "order"]


@dataclass(frozen=True, eq=False)
class Surface:
    """A function of one or two coordinates on bins.

    Attributes
    ----------
    coordinates : tuple of {"enthalpy", "order"}
        Enthalpy per atom, order parameter.
    axes : tuple of Axis
        Of the bins along each.
    value : ndarray of float, one axis a coordinate
        NaN where no sample is; the smallest is 0.
    error : ndarray of float, the same shape
        Standard error, with that of the normalisation; NaN in bins that few blocks have visited.
    visits : ndarray of int, the same shape
        Samples in each bin.
    """

    coordinates: tuple[Coordinate, ...]
    axes: tuple[Axis, ...]
    value: np.ndarray
    error: np.ndarray
    visits: np.ndarray

    def rows(self) -> tuple[list[str], list[tuple[float, ...]]]:
        """Names and rows of a table of the visited bins: middles, value, error, visits."""
        middles = np.meshgrid(*(axis.centres for axis in self.axes), indexing="ij")
        columns = [*middles, self.value, self.error, self.visits]
        seen = self.visits > 0
        rows = zip(*(column[seen].tolist() for column in columns), strict=True)
        return [*self.coordinates, "value", "error", "visits"], list(rows)


def default_axis(samples: Samples, coordinate: Coordinate, n: int | None = None) -> Axis:
    """The axis of the weight, with the enthalpy per atom; in `n` intervals, if that is said."""
    if coordinate == "order":
        return Axis(samples.weight.order.lower, samples.weight.order.upper, n or samples.weight.order.n)
    window = samples.weight.enthalpy
    return Axis(window.lower / samples.n_atoms, window.upper / samples.n_atoms, n or window.n)


def free_energy(
    samples: Samples,
    reweighting: Reweighting,
    bootstrap: Bootstrap,
    coordinates: Sequence[Coordinate] = ("enthalpy", "order"),
    axes: Sequence[Axis] | None = None,
) -> Surface:
    """F = -k T ln P of the coordinates at a temperature and pressure, in units of energy.

    Parameters
    ----------
    samples : Samples
    reweighting : Reweighting
    bootstrap : Bootstrap
    coordinates : sequence of {"enthalpy", "order"}
        One or both.
    axes : sequence of Axis, optional
        One a coordinate; default: those of the weight.

    Notes
    -----
    P is a density; the error is that of ln P, normalised to 1 over all samples.
    """
    thermal = samples.weight.boltzmann * reweighting.temperature
    with np.errstate(divide="ignore"):
        log = np.log(reweighting.weights)
    found = _surface(samples, log, log, bootstrap, tuple(coordinates), axes)
    value = -thermal * found.value
    return Surface(
        found.coordinates, found.axes, value - np.nanmin(value), thermal * found.error, found.visits
    )


def density_of_states(
    samples: Samples,
    bootstrap: Bootstrap,
    coordinates: Sequence[Coordinate] = ("enthalpy", "order"),
    axes: Sequence[Axis] | None = None,
) -> Surface:
    """Entropy over k, ln Omega, of the coordinates at the pressure of the ensemble, but for a constant.

    Parameters
    ----------
    samples, bootstrap, coordinates, axes
        As `free_energy`.

    Notes
    -----
    Omega = P exp[(H + v) / k T0] (Wang and Landau, Phys. Rev. Lett. 86, 2050, 2001), with
    Omega exp(-H / k T0) normalised to 1: errors are small where the ensemble is at T0 and grow away from it.
    H + v is taken in the middle of each bin, for P is even inside while Omega is not: it changes by some k T.
    """
    if "enthalpy" not in coordinates:
        raise ValueError(
            "density of states: expected the enthalpy as a coordinate, for its sum over all is infinite"
        )
    axes = _axes(samples, coordinates, axes)
    places = {"enthalpy": samples.enthalpy, "order": samples.order}
    for coordinate, axis in zip(coordinates, axes, strict=True):
        scale = samples.n_atoms if coordinate == "enthalpy" else 1
        k = np.floor((places[coordinate] / scale - axis.lower) / axis.spacing)
        places[coordinate] = scale * (axis.lower + (k + 0.5) * axis.spacing)
    unit = samples.weight.thermal_energy
    bias = samples.weight.evaluate(places["enthalpy"], places["order"]).value
    states = (places["enthalpy"] + bias) / unit
    found = _surface(samples, states, samples.bias / unit, bootstrap, tuple(coordinates), axes)
    return Surface(
        found.coordinates, found.axes, found.value - np.nanmin(found.value), found.error, found.visits
    )


def _surface(
    samples: Samples,
    log: np.ndarray,
    log_normal: np.ndarray,
    bootstrap: Bootstrap,
    coordinates: tuple[Coordinate, ...],
    axes: Sequence[Axis] | None,
) -> Surface:
    """Logarithm of the sum of exp(log) in a bin over that of exp(log_normal) of all and the bin's size."""
    axes = _axes(samples, coordinates, axes)
    bins = _bins(samples, coordinates, axes)
    shape = tuple(axis.n for axis in axes)
    n, mine = int(np.prod(shape)), np.flatnonzero(bins >= 0)
    highest = np.full(n, -np.inf)  # of each bin: the sums of far bins differ by hundreds of k T
    np.maximum.at(highest, bins[mine], log[mine])
    shift = np.where(np.isfinite(highest), highest, 0.0)
    places = bootstrap.blocks.labels[mine] * n + bins[mine]
    weights = np.exp(log[mine] - shift[bins[mine]])
    sums = np.bincount(places, weights=weights, minlength=bootstrap.blocks.n * n).reshape(-1, n)
    normal_shift = log_normal.max()
    normal = bootstrap.sums(np.exp(log_normal - normal_shift))
    size = float(np.prod([axis.spacing for axis in axes]))
    constant = shift - normal_shift - np.log(size)
    with np.errstate(divide="ignore"):
        value = np.log(sums.sum(axis=0)) - np.log(normal.sum()) + constant
        resampled = np.log(bootstrap.resampled(sums)) - np.log(bootstrap.resampled(normal))[:, None]
    visits = np.bincount(bins[mine], minlength=n)
    return Surface(
        coordinates,
        tuple(axes),
        np.where(visits > 0, value, np.nan).reshape(shape),
        standard_error(resampled).reshape(shape),
        visits.reshape(shape),
    )


def _axes(samples: Samples, coordinates: Sequence[Coordinate], axes: Sequence[Axis] | None) -> Sequence[Axis]:
    if axes is None:
        axes = [default_axis(samples, coordinate) for coordinate in coordinates]
    if not coordinates or len(axes) != len(coordinates) or len(set(coordinates)) != len(coordinates):
        raise ValueError(f"coordinates {coordinates}: expected enthalpy, order or both, an axis for each")
    return axes


def _bins(samples: Samples, coordinates: tuple[Coordinate, ...], axes: Sequence[Axis]) -> np.ndarray:
    """Number of each sample's bin, the last coordinate the fastest; -1 outside."""
    found = np.zeros(len(samples), dtype=np.int64)
    inside = np.ones(len(samples), dtype=bool)
    for coordinate, axis in zip(coordinates, axes, strict=True):
        values = samples.order if coordinate == "order" else samples.enthalpy / samples.n_atoms
        k = np.floor((values - axis.lower) / axis.spacing).astype(np.int64)
        inside &= (k >= 0) & (k < axis.n)
        found = found * axis.n + np.clip(k, 0, axis.n - 1)
    return np.where(inside, found, -1)
