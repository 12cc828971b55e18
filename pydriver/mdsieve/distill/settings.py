# SPDX-License-Identifier: GPL-2.0-or-later
"""How a pool is distilled."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from mdsieve.distill.choice import Pooling
from mdsieve.potentials.architecture import Layers
from mdsieve.potentials.training_settings import TrainingSettings

__all__ = ["BASELINES", "DistillationSettings"]

BASELINES = ("random", "grid", "bank")


@dataclass(frozen=True)
class DistillationSettings:
    """Options of the loop.

    Attributes
    ----------
    start : int
        Frames drawn at random to begin with.
    batch : int
        Frames of the pool that each iteration looks at, each frame once.
    iterations : int
        At most; the loop ends when the pool has been seen.
    kappa : float
        See `uncertain`.
    pooling : {"frame", "batch"}
    most : int or None
        Frames that a batch adds at most.
    masked : bool
        Whether only uncertain environments' forces of added frames are trained on.
    warm : bool
        Whether an iteration begins with the weights of the one before (with `warm_epochs`), or from scratch.
    warm_epochs : int
    n_members : int
    hidden : tuple of int
    activation : str
    force_frames : int
        Frames of each evaluation set whose forces are looked at.
    baselines : tuple of str
        Of ``random``, ``grid`` and ``bank``: as many frames as the loop took, trained from scratch.
    grid_axes : (str, str)
    grid_bins : int
    pressure : float
        Of the enthalpy on a grid [bar].
    seed : int
    training : TrainingSettings

    Raises
    ------
    ValueError
        If an option is not what it can be.
    """

    start: int = 2000
    batch: int = 2000
    iterations: int = 10
    kappa: float = 3.0
    pooling: Pooling = "frame"
    most: int | None = None
    masked: bool = True
    warm: bool = False
    warm_epochs: int = 40
    n_members: int = 5
    hidden: tuple[int, ...] = (32, 32)
    activation: str = "t"
    force_frames: int = 400
    baselines: tuple[str, ...] = ()
    grid_axes: tuple[str, str] = ("E", "V")
    grid_bins: int = 40
    pressure: float = 1.0
    seed: int = 0
    training: TrainingSettings = field(default_factory=lambda: TrainingSettings(epochs=100))

    def __post_init__(self) -> None:
        for name, least in (
            ("start", 2),
            ("batch", 1),
            ("iterations", 0),
            ("n_members", 2),
            ("grid_bins", 1),
            ("warm_epochs", 1),
            ("force_frames", 0),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}: expected at least {least}")
        if self.most is not None and self.most < 1:
            raise ValueError(f"most is {self.most}: expected at least 1")
        Layers(self.hidden, tuple(self.activation))  # refuses what makes no network
        if not (math.isfinite(self.kappa) and self.kappa >= 0):
            raise ValueError(f"kappa is {self.kappa}: expected 0 or more")
        if self.pooling not in ("frame", "batch"):
            raise ValueError(f"pooling {self.pooling!r}: expected 'frame' or 'batch'")
        unknown = [name for name in self.baselines if name not in BASELINES]
        if unknown:
            raise ValueError(f"baseline {unknown[0]!r}: expected one of {', '.join(BASELINES)}")
        if len(self.grid_axes) != 2:
            raise ValueError(f"grid_axes {','.join(self.grid_axes)}: expected two, as E,V")

    def to_dict(self) -> dict[str, Any]:
        """All options, for a record."""
        return asdict(self)
