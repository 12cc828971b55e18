# SPDX-License-Identifier: GPL-2.0-or-later
"""Which frames are taken: by uncertain environments, or as the baselines do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from mdsieve import _core
from mdsieve.bank import EnvironmentBank, flat_fingerprints
from mdsieve.distill.order_parameter import fcc_order

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.distill.pool import Pool
    from mdsieve.potentials.ensemble import NetworkEnsemble

__all__ = ["Picks", "Pooling", "by_bank", "by_grid", "by_random", "coordinates", "uncertain"]

Pooling: TypeAlias = Literal["frame", "batch"]

_THRESHOLDS_TRIED = 14  # halvings of the interval of thresholds on a logarithmic scale
_BAR_PER_EV = 1.6021765e6  # bar Å³/eV, LAMMPS' nktv2p


@dataclass(frozen=True, eq=False)
class Picks:
    """Frames and, of each, the environments whose forces are trained on.

    Attributes
    ----------
    frames : ndarray of int64, shape (n,)
        Numbers in the pool.
    masks : list of ndarray of bool, shape (n_atoms,), or None
        None: all environments.
    facts : dict
        What the choice came from, for the record.
    """

    frames: np.ndarray
    masks: list[np.ndarray | None]
    facts: dict[str, float | int | str] = field(default_factory=dict)

    @classmethod
    def whole(cls, frames: np.ndarray, **facts: float | int | str) -> Picks:
        """Frames with all their environments."""
        return cls(np.asarray(frames, np.int64), [None] * len(frames), facts)


def uncertain(
    pool: Pool,
    ensemble: NetworkEnsemble,
    numbers: np.ndarray,
    *,
    kappa: float,
    pooling: Pooling = "frame",
    most: int | None = None,
    masked: bool = True,
) -> Picks:
    """Frames that have an environment about which the members disagree more than about the others.

    The uncertainty σ of an environment is the standard deviation (n - 1) of the members' atomic energies; it
    is chosen if σ > mean + κ·std (n - 1) of σ.

    Parameters
    ----------
    pool : Pool
    ensemble : NetworkEnsemble
        Of at least two members.
    numbers : ndarray of int
        Frames of the pool to choose from.
    kappa : float
        κ. In a frame of n atoms no environment can lie above κ = (n - 1)/√n: with 32 atoms 5.48.
    pooling : {"frame", "batch"}
        Mean and std of the frame's own environments; or of all environments of an element in these frames.
    most : int, optional
        Frames at most: those with the largest σ.
    masked : bool
        Whether only the chosen environments' forces are trained on, or those of the whole frame.
    """
    if ensemble.n_members < 2:
        raise ValueError("an ensemble of one member has no spread: expected at least 2")
    spreads = [said.std(axis=0, ddof=1) for said in pool.atomic_energies(ensemble, numbers)]
    if pooling == "frame":
        chosen = [spread > _threshold(spread, kappa) for spread in spreads]
    else:
        chosen = _above_batch(pool, numbers, spreads, kappa)
    hits = [k for k, mask in enumerate(chosen) if mask.any()]
    n_found = len(hits)
    if most is not None and n_found > most:
        order = sorted(hits, key=lambda k: -float(spreads[k].max()))
        hits = sorted(order[:most])
    everything = np.concatenate(spreads) if spreads else np.zeros(1)
    facts: dict[str, float | int | str] = {
        "n_seen": len(numbers),
        "n_found": n_found,
        "mean_spread": float(everything.mean()),
        "largest_spread": float(everything.max()),
        "environments_chosen": int(sum(chosen[k].sum() for k in hits)),
    }
    masks = [chosen[k] if masked else None for k in hits]
    return Picks(np.asarray(numbers)[hits].astype(np.int64), list(masks), facts)


def _threshold(spread: np.ndarray, kappa: float) -> float:
    return float(spread.mean() + kappa * spread.std(ddof=1)) if len(spread) > 1 else np.inf


def _above_batch(
    pool: Pool, numbers: np.ndarray, spreads: list[np.ndarray], kappa: float
) -> list[np.ndarray]:
    chosen = [np.zeros(len(spread), bool) for spread in spreads]
    for symbol in pool.functions.elements:
        indices = [pool.rows(int(number))[symbol][0] for number in numbers]
        of_element = [spread[mine] for spread, mine in zip(spreads, indices, strict=True)]
        if not sum(map(len, of_element)):
            continue
        limit = _threshold(np.concatenate(of_element), kappa)
        for mask, mine, values in zip(chosen, indices, of_element, strict=True):
            mask[mine] = values > limit
    return chosen


def by_random(pool: Pool, n: int, seed: int) -> Picks:
    """Any n frames."""
    return Picks.whole(np.sort(np.random.default_rng([seed, 21]).permutation(len(pool))[:n]))


def by_grid(
    pool: Pool, n: int, axes: tuple[str, str], n_bins: int, seed: int, pressure: float = 1.0
) -> Picks:
    """As many frames of each cell of a grid as there are, one round after the other, until there are n.

    Parameters
    ----------
    pool : Pool
    n : int
    axes : (str, str)
        See `coordinates`.
    n_bins : int
        Of each axis, over the pool's range.
    seed : int
        Of the order within the cells, and of the cells in the last round.
    pressure : float
        Of the enthalpy [bar].
    """
    cells = np.zeros(len(pool), np.int64)
    for name in axes:
        values = coordinates(pool, name, pressure)
        width = (values.max() - values.min()) / n_bins or 1.0
        cells = cells * n_bins + np.minimum(((values - values.min()) / width).astype(np.int64), n_bins - 1)
    order = np.random.default_rng([seed, 22]).permutation(len(pool))
    seen: dict[int, int] = {}
    rounds = np.empty(len(pool), np.int64)
    for frame in order:
        rounds[frame] = seen.get(int(cells[frame]), 0)
        seen[int(cells[frame])] = int(rounds[frame]) + 1
    first = order[np.argsort(rounds[order], kind="stable")][:n]
    facts: dict[str, float | int | str] = {
        "axes": ",".join(axes),
        "bins": n_bins,
        "cells": len(seen),
        "most_of_a_cell": int(rounds[first].max()) + 1,
    }
    return Picks.whole(np.sort(first), **facts)


def coordinates(pool: Pool, name: str, pressure: float = 1.0) -> np.ndarray:
    """A number for each frame: ``E`` energy an atom [eV], ``V`` volume an atom [Å³], ``H`` enthalpy an atom
    [eV] at a pressure in bar, ``O`` the fcc order parameter an atom, or a key of the frames' ``info``.

    Raises
    ------
    ValueError
        If a frame does not have it.
    """
    if name == "E":
        return pool.energies / pool.n_atoms
    if name == "O":
        return np.array([fcc_order(atoms) for atoms in pool.frames])
    if name in ("V", "H"):
        volumes = np.array([_volume(atoms) for atoms in pool.frames])
        if name == "V":
            return volumes / pool.n_atoms
        return (pool.energies + pressure * volumes / _BAR_PER_EV) / pool.n_atoms
    values = [atoms.info.get(name) for atoms in pool.frames]
    if any(not isinstance(value, (int, float, np.number)) for value in values):
        raise ValueError(f"axis {name!r}: expected E, V, H, O or a key that every frame's comment line has")
    return np.array(values, float)


def _volume(atoms: Atoms) -> float:
    if atoms.cell.rank < 3:
        raise ValueError("axes V and H: expected frames with a cell")
    return float(atoms.cell.volume)


def by_bank(pool: Pool, n: int, seed: int) -> Picks:
    """The frames that a bank of local environments keeps, at a threshold at which they are n.

    The threshold is found by halving; frames are shown in random order, since a pool's own order is no part
    of the comparison. If the rule jumps over n, the next smaller number is filled up at random.
    """
    functions = pool.functions
    order = np.random.default_rng([seed, 23]).permutation(len(pool))
    shown = [(int(k), flat_fingerprints(functions, pool.frames[k], pool.rows(int(k)))) for k in order]
    statistics = _core.ColumnStatistics([functions.n_features[s] for s in functions.elements])
    for _, (elements, values, _, _) in shown:
        statistics.add(elements, values.astype(float))
    present = [s for e, s in enumerate(functions.elements) if statistics.count(e)]
    if len(present) < len(functions.elements):
        missing = sorted(set(functions.elements) - set(present))
        raise ValueError(f"the bank's baseline: element {missing[0]} does not occur in the pool")
    scaling = statistics.scaling("minmax", functions.elements)
    low, high = np.log(1e-5), np.log(2.0 * np.sqrt(max(functions.n_features.values())))
    best: list[int] = []
    best_threshold = float(np.exp(high))
    for _ in range(_THRESHOLDS_TRIED):
        middle = 0.5 * (low + high)
        bank = EnvironmentBank.empty(functions, float(np.exp(middle)), scaling)
        kept = _kept(bank, shown, n)
        if kept is None:
            low = middle
            continue
        high = middle
        if len(kept) >= len(best):
            best, best_threshold = kept, float(np.exp(middle))
        if len(kept) == n:
            break
    taken = set(best)
    rest = [int(k) for k in order if int(k) not in taken]
    facts: dict[str, float | int | str] = {"threshold": best_threshold, "by_the_rule": len(best)}
    return Picks.whole(np.sort(best + rest[: n - len(best)]), **facts)


def _kept(bank: EnvironmentBank, shown: list, most: int) -> list[int] | None:
    """Frames that a bank keeps; None if they are more than so many."""
    kept: list[int] = []
    for number, (elements, values, order, ids) in shown:
        doubles = values.astype(float)
        if not bank.has_new(elements, doubles):
            continue
        if bank.update_from_fingerprints(elements, doubles, order, ids, step=number).is_kept:
            kept.append(number)
            if len(kept) > most:
                return None
    return kept
