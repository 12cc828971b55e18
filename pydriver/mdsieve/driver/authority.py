# SPDX-License-Identifier: GPL-2.0-or-later
"""The campaign's bank as the driver keeps it: what is new in a frame, and what a fix has not got yet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdsieve import _core
from mdsieve.driver.identity import BankMismatch, descriptor_of, require_same_identity, scaling_of
from mdsieve.driver.messages import Frame, Hello, LinkError
from mdsieve.driver.store import Environment, FrameStore, as_arrays


@dataclass(frozen=True)
class Novelties:
    """How new a frame is.

    Attributes
    ----------
    largest : float
        The frame's novelty: the largest of its atoms'; infinite if an atom's element has no entry in the
        bank.
    atom : int
        ID of the atom with it, the first in the order of IDs; 0 if none is known.
    element : str
        Its element, empty if it was dropped at the source and the frame carries no atoms.
    cautious : float or None
        The largest among atoms whose element has an entry: what junk and stop conditions look at, because an
        empty bank says nothing about how odd a frame is. None if there is no such atom.
    """

    largest: float
    atom: int
    element: str
    cautious: float | None

    @property
    def scores(self) -> dict[str, float]:
        """The scores that a frame is kept by."""
        return {"novelty": self.largest}

    @property
    def cautious_scores(self) -> dict[str, float]:
        """The scores that a frame is junk by, or the run stopped by."""
        return {} if self.cautious is None else {"novelty": self.cautious}


class Authority:
    """The bank that decides.

    Parameters
    ----------
    bank : mdsieve._core.EnvironmentBank
    """

    def __init__(self, bank) -> None:
        self._bank = bank
        self.elements: list[str] = bank.elements
        self._n_features: list[int] = bank.n_features
        self._thresholds = np.asarray(bank.thresholds)

    @classmethod
    def from_store(cls, store: FrameStore) -> Authority:
        """The bank that a store implies: its header with the environments of its kept frames."""
        return cls(store.bank())

    @property
    def bank(self):
        """The bank itself, `mdsieve._core.EnvironmentBank`."""
        return self._bank

    @property
    def revision(self) -> int:
        """Number of entries."""
        return len(self._bank)

    def sizes(self) -> dict[str, int]:
        """Entries of each element."""
        return {symbol: self._bank.size(i) for i, symbol in enumerate(self.elements)}

    def serialise(self) -> bytes:
        """The whole bank as bytes."""
        return self._bank.serialise()

    def header_bytes(self) -> bytes:
        """The bank without its entries as bytes."""
        bank = self._bank
        names = (
            "descriptor_text",
            "descriptor_hash",
            "elements",
            "n_features",
            "cutoffs",
            "thresholds",
            "scaling",
        )
        return _core.EnvironmentBank(**{name: getattr(bank, name) for name in names}).serialise()

    def environments(self) -> list[Environment]:
        """All entries in the order in which they were added."""
        elements, origins, values = self._bank.entries_since(0)
        rows = np.split(values, np.cumsum(np.take(self._n_features, elements))[:-1]) if len(elements) else []
        return [
            Environment(int(element), (int(run), int(step), int(atom)), row)
            for element, (run, step, atom), row in zip(elements, origins, rows, strict=True)
        ]

    def require_same(self, hello: Hello, name: str) -> None:
        """Refuse a fix that may not use this bank.

        Raises
        ------
        BankMismatch
        """
        own = {
            "descriptor": self._bank.descriptor_hash,
            "elements": self.elements,
            "thresholds": list(self._thresholds),
        }
        advice = ": use the same, or another store"
        require_same_identity(hello, own, name, advice)
        scaling, _ = scaling_of(hello, descriptor_of(hello))
        if scaling is not None and scaling != self._bank.scaling:
            source = hello.info["scaling"].get("name") or "its bank"
            raise BankMismatch(
                f"fix {hello.info['fix']}: the scaling of {source} is not that of {name}{advice}"
            )
        kind = hello.info["scaling"].get("kind")
        if scaling is None and kind != self._bank.scaling.kind:
            raise BankMismatch(
                f"fix {hello.info['fix']}: scaling kind {kind} is not that of {name} "
                f"({self._bank.scaling.kind})"
            )

    def novelties(self, frame: Frame) -> Novelties:
        """How new a frame is, by the bank as it is now.

        Raises
        ------
        LinkError
            If the frame's arrays contradict each other.
        """
        self._check(frame)
        elements = frame.candidate_elements
        atom, symbol = frame.dropped_atom, self._element_of(frame, frame.dropped_atom)
        largest = frame.dropped_novelty
        cautious = largest if frame.dropped_atom else None
        novelty, first, unseen = self._bank.largest_novelty(as_ints(elements), as_reals(frame.fingerprints))
        if first >= 0:
            cautious = max(novelty, 0.0 if cautious is None else cautious)
        if unseen >= 0:
            novelty, first = math.inf, unseen
        if first >= 0 and (novelty > largest or not frame.dropped_atom):
            largest = novelty
            atom, symbol = int(frame.candidate_ids[first]), self.elements[elements[first]]
        return Novelties(float(largest), int(atom), symbol, cautious)

    def select_new(self, frame: Frame, run: int) -> list[Environment]:
        """The entries that a frame brings, in the order of atom IDs; the bank is not changed."""
        elements = as_ints(frame.candidate_elements)
        ends = frame.fingerprint_ends(self._n_features)
        values = as_reals(frame.fingerprints)
        picks = self._bank.select_new(elements, values)
        return [
            Environment(
                int(elements[i]),
                (run, frame.step, int(frame.candidate_ids[i])),
                values[ends[i] - self._n_features[elements[i]] : ends[i]].copy(),
            )
            for i in picks
        ]

    def add(self, environments: Sequence[Environment]) -> None:
        """Enter what has been stored."""
        self._bank.add(*as_arrays(environments))

    def news(self, revision: int) -> dict:
        """What a source with `revision` entries has not got, as the fields of a `Verdict`.

        Raises
        ------
        LinkError
            If the source claims more entries than there are.
        """
        if revision < 0:
            return {"revision": self.revision, "bank": self.serialise()}
        if revision > self.revision:
            raise LinkError(f"FRAME: the fix has {revision} bank entries, the driver only {self.revision}")
        elements, origins, fingerprints = self._bank.entries_since(revision)
        return {
            "revision": self.revision,
            "elements": elements,
            "origins": origins,
            "fingerprints": fingerprints,
        }

    def _check(self, frame: Frame) -> None:
        frame.fingerprint_ends(self._n_features)
        if np.any(np.diff(frame.candidate_ids) <= 0):
            raise LinkError(
                f"FRAME: step {frame.step}: the candidates are not in ascending order of atom IDs"
            )

    def _element_of(self, frame: Frame, atom: int) -> str:
        """Element of an atom that was dropped at the source, if the frame carries atoms."""
        if frame.ids is None or frame.elements is None or atom <= 0:
            return ""
        at = int(np.searchsorted(frame.ids, atom))
        found = at < len(frame.ids) and frame.ids[at] == atom and 0 <= frame.elements[at] < len(self.elements)
        return self.elements[frame.elements[at]] if found else ""


def as_ints(values) -> np.ndarray:
    """Values as the core takes element numbers."""
    return np.ascontiguousarray(values, dtype=np.int32)


def as_reals(values) -> np.ndarray:
    """Values as the core takes fingerprints."""
    return np.ascontiguousarray(values, dtype=np.float64)
