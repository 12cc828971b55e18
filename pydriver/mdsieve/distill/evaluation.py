# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors of an ensemble on frames it has not, or not only, been trained on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.potentials.networks import torch
from mdsieve.potentials.training_data import TrainingFrames

if TYPE_CHECKING:
    from collections.abc import Callable

    from mdsieve.distill.pool import Pool
    from mdsieve.potentials.ensemble import NetworkEnsemble

__all__ = ["Errors", "Evaluation"]


@dataclass(frozen=True)
class Errors:
    """Errors of the members' mean, and of the best member; energies without their mean offset.

    Attributes
    ----------
    energy_mae, energy_rmse : float
        [eV/atom].
    offset : float
        Mean of prediction - label that was taken off [eV/atom].
    force_mae, force_rmse : float
        Over all components [eV/Å]; NaN without forces.
    best_member : int
        The one of the lowest mean absolute error of forces; without forces, of energies.
    best_energy_mae, best_force_mae : float
        Its errors.
    members_energy_mae : float
        Mean of the members' own errors [eV/atom].
    """

    energy_mae: float
    energy_rmse: float
    offset: float
    force_mae: float
    force_rmse: float
    best_member: int
    best_energy_mae: float
    best_force_mae: float
    members_energy_mae: float

    def to_dict(self) -> dict[str, float | int | None]:
        """Numbers for JSON: NaN is None."""
        return {name: None if value != value else value for name, value in asdict(self).items()}


class Evaluation:
    """A set of frames on which ensembles are judged: energies of all, forces of some.

    Parameters
    ----------
    pool : Pool
    n_force_frames : int
        Frames, drawn at random, whose forces are looked at; all that have forces if they are fewer.
    seed : int
    n_jobs : int
        Threads.
    memory : float
        Bytes of derivatives above which they go to temporary files.
    report : callable, optional
        Called with frames described and all.
    """

    def __init__(
        self,
        pool: Pool,
        n_force_frames: int,
        *,
        seed: int = 0,
        n_jobs: int = 1,
        memory: float = 1e9,
        report: Callable[[int, int], None] | None = None,
    ) -> None:
        self.pool = pool
        with_forces = [
            k
            for k, atoms in enumerate(pool.frames)
            if atoms.calc is not None and atoms.calc.results.get("forces") is not None
        ]
        drawn = np.random.default_rng([seed, 31]).permutation(len(with_forces))[:n_force_frames]
        self.force_frames = [with_forces[k] for k in sorted(drawn.tolist())]
        self._forces: TrainingFrames | None = None
        if self.force_frames:
            self._forces = TrainingFrames.from_atoms(
                pool.functions,
                [pool.frames[k] for k in self.force_frames],
                n_jobs=n_jobs,
                memory=memory,
                report=report,
            )

    def errors(self, ensemble: NetworkEnsemble) -> Errors:
        """Errors of an ensemble."""
        said = self.pool.predicted_energies(ensemble) / self.pool.n_atoms
        misses = said - self.pool.energies / self.pool.n_atoms
        of_members = np.abs(misses - misses.mean(axis=1, keepdims=True)).mean(axis=1)
        mean = misses.mean(axis=0)
        offset = float(mean.mean())
        centred = mean - offset
        force_mae, force_rmse, force_of_members = self._force_errors(ensemble)
        best = int(np.argmin(of_members if self._forces is None else force_of_members))
        return Errors(
            energy_mae=float(np.abs(centred).mean()),
            energy_rmse=float(np.sqrt((centred**2).mean())),
            offset=offset,
            force_mae=force_mae,
            force_rmse=force_rmse,
            best_member=best,
            best_energy_mae=float(of_members[best]),
            best_force_mae=float(force_of_members[best]),
            members_energy_mae=float(of_members.mean()),
        )

    def _force_errors(self, ensemble: NetworkEnsemble) -> tuple[float, float, np.ndarray]:
        """MAE and RMSE of the members' mean, and MAE of each member."""
        if self._forces is None:
            nan = float("nan")
            return nan, nan, np.full(ensemble.n_members, nan)
        absolute = squared = 0.0
        of_members = np.zeros(ensemble.n_members)
        count = 0
        for block in self._forces.blocks:
            content = block.load()
            _, slopes = ensemble.energy_gradients(content.fingerprints)
            rows: np.ndarray | float = 0.0
            for symbol, slope in slopes.items():
                derivatives = content.slopes[symbol].to("cpu", torch.float64)
                rows = rows + derivatives.rows(torch.as_tensor(slope)).numpy()
            misses = np.asarray(rows) - block.targets[:, None, :]
            of_mean = misses.mean(axis=1)
            absolute += np.abs(of_mean).sum()
            squared += (of_mean**2).sum()
            of_members += np.abs(misses).sum(axis=(0, 2))
            count += of_mean.size
        return absolute / count, float(np.sqrt(squared / count)), of_members / count
