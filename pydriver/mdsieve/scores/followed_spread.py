# SPDX-License-Identifier: GPL-2.0-or-later
"""Spread of an ensemble whose file is replaced while MD runs: new weights judge the next frame."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from mdsieve.scores.contract import Environments, Score, Scorer
from mdsieve.scores.deltas import pack, unpack

if TYPE_CHECKING:
    from mdsieve.potentials.ensemble import NetworkEnsemble

__all__ = ["FollowedSpreadScorer"]

logger = logging.getLogger("mdsieve.scores")

_State: TypeAlias = tuple[int, int, int]

#: Seconds between two looks at the file.
_PATIENCE = 1.0


class FollowedSpreadScorer(Scorer):
    """The spread of whichever ensemble a file holds.

    The file is looked at before a frame is scored, at most once a second. What replaces it must have the same
    symmetry functions; if it has not, or cannot be read, the log says so and the ensemble that there is goes
    on. A kept frame's delta names the weights that judged it.

    Parameters
    ----------
    path : path
        File of a `NetworkEnsemble`, to be replaced by renaming only (as `NetworkEnsemble.save` does).
    make : callable
        Takes a `NetworkEnsemble` and makes the scorer of its spread.
    load : callable
        Takes a path and gives the `NetworkEnsemble`, on its device.

    Raises
    ------
    ValueError, OSError
        If the file cannot be read, or no scorer can be made of it.
    """

    name: ClassVar[str] = "spread"

    def __init__(
        self,
        path: Path,
        make: Callable[[NetworkEnsemble], Scorer],
        load: Callable[[Path], NetworkEnsemble],
    ) -> None:
        self._path = path
        self._make = make
        self._load = load
        self._looked = time.monotonic()
        self._state, self._weights, ensemble = self._read()
        self._descriptor = ensemble.functions.hash
        self._scorer = make(ensemble)
        self.needs = self._scorer.needs

    @property
    def weights(self) -> str:
        """The ensemble that judges now: the beginning of its file's SHA-256."""
        return self._weights

    def score(self, environments: Environments) -> Score:
        """The disagreement of the newest ensemble."""
        if time.monotonic() - self._looked >= _PATIENCE:
            self.look(environments.step)
        return self._scorer.score(environments)

    def look(self, step: int) -> None:
        """Take new weights if there are any.

        Parameters
        ----------
        step : int
            MD step of the first frame that they would judge, for the log.
        """
        self._looked = time.monotonic()
        try:
            state = _state(self._path)
            if state == self._state:
                return
            self._state = state  # of a file that cannot be taken it is said once
            self._state, weights, ensemble = self._read()
            if ensemble.functions.hash != self._descriptor:
                raise ValueError("other symmetry functions")
            self._scorer = self._make(ensemble)
        except (OSError, RuntimeError, ValueError) as error:
            logger.warning("spread: %s is not taken: %s", self._path, " ".join(str(error).split()))
            return
        self._weights = weights
        logger.info("spread: from step %d on by new weights of %s (%s)", step, self._path, weights)

    def propose(self, environments: Environments) -> bytes:
        """Which weights have judged the frame."""
        return pack({"weights": self._weights})

    def restore(self, delta: bytes) -> None:
        """Nothing to take in: the weights are those of the file."""
        if "weights" not in unpack(delta, "a delta of spread")[0]:
            raise ValueError("a delta of spread: expected the weights' name")

    def header(self) -> bytes:
        """What the spread is of, and that its weights change."""
        return pack({**unpack(self._scorer.header(), "spread")[0], "follow": True})

    def _read(self) -> tuple[_State, str, NetworkEnsemble]:
        """State of the file, name of its weights, and the ensemble, all of one file."""
        while True:
            state = _state(self._path)
            weights = hashlib.sha256(self._path.read_bytes()).hexdigest()[:16]
            ensemble = self._load(self._path)
            if _state(self._path) == state:
                return state, weights, ensemble


def _state(path: Path) -> _State:
    """What changes when a file is replaced, or taken away."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_ino, found.st_size
