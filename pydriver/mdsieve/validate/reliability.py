# SPDX-License-Identifier: GPL-2.0-or-later
"""Reliability of MD: the share of runs that neither break down nor leave where a potential can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from mdsieve.validate.contract import Curve, Measured, Number, Property
from mdsieve.validate.crystals import nearest
from mdsieve.validate.md import Schedule, run_md

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import SymmetryFunctions
    from mdsieve.potentials.ensemble import NetworkEnsemble
    from mdsieve.validate.subject import Subject

__all__ = ["Bound", "Distance", "Extrapolation", "Reliability", "Spread"]


class Watch(Protocol):
    """A number of a frame that must stay on one side of a bound."""

    name: str
    unit: str

    def __call__(self, atoms: Atoms) -> float: ...


@dataclass(frozen=True)
class Bound:
    """A watch and its bound; a run is unreliable from the first frame on that is beyond it.

    Attributes
    ----------
    watch : callable
        Gives a number of a frame.
    limit : float
    is_lower : bool
        Whether the number must not be less than the limit; else it must not be more.
    """

    watch: Watch
    limit: float
    is_lower: bool = False

    def is_kept(self, value: float) -> bool:
        """Whether a number, which may be NaN, is on the right side."""
        return value >= self.limit if self.is_lower else value <= self.limit

    def worst(self, values: Sequence[float]) -> float:
        """The number next to the limit, or farthest beyond it; NaN does not count."""
        return float((np.fmin if self.is_lower else np.fmax).reduce(values))

    @property
    def name_of_worst(self) -> str:
        """What `worst` is called."""
        return f"{'smallest' if self.is_lower else 'largest'} {self.watch.name}"

    def broken_by(self, value: float) -> str:
        """How a number is beyond it, in words."""
        sign = "<" if self.is_lower else ">"
        return " ".join(f"{self.watch.name} {value:.4g} {sign} {self.limit:g} {self.watch.unit}".split())


class Spread:
    """The largest standard deviation of the members' atomic energies [eV]."""

    name, unit = "spread", "eV"

    def __init__(self, ensemble: NetworkEnsemble) -> None:
        if ensemble.n_members < 2:
            raise ValueError("the spread of an ensemble of one member: expected at least 2")
        self._ensemble = ensemble

    def __call__(self, atoms: Atoms) -> float:
        """The number of a frame."""
        said = self._ensemble.predict(atoms, forces=False)
        return float(said.atomic.std(axis=0, ddof=1).max())


class Extrapolation:
    """The largest grade γ of a frame's environments against those of a training set."""

    name, unit = "γ", ""

    def __init__(self, functions: SymmetryFunctions, training: Sequence[Atoms]) -> None:
        from mdsieve.bank import EnvironmentBank
        from mdsieve.scores.contract import Environments
        from mdsieve.scores.extrapolation import ExtrapolationScorer

        bank = EnvironmentBank(functions, 1.0, "minmax").fit_scaling(training)
        self._functions = functions
        self._scorer = ExtrapolationScorer.for_bank(bank)
        self._scorer.fit([Environments.from_atoms(functions, atoms) for atoms in training])

    def __call__(self, atoms: Atoms) -> float:
        """The number of a frame."""
        from mdsieve.scores.contract import Environments

        found = self._scorer.score(Environments.from_atoms(self._functions, atoms)).frame
        return float(found) if found is not None else float("inf")


class Distance:
    """The shortest distance between two atoms of a periodic frame [Å]."""

    name, unit = "distance", "Å"

    def __call__(self, atoms: Atoms) -> float:
        """The number of a frame."""
        return nearest(atoms)


class Reliability(Property):
    """Share of MD runs without a frame above a bound and without a breakdown.

    Tian et al. and Qi et al. (DIRECT, arXiv:2307.13710) count so the runs without γ > 3.

    Parameters
    ----------
    crystal : callable
        Makes what all runs begin with.
    schedule : Schedule
        Of each; run k has its seed + k.
    bounds : sequence of Bound
    n_runs : int
    """

    name: ClassVar[str] = "reliability"
    has_reference: ClassVar[bool] = False

    def __init__(
        self, crystal: Callable[[], Atoms], schedule: Schedule, bounds: Sequence[Bound], *, n_runs: int = 10
    ) -> None:
        if n_runs < 1:
            raise ValueError(f"{n_runs} runs: expected at least 1")
        self.crystal = crystal
        self.schedule = schedule
        self.bounds = bounds
        self.n_runs = n_runs

    def measure(self, subject: Subject) -> Measured:
        """See `Property.measure`."""
        atoms = self.crystal()
        endings: list[str] = []
        seen: dict[Bound, list[float]] = {bound: [] for bound in self.bounds}
        for run in range(self.n_runs):
            ending, worst = self._run(subject, atoms, replace(self.schedule, seed=self.schedule.seed + run))
            endings.append(ending)
            for bound, value in worst.items():
                seen[bound].append(value)
        numbers = [
            Number("reliable runs", "share", sum(not ending for ending in endings) / self.n_runs),
            Number("runs", "", float(self.n_runs)),
            Number("simulated time of each", "ps", self.schedule.n_steps * self.schedule.timestep / 1000.0),
        ]
        numbers += [Number(b.name_of_worst, b.watch.unit, b.worst(values)) for b, values in seen.items()]
        facts = {f"run {k}": ending for k, ending in enumerate(endings) if ending}
        columns = {bound.name_of_worst: np.array(values) for bound, values in seen.items()}
        runs = np.arange(float(self.n_runs))
        curves = (Curve("reliability", "run", "worst value", runs, columns, is_drawn=False),)
        return Measured(tuple(numbers), facts, curves if columns else ())

    def _run(self, subject: Subject, atoms: Atoms, schedule: Schedule) -> tuple[str, Mapping[Bound, float]]:
        """Why a run is not reliable (empty: it is), and the worst values seen until then."""
        worst: dict[Bound, float] = dict.fromkeys(self.bounds, float("nan"))
        step = 0
        try:
            for frame in run_md(subject, atoms, schedule):
                step += schedule.every
                for bound in self.bounds:
                    value = bound.watch(frame)
                    worst[bound] = bound.worst([value, worst[bound]])
                    if not bound.is_kept(value):
                        return f"{bound.broken_by(value)} at step {step}", worst
        except ValueError as error:
            return str(error), worst
        return "", worst
