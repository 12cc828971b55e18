# SPDX-License-Identifier: GPL-2.0-or-later
"""How well some frames stand for all: representativeness, farthest distance, coverage, entropy."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

import numpy as np

from mdsieve.samplers.coverage import coverage
from mdsieve.samplers.entropy import entropy
from mdsieve.samplers.principal_components import fit_components

__all__ = ["SubsetQuality", "judge_subset", "typical_distance"]

_BLOCK = 1 << 22  # distances at a time
_EQUAL = 1e-9  # relative difference of environments that count as equal


@dataclass(frozen=True)
class SubsetQuality:
    """What `judge_subset` found.

    Attributes
    ----------
    n_all, n_kept : int
        Frames.
    reach : float
        Nearer than this is represented.
    represented : float
        REP: share of all frames that have a kept one nearer than `reach`.
    farthest, mean : float
        Distance of the frame farthest from the kept ones; mean over all frames.
    n_components, n_bins : int
        Principal components with an eigenvalue above 1, and bins of each.
    component_coverage : float
        Share of the bins of one component that hold a frame and a kept one, mean over the components.
    joint_coverage, joint_most : float
        The same of cubes in the space of all components, and what so many frames can hold at most.
    bandwidth : float
        Of the entropies.
    entropy_all, entropy_kept : float
        Of the environments [nats]; NaN without environments.
    entropy_most_all, entropy_most_kept : float
        What so many environments could have at most.
    n_environments_all, n_environments_kept : int
        Environments that the entropies were computed from.
    """

    n_all: int
    n_kept: int
    reach: float
    represented: float
    farthest: float
    mean: float
    n_components: int
    n_bins: int
    component_coverage: float
    joint_coverage: float
    joint_most: float
    bandwidth: float = math.nan
    entropy_all: float = math.nan
    entropy_kept: float = math.nan
    entropy_most_all: float = math.nan
    entropy_most_kept: float = math.nan
    n_environments_all: int = 0
    n_environments_kept: int = 0

    def to_json(self) -> str:
        """All numbers; NaN is ``null``."""
        numbers = {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(self).items()}
        return json.dumps(numbers, indent=1, allow_nan=False)


def judge_subset(
    rows: np.ndarray,
    kept: np.ndarray,
    *,
    reach: float = 0.1,
    n_bins: int = 50,
    environments: np.ndarray | None = None,
    kept_environments: np.ndarray | None = None,
    bandwidth: float | None = None,
    most_environments: int = 5_000,
    seed: int = 0,
) -> SubsetQuality:
    """How well some frames stand for all.

    Parameters
    ----------
    rows : ndarray of float, shape (n_all, n_features)
        All frames.
    kept : ndarray of float, shape (n_kept, n_features)
        The kept ones; they need not be among all.
    reach : float
        Of REP; 0.1 in the paper of the Li-Si set, with distances of SOAP kernels.
    n_bins : int
        Of each principal component.
    environments, kept_environments : ndarray of float, shape (n, m), optional
        Of all and of the kept frames, for the entropies.
    bandwidth : float, optional
        Of the entropies; default: `typical_distance` of all environments.
    most_environments : int
        Larger sets are thinned out at random.
    seed : int
        Of the thinning.

    Raises
    ------
    ValueError
        If there is no frame, widths differ, or a number is out of its range.
    """
    rows, kept = np.asarray(rows, dtype=float), np.asarray(kept, dtype=float)
    if rows.ndim != 2 or kept.ndim != 2 or not len(rows) or not len(kept):
        raise ValueError(f"rows of shapes {rows.shape} and {kept.shape}: expected at least one of each")
    if rows.shape[1] != kept.shape[1]:
        raise ValueError(f"kept has {kept.shape[1]} columns: expected {rows.shape[1]}, as many as all")
    if not reach > 0:
        raise ValueError(f"reach={reach}: expected a number above 0")
    distance = _nearest(rows, kept)
    scores = fit_components(rows).scores(np.concatenate([rows, kept]), weighted=False)
    indices = np.arange(len(rows), len(scores))
    covered = coverage(scores, indices, n_bins=n_bins)
    numbers: dict[str, float] = {}
    if environments is not None and kept_environments is not None:
        rng = np.random.default_rng(seed)
        every = _thinned(np.asarray(environments, float), most_environments, rng)
        mine = _thinned(np.asarray(kept_environments, float), most_environments, rng)
        h = typical_distance(every) if bandwidth is None else bandwidth
        numbers = {
            "bandwidth": h,
            "entropy_all": entropy(every, h),
            "entropy_kept": entropy(mine, h),
            "entropy_most_all": float(np.log(len(every))),
            "entropy_most_kept": float(np.log(len(mine))),
            "n_environments_all": len(every),
            "n_environments_kept": len(mine),
        }
    return SubsetQuality(
        n_all=len(rows),
        n_kept=len(kept),
        reach=reach,
        represented=float((distance < reach).mean()),
        farthest=float(distance.max()),
        mean=float(distance.mean()),
        n_components=scores.shape[1],
        n_bins=n_bins,
        component_coverage=covered.mean,
        joint_coverage=covered.joint,
        joint_most=covered.joint_most,
        **numbers,  # type: ignore[arg-type]
    )


def typical_distance(environments: np.ndarray) -> float:
    """Compute the median distance of an environment to the nearest one that is not equal to it.

    A bandwidth that is neither so small that all environments are alone, nor so large that all are alike.

    Parameters
    ----------
    environments : ndarray of float, shape (n, n_features)
        Environments whose columns agree within 1e-9 of the largest absolute value count as equal: copies
        of a frame that were computed or written differently differ by rounding.

    Returns
    -------
    float
        1 if all are equal.
    """
    from sklearn.neighbors import NearestNeighbors

    tolerance = _EQUAL * float(np.abs(environments).max(initial=0.0)) or 1.0
    _, first = np.unique(np.round(environments / tolerance), axis=0, return_index=True)
    rows = environments[np.sort(first)]
    if len(rows) < 2:
        return 1.0
    distances, _ = NearestNeighbors(n_neighbors=2).fit(rows).kneighbors(rows)
    return float(np.median(distances[:, 1])) or 1.0


def _nearest(rows: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Distance of each row to the nearest kept one."""
    from scipy.spatial.distance import cdist

    step = max(1, _BLOCK // len(kept))
    parts = [cdist(rows[b : b + step], kept).min(axis=1) for b in range(0, len(rows), step)]
    return np.concatenate(parts)


def _thinned(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= most else rows[np.sort(rng.choice(len(rows), most, replace=False))]
