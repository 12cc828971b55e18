# SPDX-License-Identifier: GPL-2.0-or-later
"""Training of an ensemble: all members at once, each on its own share of the frames."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve.potentials.loss import BlockLoss, FrameErrors
from mdsieve.potentials.networks import torch
from mdsieve.potentials.trained_networks import TrainedNetworks, bases
from mdsieve.potentials.training_checkpoint import read_checkpoint, write_checkpoint
from mdsieve.potentials.training_settings import TrainingSettings

if TYPE_CHECKING:
    from mdsieve.potentials.ensemble import NetworkEnsemble
    from mdsieve.potentials.training_data import TrainingFrames

__all__ = ["EnsembleTrainer", "TrainingRecord", "shown", "split", "train"]

logger = logging.getLogger("mdsieve.potentials")

_DECAYS = 0.9, 0.999  # of AdamW's averages
_TINY = 1e-8
_STEPS_TO_WARM = 100


@dataclass
class TrainingRecord:
    """What training did.

    Attributes
    ----------
    settings : dict
    n_frames, n_environments : int
    history : list of dict
        At each validation: ``epoch``, ``learning_rate`` and, a number for each member, root mean square
        errors ``train_energy``, ``validation_energy`` [eV/atom], ``train_force``, ``validation_force``
        [eV/Å] (with stress ``..._virial`` [eV/atom]) and ``validation_loss``; None where there is no label.
    best_epoch : list of int
        Of each member, the epoch whose weights were kept.
    best : list of dict
        Of each member, its errors then.
    n_epochs : int
        That were done, by this and the runs that it resumed.
    seconds : float
        That this run took.
    ended : str
        Why it ended.
    """

    settings: dict[str, Any]
    n_frames: int
    n_environments: int
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: list[int] = field(default_factory=list)
    best: list[dict[str, float | None]] = field(default_factory=list)
    n_epochs: int = 0
    seconds: float = 0.0
    ended: str = ""

    def summary(self) -> dict[str, Any]:
        """All but the history, for the provenance of an ensemble."""
        return {name: value for name, value in vars(self).items() if name != "history"}


def split(n_frames: int, n_members: int, share: float, seed: int) -> np.ndarray:
    """Which frames each member is trained on.

    Every frame gets a random number of each member's own generator (seed + k), and those with the largest are
    for validation: as frames are added, few change sides.

    Returns
    -------
    ndarray of bool, shape (n_members, n_frames)
        Each row has round(share * n_frames) times False, if share > 0 at least once, and at least one True.
    """
    n_validation = min(max(round(share * n_frames), 1 if share > 0 else 0), n_frames - 1)
    trains = np.ones((n_members, n_frames), bool)
    for k in range(n_members):
        drawn = np.random.default_rng([seed + k, 1]).random(n_frames)
        trains[k, np.argsort(drawn, kind="stable")[n_frames - n_validation :]] = False
    return trains


def train(
    ensemble: NetworkEnsemble,
    frames: TrainingFrames,
    settings: TrainingSettings | None = None,
    **options: Any,
) -> TrainingRecord:
    """Train an ensemble from the weights it has; see `EnsembleTrainer`."""
    return EnsembleTrainer(ensemble, frames, settings, **options).run()


class EnsembleTrainer:
    """Trains all members of an ensemble at once by AdamW (Loshchilov and Hutter, arXiv:1711.05101).

    Parameters
    ----------
    ensemble : NetworkEnsemble
        From `new_ensemble`, or trained before: training begins with the weights it has. At the end it has
        each member's best.
    frames : TrainingFrames
        Of the same symmetry functions.
    settings : TrainingSettings, optional
    device : str
        Of PyTorch.
    checkpoint : path, optional
        File in which the state is kept, written at validations, at most every `checkpoint_seconds`.
    resume : bool
        Go on from that file if it exists: the result is that of a run that was not interrupted, to rounding.
    checkpoint_seconds : float
    report : callable, optional
        Called with each entry of the record's history.

    Attributes
    ----------
    networks : TrainedNetworks
        The weights as they are trained.
    trains : ndarray of bool, shape (M, n_frames)
        From `split`.

    Raises
    ------
    ValueError
        If there are fewer than two frames, they are described by other functions, hold nothing that the
        loss asks for, or the checkpoint is of another training.
    OSError
        If the checkpoint cannot be read or written.
    """

    def __init__(
        self,
        ensemble: NetworkEnsemble,
        frames: TrainingFrames,
        settings: TrainingSettings | None = None,
        *,
        device: str = "cpu",
        checkpoint: str | os.PathLike | None = None,
        resume: bool = False,
        checkpoint_seconds: float = 20.0,
        report: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.settings = settings or TrainingSettings()
        self._ensemble = ensemble
        self._frames = frames
        self._report = report
        self._checkpoint = checkpoint
        self._checkpoint_seconds = checkpoint_seconds
        _check(ensemble, frames, self.settings)
        found = None
        if resume and checkpoint is not None and os.path.exists(checkpoint):
            found = read_checkpoint(checkpoint, self._identity())
        basis = found.basis if found else bases(ensemble, frames, self.settings.whitening)
        dtype = torch.float32 if self.settings.precision == "single" else torch.float64
        self.networks = TrainedNetworks(ensemble, basis, device, dtype)
        self._basis = basis
        n_members = ensemble.n_members
        self.trains = trains = split(
            len(frames), n_members, self.settings.validation_share, self.settings.seed
        )
        self._trains = torch.as_tensor(trains).to(self.networks.values)
        validates = ~trains if self.settings.validation_share else trains
        self._validates = torch.as_tensor(validates).to(self.networks.values)
        labels = self.energies_without_offsets()
        self._blocks = [
            BlockLoss(block, self.networks, labels[:, block.frames], self.settings) for block in frames.blocks
        ]
        self._state = self._begin()
        if found:
            self._take_up(found.arrays, found.numbers)

    def run(self) -> TrainingRecord:
        """Train to the end.

        Raises
        ------
        ValueError
            If a loss is not finite.
        """
        started = time.monotonic()
        saved = started
        state, settings = self._state, self.settings
        with torch.inference_mode():
            while state.epoch < settings.epochs and bool(state.active.any()):
                self._run_epoch()
                state.epoch += 1
                if state.epoch % settings.check_every and state.epoch < settings.epochs:
                    continue
                self._validate()
                if self._checkpoint is not None and time.monotonic() - saved > self._checkpoint_seconds:
                    self._save()
                    saved = time.monotonic()
            self.networks.give_back(state.best)
            if self._checkpoint is not None:
                self._save()
        elements = self._ensemble.elements
        self._ensemble.widen_ranges({symbol: self._frames.fingerprints(symbol) for symbol in elements})
        record = self._record(time.monotonic() - started)
        self._ensemble.provenance["training"] = record.summary()
        return record

    def gradient(self) -> torch.Tensor:
        """Gradient of each member's loss on all its training frames, shape (M, P), in the order of
        ``networks.values``.
        """
        with torch.inference_mode():
            self._differentiate(self._blocks)
        return self.networks.gradient

    def energies_without_offsets(self) -> np.ndarray:
        """Labels an atom, less the elements' offsets [eV], shape (M, n_frames); NaN without."""
        offsets = np.stack([self._ensemble.offsets[symbol] for symbol in self._frames.functions.elements])
        return (self._frames.energies - (self._frames.composition @ offsets).T) / self._frames.n_atoms

    # --- an epoch -------------------------------------------------------------------------------------------

    def _run_epoch(self) -> None:
        for number, batch in self._batches():
            share = (self._state.epoch + number) / self.settings.epochs
            self._differentiate(batch)
            self._step(share)

    def _differentiate(self, batch: Sequence[BlockLoss]) -> None:
        """The gradient of the members' mean losses on their training frames of some blocks."""
        self.networks.gradient.zero_()
        frames = torch.cat([block.frames for block in batch])
        factor = 1.0 / self._trains[:, frames].sum(dim=1, keepdim=True).clamp(min=1.0)
        for block in batch:
            block.add_gradient(self._trains[:, block.frames] * factor)

    def _batches(self) -> Iterator[tuple[float, list[BlockLoss]]]:
        """Blocks that are taken together, in an order that the seed and the epoch decide, with the share of
        the epoch that is over.
        """
        generator = np.random.default_rng([self.settings.seed, 2, self._state.epoch])
        batch: list[BlockLoss] = []
        n_frames = n_before = 0
        for number in generator.permutation(len(self._blocks)):
            batch.append(self._blocks[number])
            n_frames += len(self._blocks[number].frames)
            if n_frames >= self.settings.batch_size:
                yield n_before / len(self._frames), batch
                n_before += n_frames
                batch, n_frames = [], 0
        if batch:
            yield n_before / len(self._frames), batch

    def _step(self, share: float) -> None:
        """One step of AdamW, at a share of all epochs."""
        settings, state, networks = self.settings, self._state, self.networks
        state.n_steps += 1
        first, second = _DECAYS
        state.mean.lerp_(networks.gradient, 1.0 - first)
        state.square.mul_(second).addcmul_(networks.gradient, networks.gradient, value=1.0 - second)
        rate = state.rate * min(1.0, state.n_steps / _STEPS_TO_WARM) * settings.rate_factor(share)
        rate = rate * state.active
        root = (state.square / (1.0 - second**state.n_steps)).sqrt_().add_(_TINY)
        networks.values.mul_(1.0 - settings.weight_decay * rate * networks.decays)
        networks.values.sub_(rate / (1.0 - first**state.n_steps) * state.mean / root)

    # --- validation -----------------------------------------------------------------------------------------

    def _validate(self) -> None:
        """Errors of all members on all frames; the best weights are kept."""
        state, settings = self._state, self.settings
        entry, loss = self._errors()
        if not bool(torch.isfinite(loss).all()):
            member = int(torch.nonzero(~torch.isfinite(loss))[0, 0])
            raise ValueError(
                f"epoch {state.epoch}: the loss of member {member + 1} is not finite; expected a smaller "
                f"learning rate than {settings.learning_rate:g}, or labels without outliers"
            )
        is_better = (loss < state.best_loss) & (state.active[:, 0] > 0)
        state.best = torch.where(is_better.unsqueeze(1), self.networks.values, state.best)
        state.best_loss = torch.where(is_better, loss, state.best_loss)
        state.best_epoch = torch.where(is_better, state.epoch, state.best_epoch)
        state.fallen_at = torch.where(is_better, state.epoch, state.fallen_at)
        if settings.schedule == "plateau":
            is_flat = state.epoch - state.fallen_at >= settings.plateau_epochs
            factor = torch.where(is_flat, settings.plateau_factor, 1.0).to(state.rate)
            state.rate = state.rate * factor.unsqueeze(1)
            state.fallen_at = torch.where(is_flat, state.epoch, state.fallen_at)
        if settings.patience is not None:
            goes_on = state.epoch - state.best_epoch < settings.patience
            state.active = state.active * goes_on.to(state.active).unsqueeze(1)
        state.history.append(entry)
        for member in torch.nonzero(is_better)[:, 0].tolist():
            state.best_entry[member] = {
                name: value[member] for name, value in entry.items() if isinstance(value, list)
            }
        logger.info(
            "epoch %d of %d: %s",
            state.epoch,
            settings.epochs,
            shown(entry, ("validation_energy", "validation_force")),
        )
        if self._report is not None:
            self._report(entry)

    def _errors(self) -> tuple[dict[str, Any], torch.Tensor]:
        """An entry of the history, and the validation loss of each member."""
        n_members, n_frames = self._trains.shape
        parts = {name: self._trains.new_zeros(n_members, n_frames) for name in ("energy", "force", "virial")}
        for block in self._blocks:
            errors = block.errors()
            for name, values in parts.items():
                values[:, block.frames] = getattr(errors, name)
        errors = FrameErrors(**parts)
        loss = (errors.loss(self.settings) * self._validates).sum(dim=1) / self._validates.sum(dim=1)
        entry: dict[str, Any] = {"epoch": self._state.epoch, "learning_rate": self._rates()}
        for name, values in parts.items():
            counts = self._labelled(name)
            if not bool(counts.any()):
                continue
            for side, mask in (("train", self._trains), ("validation", self._validates)):
                total = (mask * counts).sum(dim=1)
                mean = (values * mask).sum(dim=1) / total
                entry[f"{side}_{name}"] = [
                    float(value) if n > 0 else None
                    for value, n in zip(mean.double().sqrt().tolist(), total.tolist(), strict=True)
                ]
        entry["validation_loss"] = loss.tolist()
        return entry, loss

    def _labelled(self, name: str) -> torch.Tensor:
        """For each frame the share of its label that counts, shape (n_frames,)."""
        if name == "energy":
            return torch.as_tensor(np.isfinite(self._frames.energies)).to(self._trains)
        counts = np.zeros(len(self._frames))
        if not (self.settings.force_weight or self.settings.stress_weight):
            return torch.zeros_like(self._trains[0])  # derivatives are not looked at
        for block in self._frames.blocks:
            middle = 3 * block.n_atoms
            rows = block.shares[:, :middle] if name == "force" else block.shares[:, middle:]
            counts[block.frames] = rows.sum(axis=1)
        return torch.as_tensor(counts).to(self._trains)

    def _rates(self) -> list[float]:
        """Each member's learning rate at the end of the epoch, once the first steps are done."""
        factor = self.settings.rate_factor(self._state.epoch / self.settings.epochs)
        return [rate * factor for rate in self._state.rate[:, 0].tolist()]

    # --- state ----------------------------------------------------------------------------------------------

    def _begin(self) -> _State:
        values = self.networks.values
        n_members = values.shape[0]
        return _State(
            mean=torch.zeros_like(values),
            square=torch.zeros_like(values),
            best=values.clone(),
            best_loss=values.new_full((n_members,), math.inf),
            best_epoch=torch.zeros(n_members, dtype=torch.int64, device=values.device),
            fallen_at=torch.zeros(n_members, dtype=torch.int64, device=values.device),
            rate=values.new_full((n_members, 1), self.settings.learning_rate),
            active=values.new_ones((n_members, 1)),
            best_entry=[{} for _ in range(n_members)],
        )

    def _take_up(self, arrays: dict[str, np.ndarray], numbers: dict[str, Any]) -> None:
        self.networks.values.copy_(torch.as_tensor(arrays["values"]))
        for name in _ARRAYS:
            mine = getattr(self._state, name)
            setattr(self._state, name, torch.as_tensor(arrays[name]).to(mine))
        for name in _NUMBERS:
            setattr(self._state, name, numbers[name])

    def _save(self) -> None:
        assert self._checkpoint is not None
        arrays = {name: getattr(self._state, name).cpu().numpy() for name in _ARRAYS}
        arrays["values"] = self.networks.values.cpu().numpy()
        numbers = {name: getattr(self._state, name) for name in _NUMBERS}
        write_checkpoint(self._checkpoint, self._identity(), self._basis, arrays, numbers)

    def _identity(self) -> dict[str, Any]:
        """What a checkpoint must agree in."""
        layers = self._ensemble.networks.architecture.layers
        return {
            "functions": self._ensemble.functions.hash,
            "layers": {s: [list(each.hidden), "".join(each.activations)] for s, each in layers.items()},
            "members": self._ensemble.n_members,
            "frames": self._frames.fingerprint(),
            "settings": self.settings.to_dict(),
        }

    def _record(self, seconds: float) -> TrainingRecord:
        state = self._state
        is_over = state.epoch >= self.settings.epochs
        return TrainingRecord(
            settings=self.settings.to_dict(),
            n_frames=len(self._frames),
            n_environments=self._frames.n_environments,
            history=list(state.history),
            best_epoch=state.best_epoch.tolist(),
            best=list(state.best_entry),
            n_epochs=state.epoch,
            seconds=seconds,
            ended="all epochs done" if is_over else "no member's validation loss fell any more",
        )


@dataclass
class _State:
    """What changes while training, besides the weights."""

    mean: torch.Tensor
    square: torch.Tensor
    best: torch.Tensor
    best_loss: torch.Tensor
    best_epoch: torch.Tensor
    fallen_at: torch.Tensor
    rate: torch.Tensor
    active: torch.Tensor
    best_entry: list[dict[str, Any]]
    epoch: int = 0
    n_steps: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


_ARRAYS = ("mean", "square", "best", "best_loss", "best_epoch", "fallen_at", "rate", "active")
_NUMBERS = ("epoch", "n_steps", "history", "best_entry")


def _check(ensemble: NetworkEnsemble, frames: TrainingFrames, settings: TrainingSettings) -> None:
    """Refuse what cannot be trained on."""
    if ensemble.functions.hash != frames.functions.hash:
        raise ValueError("the ensemble and the training frames have different symmetry functions")
    if len(frames) < 2:
        raise ValueError(f"{len(frames)} frames to train on: expected at least 2")
    has_energy = settings.energy_weight > 0 and bool(np.isfinite(frames.energies).any())
    has_force = has_virial = False
    for block in frames.blocks:
        middle = 3 * block.n_atoms
        has_force |= settings.force_weight > 0 and bool(block.shares[:, :middle].any())
        has_virial |= settings.stress_weight > 0 and bool(block.shares[:, middle:].any())
    if not (has_energy or has_force or has_virial):
        raise ValueError("the frames have no label that the weights of the loss ask for")


def shown(entry: dict[str, Any], names: tuple[str, ...]) -> str:
    """Mean over the members of some errors, in meV."""
    words = []
    for name in names:
        values = [value for value in entry.get(name, []) if value is not None]
        if values:
            unit = "meV/Å" if name.endswith("force") else "meV/atom"
            words.append(f"{name.replace('_', ' ')} {1000 * sum(values) / len(values):.2f} {unit}")
    return ", ".join(words)
