# SPDX-License-Identifier: GPL-2.0-or-later
"""A learning campaign: generations of MD, labels and training, each step done once and found again."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve.io.replacing import replacing
from mdsieve.io.wording import shown
from mdsieve.labels.choose import choose_labeller
from mdsieve.labels.contract import Labelled, without_labels
from mdsieve.labels.files import failed_path, write_labelled
from mdsieve.lammps_program import run_program, split_command
from mdsieve.learn.config import LearnConfig
from mdsieve.learn.records import (
    Generation,
    alone_in,
    read_generations,
    read_json,
    write_generations,
    write_json,
)

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.labels.contract import Labeller
    from mdsieve.potentials.ensemble import NetworkEnsemble
    from mdsieve.potentials.training_data import TrainingFrames
    from mdsieve.potentials.training_settings import TrainingSettings

__all__ = ["Campaign"]

logger = logging.getLogger("mdsieve.learn")

_ENSEMBLE, _POTENTIAL = "ensemble.h5", "potential.lmp"


class Campaign:
    """All generations of a configuration.

    Every step leaves a file that appears whole or not at all; what is there is not done again. So a campaign
    that was killed at any moment goes on when it is started again: MD from the beginning of its script,
    labels from the kept frames, training from its last checkpoint.

    Parameters
    ----------
    config : LearnConfig

    Raises
    ------
    ValueError, OSError
        If the labeller cannot be made.
    """

    def __init__(self, config: LearnConfig) -> None:
        self.config = config
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
        self._labeller: Labeller = labeller

    def run(self) -> list[Generation]:
        """Go on until too few frames are kept, or as many generations have been as are wanted.

        Returns
        -------
        list of Generation
            All, those of earlier starts too.

        Raises
        ------
        ValueError
            If MD cannot be run, no frame could be labelled, or training fails.
        OSError
            If a file cannot be read or written.
        """
        folder = self.config.folder
        folder.mkdir(parents=True, exist_ok=True)
        with alone_in(folder):
            done = read_generations(folder)
            data = self._known_frames(done)
            while not self._is_finished(done):
                number = len(done)
                place = folder / f"{number:03d}"
                place.mkdir(exist_ok=True)
                generation = self._first(place, data) if number == 0 else self._next(number, place, data)
                self._publish(place)
                done.append(generation)
                write_generations(folder, done, self.config.model_dump(mode="json"))
                logger.info("%s", _told(generation))
        return done

    def _is_finished(self, done: list[Generation]) -> bool:
        if len(done) > self.config.generations:
            return True
        last = done[-1] if done else None
        if last is None or last.number == 0 or last.note:
            return False
        return last.kept_share < self.config.least_kept

    # the steps of a generation

    def _first(self, place: Path, data: TrainingFrames) -> Generation:
        """The ensemble to begin with: given, or trained."""
        if self.config.ensemble is not None:
            with replacing(place / _ENSEMBLE) as temporary:
                shutil.copyfile(self.config.ensemble, temporary)
            return Generation(0, n_training=len(data))
        from mdsieve.potentials.architecture import Architecture
        from mdsieve.potentials.networks import ElementNetworks
        from mdsieve.potentials.trained_networks import new_ensemble

        training = self.config.training
        functions = data.functions
        architecture = Architecture.uniform(
            functions.elements,
            hidden=_sizes(training.hidden),
            activations=training.activation,
            n_members=training.members,
        )
        networks = ElementNetworks(architecture, functions.n_features, seed=self.config.seed)
        ensemble = new_ensemble(data, networks)
        errors = self._train(place, ensemble, data, self._settings(training.epochs, training.learning_rate))
        return Generation(0, n_training=len(data), validation=errors)

    def _next(self, number: int, place: Path, data: TrainingFrames) -> Generation:
        from mdsieve.potentials.ensemble import NetworkEnsemble

        md = self._simulate(number, place)
        labelled = self._label(number, place)
        data.add(labelled)
        errors: dict[str, float] = {}
        if labelled:
            training = self.config.training
            ensemble = NetworkEnsemble.load(self.config.folder / _ENSEMBLE)
            settings = self._settings(training.later_epochs, training.later_learning_rate)
            errors = self._train(place, ensemble, data, settings)
        else:
            with replacing(place / _ENSEMBLE) as temporary:
                shutil.copyfile(self.config.folder / _ENSEMBLE, temporary)
        return Generation(
            number,
            n_evaluated=md["evaluated"],
            n_kept=md["kept"],
            n_labelled=len(labelled),
            n_failed=md["kept"] - len(labelled),
            n_training=len(data),
            validation=errors,
            note=md["note"],
        )

    def _simulate(self, number: int, place: Path) -> dict[str, Any]:
        """Run the script with a driver; what it has shown and kept."""
        record, store = place / "md.json", place / "store.db"
        if record.exists():
            return dict(read_json(record))
        config = self.config
        words = [*split_command(config.launcher)] if config.launcher else []
        words += [sys.executable, "-m", "mdsieve", "run", str(config.script)]
        words += ["--store", str(store), "--overwrite"]
        if config.driver is not None:
            words += ["--config", str(config.driver)]
        words += ["-log", str(place / "log.lammps"), "-screen", "none"]
        variables = {
            **config.variables,
            "potential": config.folder / _POTENTIAL,
            "generation": number,
            "seed": config.seed + number,
            "folder": place,
        }
        for name, value in variables.items():
            words += ["-var", name, str(value)]
        logger.info("generation %d: MD", number)
        finished = run_program(words)
        note = ""
        if finished.returncode:
            note = _last_words(finished.output, place / "log.lammps") or finished.ending
        evaluated, kept = _counts(store)
        if finished.returncode and not kept:
            raise ValueError(f"{config.script}: generation {number}: MD has kept nothing and failed: {note}")
        found = {"evaluated": evaluated, "kept": kept, "note": note}
        write_json(record, found)
        return found

    def _label(self, number: int, place: Path) -> list[Atoms]:
        """The kept frames with labels, as the file has them."""
        path = place / "labelled.extxyz"
        if not path.exists():
            logger.info("generation %d: labels", number)
            frames = _kept_frames(place / "store.db", number)
            labelled = _within(self._labeller.label(frames), self.config.labels.largest_force)
            written = write_labelled(labelled, path, self._labeller.description)
            if written.n_failed and not written.n_labelled:
                raise ValueError(f"{failed_path(path)}: none of {written.n_failed} frames could be labelled")
        return _frames_of(path)

    def _train(
        self, place: Path, ensemble: NetworkEnsemble, data: TrainingFrames, settings: TrainingSettings
    ) -> dict[str, float]:
        """Train, save, and say the validation errors."""
        from mdsieve.potentials.training import EnsembleTrainer

        path, record = place / _ENSEMBLE, place / "training.json"
        checkpoint = place / "training.npz"
        if not (path.exists() and record.exists()):
            logger.info("training on %d frames", len(data))
            trainer = EnsembleTrainer(
                ensemble, data, settings, device=self.config.device, checkpoint=checkpoint, resume=True
            )
            best = trainer.run().best
            names = [name for name in best[0] if name.startswith("validation")]
            write_json(record, {name: float(np.mean([one[name] for one in best])) for name in names})
            ensemble.save(path)
            checkpoint.unlink(missing_ok=True)
        return dict(read_json(record))

    def _publish(self, place: Path) -> None:
        """The generation's ensemble as that of the campaign, for the driver and for LAMMPS."""
        from mdsieve.potentials.ensemble import NetworkEnsemble
        from mdsieve.potentials.n2p2 import write_n2p2

        folder = self.config.folder
        ensemble = NetworkEnsemble.load(place / _ENSEMBLE)
        members = []
        for member in range(ensemble.n_members):
            members.append(place / f"member-{member}")
            members[-1].mkdir(exist_ok=True)
            write_n2p2(ensemble, members[-1], member)
        words = " ".join(f'"{path}"' for path in members)
        with replacing(folder / _POTENTIAL) as temporary:
            temporary.write_text(
                f"pair_style bpnnp\npair_coeff * * {words} {' '.join(ensemble.elements)}\n", encoding="utf-8"
            )
        with replacing(folder / _ENSEMBLE) as temporary:
            shutil.copyfile(place / _ENSEMBLE, temporary)

    # what is known

    def _known_frames(self, done: list[Generation]) -> TrainingFrames:
        """The frames of the beginning and of all finished generations, in this order."""
        from mdsieve.descriptors import SymmetryFunctions
        from mdsieve.io.trajectories import iterate_frames
        from mdsieve.potentials.ensemble import NetworkEnsemble
        from mdsieve.potentials.networks import torch
        from mdsieve.potentials.training_data import TrainingFrames

        config = self.config
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
        for generation in done[1:]:
            data.add(_frames_of(config.folder / f"{generation.number:03d}" / "labelled.extxyz"))
        return data

    def _settings(self, epochs: int, learning_rate: float) -> TrainingSettings:
        from mdsieve.potentials.training_settings import TrainingSettings

        training = self.config.training
        return TrainingSettings(
            epochs=epochs,
            learning_rate=learning_rate,
            batch_size=training.batch_size,
            energy_weight=training.energy_weight,
            force_weight=training.force_weight,
            stress_weight=training.stress_weight,
            validation_share=training.validation_share,
            seed=self.config.seed,
        )


def _kept_frames(store: Path, number: int) -> Iterator[Atoms]:
    from mdsieve.driver.store import FrameStore
    from mdsieve.io.kept import LABELS, kept_frames

    with FrameStore.read(store) as opened:
        for row, atoms, data in kept_frames(opened):
            atoms.info.clear()
            atoms.info.update({key: row[key] for key in LABELS if row[key] is not None})
            atoms.info["generation"] = number
            atoms.set_array("id", np.asarray(data["atom_ids"]))
            yield atoms


def _within(frames: Iterable[Labelled], largest_force: float) -> Iterator[Labelled]:
    """Frames with a larger force lose their labels."""
    for frame in frames:
        if not frame.problem:
            force = float(np.linalg.norm(frame.atoms.get_forces(), axis=1).max())
            if force > largest_force:
                words = f"a force of {force:.4g} eV/Å, more than {largest_force:g}"
                yield Labelled(frame.index, without_labels(frame.atoms), words)
                continue
        yield frame


def _frames_of(path: Path) -> list[Atoms]:
    """All frames of a file of ours, which may be empty."""
    from mdsieve.io.trajectories import iterate_frames

    return [frame.atoms for frame in iterate_frames([path])] if path.stat().st_size else []


def _counts(store: Path) -> tuple[int, int]:
    """Frames seen and kept, by what the store says."""
    from mdsieve.driver.store import FrameStore

    if not store.exists():
        return 0, 0
    with FrameStore.read(store) as opened:
        return sum(int(run["seen"]) for run in opened.runs()), opened.n_frames


def _last_words(output: str, log: Path) -> str:
    """Why LAMMPS or the driver has ended, in their words."""
    said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    for text, mark in ((said, "ERROR"), (output, "ERROR"), (output, "mdsieve: ")):
        found = [line for line in text.splitlines() if line.startswith(mark)]
        if found:
            return shown(found[-1].removeprefix("mdsieve: "), 200)
    return ""


def _sizes(words: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in words.split(","))
    except ValueError:
        raise ValueError(f"training.hidden {words}: expected numbers with commas, as 32,32") from None


def _told(generation: Generation) -> str:
    errors = ", ".join(f"{name} {value:.4g}" for name, value in generation.validation.items())
    if generation.number == 0:
        return f"generation 0: {generation.n_training} frames; {errors or 'the ensemble that was given'}"
    failed = f", {generation.n_failed} of them without labels" if generation.n_failed else ""
    ended = f"; MD ended early: {generation.note}" if generation.note else ""
    return (
        f"generation {generation.number}: kept {generation.n_kept} of {generation.n_evaluated} "
        f"({100 * generation.kept_share:.1f} %){failed}; {generation.n_training} frames; {errors}{ended}"
    )
