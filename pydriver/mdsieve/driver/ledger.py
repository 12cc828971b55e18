# SPDX-License-Identifier: GPL-2.0-or-later
"""The store as the driver writes it: lines of the evaluations table wait in memory for a while."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mdsieve.driver.progress import Summary
from mdsieve.driver.store import Environment, Evaluation, FrameStore, KeptFrame

MOST_BUFFERED = 10_000


class Ledger:
    """A store, and the evaluations that are not in it yet.

    Every method that writes takes the waiting evaluations along in its transaction.

    Parameters
    ----------
    store : FrameStore
        Open for writing; closed by `close`.
    summary : Summary
        Told the seconds spent storing.
    longest_wait : float
        Seconds that an evaluation may wait in memory.
    """

    def __init__(self, store: FrameStore, summary: Summary, longest_wait: float) -> None:
        self._store = store
        self._summary = summary
        self._longest_wait = longest_wait
        self._waiting: list[Evaluation] = []
        self._since = time.monotonic()
        self.n_frames = store.n_frames

    def begin_run(self, world: int, channel: int, info: dict) -> tuple[int, int]:
        """A fix begins; number of its run, and the step of the frame last kept for one of its name."""
        with self._timed():
            run = self._store.begin_run(world, channel, info)
            return run, self._store.last_kept_step(world, str(info["fix"]))

    def create_bank(self, header: bytes, description: dict, environments: list[Environment]) -> None:
        """Enter the campaign's bank and what it begins with."""
        with self._timed():
            self._store.create_bank(header, description, environments)

    def scorer_header(self, name: str) -> bytes | None:
        """What a scorer was begun with; None if it is new to the campaign."""
        return self._store.scorer_header(name)

    def scorer_deltas(self, name: str) -> list[bytes]:
        """What the kept frames meant for a scorer, in their order."""
        return self._store.scorer_deltas(name)

    def begin_scorer(self, name: str, header: bytes) -> None:
        """Enter a scorer, or what it begins with now that more of it is known."""
        with self._timed():
            self._store.begin_scorer(name, header)

    def note(self, evaluation: Evaluation) -> None:
        """Remember an evaluation until the next transaction."""
        self._waiting.append(evaluation)

    def keep(
        self, frame: KeptFrame, entries: list[Environment], deltas: Mapping[str, bytes] | None = None
    ) -> None:
        """Store a frame with its environments and what it means for scorers; durable on return."""
        with self._timed():
            self._store.add_frame(frame, entries, self._take(), deltas)
        self.n_frames += 1

    def add_run_command(self, run: int, info: dict) -> None:
        """A run command of LAMMPS has ended."""
        with self._timed():
            self._store.add_run_command(run, info, self._take())

    def end_run(self, run: int, ending: str) -> None:
        """A fix has gone."""
        with self._timed():
            self._store.end_run(run, ending, self._take())

    def flush(self) -> None:
        """Store what waits."""
        with self._timed():
            self._store.add_evaluations(self._take())

    def flush_if_due(self) -> None:
        """Store what waits if it is much, or has waited long enough."""
        overdue = time.monotonic() - self._since > self._longest_wait
        if self._waiting and (overdue or len(self._waiting) >= MOST_BUFFERED):
            self.flush()

    def close(self) -> None:
        """Close the store; what waits is not stored."""
        self._store.close()

    def _take(self) -> list[Evaluation]:
        waiting, self._waiting = self._waiting, []
        self._since = time.monotonic()
        return waiting

    @contextmanager
    def _timed(self) -> Iterator[None]:
        with self._summary.timed("storing"):
            yield
