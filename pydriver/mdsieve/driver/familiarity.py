# SPDX-License-Identifier: GPL-2.0-or-later
"""The difference vectors of a campaign's kept frames, and how far a frame is from them and from the bank."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mdsieve import _core
from mdsieve.driver.identity import BankMismatch
from mdsieve.driver.messages import Frame, Hello, LinkError

_WORD = np.dtype("<u8")


@dataclass(frozen=True)
class Familiarity:
    """How far a frame is from the frames that were kept.

    Attributes
    ----------
    distance : float
        To the nearest difference vector, a fraction of all bits; infinite if there is none.
    vector : (n_words,) array of uint64
        The frame's own.
    """

    distance: float
    vector: np.ndarray


class SeenFrames:
    """What the campaign remembers of its kept frames.

    Parameters
    ----------
    seen : mdsieve._core.SeenFrames
    """

    NAME = "frame"

    def __init__(self, seen: _core.SeenFrames) -> None:
        self._seen = seen

    @classmethod
    def from_hello(cls, hello: Hello, bank: _core.EnvironmentBank) -> SeenFrames | None:
        """What a fix asks for: its file of seen frames, or an empty memory with the scaling's ranges; None if
        it asks for none.

        Raises
        ------
        BankMismatch
            If what it asks for makes no sense.
        """
        wish = hello.info.get("difference")
        if wish is None:
            return None
        try:
            if hello.frames:
                seen = _core.SeenFrames.deserialise(hello.frames, "the frames file")
            else:
                layout = _core.HistogramLayout.from_scaling(
                    bank.descriptor_hash,
                    bank.elements,
                    bank.scaling,
                    wish["bins"],
                    wish["mode"],
                    wish["step"],
                )
                seen = _core.SeenFrames(layout)
        except ValueError as error:
            raise BankMismatch(f"fix {hello.info['fix']}: {error}") from None
        memory = cls(seen)
        memory.require_same(hello, "the frames file")
        if seen.layout.n_features != bank.n_features or seen.layout.descriptor_hash != bank.descriptor_hash:
            raise BankMismatch(f"fix {hello.info['fix']}: its frames file is for other symmetry functions")
        return memory

    @classmethod
    def from_store(cls, header: bytes, deltas: Iterable[bytes], name: str) -> SeenFrames:
        """The memory that a store implies.

        Raises
        ------
        ValueError
            If it is damaged.
        """
        seen = _core.SeenFrames.deserialise(header, f"{name}: scorer frame")
        for delta in deltas:
            if len(delta) != _WORD.itemsize * seen.n_words:
                raise ValueError(f"{name}: a difference vector has {len(delta)} bytes")
            seen.add(np.frombuffer(delta, _WORD).astype(np.uint64))
        return cls(seen)

    def require_same(self, hello: Hello, whose: str) -> None:
        """Refuse a fix that asks for other difference vectors.

        Raises
        ------
        BankMismatch
        """
        wish = hello.info["difference"]
        layout = self._seen.layout
        own = {"mode": layout.mode, "step": layout.step, "bins": layout.n_bins}
        for what, value in own.items():
            if wish[what] != value:
                raise BankMismatch(
                    f"fix {hello.info['fix']}: difference {what} {wish[what]} is not that of {whose} "
                    f"({value})"
                )

    def __len__(self) -> int:
        return len(self._seen)

    def header(self) -> bytes:
        """All that decides the numbers besides the frames kept in this campaign."""
        return self._seen.serialise()

    def layout(self) -> bytes:
        """What a fix must know to count its histograms."""
        return self._seen.serialise_header()

    @property
    def has_reference(self) -> bool:
        """Whether the reference structure is known."""
        return bool(self._seen.reference)

    def signature(self, frame: Frame) -> bytes:
        """The frame's histogram: as the ranks added it up, or of its candidates if they knew no bank yet.

        Raises
        ------
        LinkError
            If it is not one of these histograms.
        """
        if len(frame.histogram):
            signature = frame.histogram.tobytes()
        else:
            signature = self._seen.signature(
                np.ascontiguousarray(frame.candidate_elements, np.int32),
                np.ascontiguousarray(frame.fingerprints, np.float64),
            )
        if len(signature) != self._seen.signature_bytes:
            raise LinkError(
                f"FRAME: step {frame.step}: a histogram of {len(signature)} bytes, expected "
                f"{self._seen.signature_bytes}"
            )
        return signature

    def begin_with(self, signature: bytes) -> None:
        """Take a frame as the reference structure."""
        self._seen.set_reference(signature)

    def familiarity(self, signature: bytes) -> Familiarity:
        """How far a frame is from those that were kept."""
        vector = self._seen.vector_of(signature)
        return Familiarity(self._seen.distance(vector), vector)

    @staticmethod
    def delta(familiarity: Familiarity) -> bytes:
        """What keeping the frame adds, as it is stored."""
        return familiarity.vector.astype(_WORD).tobytes()

    def add(self, familiarity: Familiarity) -> None:
        """Enter what has been stored."""
        self._seen.add(familiarity.vector)


def range_excess(bank: _core.EnvironmentBank, frame: Frame) -> _core.RangeExcess | None:
    """How far a frame lies outside of the range of the bank's entries; None if the fix did not say.

    Raises
    ------
    LinkError
        If its columns are not the bank's.
    """
    if len(frame.smallest):
        extents = (frame.smallest, frame.largest, frame.smallest_ids, frame.largest_ids)
    elif frame.revision < 0:
        extents = _core.frame_extents(
            bank.n_features,
            np.ascontiguousarray(frame.candidate_elements, np.int32),
            np.ascontiguousarray(frame.candidate_ids, np.int64),
            np.ascontiguousarray(frame.fingerprints, np.float64),
        )
    else:
        return None
    smallest, largest, smallest_ids, largest_ids = extents
    try:
        return _core.range_excess(
            bank,
            np.ascontiguousarray(smallest, np.float64),
            np.ascontiguousarray(largest, np.float64),
            np.ascontiguousarray(smallest_ids, np.int64),
            np.ascontiguousarray(largest_ids, np.int64),
        )
    except ValueError as error:
        raise LinkError(f"FRAME: step {frame.step}: {error}") from None


def finite(value: float) -> float | None:
    """A number, None for what cannot be told: infinite, or not a number."""
    return value if math.isfinite(value) else None
