# SPDX-License-Identifier: GPL-2.0-or-later
"""Choose N frames, or N environments, in one pass: a bank whose radius grows as it must.

The doubling algorithm for k-centre clustering of a stream (Charikar, Chekuri, Feder, Motwani, SIAM J.
Comput. 33, 1417, 2004) on the bank's rule. The bank begins with a tiny radius r. Whenever it holds more than
it may, r is doubled and the bank is thinned out by its own greedy rule, in stored order, until it fits. Then

* entries are more than r apart, and every environment seen is within 2r of an entry: what a thinning
  removes was within the new radius of an entry that stays, and r + r/2 + r/4 + … < 2r;
* if r was ever doubled, there were N + 1 entries more than r/2 apart, two of which must share one of any N
  centres: no N environments cover everything within r/4.

So the cover radius is at most 8 times the smallest that N environments can have.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from mdsieve.bank import EnvironmentBank, flat_fingerprints

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve import _core
    from mdsieve.descriptors import SymmetryFunctions

Of = Literal["frames", "environments"]


class BudgetSampler:
    """Keep the N frames, or the frames of the N environments, that cover what was seen.

    Parameters
    ----------
    functions : SymmetryFunctions
    n_to_select : int
        The budget.
    scaling : mdsieve._core.Scaling
        Column scaling, known beforehand (`EnvironmentBank.scaling`, `Pilot.scaling`).
    of : {"frames", "environments"}
        What the budget counts. Frames: at most N are kept, and exactly N if so many hold an environment of
        their own; a frame may bring many environments. Environments: at most (and in the same sense
        exactly) N bank entries over all elements.
    ratios : float or dict of str to float
        Distances of an element are divided by its ratio before they are compared between elements: as the
        thresholds of the elements stand to one another.
    start : float
        Radius to begin with (times the ratio). Environments nearer than this are taken for the same. A
        threshold here makes it the bank's usual rule as long as the budget lasts.

    Attributes
    ----------
    selected_indices_ : ndarray of int
        Numbers of the frames kept, ascending, counted from 0 in the order in which they were shown.
    radius_ : float
        The last radius r; every environment seen is within 2 r (times its element's ratio) of one in `bank_`.
    lower_bound_ : float
        No N environments cover all that was seen within less than this; 0 if r never grew.
    bank_ : EnvironmentBank
        The environments that cover the rest; thresholds are radius_ × ratio.
    n_frames_seen_ : int

    Raises
    ------
    ValueError
        If the budget is below 1, or the start radius not above 0.

    Notes
    -----
    After a thinning there are fewer than N; what it removed last waits in reserve, and `finish` takes it
    back, farthest first, until there are N. That can only bring the cover radius down. Memory holds at most
    2 N + 1 frames.
    """

    def __init__(
        self,
        functions: SymmetryFunctions,
        n_to_select: int,
        scaling: _core.Scaling,
        *,
        of: Of = "frames",
        ratios: float | Mapping[str, float] = 1.0,
        start: float = 1e-6,
    ) -> None:
        if n_to_select < 1:
            raise ValueError(f"budget {n_to_select}: expected at least 1")
        if of not in ("frames", "environments"):
            raise ValueError(f"of {of!r}: expected 'frames' or 'environments'")
        if not (np.isfinite(start) and start > 0):
            raise ValueError(f"start {start!r}: expected a finite number above 0")
        self.functions = functions
        self.n_to_select = n_to_select
        self.of = of
        if not isinstance(ratios, Mapping):
            ratios = dict.fromkeys(functions.elements, ratios)
        self.ratios = dict(ratios)
        self.start = start
        self.radius_ = float(start)
        self.lower_bound_ = 0.0
        self.n_frames_seen_ = 0
        self.bank_ = EnvironmentBank.empty(functions, self._thresholds(), scaling)
        self._entries: list[tuple[int, int]] = []  # frame and atom ID of the bank's entries, in its order
        self._frames: set[int] = set()
        self._reserve: dict[int, tuple[int, int]] = {}  # of what the last thinning removed: place, origin
        self._reserve_bank = self.bank_

    def fit(self, frames: Iterable[Atoms], y: object = None) -> BudgetSampler:
        """Show all frames, and take back from the reserve what the budget has room for."""
        for atoms in frames:
            self.partial_fit(atoms)
        return self.finish()

    def partial_fit(self, atoms: Atoms) -> bool:
        """Show one frame.

        Returns
        -------
        bool
            Whether it is kept for the time being.
        """
        rows = self.functions.create_by_element(atoms)
        return self.partial_fit_fingerprints(*flat_fingerprints(self.functions, atoms, rows))

    def partial_fit_fingerprints(
        self, elements: np.ndarray, fingerprints: np.ndarray, order: np.ndarray, atom_ids: np.ndarray
    ) -> bool:
        """`partial_fit` with fingerprints that exist already, as `mdsieve.bank.flat_fingerprints` gives
        them.
        """
        frame = self.n_frames_seen_
        self.n_frames_seen_ += 1
        update = self.bank_.update_from_fingerprints(elements, fingerprints, order, atom_ids, step=frame)
        self._enter((frame, int(atom_ids[i])) for i in update.new)
        while self._count() > self.n_to_select:
            self._double()
        return frame in self._frames

    @property
    def selected_indices_(self) -> np.ndarray:
        """Numbers of the frames kept, ascending."""
        return np.array(sorted(self._frames), dtype=np.int64)

    @property
    def waiting_indices_(self) -> np.ndarray:
        """Numbers of the frames that are not kept now but may come back in `finish`, ascending."""
        waiting = {frame for frame, _ in self._reserve.values()} - self._frames
        return np.array(sorted(waiting), dtype=np.int64)

    def atoms_in_bank(self, frame: int) -> list[int]:
        """IDs of the atoms of a frame whose environments are in `bank_`."""
        return [atom for of, atom in self._entries if of == frame]

    def finish(self) -> BudgetSampler:
        """Take back what was removed last, farthest first, as long as the budget has room."""
        groups: dict[object, list[int]] = {}
        for position, origin in self._reserve.items():
            if self.of == "environments":
                groups[origin] = [position]
            elif origin[0] not in self._frames:
                groups.setdefault(origin[0], []).append(position)
        heap = [(-np.inf, i, key) for i, key in enumerate(groups)]
        heapq.heapify(heap)
        while heap and self._count() < self.n_to_select:
            _, tie, key = heapq.heappop(heap)
            novelty = self._novelty(groups[key])
            if heap and -novelty > heap[0][0]:  # others may be farther by now
                heapq.heappush(heap, (-novelty, tie, key))
                continue
            if novelty > 0:
                self._take_back(groups[key])
        self._reserve = {}
        return self

    # ---- inside

    def _thresholds(self) -> dict[str, float]:
        return {symbol: self.radius_ * ratio for symbol, ratio in self.ratios.items()}

    def _count(self) -> int:
        return len(self._frames) if self.of == "frames" else len(self._entries)

    def _enter(self, origins: Iterable[tuple[int, int]]) -> None:
        for frame, atom in origins:
            self._entries.append((frame, atom))
            self._frames.add(frame)

    def _double(self) -> None:
        before = self.bank_
        self.lower_bound_ = self.radius_ / 2
        self.radius_ *= 2
        self.bank_ = before.rethreshold(self._thresholds())
        stays = {(int(frame), int(atom)) for _, frame, atom in self.bank_.compiled.entries_since(0)[1]}
        self._reserve = {i: origin for i, origin in enumerate(self._entries) if origin not in stays}
        self._reserve_bank = before
        remaining = [origin for origin in self._entries if origin in stays]
        self._entries, self._frames = [], set()
        self._enter(remaining)

    def _novelty(self, positions: list[int]) -> float:
        """The largest distance of some reserve entries from the bank, in units of the ratios."""
        native = self.bank_.compiled
        largest = 0.0
        for position in positions:
            element, _, fingerprint = self._reserve_bank.compiled.entry(position)
            found = native.distances(np.array([element], np.int32), fingerprint)[0]
            largest = max(largest, float(found) / self.ratios[self.functions.elements[element]])
        return largest

    def _take_back(self, positions: list[int]) -> None:
        native = self.bank_.compiled
        for position in positions:
            element, origin, fingerprint = self._reserve_bank.compiled.entry(position)
            native.add(np.array([element], np.int32), np.array([origin], np.int64), fingerprint)
            self._enter([self._reserve[position]])
