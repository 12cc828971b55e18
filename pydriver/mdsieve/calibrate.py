# SPDX-License-Identifier: GPL-2.0-or-later
"""Which threshold? What the bank's rule makes of a pilot trajectory, for every threshold.

Environments of different elements do not compete, so each element has a curve of its own, and the kept frames
of any combination of thresholds are the union of what the elements keep. Every number is what the exact rule
gives, not an estimate.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mdsieve import _core
from mdsieve.bank import EnvironmentBank
from mdsieve.samplers.progress import counting, showing_progress

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import SymmetryFunctions

_MOST_STEPS = 40  # of a bisection
_SMALLEST, _LARGEST = 1e-4, 1e4  # scales
_STAYED = 1.0  # Å


@dataclass(frozen=True)
class NoiseFloor:
    """How far the environment of one and the same atom moves from one frame of the pilot to the next.

    Attributes
    ----------
    median, high : float
        Median and 95th percentile of the distances, in scaled units, over all atoms of the element and all
        pairs of consecutive frames.
    n_pairs : int
        How many distances there are.
    """

    median: float
    high: float
    n_pairs: int


@dataclass(frozen=True)
class Outcome:
    """What one choice of thresholds keeps.

    Attributes
    ----------
    thresholds : dict of str to float
    n_frames : int
        Frames kept.
    n_environments : dict of str to int
        Bank entries of each element.
    """

    thresholds: dict[str, float]
    n_frames: int
    n_environments: dict[str, int]


@dataclass(frozen=True)
class _Pick:
    """What an element alone keeps at a threshold."""

    n_environments: int
    frames: np.ndarray  # bool, shape (n_frames,)


class Pilot:
    """All environments of a pilot trajectory, and the bank's rule on them.

    Parameters
    ----------
    functions : SymmetryFunctions
    frames : iterable of ase.Atoms
        Taken in this order. Fingerprints are held in memory: 8 bytes a column and environment.
    scaling : {"minmax", "std", "none"} or mdsieve._core.Scaling
        Fitted on these frames, none, or one that exists.
    n_jobs : int
        Threads for the fingerprints of a frame.

    Raises
    ------
    ValueError
        If there is no frame, an element is not in the descriptor, or, with a scaling to be fitted, an element
        of the descriptor never occurs.
    """

    def __init__(
        self,
        functions: SymmetryFunctions,
        frames: Iterable[Atoms],
        scaling: str | _core.Scaling = "minmax",
        n_jobs: int = 1,
    ) -> None:
        self.functions = functions
        parts: dict[str, list[np.ndarray]] = {symbol: [] for symbol in functions.elements}
        places: dict[str, list[np.ndarray]] = {symbol: [] for symbol in functions.elements}
        stayed: dict[str, list[np.ndarray]] = {symbol: [] for symbol in functions.elements}
        self.n_frames = 0
        before = None
        for given in frames:
            atoms = given[np.argsort(_ids(given), kind="stable")]
            near = _stayed(before, atoms)
            for symbol, (indices, rows) in functions.create_by_element(atoms, n_jobs=n_jobs).items():
                parts[symbol].append(rows)
                places[symbol].append(np.full(len(rows), self.n_frames))
                stayed[symbol].append(near[indices])
            before = atoms
            self.n_frames += 1
        if before is None:
            raise ValueError("the pilot has no frame")
        self._stayed = {symbol: np.concatenate(found) for symbol, found in stayed.items()}
        self._rows = {symbol: np.concatenate(found) for symbol, found in parts.items()}
        self._frame_of = {symbol: np.concatenate(found) for symbol, found in places.items()}
        self.statistics = self._column_statistics()
        self.scaling = self._scaling_of(scaling)
        self._is_fitted = isinstance(scaling, str) and scaling != "none"
        self._picks: dict[tuple[str, float], _Pick] = {}

    @property
    def elements(self) -> list[str]:
        """Elements that occur and have symmetry functions."""
        widths = self.functions.n_features
        return [symbol for symbol, rows in self._rows.items() if len(rows) and widths[symbol]]

    @property
    def n_environments(self) -> dict[str, int]:
        """Environments of each element that occurs."""
        return {symbol: len(self._rows[symbol]) for symbol in self.elements}

    def environments(self, symbol: str) -> tuple[np.ndarray, np.ndarray]:
        """Unscaled fingerprints of an element in their order, and the frame of each.

        Returns
        -------
        fingerprints : ndarray of float, shape (n, n_features)
        frames : ndarray of int, shape (n,)
        """
        return self._rows[symbol], self._frame_of[symbol]

    def kept_by(self, symbol: str, threshold: float) -> np.ndarray:
        """Which frames an element alone keeps from an empty bank, shape (n_frames,), bool."""
        return self._pick(symbol, threshold).frames.copy()

    @cached_property
    def noise_floor(self) -> dict[str, NoiseFloor]:
        """Thermal noise of each element; an element is missing if no atom of it is in two consecutive frames.

        Two frames count if they stand one after the other and hold the same atom IDs with the same elements;
        an atom counts if it moved by less than 1 Å between them (fractionally, so that a cell that changes
        does not count as motion). A threshold below this floor takes the vibration of an atom about one and
        the same site for something new.
        """
        floors = {}
        for symbol in self.elements:
            rows, frame_of = self._scaled(symbol), self._frame_of[symbol]
            now = np.flatnonzero(self._stayed[symbol])
            # the frame before has as many atoms of the element, in the same order
            then = now - np.bincount(frame_of, minlength=self.n_frames)[frame_of[now]]
            distances = np.linalg.norm(rows[now] - rows[then], axis=1)
            if len(distances):
                median, high = np.percentile(distances, [50, 95])
                floors[symbol] = NoiseFloor(float(median), float(high), len(distances))
        return floors

    def outcome(self, thresholds: Mapping[str, float]) -> Outcome:
        """What the bank's rule keeps of the pilot, from an empty bank.

        Parameters
        ----------
        thresholds : dict of str to float
            One for each element that occurs.
        """
        picks = {symbol: self._pick(symbol, thresholds[symbol]) for symbol in self.elements}
        kept = np.zeros(self.n_frames, bool)
        for pick in picks.values():
            kept |= pick.frames
        sizes = {symbol: pick.n_environments for symbol, pick in picks.items()}
        return Outcome({symbol: float(thresholds[symbol]) for symbol in picks}, int(kept.sum()), sizes)

    def curve(
        self, scales: Sequence[float] | None = None, ratios: Mapping[str, float] | None = None, n: int = 25
    ) -> list[Outcome]:
        """Outcomes for growing thresholds, each element's being ratio × scale.

        Parameters
        ----------
        scales : sequence of float, optional
            Default: `n` of them, equally spaced in the logarithm, from where nearly all frames are kept (95 %
            of those that differ at all) to where as few as possible are.
        ratios : dict of str to float, optional
            Default: 1, the same threshold for all elements.
        """
        if scales is None:
            scales = np.geomspace(*self._ends(ratios), n).tolist()
        return [self.outcome(self._at(scale, ratios)) for scale in scales]

    def afford(self, n_frames: int, ratios: Mapping[str, float] | None = None) -> Outcome:
        """The thresholds that keep as many frames as can be afforded, and not more.

        Found by bisection of the logarithm of the scale, then by trying a few scales around the place found:
        the number of kept frames need not fall steadily with the threshold, so a number may be jumped over.
        The outcome with most frames among those tried that keep at most `n_frames` is given.

        Raises
        ------
        ValueError
            If `n_frames` is below 1, or even the largest threshold keeps more.
        """
        if n_frames < 1:
            raise ValueError(f"{n_frames} frames: expected at least 1")
        low, high = self._ends(ratios)
        best = self.outcome(self._at(high, ratios))
        if best.n_frames > n_frames:
            raise ValueError(
                f"{n_frames} frames: even very large thresholds keep {best.n_frames}, because elements "
                "appear for the first time in different frames"
            )
        at_low = self.outcome(self._at(low, ratios))
        if at_low.n_frames <= n_frames:
            return at_low
        for _ in range(_MOST_STEPS):
            middle = float(np.sqrt(low * high))
            found = self.outcome(self._at(middle, ratios))
            if found.n_frames > n_frames:
                low = middle
                continue
            high = middle
            if found.n_frames >= best.n_frames:
                best = found
            if found.n_frames == n_frames or high / low < 1.0005:
                break
        for scale in np.geomspace(0.85 * low, 1.15 * high, _MOST_STEPS // 2):
            if best.n_frames == n_frames:
                break
            found = self.outcome(self._at(scale, ratios))
            if best.n_frames < found.n_frames <= n_frames:
                best = found
        return best

    def noise_ratios(self) -> dict[str, float]:
        """Thermal-noise floors as ratios of thresholds, the largest being 1.

        Raises
        ------
        ValueError
            If an element has no noise floor above 0.
        """
        floors = {symbol: self.noise_floor.get(symbol) for symbol in self.elements}
        for symbol, floor in floors.items():
            if floor is None or not floor.median > 0:
                raise ValueError(f"no thermal-noise floor of {symbol}: the pilot is no trajectory")
        medians = {symbol: floor.median for symbol, floor in floors.items() if floor is not None}
        return {symbol: median / max(medians.values()) for symbol, median in medians.items()}

    def scaling_data(self) -> str:
        """The fitted scaling as the text of an n2p2 ``scaling.data`` file.

        Raises
        ------
        ValueError
            If the scaling was not fitted on this pilot.
        """
        if not self._is_fitted:
            raise ValueError("the scaling was not fitted on this pilot: there is none to write")
        descriptor = _core.parse_input_nn(
            self.functions.text, "the symmetry functions", self.functions.length_unit
        )
        return self.statistics.to_scaling_data(descriptor)

    # ---- inside

    def _at(self, scale: float, ratios: Mapping[str, float] | None) -> dict[str, float]:
        return {
            symbol: float(scale) * (1.0 if ratios is None else ratios[symbol]) for symbol in self.elements
        }

    def _ends(self, ratios: Mapping[str, float] | None) -> tuple[float, float]:
        """Scales that keep (nearly) all frames, and as few as can be."""
        if not self.elements:
            raise ValueError("the pilot holds no atom that has symmetry functions")
        least = len({int(self._frame_of[symbol][0]) for symbol in self.elements})
        most = self.outcome(self._at(_SMALLEST, ratios)).n_frames
        high = 1.0
        while high < _LARGEST and self.outcome(self._at(high, ratios)).n_frames > least:
            high *= 2
        low = high / 2
        while low > _SMALLEST and self.outcome(self._at(low, ratios)).n_frames < 0.95 * most:
            low /= 2
        return low, high

    def _pick(self, symbol: str, threshold: float) -> _Pick:
        key = (symbol, threshold)
        if key not in self._picks:
            bank = EnvironmentBank.empty(self.functions, threshold, self.scaling)
            picked = bank.extend(symbol, self._rows[symbol])
            frames = np.zeros(self.n_frames, bool)
            frames[self._frame_of[symbol][picked]] = True
            self._picks[key] = _Pick(len(picked), frames)
        return self._picks[key]

    def _scaled(self, symbol: str) -> np.ndarray:
        number = self.functions.elements.index(symbol)
        shift, factor = np.array(self.scaling.shift[number]), np.array(self.scaling.factor[number])
        return (self._rows[symbol] - shift) * factor

    def _column_statistics(self) -> _core.ColumnStatistics:
        symbols = self.functions.elements
        statistics = _core.ColumnStatistics([self.functions.n_features[symbol] for symbol in symbols])
        for number, symbol in enumerate(symbols):
            rows = self._rows[symbol]
            statistics.add(np.full(len(rows), number, np.int32), rows.ravel())
        return statistics

    def _scaling_of(self, scaling: str | _core.Scaling) -> _core.Scaling:
        if not isinstance(scaling, str):
            return scaling
        if scaling == "none":
            widths = self.functions.n_features
            return _core.Scaling.identity([widths[symbol] for symbol in self.functions.elements])
        if scaling not in ("minmax", "std"):
            raise ValueError(f"scaling {scaling!r}: expected minmax, std or none")
        return self.statistics.scaling(scaling, self.functions.elements)


def find_knee(curve: Sequence[Outcome]) -> Outcome | None:
    """Where a larger threshold begins to save little: the knee of kept frames against log threshold.

    As in Kneedle (Satopää et al., ICDCS Workshops 2011) for a falling, convex curve: both axes are brought to
    0 … 1, from the last point that keeps most to the first that keeps least; the knee is the point farthest
    below the straight line between them.

    Returns
    -------
    Outcome or None
        None if no point lies below the line by more than 5 %.
    """
    kept = np.array([outcome.n_frames for outcome in curve], dtype=float)
    if len(kept) < 3 or kept.max() == kept.min():
        return None
    begin = int(np.flatnonzero(kept == kept.max())[-1])
    end = int(np.flatnonzero(kept == kept.min())[0])
    if end - begin < 2:
        return None
    x = np.log([max(outcome.thresholds.values()) for outcome in curve[begin : end + 1]])
    x = (x - x[0]) / (x[-1] - x[0])
    y = (kept[begin : end + 1] - kept[end]) / (kept[begin] - kept[end])
    below = (1 - x) - y
    at = int(np.argmax(below))
    return curve[begin + at] if below[at] > 0.05 else None


def read_pilot(
    paths: Sequence[str | os.PathLike],
    functions: SymmetryFunctions | None,
    scaling: str | os.PathLike = "minmax",
    *,
    types: Sequence[str] | None = None,
    every: int = 1,
    n_jobs: int = 1,
    progress: bool = True,
) -> Pilot:
    """A pilot from trajectories, or from the kept frames of a store.

    Parameters
    ----------
    paths : sequence of paths
        Trajectories, or one store (``.db``). A store brings its symmetry functions and scaling; thresholds
        below its own cannot bring back frames that it does not hold.
    functions : SymmetryFunctions or None
        None: those of the store.
    scaling : {"minmax", "std", "none"} or path
        A path is that of an n2p2 ``scaling.data`` (min-max). Not used with a store.
    every : int
        Take one frame out of so many.
    progress : bool
        Show progress if the error stream is a terminal.

    Raises
    ------
    ValueError
        If anything does not fit together.
    OSError
        If a file cannot be read.
    """
    if every < 1:
        raise ValueError(f"every {every}: expected at least 1")
    if len(paths) == 1 and Path(paths[0]).suffix == ".db":
        return _pilot_of_store(paths[0], functions, every, n_jobs, progress)
    if functions is None:
        raise ValueError("no symmetry functions: give an input.nn file, or calibrate from a store")
    from mdsieve.io.trajectories import iterate_frames

    chosen: str | _core.Scaling
    if str(scaling) in ("minmax", "std", "none"):
        chosen = str(scaling)
    elif Path(scaling).is_file():
        found = EnvironmentBank(functions, 1.0, "minmax").from_scaling_data(scaling).scaling
        if found is None:
            raise ValueError(f"{scaling}: no scaling in it")
        chosen = found
    else:
        raise ValueError(
            f"scaling {str(scaling)!r}: expected minmax, std, none or the name of a scaling.data file"
        )
    frames = (frame.atoms for i, frame in enumerate(iterate_frames(paths, types)) if i % every == 0)
    with showing_progress(progress) as show:
        return Pilot(functions, counting(frames, show("describing")), chosen, n_jobs)


def _pilot_of_store(
    path, functions: SymmetryFunctions | None, every: int, n_jobs: int, progress: bool
) -> Pilot:
    from mdsieve.driver.store import FrameStore

    bank = EnvironmentBank.load(path)
    if functions is not None and functions.hash != bank.functions.hash:
        raise ValueError(f"{path}: made with other symmetry functions than the ones given")
    if bank.scaling is None:
        raise ValueError(f"{path}: its bank has no scaling")
    with FrameStore.read(path) as store, showing_progress(progress) as show:
        if store.n_frames == 0:
            raise ValueError(f"{path}: no frame in it")
        frames = (
            _with_ids(*store.atoms(row["frame"])) for i, row in enumerate(store.frames()) if i % every == 0
        )
        return Pilot(bank.functions, counting(frames, show("describing")), bank.scaling, n_jobs)


def _with_ids(atoms: Atoms, data: dict) -> Atoms:
    atoms.set_array("id", np.asarray(data["atom_ids"]))
    return atoms


def _ids(atoms: Atoms) -> np.ndarray:
    if "id" in atoms.arrays:
        return np.asarray(atoms.arrays["id"], dtype=np.int64)
    return np.arange(1, len(atoms) + 1)


def _stayed(before: Atoms | None, atoms: Atoms) -> np.ndarray:
    """Which atoms are less than 1 Å from where they were in the frame before; both sorted by ID."""
    nowhere = np.zeros(len(atoms), bool)
    if before is None or len(before) != len(atoms) or not np.array_equal(before.numbers, atoms.numbers):
        return nowhere
    if not np.array_equal(_ids(before), _ids(atoms)) or np.any(before.pbc != atoms.pbc):
        return nowhere
    if not atoms.pbc.any():
        return np.linalg.norm(atoms.positions - before.positions, axis=1) < _STAYED
    if atoms.cell.rank < 3 or before.cell.rank < 3:
        return nowhere
    step = atoms.get_scaled_positions(wrap=False) - before.get_scaled_positions(wrap=False)
    step -= np.where(atoms.pbc, np.round(step), 0.0)
    return np.linalg.norm(step @ atoms.cell.array, axis=1) < _STAYED
