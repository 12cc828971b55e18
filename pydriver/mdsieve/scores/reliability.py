# SPDX-License-Identifier: GPL-2.0-or-later
"""How far a spread may be trusted: errors against spreads, and the factor that makes a bound of a spread."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.potentials.ensemble import NetworkEnsemble

__all__ = [
    "ReliabilityCurve",
    "SpreadsAndErrors",
    "conformal_factor",
    "coverage_of",
    "reliability_curve",
    "spreads_and_errors",
]

Quantity: TypeAlias = Literal["atomic", "energy", "forces"]


@dataclass(frozen=True, eq=False)
class SpreadsAndErrors:
    """What an ensemble said about itself, and how wrong it was.

    Attributes
    ----------
    spread : ndarray of float, shape (n,)
        Of each atom, or of each frame for the energy; units as the score's (`mdsieve.scores.spread`).
    error : ndarray of float, shape (n,)
        Of the members' mean, not negative. Of the energy: |E - label| / n_atoms [eV/atom]; else the length of
        the atom's force error [eV/Å].
    frame : ndarray of int, shape (n,)
        Number of the frame that each belongs to.
    """

    spread: np.ndarray
    error: np.ndarray
    frame: np.ndarray


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """Errors against spreads, in bins of equally many.

    Attributes
    ----------
    spread, error : ndarray of float, shape (n_bins,)
        Root mean squares of each bin, spreads ascending. For a Gaussian uncertainty they are equal.
    count : ndarray of int, shape (n_bins,)
    rank_correlation : float
        Spearman's, over all pairs: 1 if larger spreads mean larger errors throughout.
    """

    spread: np.ndarray
    error: np.ndarray
    count: np.ndarray
    rank_correlation: float

    @property
    def calibration_error(self) -> float:
        """Mean over the bins of |error - spread| / spread: expected normalised calibration error.

        Levi, Gispan, Giladi and Fetaya, Sensors 22, 5540 (2022).
        """
        return float(np.mean(np.abs(self.error - self.spread) / self.spread))

    def __str__(self) -> str:
        rows = [
            f"{n:8d} {s:12.4g} {e:12.4g} {e / s:8.2f}"
            for n, s, e in zip(self.count, self.spread, self.error, strict=True)
        ]
        return "\n".join([f"{'count':>8} {'spread':>12} {'error':>12} {'ratio':>8}", *rows])


def spreads_and_errors(
    ensemble: NetworkEnsemble, frames: Iterable[Atoms], of: Quantity = "forces"
) -> SpreadsAndErrors:
    """Spreads of an ensemble and errors of its mean on labelled frames.

    Nobody knows the true energy of an atom, so the atomic spread [eV] is set against the error of the atom's
    force [eV/Å]: a factor between them is in 1/Å.

    Parameters
    ----------
    ensemble : NetworkEnsemble
    frames : iterable of ase.Atoms
        With energies (of the energy) or forces in their calculators; not those that it was trained on.
    of : {"forces", "atomic", "energy"}

    Raises
    ------
    ValueError
        If a frame has no such label, or there is no frame.
    """
    spreads, errors, numbers = [], [], []
    for number, atoms in enumerate(frames):
        label = (
            None if atoms.calc is None else atoms.calc.results.get("energy" if of == "energy" else "forces")
        )
        if label is None:
            raise ValueError(f"frame {number}: no {'energy' if of == 'energy' else 'forces'} to compare with")
        said = ensemble.predict(atoms, forces=of != "energy")
        if of == "energy":
            spread = np.array([said.energy.std() / len(atoms)])
            error = np.array([abs(said.energy.mean() - float(label)) / len(atoms)])
        else:
            assert said.forces is not None
            error = np.linalg.norm(said.forces.mean(axis=0) - label, axis=1)
            by_forces = np.sqrt(said.forces.var(axis=0).sum(axis=1))
            spread = by_forces if of == "forces" else said.atomic.std(axis=0, ddof=1)
        spreads.append(spread)
        errors.append(error)
        numbers.append(np.full(len(spread), number))
    if not spreads:
        raise ValueError("no frames to compare spreads and errors on")
    return SpreadsAndErrors(np.concatenate(spreads), np.concatenate(errors), np.concatenate(numbers))


def reliability_curve(spread: np.ndarray, error: np.ndarray, *, n_bins: int = 10) -> ReliabilityCurve:
    """Root mean square error against root mean square spread.

    Parameters
    ----------
    spread, error : array of float, shape (n,)
        Above 0, and of any sign.
    n_bins : int
        Bins of equally many pairs.

    Raises
    ------
    ValueError
        If there are fewer pairs than bins, or the numbers make no sense.
    """
    from scipy.stats import spearmanr

    spread, error = _sound(spread, error)
    if not 1 <= n_bins <= len(spread):
        raise ValueError(f"{n_bins} bins for {len(spread)} pairs")
    order = np.argsort(spread, kind="stable")
    parts = np.array_split(order, n_bins)
    varies = np.ptp(spread) > 0 and np.ptp(error) > 0
    return ReliabilityCurve(
        np.array([math.sqrt(np.mean(spread[part] ** 2)) for part in parts]),
        np.array([math.sqrt(np.mean(error[part] ** 2)) for part in parts]),
        np.array([len(part) for part in parts]),
        float(spearmanr(spread, np.abs(error)).statistic) if varies else math.nan,
    )


def conformal_factor(
    spread: np.ndarray, error: np.ndarray, *, coverage: float = 0.9, groups: np.ndarray | None = None
) -> float:
    """The factor q for which |error| ≤ q · spread holds of a new case with probability `coverage` or more.

    Split conformal prediction: the ⌈(n + 1) · coverage⌉-th smallest of the n ratios |error| / spread. It asks
    of the spread only that cases seen here and new ones come from the same source, in any order. Angelopoulos
    and Bates, arXiv:2107.07511; for potentials Hu, Musielewicz, Ulissi and Medford, Mach. Learn.: Sci.
    Technol. 3, 045028 (2022).

    Parameters
    ----------
    spread, error : array of float, shape (n,)
        Of cases that the members were not trained on.
    coverage : float
        1 - α, between 0 and 1.
    groups : array of int, shape (n,), optional
        Atoms of a frame resemble each other, so they are not as many independent cases. With the frames'
        numbers a frame is one case, its ratio the largest of its atoms, and the bound then holds of *all*
        atoms of a new frame with this probability.

    Returns
    -------
    float
        Infinite if there are too few cases for such a coverage.

    Raises
    ------
    ValueError
        If the numbers make no sense.
    """
    spread, error = _sound(spread, error)
    if not 0.0 < coverage < 1.0:
        raise ValueError(f"coverage is {coverage}, expected a number between 0 and 1")
    ratios = np.abs(error) / spread
    if groups is not None:
        groups = np.asarray(groups)
        if groups.shape != ratios.shape:
            raise ValueError(f"groups of shape {groups.shape}, expected {ratios.shape}")
        _, number = np.unique(groups, return_inverse=True)
        largest = np.zeros(number.max() + 1)
        np.maximum.at(largest, number, ratios)
        ratios = largest
    rank = math.ceil((len(ratios) + 1) * coverage - 1e-9)
    return float(np.sort(ratios)[rank - 1]) if rank <= len(ratios) else math.inf


def coverage_of(spread: np.ndarray, error: np.ndarray, factor: float) -> float:
    """Share of cases with |error| ≤ factor · spread.

    Raises
    ------
    ValueError
        If the numbers make no sense.
    """
    spread, error = _sound(spread, error)
    return float(np.mean(np.abs(error) <= factor * spread))


def _sound(spread: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    spread, error = np.asarray(spread, dtype=float), np.asarray(error, dtype=float)
    if spread.ndim != 1 or spread.shape != error.shape or not len(spread):
        raise ValueError(
            f"spreads of shape {spread.shape} and errors of shape {error.shape}: expected (n,) each"
        )
    if not (np.isfinite(spread).all() and np.isfinite(error).all() and (spread > 0).all()):
        raise ValueError("spreads and errors must be finite, and spreads above 0")
    return spread, error
