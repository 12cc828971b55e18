# SPDX-License-Identifier: GPL-2.0-or-later
"""Reliability of MD: the share of runs that neither break down nor leave where a potential can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from mdsieve.validate.contract import Curve, Measured, Number, Property
from mdsieve.validate.md import Schedule, run_md

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import SymmetryFunctions
    from mdsieve.potentials.ensemble import NetworkEnsemble
    from mdsieve.validate.subject import Subject

__all__ = ["Bound", "Closeness", "Extrapolation", "Reliability", "Spread"]


class Watch(Protocol):
    """A number of a frame that must stay below a bound."""

    name: str

    def __call__(self, atoms: Atoms) -> float: ...


@dataclass(frozen=True)
class Bound:
    """A watch and its bound.

    Attributes
    ----------
    watch : callable
        Gives a number of a frame.
    largest : float
        A run is unreliable from the first frame on of which the number is larger.
    """

    watch: Watch
    largest: float


class Spread:
    """The largest standard deviation of the members' atomic energies [eV]."""

    name = "spread"

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

    name = "γ"

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


class Closeness:
    """How near two atoms come: 1/(shortest distance) [1/Å], so that a bound from above can be set."""

    name = "closeness"

    def __init__(self, reach: float) -> None:
        self._reach = reach

    def __call__(self, atoms: Atoms) -> float:
        """The number of a frame; 0 if no two atoms are within reach."""
        from vesin import ase_neighbor_list

        _, distances = ase_neighbor_list("id", atoms, self._reach)
        return float(1.0 / max(distances.min(), 1e-12)) if len(distances) else 0.0


class Reliability(Property):
    """Share of MD runs without a frame above a bound and without a breakdown.

    Tian et al. and Qi et al. (DIRECT, arXiv:2307.13710) count so the runs without γ > 3.

    Parameters
    ----------
    atoms : ase.Atoms
        Where all runs begin.
    schedule : Schedule
        Of each; run k has its seed + k.
    bounds : sequence of Bound
    n_runs : int
    """

    name: ClassVar[str] = "reliability"
    has_reference: ClassVar[bool] = False

    def __init__(
        self, atoms: Atoms, schedule: Schedule, bounds: Sequence[Bound], *, n_runs: int = 10
    ) -> None:
        if n_runs < 1:
            raise ValueError(f"{n_runs} runs: expected at least 1")
        self.atoms = atoms
        self.schedule = schedule
        self.bounds = bounds
        self.n_runs = n_runs

    def measure(self, subject: Subject) -> Measured:
        """See `Property.measure`."""
        endings: list[str] = []
        largest: dict[str, list[float]] = {bound.watch.name: [] for bound in self.bounds}
        for run in range(self.n_runs):
            ending, seen = self._run(subject, replace(self.schedule, seed=self.schedule.seed + run))
            endings.append(ending)
            for name, value in seen.items():
                largest[name].append(value)
        good = sum(not ending for ending in endings)
        numbers = [
            Number("reliable runs", "share", good / self.n_runs),
            Number("runs", "", float(self.n_runs)),
            Number("simulated time of each", "ps", self.schedule.n_steps * self.schedule.timestep / 1000.0),
        ]
        numbers += [Number(f"largest {name}", "", max(values)) for name, values in largest.items() if values]
        facts = {f"run {k}": ending for k, ending in enumerate(endings) if ending}
        runs = np.arange(float(self.n_runs))
        columns = {name: np.array(values) for name, values in largest.items()}
        curves = (Curve("reliability", "run", "largest value", runs, columns),) if columns else ()
        return Measured(tuple(numbers), facts, curves)

    def _run(self, subject: Subject, schedule: Schedule) -> tuple[str, Mapping[str, float]]:
        """Why a run is not reliable (empty: it is), and the largest values seen until then."""
        largest = {bound.watch.name: 0.0 for bound in self.bounds}
        step = 0
        try:
            for atoms in run_md(subject, self.atoms, schedule):
                step += schedule.every
                for bound in self.bounds:
                    value = bound.watch(atoms)
                    name = bound.watch.name
                    largest[name] = max(largest[name], value)
                    if not value <= bound.largest:
                        return f"{name} {value:.4g} > {bound.largest:g} at step {step}", largest
        except ValueError as error:
            return str(error), largest
        return "", largest
