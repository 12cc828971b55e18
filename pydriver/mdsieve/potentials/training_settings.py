# SPDX-License-Identifier: GPL-2.0-or-later
"""How an ensemble is trained."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

__all__ = ["Schedule", "TrainingSettings"]

Schedule: TypeAlias = Literal["cosine", "plateau"]


@dataclass(frozen=True)
class TrainingSettings:
    """Options of training.

    The loss of a member is the mean over its training frames of

        energy_weight (ΔE/n)² + force_weight ⟨ΔF²⟩ + stress_weight ⟨(V Δσ/n)²⟩,

    energies in eV, ⟨⟩ the mean over the frame's force components [eV/Å], or over the six components of the
    virial an atom [eV]. Environments that a mask leaves out add nothing to ⟨ΔF²⟩; those that stay keep their
    weight.

    Attributes
    ----------
    epochs : int
        Passes over the frames, at most.
    batch_size : int
        Frames before weights change; rounded up to whole blocks.
    learning_rate : float
        Largest step of AdamW.
    schedule : {"cosine", "plateau"}
        The learning rate falls to `final_share` of itself along a cosine; or, for each member, by
        `plateau_factor` whenever its validation loss has not fallen for `plateau_epochs`.
    final_share, plateau_factor : float
    plateau_epochs : int
    weight_decay : float
        Of AdamW, on weights, not on biases.
    energy_weight, force_weight, stress_weight : float
        [1/eV²], [Å²/eV²], [1/eV²].
    validation_share : float
        Of the frames, of each member its own, on which it is not trained.
    check_every : int
        Epochs between validations.
    patience : int or None
        Epochs without a lower validation loss after which a member stops; None: all epochs.
    whitening : float
        p of the basis in which first layers are trained: principal components of the standardised
        fingerprints times variance⁻ᵖ. 0: no scaling; 0.5: all variances equal.
    seed : int
        Of splits (member k: seed + k) and of the order of batches.
    precision : {"single", "double"}
        Of all that is computed while training.

    Raises
    ------
    ValueError
        If an option is not what it can be.
    """

    epochs: int = 200
    batch_size: int = 16
    learning_rate: float = 1e-2
    schedule: Schedule = "cosine"
    final_share: float = 1e-3
    plateau_factor: float = 0.5
    plateau_epochs: int = 20
    weight_decay: float = 1e-6
    energy_weight: float = 1.0
    force_weight: float = 0.1
    stress_weight: float = 0.0
    validation_share: float = 0.2
    check_every: int = 5
    patience: int | None = None
    whitening: float = 0.35
    seed: int = 0
    precision: Literal["single", "double"] = "single"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "check_every", "plateau_epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: expected at least 1")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience is {self.patience}: expected at least 1")
        for name in ("learning_rate", "final_share", "plateau_factor"):
            self._require(name, lambda x: x > 0, "a number above 0")
        weights = ("energy_weight", "force_weight", "stress_weight")
        for name in (*weights, "weight_decay"):
            self._require(name, lambda x: x >= 0, "0 or more")
        if not any(getattr(self, name) for name in weights):
            raise ValueError("energy_weight, force_weight and stress_weight are all 0: nothing to train on")
        self._require("validation_share", lambda x: 0 <= x < 1, "at least 0 and below 1")
        self._require("whitening", lambda x: 0 <= x <= 0.5, "0 to 0.5")
        if self.schedule not in ("cosine", "plateau"):
            raise ValueError(f"schedule {self.schedule!r}: expected 'cosine' or 'plateau'")
        if self.precision not in ("single", "double"):
            raise ValueError(f"precision {self.precision!r}: expected 'single' or 'double'")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}: expected 0 or more")

    def _require(self, name: str, holds: Any, expected: str) -> None:
        value = getattr(self, name)
        if not (math.isfinite(value) and holds(value)):
            raise ValueError(f"{name} is {value}: expected {expected}")

    def rate_factor(self, share: float) -> float:
        """Factor of the learning rate that the cosine gives at a share of all epochs; 1 for ``plateau``."""
        if self.schedule != "cosine":
            return 1.0
        return self.final_share + (1.0 - self.final_share) * 0.5 * (1.0 + math.cos(math.pi * share))

    def to_dict(self) -> dict[str, Any]:
        """All options, for a record."""
        return asdict(self)
