# SPDX-License-Identifier: GPL-2.0-or-later
"""The campaign's bank as the driver keeps it: what is new in a frame, and what a fix has not got yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdsieve import _core
from mdsieve.driver.messages import Frame, Hello, LinkError
from mdsieve.driver.store import Environment, FrameStore, as_arrays


class BankMismatch(ValueError):
    """A fix whose descriptor, thresholds or scaling are not the campaign's; one line that says what
    differs.
    """


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
            Environment(int(element), tuple(map(int, origin)), row)
            for element, origin, row in zip(elements, origins, rows, strict=True)
        ]

    def require_same(self, hello: Hello, name: str) -> None:
        """Refuse a fix that may not use this bank.

        Raises
        ------
        BankMismatch
        """
        own = {"descriptor": self._bank.descriptor_hash, "elements": self.elements}
        own["thresholds"] = list(self._thresholds)
        theirs = _identity(hello)
        for what, value in own.items():
            if theirs[what] != value:
                raise BankMismatch(
                    f"fix {hello.info['fix']}: its {what} {_shown(what, hello, theirs)} is not that of "
                    f"{name} ({_text(value)}): use the same, or another store"
                )
        scaling = Pilot.from_hello(hello).scaling
        if scaling is not None and scaling != self._bank.scaling:
            source = hello.info["scaling"].get("name") or "its bank"
            raise BankMismatch(
                f"fix {hello.info['fix']}: the scaling of {source} is not that of {name}: use the same, or "
                "another store"
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
        if len(elements):
            novelty = (
                self._bank.distances(_ints(elements), _reals(frame.fingerprints)) / self._thresholds[elements]
            )
            first = int(np.argmax(novelty))
            if novelty[first] > largest or not frame.dropped_atom:
                largest = float(novelty[first])
                atom, symbol = int(frame.candidate_ids[first]), self.elements[elements[first]]
            known = novelty[np.isfinite(novelty)]
            if len(known):
                cautious = max(float(known.max()), 0.0 if cautious is None else cautious)
        return Novelties(float(largest), int(atom), symbol, cautious)

    def select_new(self, frame: Frame, run: int) -> list[Environment]:
        """The entries that a frame brings, in the order of atom IDs; the bank is not changed."""
        elements = _ints(frame.candidate_elements)
        rows = frame.fingerprint_rows(self._n_features)
        picks = self._bank.select_new(elements, _reals(frame.fingerprints))
        return [
            Environment(int(elements[i]), (run, frame.step, int(frame.candidate_ids[i])), rows[i].copy())
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
        frame.fingerprint_rows(self._n_features)
        if np.any(np.diff(frame.candidate_ids) <= 0):
            raise LinkError(
                f"FRAME: step {frame.step}: the candidates are not in ascending order of atom IDs"
            )

    def _element_of(self, frame: Frame, atom: int) -> str:
        """Element of an atom that was dropped at the source, if the frame carries atoms."""
        if frame.ids is None or atom <= 0:
            return ""
        at = int(np.searchsorted(frame.ids, atom))
        found = at < len(frame.ids) and frame.ids[at] == atom and 0 <= frame.elements[at] < len(self.elements)
        return self.elements[frame.elements[at]] if found else ""


@dataclass(frozen=True)
class Pilot:
    """What the first fix says of the bank to be: everything but, perhaps, the scaling.

    Attributes
    ----------
    info : dict
        What the fix said of itself.
    descriptor : mdsieve._core.Descriptor
    scaling : mdsieve._core.Scaling or None
        None if it is still to be fitted.
    frames : int
        How many frames to fit it on; 0 if it is known.
    """

    info: dict
    descriptor: object
    scaling: object | None
    frames: int

    @classmethod
    def from_hello(cls, hello: Hello) -> Pilot:
        """Read the fix's descriptor and scaling.

        Raises
        ------
        BankMismatch
            If what it sent does not fit together.
        """
        info = hello.info
        try:
            descriptor = _core.parse_input_nn(
                info["descriptor_text"], info["descriptor_name"], info["length_unit"]
            )
            scaling, frames = _scaling(hello, descriptor)
        except KeyError as error:
            raise BankMismatch(f"HELLO of fix {info.get('fix')} lacks {error}") from None
        except ValueError as error:
            raise BankMismatch(f"fix {info['fix']}: {error}") from None
        if descriptor.hash != info["descriptor_hash"]:
            raise BankMismatch(
                f"fix {info['fix']}: the driver reads {info['descriptor_name']} differently from the plugin: "
                "install both from the same mdsieve"
            )
        return cls(info, descriptor, scaling, frames)

    @property
    def description(self) -> dict:
        """What the store says of the bank in words."""
        scaling = self.info["scaling"]
        return {
            "descriptor_hash": self.info["descriptor_hash"],
            "descriptor_name": self.info["descriptor_name"],
            "descriptor_text": self.info["descriptor_text"],
            "elements": self.info["elements"],
            "thresholds": self.info["thresholds"],
            "scaling": {key: scaling.get(key) for key in ("source", "kind", "name", "pilot")},
        }

    def require_same(self, hello: Hello) -> None:
        """Refuse a fix that may not share this pilot.

        Raises
        ------
        BankMismatch
        """
        own, theirs = _identity(Hello(self.info)), _identity(hello)
        keys = ("source", "kind", "pilot")
        own["scaling"] = [self.info["scaling"].get(key) for key in keys]
        theirs["scaling"] = [hello.info["scaling"].get(key) for key in keys]
        for what, value in own.items():
            if theirs[what] != value:
                raise BankMismatch(
                    f"fix {hello.info['fix']}: its {what} {_shown(what, hello, theirs)} is not that of "
                    f"fix {self.info['fix']} ({_text(value)}), and both share one bank"
                )

    def bank(self, hello: Hello) -> Authority:
        """The bank to begin with: that of the fix's bank file, or an empty one."""
        bank = self._empty(self.scaling)
        if hello.bank:
            given = _core.EnvironmentBank.deserialise(bytes(hello.bank), "the bank file")
            try:
                given.require_compatible(bank, f"fix {self.info['fix']}")
            except ValueError as error:
                raise BankMismatch(str(error)) from None
            elements, origins, fingerprints = given.entries_since(0)
            bank.add(elements, origins, fingerprints)
        return Authority(bank)

    def fit(self, frames: Sequence[Frame]) -> Authority:
        """An empty bank whose scaling is fitted on all candidates of some frames.

        Raises
        ------
        BankMismatch
            If an element was never seen.
        """
        n_features = self._n_features
        statistics = _core.ColumnStatistics(n_features)
        for frame in frames:
            frame.fingerprint_rows(n_features)  # they must add up
            statistics.add(_ints(frame.candidate_elements), _reals(frame.fingerprints))
        try:
            scaling = statistics.scaling(self.info["scaling"]["kind"], self.info["elements"])
        except ValueError as error:
            raise BankMismatch(f"fix {self.info['fix']}: scaling pilot {self.frames}: {error}") from None
        return Authority(self._empty(scaling))

    @property
    def _n_features(self) -> list[int]:
        return [len(self.descriptor.columns(i)) for i in range(len(self.info["elements"]))]

    def _empty(self, scaling):
        cutoffs = []
        functions = self.descriptor.functions
        for i in range(len(self.info["elements"])):
            cutoffs.append(max((functions[k].r_cutoff for k in self.descriptor.columns(i)), default=0.0))
        return _core.EnvironmentBank(
            descriptor_text=self.info["descriptor_text"],
            descriptor_hash=self.info["descriptor_hash"],
            elements=self.info["elements"],
            n_features=self._n_features,
            cutoffs=cutoffs,
            thresholds=self.info["thresholds"],
            scaling=scaling,
        )


def _scaling(hello: Hello, descriptor) -> tuple[object | None, int]:
    """The scaling that a fix asks for, and the frames to fit it on."""
    scaling = hello.info["scaling"]
    n_features = [len(descriptor.columns(i)) for i in range(len(hello.info["elements"]))]
    match scaling["source"]:
        case "none":
            return _core.Scaling.identity(n_features), 0
        case "file":
            return _core.parse_scaling_data(scaling["text"], scaling["name"], descriptor, scaling["kind"]), 0
        case "bank":
            return _core.EnvironmentBank.deserialise(bytes(hello.bank), "the bank file").scaling, 0
        case "pilot":
            if scaling["pilot"] < 1:
                raise ValueError(f"scaling pilot {scaling['pilot']}: expected 1 frame or more")
            return None, int(scaling["pilot"])
    raise ValueError(f"scaling {scaling['source']}: expected file, pilot, none or bank")


def _identity(hello: Hello) -> dict:
    """What must agree between all fixes that share a bank."""
    return {
        "descriptor": hello.info["descriptor_hash"],
        "elements": hello.info["elements"],
        "thresholds": [float(value) for value in hello.info["thresholds"]],
    }


def _shown(what: str, hello: Hello, identity: dict) -> str:
    if what == "descriptor":
        return f"{hello.info['descriptor_name']} ({identity[what][:12]})"
    return _text(identity[what])


def _text(value) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)[:12]


def _ints(values) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.int32)


def _reals(values) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float64)
