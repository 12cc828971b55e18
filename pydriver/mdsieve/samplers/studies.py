# SPDX-License-Identifier: GPL-2.0-or-later
"""The studies of the bank's paper, one call each: thresholds, shuffled orders, the grid of two thresholds.

How many frames the rule keeps, and how well a linear potential does that is fitted on them. Li et al.,
J. Chem. Phys. 160, 074109 (2024).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve.bank import EnvironmentBank, check_thresholds
from mdsieve.calibrate import Pilot

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import SymmetryFunctions
    from mdsieve.potentials.linear import Errors, LinearPotential

__all__ = ["BankStudy", "Kept", "Shuffles", "ThresholdCurve", "ThresholdGrid"]

#: What the errors of a study without test frames are.
_NO_ERRORS = float("nan")


@dataclass(frozen=True, eq=False)
class Kept:
    """What the rule keeps.

    Attributes
    ----------
    frames : ndarray of int
        Ascending.
    n_environments : dict of str to int
        Stored environments of each element.
    """

    frames: np.ndarray
    n_environments: dict[str, int]


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """Kept frames and errors against the threshold, one entry each.

    Attributes
    ----------
    thresholds : list of dict of str to float
    n_frames : ndarray of int
    n_environments : ndarray of int
        Of all elements together.
    energy : ndarray of float
        Root mean square error of a potential fitted on the kept frames, on the test frames [eV/atom]; NaN
        without test frames.
    force : ndarray of float
        The same of all force components [eV/Å].
    whole : Errors or None
        Of a potential fitted on all frames.
    """

    thresholds: list[dict[str, float]]
    n_frames: np.ndarray
    n_environments: np.ndarray
    energy: np.ndarray
    force: np.ndarray
    whole: Errors | None


@dataclass(frozen=True, eq=False)
class Shuffles:
    """What the same threshold keeps if the frames come in other orders: the data of a violin.

    Attributes
    ----------
    thresholds : dict of str to float
    n_frames, n_environments : ndarray of int, shape (n_shuffles,)
    energy, force : ndarray of float, shape (n_shuffles,)
        Errors as in `ThresholdCurve`.
    frames : list of ndarray of int
        Kept frames of each shuffle, ascending.
    seed : int
    """

    thresholds: dict[str, float]
    n_frames: np.ndarray
    n_environments: np.ndarray
    energy: np.ndarray
    force: np.ndarray
    frames: list[np.ndarray]
    seed: int

    def spread(self) -> dict[str, dict[str, float]]:
        """Mean, standard deviation (n - 1), least and largest of each number."""
        return {
            name: {
                "mean": float(values.mean()),
                "std": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
                "least": float(values.min()),
                "most": float(values.max()),
            }
            for name, values in (
                ("n_frames", self.n_frames),
                ("n_environments", self.n_environments),
                ("energy", self.energy),
                ("force", self.force),
            )
        }


@dataclass(frozen=True, eq=False)
class ThresholdGrid:
    """Kept frames and errors for all pairs of thresholds of two elements.

    Attributes
    ----------
    elements : tuple of str
        Of the rows and of the columns.
    first, second : ndarray of float
        Their thresholds.
    n_frames : ndarray of int, shape (n_first, n_second)
    energy, force : ndarray of float, shape (n_first, n_second)
        Errors as in `ThresholdCurve`.
    """

    elements: tuple[str, str]
    first: np.ndarray
    second: np.ndarray
    n_frames: np.ndarray
    energy: np.ndarray
    force: np.ndarray

    def critical_line(self, limit: float, of: str = "force") -> np.ndarray:
        """The line beyond which errors are larger than they may be.

        Parameters
        ----------
        limit : float
            Largest error [eV/Å or eV/atom].
        of : {"force", "energy"}

        Returns
        -------
        ndarray of float, shape (n_first,)
            For each threshold of the first element the largest of the second up to which no error exceeds the
            limit, interpolated between the thresholds tried; NaN where already the smallest is too large.

        Raises
        ------
        ValueError
            If `of` is neither, or thresholds of the second element are not ascending.
        """
        if of not in ("force", "energy"):
            raise ValueError(f"of={of!r}: expected 'force' or 'energy'")
        if (np.diff(self.second) <= 0).any():
            raise ValueError(f"thresholds of {self.elements[1]}: expected them ascending")
        line = np.empty(len(self.first))
        for i, errors in enumerate(getattr(self, of)):
            beyond = np.flatnonzero(~(errors <= limit))
            if not len(beyond):
                line[i] = self.second[-1]
            elif beyond[0] == 0:
                line[i] = np.nan
            else:
                j = beyond[0]
                share = (limit - errors[j - 1]) / (errors[j] - errors[j - 1])
                line[i] = self.second[j - 1] + share * (self.second[j] - self.second[j - 1])
        return line


class BankStudy:
    """What the bank's rule makes of some frames, for any threshold and order.

    Parameters
    ----------
    functions : SymmetryFunctions
    frames : sequence of ase.Atoms
        To choose from. With `test_frames`, they carry labels.
    test_frames : sequence of ase.Atoms, optional
        With labels: what potentials fitted on kept frames are tested on. None: only frames are counted.
    potential : LinearPotential, optional
        Functions, weights and ridge of the fits. Default: `LinearPotential(functions)`.
    scaling : {"minmax", "std", "none"} or mdsieve._core.Scaling
        Fitted on these frames, none, or one that exists.
    n_jobs : int
        Threads for fingerprints.

    Raises
    ------
    ValueError
        If there is no frame, or one lacks labels that are needed.

    Notes
    -----
    Fingerprints and their derivatives are computed once (`Pilot`, `FrameEquations`); environments of
    different elements do not compete, so that a grid of thresholds costs one run for each threshold of
    each element.
    """

    def __init__(
        self,
        functions: SymmetryFunctions,
        frames: Sequence[Atoms],
        test_frames: Sequence[Atoms] | None = None,
        *,
        potential: LinearPotential | None = None,
        scaling: Any = "minmax",
        n_jobs: int = 1,
    ) -> None:
        self.pilot = Pilot(functions, frames, scaling, n_jobs)
        self._train = self._test = None
        if test_frames is not None:
            from mdsieve.potentials.equations import FrameEquations
            from mdsieve.potentials.linear import LinearPotential

            model = LinearPotential(functions, n_jobs=n_jobs) if potential is None else potential
            self._train = FrameEquations(model, frames)
            self._test = FrameEquations(model, test_frames)

    def errors(self, which: Sequence[int] | np.ndarray | None = None) -> Errors:
        """Errors on the test frames of a potential fitted on some of the frames.

        Parameters
        ----------
        which : sequence of int, optional
            Default: all frames.

        Raises
        ------
        ValueError
            If there are no test frames.
        """
        if self._train is None or self._test is None:
            raise ValueError("a study without test frames: there are no errors to tell")
        return self._test.errors(self._train.fit(np.arange(self.pilot.n_frames) if which is None else which))

    def kept(self, thresholds: float | Mapping[str, float], order: np.ndarray | None = None) -> Kept:
        """What the rule keeps, from an empty bank.

        Parameters
        ----------
        thresholds : float or dict of str to float
        order : ndarray of int, shape (n_frames,), optional
            In which the frames are taken; default: as they are.
        """
        each = check_thresholds(thresholds, self.pilot.elements)
        if order is None:
            frames = np.zeros(self.pilot.n_frames, bool)
            for symbol, threshold in each.items():
                frames |= self.pilot.kept_by(symbol, threshold)
            return Kept(np.flatnonzero(frames), self.pilot.outcome(each).n_environments)
        place = np.empty(self.pilot.n_frames, np.int64)
        place[order] = np.arange(self.pilot.n_frames)
        frames = np.zeros(self.pilot.n_frames, bool)
        sizes = {}
        for symbol, threshold in each.items():
            rows, frame_of = self.pilot.environments(symbol)
            turn = np.argsort(place[frame_of], kind="stable")
            bank = EnvironmentBank.empty(self.pilot.functions, threshold, self.pilot.scaling)
            picked = turn[bank.extend(symbol, rows[turn])]
            frames[frame_of[picked]] = True
            sizes[symbol] = len(picked)
        return Kept(np.flatnonzero(frames), sizes)

    def threshold_curve(self, thresholds: Iterable[float | Mapping[str, float]]) -> ThresholdCurve:
        """Kept frames, environments and errors against the threshold."""
        listed = [check_thresholds(each, self.pilot.elements) for each in thresholds]
        found = [self.kept(each) for each in listed]
        errors = np.array([self._errors(kept.frames) for kept in found]).reshape(-1, 2)
        return ThresholdCurve(
            listed,
            np.array([len(kept.frames) for kept in found]),
            np.array([sum(kept.n_environments.values()) for kept in found]),
            errors[:, 0],
            errors[:, 1],
            None if self._test is None else self.errors(),
        )

    def shuffles(
        self, thresholds: float | Mapping[str, float], n: int = 50, random_state: int = 0
    ) -> Shuffles:
        """The same threshold on frames in n random orders.

        Raises
        ------
        ValueError
            If `n` is below 1.
        """
        if n < 1:
            raise ValueError(f"{n} shuffles: expected at least 1")
        each = check_thresholds(thresholds, self.pilot.elements)
        rng = np.random.default_rng(random_state)
        found = [self.kept(each, rng.permutation(self.pilot.n_frames)) for _ in range(n)]
        errors = np.array([self._errors(kept.frames) for kept in found])
        return Shuffles(
            each,
            np.array([len(kept.frames) for kept in found]),
            np.array([sum(kept.n_environments.values()) for kept in found]),
            errors[:, 0],
            errors[:, 1],
            [kept.frames for kept in found],
            random_state,
        )

    def grid(
        self,
        first: tuple[str, Sequence[float]],
        second: tuple[str, Sequence[float]],
        others: Mapping[str, float] | None = None,
    ) -> ThresholdGrid:
        """Kept frames and errors for all pairs of thresholds of two elements.

        Parameters
        ----------
        first, second : (str, sequence of float)
            Element and thresholds.
        others : dict of str to float, optional
            Thresholds of further elements.
        """
        a, b = np.asarray(first[1], float), np.asarray(second[1], float)
        counts = np.empty((len(a), len(b)), np.int64)
        errors = np.empty((len(a), len(b), 2))
        for i, x in enumerate(a.tolist()):
            for j, y in enumerate(b.tolist()):
                kept = self.kept({**(others or {}), first[0]: x, second[0]: y})
                counts[i, j] = len(kept.frames)
                errors[i, j] = self._errors(kept.frames)
        return ThresholdGrid((first[0], second[0]), a, b, counts, errors[:, :, 0], errors[:, :, 1])

    def _errors(self, frames: np.ndarray) -> tuple[float, float]:
        if self._test is None:
            return _NO_ERRORS, _NO_ERRORS
        errors = self.errors(frames)
        return errors.energy, errors.force
