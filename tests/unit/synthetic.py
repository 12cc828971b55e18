# SPDX-License-Identifier: GPL-2.0-or-later
"""A fix made of numbers: speaks the link's messages without LAMMPS, and the paper's algorithm in plain
NumPy.
"""

from dataclasses import dataclass, field

import numpy as np

from mdsieve import _core
from mdsieve.driver.messages import Frame, Hello, Verdict, Welcome

DESCRIPTOR = """number_of_elements 2
elements Ni H
cutoff_type 1
symfunction_short Ni 2 Ni 0.5 0.0 6.0
symfunction_short Ni 2 H 0.5 0.0 6.0
symfunction_short Ni 2 Ni 1.5 1.0 5.0
symfunction_short H 2 Ni 0.5 0.0 6.0
symfunction_short H 2 H 0.5 0.0 4.0
"""
ELEMENTS = _core.parse_input_nn(DESCRIPTOR, "test.nn", "angstrom").elements
N_FEATURES = [{"Ni": 3, "H": 2}[element] for element in ELEMENTS]
THRESHOLDS = [{"Ni": 0.5, "H": 0.4}[element] for element in ELEMENTS]
NI, H = ELEMENTS.index("Ni"), ELEMENTS.index("H")


def hello(fix="sel", bank=b"", **changes):
    info = {
        "protocol": 1,
        "mdsieve": "0.1.0",
        "lammps": "test",
        "world_ranks": 1,
        "partition": 0,
        "fix": fix,
        "units": "metal",
        "nevery": 10,
        "elements": ELEMENTS,
        "descriptor_name": "test.nn",
        "descriptor_hash": _core.parse_input_nn(
            changes.get("descriptor_text", DESCRIPTOR), "x", "angstrom"
        ).hash,
        "descriptor_text": DESCRIPTOR,
        "length_unit": "angstrom",
        "precision": "double",
        "thresholds": THRESHOLDS,
        "scaling": {"source": "none", "kind": "none", "pilot": 0, "name": "", "text": ""},
        "rule": "keep novelty > 1",
        "mode": "wait",
        "depth": 1,
        "fields": [],
        "lost": 600.0,
    }
    return Hello({**info, **changes}, bank)


def pilot(n, kind="minmax"):
    return {"source": "pilot", "kind": kind, "pilot": n, "name": "", "text": ""}


@dataclass
class Snapshot:
    """Elements and fingerprints of all atoms at one step."""

    step: int
    elements: np.ndarray
    rows: list


def trajectory(n_frames, n_atoms=12, seed=1, spread=0.3, elements=None, every=10):
    """Random walks of fingerprints: some frames bring something new, some do not."""
    rng = np.random.default_rng(seed)
    elements = np.array(
        [(NI, NI, H)[i % 3] for i in range(n_atoms)] if elements is None else elements, np.int32
    )
    state = [rng.normal(size=N_FEATURES[e]) * spread for e in elements]
    frames = []
    for i in range(n_frames):
        state = [0.95 * row + 0.15 * spread * rng.normal(size=row.size) * (1 + i / n_frames) for row in state]
        frames.append(Snapshot(every * i, elements, [row.copy() for row in state]))
    return frames


@dataclass
class FakeFix:
    """The fix's side: knows a bank, drops what it recognises, sends the rest."""

    handle: object
    world: int = 0
    channel: int = 0
    bank: object = None
    evaluation: int = 0
    welcome: Welcome | None = None
    verdicts: list = field(default_factory=list)

    def begin(self, message):
        reply = self.handle(self.world, self.channel, message)
        if isinstance(reply, Welcome):
            self.welcome = reply
            self.bank = _core.EnvironmentBank.deserialise(reply.bank) if reply.bank else None
        return reply

    def frame(self, snapshot, drop=True, **changes):
        """The message for a snapshot."""
        self.evaluation += 1
        n = len(snapshot.elements)
        keep = np.ones(n, bool)
        dropped_novelty, dropped_atom = 0.0, 0
        if self.bank is not None and drop:
            novelty = self.bank.distances(snapshot.elements, np.concatenate(snapshot.rows))
            novelty /= np.asarray(THRESHOLDS)[snapshot.elements]
            keep = novelty > 1
            if not keep.all():
                dropped_atom = int(np.argmax(np.where(keep, -1, novelty))) + 1
                dropped_novelty = float(novelty[dropped_atom - 1])
        rng = np.random.default_rng(snapshot.step)
        words = {
            "step": snapshot.step,
            "time": 0.001 * snapshot.step,
            "evaluation": self.evaluation,
            "n_atoms": n,
            "cell": np.diag([9.0, 10.0, 11.0]),
            "origin": np.zeros(3),
            "periodic": 7,
            "temperature": 300.0 + snapshot.step,
            "dropped_novelty": dropped_novelty,
            "dropped_atom": dropped_atom,
            "revision": -1 if self.bank is None else len(self.bank),
            "candidate_ids": np.flatnonzero(keep) + 1,
            "candidate_elements": snapshot.elements[keep],
            "fingerprints": np.concatenate([np.empty(0), *(snapshot.rows[i] for i in np.flatnonzero(keep))]),
            "ids": np.arange(1, n + 1),
            "elements": snapshot.elements,
            "positions": rng.uniform(size=(n, 3)) * 9,
        }
        return Frame(**{**words, **changes})

    def evaluate(self, snapshot, **changes):
        """Send a snapshot; the reply, after taking in the bank entries that it brings."""
        reply = self.handle(self.world, self.channel, self.frame(snapshot, **changes))
        self.take(reply)
        return reply

    def take(self, reply):
        if not isinstance(reply, Verdict):
            return
        self.verdicts.append(reply)
        if reply.bank:
            self.bank = _core.EnvironmentBank.deserialise(reply.bank)
        elif len(reply.elements):
            have = len(self.bank) - (reply.revision - len(reply.elements))
            widths = np.take(N_FEATURES, reply.elements)
            start = int(widths[:have].sum())
            self.bank.add(
                np.ascontiguousarray(reply.elements[have:], np.int32),
                np.ascontiguousarray(reply.origins[have:], np.int64),
                np.ascontiguousarray(reply.fingerprints[start:]),
            )
        if self.bank is not None:
            assert len(self.bank) == reply.revision


def greedy(frames, thresholds=THRESHOLDS, scale=lambda element, row: row):
    """The paper's algorithm: steps of the frames that brought something, and (step, atom ID) of what they
    brought.
    """
    bank = {element: [] for element in range(len(ELEMENTS))}
    steps, entries = [], []
    for frame in frames:
        brought = False
        for i, (element, row) in enumerate(zip(frame.elements, frame.rows, strict=True)):
            x = scale(element, row)
            if all(np.linalg.norm(x - y) > thresholds[element] for y in bank[element]):
                bank[element].append(x)
                entries.append((frame.step, i + 1))
                brought = True
        if brought:
            steps.append(frame.step)
    return steps, entries
