# SPDX-License-Identifier: GPL-2.0-or-later
"""The messages of the link as bytes: ``docs/link.md`` in Python.

Every message is a multiple of 8 bytes, little-endian, with a header of four words (magic, kind, channel,
payload length). `decode` checks each length against what arrived before it makes an array of it, and gives
numpy views of the buffer; nothing is copied.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np

PROTOCOL_VERSION = 1
MAGIC = b"MDSIEVE1"
WORD = 8
HEADER = struct.Struct("<8sqqq")

FIELD_ATOMS = 1
FIELD_VELOCITIES = 2
FIELD_FORCES = 4
FIELD_ENERGY = 8
FIELD_STRESS = 16

#: What a driver may ask for in WELCOME: fingerprints of all atoms, atoms with every frame.
NEED_FINGERPRINTS = 1
NEED_ATOMS = 2

KNOWN, KEPT, JUNK, PENDING = range(4)
VERDICT_NAMES = ("known", "kept", "junk", "pending")

#: How a fix went: its `ending` in the runs table.
PARTINGS = ("unfix", "clear", "end of script", "error")

_INT = np.dtype("<i8")
_SHORT = np.dtype("<i4")
_REAL = np.dtype("<f8")
_BYTE = np.dtype("u1")


class LinkError(ValueError):
    """A message that does not follow ``docs/link.md``; the text is one line that says what is wrong with
    it.
    """


def _shown(version: bytes) -> str:
    text = version.decode("ascii", "replace")
    return text if text.isprintable() else repr(version)


def _padded(n_bytes: int) -> int:
    return -(-n_bytes // WORD) * WORD


class _Writer:
    """Collects the parts of one payload, each padded to whole words."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def words(self, layout: str, *values) -> None:
        self.parts.append(struct.pack("<" + layout, *values))

    def raw(self, data: bytes) -> None:
        self.parts.append(bytes(data).ljust(_padded(len(data)), b"\0"))

    def array(self, values, dtype: np.dtype) -> None:
        self.raw(np.ascontiguousarray(values, dtype=dtype).tobytes())

    def message(self, kind: int, channel: int) -> bytes:
        payload = b"".join(self.parts)
        return HEADER.pack(MAGIC, kind, channel, len(payload)) + payload


class _Reader:
    """Takes a payload apart from front to back; a length that does not fit is a `LinkError`."""

    def __init__(self, payload: memoryview, name: str) -> None:
        self.payload = payload
        self.name = name
        self.at = 0

    def _take(self, n_bytes: int, what: str) -> int:
        left = len(self.payload) - self.at
        if n_bytes < 0 or _padded(n_bytes) > left:
            raise LinkError(
                f"{self.name}: {what} would take {n_bytes} bytes, but {left} are left in the message"
            )
        start = self.at
        self.at += _padded(n_bytes)
        return start

    def words(self, layout: str) -> tuple:
        layout = "<" + layout
        return struct.unpack_from(layout, self.payload, self._take(struct.calcsize(layout), "the fixed part"))

    def raw(self, n_bytes: int, what: str) -> memoryview:
        start = self._take(n_bytes, what)
        return self.payload[start : start + n_bytes]

    def text(self, n_bytes: int, what: str) -> str:
        try:
            return str(self.raw(n_bytes, what), "utf-8")
        except UnicodeDecodeError as error:
            raise LinkError(f"{self.name}: {what} is not UTF-8 text: {error}") from None

    def json(self, n_bytes: int, what: str) -> dict:
        text = self.text(n_bytes, what)
        try:
            value = json.loads(text)
            if "\\ud" in text.lower():  # halves of a character, which no file or terminal can take
                json.dumps(value, ensure_ascii=False).encode()
        except RecursionError:
            raise LinkError(f"{self.name}: {what} is nested too deeply") from None
        except ValueError as error:
            raise LinkError(f"{self.name}: {what} is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise LinkError(f"{self.name}: {what} is {type(value).__name__}, expected a JSON object")
        return value

    def array(self, count: int, dtype: np.dtype, what: str) -> np.ndarray:
        if count < 0:
            raise LinkError(f"{self.name}: a negative number of {what} ({count})")
        start = self._take(count * dtype.itemsize, what)
        return np.frombuffer(self.payload, dtype=dtype, count=count, offset=start)

    def end(self) -> None:
        if self.at != len(self.payload):
            raise LinkError(
                f"{self.name}: {len(self.payload) - self.at} bytes left over at the end of the message"
            )


@dataclass(frozen=True)
class DriverHere:
    """Driver to every other rank: there is a driver."""

    KIND: ClassVar[int] = 1
    protocol: int = PROTOCOL_VERSION

    def _write(self, out: _Writer) -> None:
        out.words("q", self.protocol)

    @classmethod
    def _read(cls, payload: _Reader) -> DriverHere:
        return cls(*payload.words("q"))


@dataclass(frozen=True)
class Hello:
    """A fix introduces itself.

    Attributes
    ----------
    info : dict
        The JSON object of ``docs/link.md``.
    bank : bytes
        The bank file the fix was given; empty if none.
    frames : bytes
        The file of seen frames the fix was given; empty if none.
    """

    KIND: ClassVar[int] = 2
    info: dict
    bank: bytes = b""
    frames: bytes = b""

    def _write(self, out: _Writer) -> None:
        text = json.dumps(self.info).encode()
        out.words("qqq", len(text), len(self.bank), len(self.frames))
        out.raw(text)
        out.raw(self.bank)
        out.raw(self.frames)

    @classmethod
    def _read(cls, payload: _Reader) -> Hello:
        n_json, n_bank, n_frames = payload.words("qqq")
        info = payload.json(n_json, "its JSON")
        bank = bytes(payload.raw(n_bank, "the bank"))
        return cls(info, bank, bytes(payload.raw(n_frames, "the seen frames")))


@dataclass(frozen=True)
class Welcome:
    """The driver's answer to `Hello`.

    Attributes
    ----------
    needs : int
        Bits of what the driver's scorers need of every frame: `NEED_FINGERPRINTS`, `NEED_ATOMS`.
    rule : str
        What decides on the fix's frames: its own rule and the driver's.
    histogram : bytes
        What the fix's histograms are to be, a file of seen frames without frames; empty if there are none,
        or as long as there is no bank.
    """

    KIND: ClassVar[int] = 3
    run: int
    kept: int
    last_kept_step: int = -1
    bank: bytes = b""
    protocol: int = PROTOCOL_VERSION
    needs: int = 0
    rule: str = ""
    histogram: bytes = b""

    def _write(self, out: _Writer) -> None:
        rule = self.rule.encode()
        out.words("qqqqq", self.protocol, self.run, self.kept, self.last_kept_step, len(self.bank))
        out.words("qqq", self.needs, len(rule), len(self.histogram))
        out.raw(self.bank)
        out.raw(rule)
        out.raw(self.histogram)

    @classmethod
    def _read(cls, payload: _Reader) -> Welcome:
        protocol, run, kept, last, n_bank, needs, n_rule, n_histogram = payload.words("qqqqqqqq")
        bank = bytes(payload.raw(n_bank, "the bank"))
        rule = payload.text(n_rule, "the rule")
        histogram = bytes(payload.raw(n_histogram, "the histogram"))
        return cls(run, kept, last, bank, protocol, needs, rule, histogram)


def _no_integers() -> np.ndarray:
    return np.empty(0, _INT)


def _no_elements() -> np.ndarray:
    return np.empty(0, _SHORT)


def _no_reals() -> np.ndarray:
    return np.empty(0, _REAL)


def _no_bytes() -> np.ndarray:
    return np.empty(0, _BYTE)


@dataclass(frozen=True)
class Frame:
    """One evaluated snapshot, n atoms and c candidates (atoms that the source did not recognise).

    Attributes
    ----------
    step, evaluation, n_atoms : int
    time : float
        LAMMPS' time units.
    cell : (3, 3) array
        Rows a, b, c in Å.
    origin : (3,) array
        Corner of the cell in Å.
    periodic : int
        Bit 0 x, 1 y, 2 z.
    energy : float
        Potential energy in LAMMPS units; NaN if it was not sent.
    pressure : (6,) array
        xx yy zz yz xz xy in LAMMPS units; NaN if it was not sent.
    temperature : float
        NaN if unknown.
    dropped_novelty, dropped_atom
        The largest novelty among the atoms that were dropped at the source, and its atom ID.
    revision : int
        Number of entries of the bank that the source compared with; -1 if it had none.
    ids, elements : (n,) arrays, or None
    positions, velocities, forces : (n, 3) arrays, or None
        Positions in Å, the others in LAMMPS units.
    candidate_ids, candidate_elements : (c,) arrays
    fingerprints : 1-D array
        Unscaled fingerprints of the candidates one after the other.
    histogram : (h,) array of bytes
        Signature of the frame's histogram; empty if the source has no bank yet, or none was asked for.
    smallest, largest : (k,) arrays
        Smallest and largest value of every column of every element; empty if the source has no bank yet.
    smallest_ids, largest_ids : (k,) arrays
        IDs of the atoms that have them; 0 for an element that does not occur.
    """

    KIND: ClassVar[int] = 4
    step: int
    time: float
    evaluation: int
    n_atoms: int
    cell: np.ndarray
    origin: np.ndarray
    periodic: int
    energy: float = float("nan")
    pressure: np.ndarray = field(default_factory=lambda: np.full(6, np.nan))
    temperature: float = float("nan")
    dropped_novelty: float = 0.0
    dropped_atom: int = 0
    revision: int = -1
    ids: np.ndarray | None = None
    elements: np.ndarray | None = None
    positions: np.ndarray | None = None
    velocities: np.ndarray | None = None
    forces: np.ndarray | None = None
    candidate_ids: np.ndarray = field(default_factory=_no_integers)
    candidate_elements: np.ndarray = field(default_factory=_no_elements)
    fingerprints: np.ndarray = field(default_factory=_no_reals)
    histogram: np.ndarray = field(default_factory=_no_bytes)
    smallest: np.ndarray = field(default_factory=_no_reals)
    largest: np.ndarray = field(default_factory=_no_reals)
    smallest_ids: np.ndarray = field(default_factory=_no_integers)
    largest_ids: np.ndarray = field(default_factory=_no_integers)

    @property
    def fields(self) -> int:
        """Bits of what the frame carries."""
        has = [
            (FIELD_ATOMS, self.positions is not None),
            (FIELD_VELOCITIES, self.velocities is not None),
            (FIELD_FORCES, self.forces is not None),
            (FIELD_ENERGY, not np.isnan(self.energy)),
            (FIELD_STRESS, not np.isnan(self.pressure).any()),
        ]
        return sum(bit for bit, present in has if present)

    def fingerprint_ends(self, n_features: list[int]) -> np.ndarray:
        """Where each candidate's fingerprint ends in `fingerprints`, shape (c,).

        Parameters
        ----------
        n_features : list of int
            Length of the fingerprint of each element.

        Raises
        ------
        LinkError
            If an element is not one of these, or the lengths do not add up to what was sent.
        """
        elements = self.candidate_elements
        if len(elements) and (elements.min() < 0 or elements.max() >= len(n_features)):
            raise LinkError(f"FRAME: a candidate's element is not one of 0 … {len(n_features) - 1}")
        ends = np.cumsum(np.asarray(n_features, dtype=np.int64)[elements])
        total = int(ends[-1]) if len(ends) else 0
        if total != len(self.fingerprints):
            raise LinkError(
                f"FRAME: {len(self.fingerprints)} fingerprint values for {len(elements)} candidates, "
                f"expected {total}"
            )
        return ends

    def fingerprint_rows(self, n_features: list[int]) -> list[np.ndarray]:
        """One view a candidate; parameters and errors are those of `fingerprint_ends`."""
        ends = self.fingerprint_ends(n_features)
        return np.split(self.fingerprints, ends[:-1]) if len(ends) else []

    def copy(self) -> Frame:
        """The same frame with its own memory, to be held after the buffer it came in is gone."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        own: dict[str, Any] = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in values.items()}
        return Frame(**own)

    @property
    def nbytes(self) -> int:
        """Memory in the frame's arrays."""
        return sum(
            v.nbytes for v in (getattr(self, f.name) for f in fields(self)) if isinstance(v, np.ndarray)
        )

    def _write(self, out: _Writer) -> None:
        out.words("qdqq", self.step, self.time, self.evaluation, self.n_atoms)
        out.array(self.cell, _REAL)
        out.array(self.origin, _REAL)
        out.words("qqd", self.periodic, self.fields, self.energy)
        out.array(self.pressure, _REAL)
        out.words(
            "ddqqqqqq",
            self.temperature,
            self.dropped_novelty,
            self.dropped_atom,
            len(self.candidate_ids),
            len(self.fingerprints),
            self.revision,
            len(self.histogram),
            len(self.smallest),
        )
        if self.positions is not None:
            out.array(self.ids, _INT)
            out.array(self.elements, _SHORT)
            out.array(self.positions, _REAL)
        for values in (self.velocities, self.forces):
            if values is not None:
                out.array(values, _REAL)
        out.array(self.candidate_ids, _INT)
        out.array(self.candidate_elements, _SHORT)
        out.array(self.fingerprints, _REAL)
        out.array(self.histogram, _BYTE)
        for values in (self.smallest, self.largest):
            out.array(values, _REAL)
        for ids in (self.smallest_ids, self.largest_ids):
            out.array(ids, _INT)

    @classmethod
    def _read(cls, payload: _Reader) -> Frame:
        step, time, evaluation, n_atoms = payload.words("qdqq")
        cell = payload.array(9, _REAL, "cell vectors").reshape(3, 3)
        origin = payload.array(3, _REAL, "origin")
        periodic, present, energy = payload.words("qqd")
        pressure = payload.array(6, _REAL, "pressure")
        temperature, dropped_novelty, dropped_atom, *counts = payload.words("ddqqqqqq")
        n_candidates, n_values, revision, n_histogram, n_columns = counts
        if n_atoms < 0 or present & ~31:
            raise LinkError(f"FRAME: {n_atoms} atoms with fields {present:#x} is not a frame")
        ids = elements = None
        vectors: dict[int, np.ndarray | None] = {
            FIELD_ATOMS: None,
            FIELD_VELOCITIES: None,
            FIELD_FORCES: None,
        }
        if present & FIELD_ATOMS:
            ids = payload.array(n_atoms, _INT, "atom IDs")
            elements = payload.array(n_atoms, _SHORT, "elements")
        for bit, name in (
            (FIELD_ATOMS, "positions"),
            (FIELD_VELOCITIES, "velocities"),
            (FIELD_FORCES, "forces"),
        ):
            if present & bit:
                vectors[bit] = payload.array(3 * n_atoms, _REAL, name).reshape(-1, 3)
        return cls(
            step,
            time,
            evaluation,
            n_atoms,
            cell,
            origin,
            periodic,
            energy if present & FIELD_ENERGY else float("nan"),
            pressure if present & FIELD_STRESS else np.full(6, np.nan),
            temperature,
            dropped_novelty,
            dropped_atom,
            revision,
            ids,
            elements,
            vectors[FIELD_ATOMS],
            vectors[FIELD_VELOCITIES],
            vectors[FIELD_FORCES],
            payload.array(n_candidates, _INT, "candidates"),
            payload.array(n_candidates, _SHORT, "candidates' elements"),
            payload.array(n_values, _REAL, "fingerprint values"),
            payload.array(n_histogram, _BYTE, "histogram"),
            payload.array(n_columns, _REAL, "smallest values"),
            payload.array(n_columns, _REAL, "largest values"),
            payload.array(n_columns, _INT, "atoms with the smallest values"),
            payload.array(n_columns, _INT, "atoms with the largest values"),
        )


@dataclass(frozen=True)
class Verdict:
    """The driver's answer to `Frame`, with the bank entries the source has not got.

    Attributes
    ----------
    elements : (e,) array
    origins : (e, 3) array
        Run, step and atom ID of each new entry.
    fingerprints : 1-D array
        Their unscaled fingerprints one after the other.
    bank : bytes
        A whole bank that replaces the source's; empty if none.
    histogram : bytes
        What the source's histograms are to be from now on, as in `Welcome`; empty if nothing changes.
    scores : (s,) array
        Values of frame, range and spread, then of the rule's other scores in its order; NaN: unknown.
    """

    KIND: ClassVar[int] = 5
    step: int
    evaluation: int
    verdict: int
    stop: bool = False
    novelty: float = 0.0
    atom: int = 0
    kept: int = 0
    junk: int = 0
    revision: int = -1
    elements: np.ndarray = field(default_factory=_no_elements)
    origins: np.ndarray = field(default_factory=lambda: np.empty((0, 3), _INT))
    fingerprints: np.ndarray = field(default_factory=_no_reals)
    bank: bytes = b""
    histogram: bytes = b""
    scores: np.ndarray = field(default_factory=_no_reals)

    def _write(self, out: _Writer) -> None:
        out.words(
            "qqqqdqqqqqqqqq",
            self.step,
            self.evaluation,
            self.verdict,
            int(self.stop),
            self.novelty,
            self.atom,
            self.kept,
            self.junk,
            self.revision,
            len(self.elements),
            len(self.fingerprints),
            len(self.bank),
            len(self.histogram),
            len(self.scores),
        )
        out.array(self.elements, _SHORT)
        out.array(self.origins, _INT)
        out.array(self.fingerprints, _REAL)
        out.raw(self.bank)
        out.raw(self.histogram)
        out.array(self.scores, _REAL)

    @classmethod
    def _read(cls, payload: _Reader) -> Verdict:
        step, evaluation, verdict, stop, *others = payload.words("qqqqdqqqqqqqqq")
        if not 0 <= verdict < len(VERDICT_NAMES):
            raise LinkError(f"VERDICT: {verdict} is not a verdict")
        novelty, atom, kept, junk, revision, n_entries, n_values, n_bank, n_histogram, n_scores = others
        return cls(
            step,
            evaluation,
            verdict,
            bool(stop),
            novelty,
            atom,
            kept,
            junk,
            revision,
            payload.array(n_entries, _SHORT, "new entries"),
            payload.array(3 * n_entries, _INT, "origins").reshape(-1, 3),
            payload.array(n_values, _REAL, "fingerprint values"),
            bytes(payload.raw(n_bank, "the bank")),
            bytes(payload.raw(n_histogram, "the histogram")),
            payload.array(n_scores, _REAL, "scores"),
        )


@dataclass(frozen=True)
class RunEnd:
    """Sent by a fix after each ``run``: what it counted."""

    KIND: ClassVar[int] = 6
    info: dict

    def _write(self, out: _Writer) -> None:
        text = json.dumps(self.info).encode()
        out.words("q", len(text))
        out.raw(text)

    @classmethod
    def _read(cls, payload: _Reader) -> RunEnd:
        (n_json,) = payload.words("q")
        return cls(payload.json(n_json, "its JSON"))


@dataclass(frozen=True)
class Bye:
    """A fix is deleted.

    Attributes
    ----------
    parting : int
        Why, index into `PARTINGS`.
    """

    KIND: ClassVar[int] = 7
    parting: int = 0

    def _write(self, out: _Writer) -> None:
        out.words("q", self.parting)

    @classmethod
    def _read(cls, payload: _Reader) -> Bye:
        (parting,) = payload.words("q")
        if not 0 <= parting < len(PARTINGS):
            raise LinkError(f"BYE: {parting} is not a way to go, expected 0 … {len(PARTINGS) - 1}")
        return cls(parting)


@dataclass(frozen=True)
class Goodbye:
    """A world's LAMMPS ends.

    Attributes
    ----------
    ranks : int
        Ranks in this world.
    barrier : bool
        Whether its LAMMPS enters ``MPI_Barrier`` on the parent communicator next (end of script, error).
    """

    KIND: ClassVar[int] = 8
    ranks: int
    barrier: bool = True

    def _write(self, out: _Writer) -> None:
        out.words("qq", self.ranks, 0 if self.barrier else 1)

    @classmethod
    def _read(cls, payload: _Reader) -> Goodbye:
        ranks, how = payload.words("qq")
        if ranks < 1 or how not in (0, 1):
            raise LinkError(f"GOODBYE: {ranks} ranks that end in way {how}, expected 1 or more and 0 or 1")
        return cls(ranks, how == 0)


@dataclass(frozen=True)
class Fatal:
    """The driver ends the run: one line for the user."""

    KIND: ClassVar[int] = 9
    text: str

    def _write(self, out: _Writer) -> None:
        text = " ".join(self.text.split()).encode()
        out.words("q", len(text))
        out.raw(text)

    @classmethod
    def _read(cls, payload: _Reader) -> Fatal:
        (length,) = payload.words("q")
        return cls(payload.text(length, "its text"))


@dataclass(frozen=True)
class Present:
    """A world's LAMMPS has loaded the plugin.

    Attributes
    ----------
    ranks : int
        Ranks in this world.
    """

    KIND: ClassVar[int] = 10
    ranks: int

    def _write(self, out: _Writer) -> None:
        out.words("q", self.ranks)

    @classmethod
    def _read(cls, payload: _Reader) -> Present:
        (ranks,) = payload.words("q")
        if ranks < 1:
            raise LinkError(f"PRESENT: {ranks} ranks, expected 1 or more")
        return cls(ranks)


Message = DriverHere | Hello | Welcome | Frame | Verdict | RunEnd | Bye | Goodbye | Fatal | Present
KINDS = {
    kind.KIND: kind
    for kind in (DriverHere, Hello, Welcome, Frame, Verdict, RunEnd, Bye, Goodbye, Fatal, Present)
}
NAMES = {
    DriverHere: "DRIVER_HERE",
    Hello: "HELLO",
    Welcome: "WELCOME",
    Frame: "FRAME",
    Verdict: "VERDICT",
    RunEnd: "RUN_END",
    Bye: "BYE",
    Goodbye: "GOODBYE",
    Fatal: "FATAL",
    Present: "PRESENT",
}


class Received(NamedTuple):
    """A decoded message and the channel that it came on."""

    channel: int
    message: Message


def encode(channel: int, message: Message) -> bytes:
    """The message as bytes, header and padding included."""
    out = _Writer()
    message._write(out)
    return out.message(message.KIND, channel)


def decode(buffer) -> Received:
    """Take one message apart.

    Parameters
    ----------
    buffer : bytes-like
        A whole message. Arrays in the result are views of it.

    Raises
    ------
    LinkError
        If it is not one message of this protocol version.
    """
    view = memoryview(buffer).cast("B") if not isinstance(buffer, bytes) else memoryview(buffer)
    if len(view) < HEADER.size:
        raise LinkError(f"a message of {len(view)} bytes is shorter than its header ({HEADER.size})")
    magic, kind, channel, length = HEADER.unpack_from(view)
    if magic != MAGIC:
        if magic[:7] == MAGIC[:7]:
            raise LinkError(
                f"the plugin speaks version {_shown(magic[7:])} of the link, "
                f"this driver version {PROTOCOL_VERSION}: install both from the same mdsieve"
            )
        raise LinkError(f"a message begins with {magic!r}, expected {MAGIC!r}")
    if kind not in KINDS:
        raise LinkError(f"unknown kind of message {kind}")
    if channel < 0:
        raise LinkError(f"channel {channel} is negative")
    name = NAMES[KINDS[kind]]
    if length != len(view) - HEADER.size or length % WORD:
        raise LinkError(
            f"{name}: a payload of {length} bytes is announced, {len(view) - HEADER.size} arrived"
        )
    reader = _Reader(view[HEADER.size :], name)
    message = KINDS[kind]._read(reader)
    reader.end()
    return Received(channel, message)
