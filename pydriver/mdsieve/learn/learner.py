# SPDX-License-Identifier: GPL-2.0-or-later
"""What a campaign has learnt: its labelled frames and the ensemble that was trained on them."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.io.replacing import replacing
from mdsieve.labels.bounded import BoundedLabeller
from mdsieve.labels.choose import choose_labeller
from mdsieve.labels.files import failed_path, write_labelled
from mdsieve.learn.config import LearnConfig
from mdsieve.learn.records import read_json, write_json
from mdsieve.learn.rounds import Round, frames_of

if TYPE_CHECKING:
    from mdsieve.labels.contract import Labeller
    from mdsieve.potentials.ensemble import NetworkEnsemble
    from mdsieve.potentials.training_data import TrainingFrames
    from mdsieve.potentials.training_settings import TrainingSettings

__all__ = ["Learner"]

logger = logging.getLogger("mdsieve.learn")

_ENSEMBLE, _POTENTIAL = "ensemble.h5", "potential.lmp"


class Learner:
    """Labels frames, trains on all that there are, and publishes what came of it.

    Each step leaves a file that appears whole or not at all; what is there is not done again.

    Parameters
    ----------
    config : LearnConfig

    Raises
    ------
    ValueError, OSError
        If the labeller cannot be made, or what is known from the beginning cannot be read.
    """

    def __init__(self, config: LearnConfig) -> None:
        self._config = config
        self._labeller = BoundedLabeller(_labeller(config), config.labels.largest_force)
        self._data = _first_frames(config)

    @property
    def n_frames(self) -> int:
        """Labelled frames so far."""
        return len(self._data)

    @property
    def potential(self) -> Path:
        """The lines with which LAMMPS runs the newest ensemble."""
        return self._config.folder / _POTENTIAL

    def recall(self, finished: Iterable[Round]) -> None:
        """Add the frames of rounds whose generations are finished."""
        for one in finished:
            self._data.add(frames_of(one.labelled))

    def begin(self, place: Path) -> Mapping[str, float]:
        """The ensemble to begin with: given, or trained; errors of validation if it was trained."""
        errors: Mapping[str, float] = {}
        if self._config.ensemble is not None:
            with replacing(place / _ENSEMBLE) as temporary:
                shutil.copyfile(self._config.ensemble, temporary)
        else:
            training = self._config.training
            settings = self._settings(training.epochs, training.learning_rate)
            errors = self._train(place, _new_ensemble(self._config, self._data), settings)
        self._publish(place)
        return errors

    def learn(self, one: Round) -> Mapping[str, float]:
        """Label a round's frames, train on all from the newest weights, publish; errors of validation.

        What has been done already is only remembered. Nothing is learnt from a round all of whose frames have
        larger forces than `largest_force`; then there are no errors.

        Raises
        ------
        ValueError
            If no frame could be labelled, or training fails.
        OSError
            If a file cannot be read or written.
        """
        from mdsieve.potentials.ensemble import NetworkEnsemble

        self._label(one)
        frames = frames_of(one.labelled)
        if not frames:
            return {}
        self._data.add(frames)
        training = self._config.training
        ensemble = NetworkEnsemble.load(self._config.folder / _ENSEMBLE)
        settings = self._settings(training.later_epochs, training.later_learning_rate)
        errors = self._train(one.folder, ensemble, settings)
        self._publish(one.folder)
        return errors

    def _label(self, one: Round) -> None:
        if one.labelled.exists():
            return
        logger.info("labels of %s", one.kept)
        written = write_labelled(self._labeller, frames_of(one.kept), one.labelled, resume=True)
        if not written.n_labelled and not self._labeller.n_beyond:
            one.labelled.unlink()  # the next start tries again
            raise ValueError(
                f"{failed_path(one.labelled)}: none of {written.n_failed} frames could be labelled"
            )

    def _train(
        self, place: Path, ensemble: NetworkEnsemble, settings: TrainingSettings
    ) -> Mapping[str, float]:
        """Train, save, and say the errors of validation."""
        from mdsieve.potentials.training import EnsembleTrainer

        path, record, checkpoint = place / _ENSEMBLE, place / "training.json", place / "training.npz"
        if not (path.exists() and record.exists()):
            logger.info("training on %d frames", self.n_frames)
            device = self._config.device
            trainer = EnsembleTrainer(
                ensemble, self._data, settings, device=device, checkpoint=checkpoint, resume=True
            )
            best = trainer.run().best
            names = [name for name in best[0] if name.startswith("validation")]
            write_json(record, {name: float(np.mean([one[name] for one in best])) for name in names})
            ensemble.save(path)
            checkpoint.unlink(missing_ok=True)
        return dict(read_json(record))

    def _publish(self, place: Path) -> None:
        """A folder's ensemble as that of the campaign, for the driver and for LAMMPS."""
        from mdsieve.potentials.ensemble import NetworkEnsemble
        from mdsieve.potentials.n2p2 import write_n2p2

        ensemble = NetworkEnsemble.load(place / _ENSEMBLE)
        members = []
        for member in range(ensemble.n_members):
            members.append(place / f"member-{member}")
            members[-1].mkdir(exist_ok=True)
            write_n2p2(ensemble, members[-1], member)
        words = " ".join(f'"{path}"' for path in members)
        with replacing(self.potential) as temporary:
            temporary.write_text(
                f"pair_style bpnnp\npair_coeff * * {words} {' '.join(ensemble.elements)}\n", encoding="utf-8"
            )
        with replacing(self._config.folder / _ENSEMBLE) as temporary:
            shutil.copyfile(place / _ENSEMBLE, temporary)

    def _settings(self, epochs: int, learning_rate: float) -> TrainingSettings:
        from mdsieve.potentials.training_settings import TrainingSettings

        training = self._config.training
        return TrainingSettings(
            epochs=epochs,
            learning_rate=learning_rate,
            batch_size=training.batch_size,
            energy_weight=training.energy_weight,
            force_weight=training.force_weight,
            stress_weight=training.stress_weight,
            validation_share=training.validation_share,
            seed=self._config.seed,
        )


def _labeller(config: LearnConfig) -> Labeller:
    labels = config.labels
    labeller = choose_labeller(
        pair_style=labels.pair_style,
        pair_coeff=labels.pair_coeff,
        pair_file=labels.pair_file,
        elements=labels.elements,
        calculator=labels.calculator,
        command=labels.command,
        lmp=labels.lmp,
        n_processes=labels.processes,
        frames_a_start=labels.batch,
        timeout=labels.timeout,
    )
    if labeller is None:
        raise ValueError("labels: expected pair_style, pair_file, calculator or command")
    return labeller


def _first_frames(config: LearnConfig) -> TrainingFrames:
    """Those that are known from the beginning."""
    from mdsieve.descriptors import SymmetryFunctions
    from mdsieve.io.trajectories import iterate_frames
    from mdsieve.potentials.ensemble import NetworkEnsemble
    from mdsieve.potentials.networks import torch
    from mdsieve.potentials.training_data import TrainingFrames

    torch.set_num_threads(config.jobs)
    if config.ensemble is not None:
        functions = NetworkEnsemble.load(config.ensemble).functions
    else:
        assert config.functions is not None
        functions = SymmetryFunctions.from_file(config.functions, length_unit=config.length_unit)
    data = TrainingFrames(
        functions,
        stress=config.training.stress_weight > 0,
        forces=config.training.force_weight > 0,
        cache=config.folder / "cache",
        n_jobs=config.jobs,
        seed=config.seed,
    )
    data.add([frame.atoms for frame in iterate_frames(config.start)])
    return data


def _new_ensemble(config: LearnConfig, data: TrainingFrames) -> NetworkEnsemble:
    from mdsieve.potentials.architecture import Architecture
    from mdsieve.potentials.networks import ElementNetworks
    from mdsieve.potentials.trained_networks import new_ensemble

    training = config.training
    functions = data.functions
    architecture = Architecture.uniform(
        functions.elements,
        hidden=training.hidden,
        activations=training.activation,
        n_members=training.members,
    )
    return new_ensemble(data, ElementNetworks(architecture, functions.n_features, seed=config.seed))
