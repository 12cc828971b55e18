# SPDX-License-Identifier: GPL-2.0-or-later
"""The loop: train, ask the members about frames not seen yet, take those they disagree about, train again."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve._version import __version__
from mdsieve.distill.choice import Picks, by_bank, by_grid, by_random, coordinates, uncertain
from mdsieve.distill.evaluation import Evaluation
from mdsieve.distill.settings import DistillationSettings
from mdsieve.distill.table import write_curve, write_table
from mdsieve.io.replacing import replacing
from mdsieve.potentials.architecture import Architecture
from mdsieve.potentials.ensemble import NetworkEnsemble
from mdsieve.potentials.networks import ElementNetworks
from mdsieve.potentials.trained_networks import new_ensemble
from mdsieve.potentials.training import EnsembleTrainer
from mdsieve.potentials.training_data import TrainingFrames

if TYPE_CHECKING:
    from mdsieve.distill.pool import Pool

__all__ = ["Distillation"]

logger = logging.getLogger("mdsieve.distill")

_SEEDS_APART = 1000  # between the seeds of iterations


class Distillation:
    """Distils a pool into a folder; a killed run goes on where it was.

    In the folder: ``record.json`` (settings, picks, errors; also the state of an unfinished run),
    ``table.csv``, ``curve.png``, ``ensemble-K.h5`` of each iteration (0: the frames to begin with) and of
    each baseline, ``distilled.extxyz`` (the frames taken; ``info["iteration"]``, and for each atom whether
    its force was trained on, ``forces_used``).

    Parameters
    ----------
    pool : Pool
    folder : path
        Made if it is not there.
    settings : DistillationSettings
    others : sequence of Pool
        Further sets that every ensemble is judged on.
    resume : bool
        Go on with what the folder holds.
    n_jobs : int
        Threads for fingerprints.
    memory : float
        Bytes of derivatives above which they go to files: of training data, and of each set to be judged on.
    cache : path, optional
        See `TrainingFrames`.
    device : str
        Of PyTorch, for training.
    command : str
        For the record.
    report : callable, optional
        Called with a title, how much is done, of how much, and words.

    Raises
    ------
    ValueError
        If there are fewer frames than to begin with, two sets have one name, a frame has no number for an
        axis of the grid, or the folder is of another distillation.
    FileExistsError
        If the folder holds one and `resume` is False.
    """

    def __init__(
        self,
        pool: Pool,
        folder: str | os.PathLike,
        settings: DistillationSettings | None = None,
        *,
        others: Sequence[Pool] = (),
        resume: bool = False,
        n_jobs: int = 1,
        memory: float = 2e9,
        cache: str | os.PathLike | None = None,
        device: str = "cpu",
        command: str = "",
        report: Callable[[str, int, int, str], None] | None = None,
    ) -> None:
        self.pool = pool
        self.folder = Path(folder)
        self.settings = settings or DistillationSettings()
        self._n_jobs = n_jobs
        self._memory = memory
        self._cache = cache
        self._device = device
        self._report = report or (lambda *_: None)
        if self.settings.start > len(pool):
            raise ValueError(
                f"{len(pool)} frames in the pool: fewer than the {self.settings.start} to begin with"
            )
        names = [each.name for each in (pool, *others)]
        twice = [name for k, name in enumerate(names) if name in names[:k]]
        if twice:
            raise ValueError(f"two sets to judge ensembles on are called {twice[0]}: expected other names")
        if "grid" in self.settings.baselines:  # not after all trainings
            for axis in self.settings.grid_axes:
                coordinates(pool, axis, self.settings.pressure)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._evaluations = [
            Evaluation(
                each,
                self.settings.force_frames,
                seed=self.settings.seed,
                n_jobs=n_jobs,
                memory=memory,
                report=self._reporter(f"describing forces of {each.name}"),
            )
            for each in (pool, *others)
        ]
        identity = {
            "settings": json.loads(json.dumps(self.settings.to_dict())),
            "pool": pool.fingerprint(),
            "evaluated_on": [[each.name, len(each), each.fingerprint()] for each in others],
        }
        self.record = self._opened(identity, resume, command)

    def run(self) -> dict[str, Any]:
        """Distil, train and judge; the record is returned."""
        frames = self._training_frames()
        ensemble: NetworkEnsemble | None = None
        for number, picks in self._iterations():
            self._add(frames, picks)
            ensemble = self._ensemble(f"{number}", frames, ensemble, seed=number)
            self._judge("uncertain", number, picks, ensemble)
        n_taken = sum(len(entry["frames"]) for entry in self.record["picks"])
        for place, name in enumerate(self.settings.baselines):
            picks = self._baseline(name, n_taken)
            frames = self._training_frames()
            self._add(frames, picks)
            judged = self._ensemble(name, frames, None, seed=_SEEDS_APART + place)
            self._judge(name, None, picks, judged)
        self._save()
        write_table(self.record, self.folder / "table.csv")
        write_curve(self.record, self.folder / "curve.png")
        self._write_frames()  # last: who finds them finds all
        return self.record

    def _reporter(self, title: str) -> Callable[[int, int], None]:
        return lambda done, of: self._report(title, done, of, "")

    # --- the loop -------------------------------------------------------------------------------------------

    def _iterations(self) -> Iterator[tuple[int, Picks]]:
        """Each iteration's frames, chosen with the ensemble of the one before."""
        settings = self.settings
        order = np.random.default_rng([settings.seed, 11]).permutation(len(self.pool))
        yield 0, self._picks(0, lambda: Picks.whole(np.sort(order[: settings.start])))
        for number in range(1, settings.iterations + 1):
            start = settings.start + (number - 1) * settings.batch
            batch = np.sort(order[start : start + settings.batch])
            if not len(batch):
                self.record["ended"] = "the whole pool has been seen"
                return
            yield number, self._picks(number, partial(self._uncertain, number, batch))
        self.record["ended"] = "all iterations done"

    def _uncertain(self, number: int, batch: np.ndarray) -> Picks:
        before = NetworkEnsemble.load(self._path(f"{number - 1}"))
        settings = self.settings
        return uncertain(
            self.pool,
            before,
            batch,
            kappa=settings.kappa,
            pooling=settings.pooling,
            most=settings.most,
            masked=settings.masked,
        )

    def _picks(self, number: int, choose: Callable[[], Picks]) -> Picks:
        """What was chosen, now or by the run that is resumed."""
        entries = self.record["picks"]
        if number < len(entries):
            entry = entries[number]
            frames = np.array(entry["frames"], np.int64)
            return Picks(
                frames,
                [self._mask(*pair) for pair in zip(frames, entry["environments"], strict=True)],
                entry["facts"],
            )
        picks = choose()
        entries.append(
            {
                "iteration": number,
                "frames": picks.frames.tolist(),
                "environments": [None if m is None else np.flatnonzero(m).tolist() for m in picks.masks],
                "facts": picks.facts,
            }
        )
        self._save()
        logger.info("iteration %d: %d frames added", number, len(picks.frames))
        return picks

    def _mask(self, frame: int, environments: list[int] | None) -> np.ndarray | None:
        if environments is None:
            return None
        mask = np.zeros(self.pool.n_atoms[frame], bool)
        mask[environments] = True
        return mask

    def _baseline(self, name: str, n: int) -> Picks:
        """As many frames, chosen otherwise."""
        settings, found = self.settings, self.record["baselines"]
        if name not in found:
            self._report(f"choosing by {name}", 0, 1, "")
            if name == "random":
                picks = by_random(self.pool, n, settings.seed)
            elif name == "grid":
                picks = by_grid(
                    self.pool, n, settings.grid_axes, settings.grid_bins, settings.seed, settings.pressure
                )
            else:
                picks = by_bank(self.pool, n, settings.seed)
            found[name] = {"frames": picks.frames.tolist(), "facts": picks.facts}
            self._save()
        return Picks.whole(np.array(found[name]["frames"], np.int64), **found[name]["facts"])

    # --- training and judging -------------------------------------------------------------------------------

    def _training_frames(self) -> TrainingFrames:
        return TrainingFrames(
            self.pool.functions,
            forces=self.settings.training.force_weight > 0,
            stress=self.settings.training.stress_weight > 0,
            memory=self._memory,
            cache=self._cache,
            n_jobs=self._n_jobs,
            seed=self.settings.seed,
        )

    def _add(self, frames: TrainingFrames, picks: Picks) -> None:
        if len(picks.frames):
            frames.add(
                [self.pool.frames[k] for k in picks.frames],
                masks=picks.masks,
                report=self._reporter("describing frames"),
            )

    def _ensemble(
        self, name: str, frames: TrainingFrames, before: NetworkEnsemble | None, seed: int
    ) -> NetworkEnsemble:
        """Train on all that was taken so far, unless an earlier run did."""
        path = self._path(name)
        if path.exists():
            return NetworkEnsemble.load(path)
        settings = self.settings
        is_warm = settings.warm and before is not None
        training = replace(settings.training, seed=settings.seed)
        if is_warm and before is not None:
            ensemble = before
            training = replace(training, epochs=settings.warm_epochs)
        else:
            functions = frames.functions
            shape = Architecture.uniform(
                functions.elements,
                hidden=settings.hidden,
                activations=settings.activation,
                n_members=settings.n_members,
            )
            networks = ElementNetworks(shape, functions.n_features, seed=settings.seed + _SEEDS_APART * seed)
            ensemble = new_ensemble(frames, networks, whitening=training.whitening)
        checkpoint = self.folder / f"training-{name}.npz"
        title = f"training ({name}, {len(frames)} frames)"
        trainer = EnsembleTrainer(
            ensemble,
            frames,
            training,
            device=self._device,
            checkpoint=checkpoint,
            resume=True,
            report=lambda entry: self._report(title, entry["epoch"], training.epochs, _words(entry)),
        )
        record = trainer.run()
        self.record["training"][name] = {**record.summary(), "history": record.history}
        self._save()  # before the ensemble: once that is there, this is not done again
        ensemble.save(path)
        checkpoint.unlink(missing_ok=True)
        return ensemble

    def _judge(self, method: str, number: int | None, picks: Picks, ensemble: NetworkEnsemble) -> None:
        """Add a row to the table, unless an earlier run did."""
        rows = self.record["rows"]
        if any(row["method"] == method and row["iteration"] == number for row in rows):
            return
        started = time.monotonic()
        environments: list[list[int] | None] = [None] * len(picks.frames)
        frames = picks.frames.tolist()
        if number is not None:  # an iteration is trained on what those before it took as well
            entries = self.record["picks"][: number + 1]
            frames = [frame for entry in entries for frame in entry["frames"]]
            environments = [each for entry in entries for each in entry["environments"]]
        n_atoms = self.pool.n_atoms[frames]
        n_with_forces = [
            int(n) if each is None else len(each) for n, each in zip(n_atoms, environments, strict=True)
        ]
        row: dict[str, Any] = {
            "method": method,
            "iteration": number,
            "frames": len(frames),
            "added": len(picks.frames),
            "share": len(frames) / len(self.pool),
            "environments": int(n_atoms.sum()),
            "environments_with_forces": sum(n_with_forces),
            "errors": {},
        }
        for evaluation in self._evaluations:
            name = evaluation.pool.name
            self._report(f"judging on {name}", 0, 1, "")
            row["errors"][name] = evaluation.errors(ensemble).to_dict() | {
                "frames": len(evaluation.pool),
                "force_frames": len(evaluation.force_frames),
            }
        row["seconds_judging"] = time.monotonic() - started
        rows.append(row)
        self._save()
        write_table(self.record, self.folder / "table.csv")
        first = row["errors"][self.pool.name]
        logger.info(
            "%s %s: %d frames (%.1f %%), energy MAE %.2f meV/atom",
            method,
            "" if number is None else number,
            len(frames),
            100 * row["share"],
            1000 * first["energy_mae"],
        )

    # --- files ----------------------------------------------------------------------------------------------

    def _path(self, name: str) -> Path:
        return self.folder / f"ensemble-{name}.h5"

    def _opened(self, identity: dict[str, Any], resume: bool, command: str) -> dict[str, Any]:
        path = self.folder / "record.json"
        if path.exists():
            if not resume:
                raise FileExistsError(17, "a distillation is there already; say --resume to go on", str(path))
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
                found = record["identity"]
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}: no record of a distillation: {error}") from None
            if found != identity:
                other = _other(found, identity)
                raise ValueError(f"{path}: the record is of another distillation, which differs in {other}")
            return record
        if any(self.folder.glob("ensemble-*.h5")):
            raise FileExistsError(17, "ensembles without a record are in the folder", str(self.folder))
        return {
            "format": "mdsieve distill",
            "version": 1,
            "program": f"mdsieve {__version__}",
            "command": command,
            "identity": identity,
            "pool": {
                "name": self.pool.name,
                "frames": len(self.pool),
                "environments": self.pool.n_environments,
            },
            "picks": [],
            "baselines": {},
            "training": {},
            "rows": [],
            "ended": "",
        }

    def _save(self) -> None:
        with replacing(self.folder / "record.json") as temporary:
            temporary.write_text(json.dumps(self.record, indent=1, allow_nan=False) + "\n", encoding="utf-8")

    def _write_frames(self) -> None:
        """The frames that were taken, with what of them was trained on."""
        from ase.io import write

        structures = []
        for entry in self.record["picks"]:
            for frame, environments in zip(entry["frames"], entry["environments"], strict=True):
                atoms = self.pool.frames[frame].copy()
                atoms.calc = self.pool.frames[frame].calc
                atoms.info["pool_frame"] = frame
                atoms.info["iteration"] = entry["iteration"]
                mask = self._mask(frame, environments)
                atoms.arrays["forces_used"] = np.ones(len(atoms), bool) if mask is None else mask
                structures.append(atoms)
        with replacing(self.folder / "distilled.extxyz") as temporary:
            write(temporary, structures, format="extxyz")


def _words(entry: dict[str, Any]) -> str:
    from mdsieve.potentials.training import shown

    return shown(entry, ("validation_energy", "validation_force"))


def _other(found: Any, expected: Any) -> str:
    """What two identities differ in."""
    if not isinstance(found, dict):
        return "everything"
    if found.get("pool") != expected["pool"]:
        return "its pool"
    if found.get("evaluated_on") != expected["evaluated_on"]:
        return "the sets it is evaluated on"
    mine, theirs = expected["settings"], found.get("settings", {})
    names = [name for name in mine if mine[name] != theirs.get(name)]
    return names[0] if names else "its settings"
