# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes into a store and comes out: frames, bank entries, lines of the evaluations table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

REAL = np.dtype("<f8")


@dataclass(frozen=True)
class Environment:
    """One bank entry.

    Attributes
    ----------
    element : int
        Index into the bank's elements.
    origin : tuple of int
        Run, step and atom ID.
    fingerprint : (n_features,) array
        Unscaled.
    """

    element: int
    origin: tuple[int, int, int]
    fingerprint: np.ndarray


@dataclass(frozen=True)
class Evaluation:
    """One line of the evaluations table: a frame that was looked at, whatever became of it.

    Attributes
    ----------
    reason : str
        What decided: a condition, ``gap``, ``max``, or ``filter`` and its kind.
    detail : str
        What else is to be known of it: the atoms and numbers of a filter, a calculator that failed.
    """

    run: int
    evaluation: int
    step: int
    time: float
    temperature: float
    novelty: float
    verdict: int
    frame_distance: float = float("nan")
    range_excess: float = float("nan")
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True)
class KeptFrame:
    """A frame to be stored.

    Attributes
    ----------
    atoms : ase.Atoms
        With a `SinglePointCalculator` if there are energies, forces or stress.
    scores : dict
        Name → value.
    """

    atoms: object
    run: int
    world: int
    step: int
    evaluation: int
    time: float
    temperature: float
    scores: dict[str, float]
    reason: str
    trigger_atom: int
    trigger_element: str
    data: dict = field(default_factory=dict)


def as_arrays(environments: Sequence[Environment]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Environments as the bank takes them: elements int32[n], origins int64[n, 3], fingerprints one after
    the other.
    """
    elements = np.array([e.element for e in environments], dtype=np.int32)
    origins = np.array([e.origin for e in environments], dtype=np.int64).reshape(-1, 3)
    values = [np.asarray(e.fingerprint, dtype=np.float64) for e in environments]
    return elements, origins, np.concatenate([np.empty(0), *values])
