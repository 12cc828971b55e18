# SPDX-License-Identifier: GPL-2.0-or-later
"""Frame: Hamming distance of a frame's difference vector to the nearest one of a kept frame."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mdsieve import _core
from mdsieve.scores.contract import FINGERPRINTS, Environments, Score, Scorer

__all__ = ["FrameScorer"]

_WORD = np.dtype("<u8")


class FrameScorer(Scorer):
    """How different a frame is from those that were kept, a fraction of the difference vector's bits.

    Parameters
    ----------
    seen : mdsieve._core.SeenFrames
        Ranges, bins, mode and, if it is known, the reference structure. Without one the first frame that is
        scored becomes it. It grows with every frame learnt.
    """

    name: ClassVar[str] = "frame"
    needs: frozenset[str] = frozenset({FINGERPRINTS})

    def __init__(self, seen: _core.SeenFrames) -> None:
        self._seen = seen

    def score(self, environments: Environments) -> Score:
        """Distance to the nearest vector; infinite as long as there is none."""
        return Score(self._seen.distance(self._vector(environments)))

    def propose(self, environments: Environments) -> bytes:
        """The frame's difference vector, packed."""
        return self._vector(environments).astype(_WORD).tobytes()

    def restore(self, delta: bytes) -> None:
        """Remember a vector."""
        if len(delta) != _WORD.itemsize * self._seen.n_words:
            raise ValueError(f"a delta of frame: {len(delta)} bytes")
        self._seen.add(np.frombuffer(delta, _WORD).astype(np.uint64))

    def header(self) -> bytes:
        """Ranges, bins, mode and reference."""
        return self._seen.serialise_header()

    def _vector(self, environments: Environments) -> np.ndarray:
        signature = self._seen.signature(environments.elements, environments.fingerprints)
        if not self._seen.reference:
            self._seen.set_reference(signature)
        return self._seen.vector_of(signature)
