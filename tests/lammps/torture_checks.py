# SPDX-License-Identifier: GPL-2.0-or-later
"""What must hold of the files of a campaign, whoever was killed and whenever."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from select_cases import NI_NN
from torture_cases import Case, last_stored_step

import mdsieve
from mdsieve.driver.store import BlankStoreError, FrameStore
from mdsieve.scores import Environments, ExtrapolationScorer
from mdsieve.scores.deltas import unpack
from plain_bank import plain_selection

KEPT = 1  # the fix's word for it


@dataclass(frozen=True)
class Reference:
    """What an undisturbed run kept.

    Attributes
    ----------
    steps : list of int
        Of the kept frames.
    origins : list of (int, int)
        Step and atom ID of the bank's entries, in its order.
    learnt : list
        What each kept frame meant for each scorer with a state, in the order of the frames.
    seconds : float
        How long it took.
    """

    steps: list[int]
    origins: list[tuple[int, int]]
    learnt: list[tuple]
    seconds: float

    @classmethod
    def read(cls, folder: Path, seconds: float) -> Reference:
        return cls(whole_steps(folder), _origins(folder), _learnt(folder), seconds)


@dataclass(frozen=True)
class Witness:
    """What LAMMPS had been told before it was killed, by the lines that it wrote itself.

    Attributes
    ----------
    lines : list of (int, int, int)
        Step, verdict of this step if it was there at once, frames kept so far by the fix.
    ended : bool
        Whether the script came to its end.
    kept : int
        Frames acknowledged as kept in this launch.
    """

    lines: list[tuple[int, int, int]]
    ended: bool
    kept: int

    @classmethod
    def read(cls, folder: Path, number: int) -> Witness:
        path = folder / f"acks.{number}.txt"
        text = path.read_text() if path.exists() else ""
        words = [
            line.split() for line in text.splitlines(keepends=True) if line.endswith("\n") and line.strip()
        ]
        if not words:
            return cls([], False, 0)
        assert words[0][0] == "begin", f"{path}: {words[0]}"
        ended = words[-1][0] == "end"
        lines = [tuple(map(int, line)) for line in words[1 : -1 if ended else None]]
        return cls(lines, ended, int(words[-1][-1]) - int(words[0][1]))

    @property
    def evaluations(self) -> int:
        """Frames evaluated."""
        return len(self.lines)

    def check(self, case: Case, before: list[int], folder: Path) -> None:
        """Every acknowledged frame is in the store, once, after those that were there before this launch."""
        steps = whole_steps(folder)
        assert steps[: len(before)] == before, "frames of an earlier launch have changed"
        new = steps[len(before) :]
        assert len(new) >= self.kept, (
            f"{self.kept} frames were acknowledged, the store has {len(new)} of them"
        )
        if case.mode == "mode wait" and case.scaling != "pilot":
            told = list(dict.fromkeys(step for step, verdict, _ in self.lines if verdict == KEPT))
            assert new[: len(told)] == told, f"acknowledged were {told}, the store has {new}"
            assert len(new) <= len(told) + 1, f"acknowledged were {told}, the store has {new}"
        if self.ended:
            assert len(new) == self.kept, f"at the end {self.kept} were acknowledged, the store has {new}"


def whole_steps(folder: Path) -> list[int]:
    """Steps of the stored frames in order; empty if there is no store yet."""
    try:
        with FrameStore.read(folder / "store.db") as store:
            return [frame["step"] for frame in store.frames()]
    except (BlankStoreError, ValueError):
        assert not (folder / "store.db").exists() or last_stored_step(folder) == -1
        return []


def has_bank(folder: Path) -> bool:
    """Whether the campaign's bank has been made: its scaling is known."""
    try:
        with FrameStore.read(folder / "store.db") as store:
            return store.bank_header() is not None
    except ValueError:
        return False


def check_files(folder: Path, case: Case, inputs: Path) -> None:
    """The store opens, is whole in itself, its frames are LAMMPS', and its bank is what they imply."""
    if (folder / "store.db").exists():
        with closing(sqlite3.connect(folder / "store.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        try:
            with FrameStore.read(folder / "store.db") as store:
                assert store.problems() == []
                _check_frames(store, folder, case, inputs)
                _check_bank(store, folder, case, inputs)
                if case.rule == "scores":
                    _check_learnt(store, folder)
        except BlankStoreError:
            pass
    if case.scaling == "bank":
        assert len(mdsieve.EnvironmentBank.load(folder / "ni.bank")) >= 1


def check_picks(folder: Path, case: Case, reference: Reference, whole: bool = True) -> None:
    """The picks of a replay are those of the undisturbed one, or the first of them if it is not `whole` yet."""
    if case.kind != "rerun":  # MD that goes on from a restart file takes a way of its own
        return
    steps, origins, learnt = whole_steps(folder), _origins(folder), _learnt(folder)
    assert learnt or case.rule != "scores" or not steps, "nothing was learnt"
    if not whole:
        assert steps == reference.steps[: len(steps)], f"kept {steps}, undisturbed {reference.steps}"
        assert origins == reference.origins[: len(origins)]
        assert learnt == reference.learnt[: len(learnt)]
        return
    assert steps == reference.steps, f"kept {steps}, undisturbed {reference.steps}"
    assert origins == reference.origins
    assert learnt == reference.learnt
    if case.scaling == "bank":
        bank = mdsieve.EnvironmentBank.load(folder / "ni.bank")
        written = [(entry.step, entry.atom_id) for entry in map(bank.entry, range(len(bank)))]
        assert written == origins, "the bank file is not the store's bank"


def _origins(folder: Path) -> list[tuple[int, int]]:
    try:
        with FrameStore.read(folder / "store.db") as store:
            return [entry.origin[1:] for entry in store.environments()]
    except ValueError:
        return []


def _learnt(folder: Path) -> list[tuple]:
    """Of each frame and scorer: place of the frame, scorer, delta (without the number of the run)."""
    try:
        with FrameStore.read(folder / "store.db") as store:
            rows = store._connection.execute(
                "SELECT (SELECT count(*) FROM mdsieve_frames f WHERE f.frame < d.frame), scorer, delta"
                " FROM mdsieve_deltas d ORDER BY frame, scorer"
            ).fetchall()
            n_frames = len(store.frames())
    except ValueError:
        return []
    assert sum(scorer == "frame" for _, scorer, _ in rows) in (0, n_frames), "a kept frame was not learnt"
    return [(place, scorer, _content(scorer, bytes(delta))) for place, scorer, delta in rows]


def _content(scorer: str, delta: bytes):
    if scorer != "extrapolation":
        return delta
    words, arrays = unpack(delta, scorer)
    arrays["origins"] = arrays["origins"][:, 1:]  # step and atom, not the run
    return words, {name: array.tolist() for name, array in arrays.items()}


def _check_learnt(store: FrameStore, folder: Path) -> None:
    """After what a stored frame meant for the extrapolation grade no environment of it extrapolates."""
    if not store.frames():
        return
    functions = mdsieve.SymmetryFunctions.from_text(NI_NN)
    scorer = ExtrapolationScorer.for_bank(mdsieve.EnvironmentBank.load(folder / "store.db"))
    deltas = dict(
        store._connection.execute("SELECT frame, delta FROM mdsieve_deltas WHERE scorer = 'extrapolation'")
    )
    for frame in store.frames():
        if frame["frame"] in deltas:
            scorer.restore(bytes(deltas[frame["frame"]]))
        environments = Environments.from_atoms(functions, store.atoms(frame["frame"])[0], step=frame["step"])
        assert scorer.score(environments).frame < 1.01, f"step {frame['step']}: not learnt"


def _check_frames(store: FrameStore, folder: Path, case: Case, inputs: Path) -> None:
    """Every frame is stored once and is bit for bit what LAMMPS dumped of the same step."""
    frames = store.frames()
    assert len({(frame["run"], frame["evaluation"]) for frame in frames}) == len(frames)
    if case.kind == "rerun":
        assert len({frame["step"] for frame in frames}) == len(frames), "a frame was stored twice"
        dumped = {0: _dumped(inputs / "traj.dump")}
    else:
        dumped = {number: _dumped(path) for number, path in _dumps(folder)}
    fields = case.fields.split()
    for frame in frames:
        atoms, data = store.atoms(frame["frame"])
        assert list(data["atom_ids"]) == list(range(1, 109))
        assert np.isfinite(atoms.positions).all()
        assert atoms.calc is not None
        assert np.isfinite(atoms.get_potential_energy())
        assert ("f" in fields) == ("forces" in atoms.calc.results)
        assert ("stress" in fields) == ("stress" in atoms.calc.results)
        candidates = [steps[frame["step"]] for steps in dumped.values() if frame["step"] in steps]
        if case.kind == "md" and not candidates:
            continue  # LAMMPS dumps a step after the fix has seen it
        assert any(_same(atoms, columns) for columns in candidates), (
            f"step {frame['step']} is not LAMMPS' frame"
        )


def _dumps(folder: Path):
    return [(int(path.name.split(".")[1]), path) for path in sorted(folder.glob("md.*.dump"))]


_cache: dict[Path, dict[int, np.ndarray]] = {}


def _dumped(path: Path) -> dict[int, np.ndarray]:
    """Columns after ID and type of each whole frame of a dump, by step."""
    if path in _cache:
        return _cache[path]
    frames = {}
    for text in path.read_text().split("ITEM: TIMESTEP\n")[1:]:
        lines = text.splitlines(keepends=True)
        if len(lines) == 8 + 108 and lines[-1].endswith("\n"):
            frames[int(lines[0])] = np.array([line.split()[2:] for line in lines[8:]], dtype=float)
    if path.name == "traj.dump":
        _cache[path] = frames
    return frames


def _same(atoms, columns: np.ndarray) -> bool:
    """Positions up to periodic images, and forces bit for bit if both have them."""
    fractions = np.linalg.solve(atoms.cell.array.T, (columns[:, :3] - atoms.positions).T)
    if not np.allclose(fractions, np.round(fractions), atol=1e-9):
        return False
    forces = atoms.calc.results.get("forces")
    return forces is None or columns.shape[1] < 6 or np.array_equal(forces, columns[:, 3:])


def _check_bank(store: FrameStore, folder: Path, case: Case, inputs: Path) -> None:
    """The bank is what the stored frames imply: by the package, and by the rule as the paper prints it."""
    entries = list(store.environments())
    frames = [frame["frame"] for frame in store.frames()]
    if store.bank_header() is None:
        assert not frames
        return
    rows = [
        (row[0] or 0, row[1])
        for row in store._connection.execute(
            "SELECT frame, atom_id FROM mdsieve_environments ORDER BY position"
        )
    ]
    functions = mdsieve.SymmetryFunctions.from_text(NI_NN)
    fingerprints = functions.create_by_element([store.atoms(frame)[0] for frame in frames]) if frames else []
    given = [entry.fingerprint for entry, (frame, _) in zip(entries, rows, strict=True) if frame == 0]
    assert len(given) == (
        len(mdsieve.EnvironmentBank.load(inputs / "start.bank")) if case.scaling == "bank" else 0
    )

    shift, factor = _scaling(store)
    plain = [[("Ni", row) for row in given]] if given else []
    plain += [[("Ni", row) for row in frame["Ni"][1]] for frame in fingerprints]
    kept, picks = plain_selection(plain, {"Ni": case.threshold}, {"Ni": (shift, factor)})
    offset = 1 if given else 0
    assert kept == list(range(len(frames) + offset)), "a stored frame brings nothing new"
    implied = [(0 if given and frame == 0 else frames[frame - offset], atom) for frame, atom in picks]
    stored = [(frame, atom - 1 if frame else k) for k, (frame, atom) in enumerate(rows)]
    assert stored == implied, "the bank is not what the stored frames imply"
    for entry, (frame, atom) in zip(entries, stored, strict=True):
        if frame:
            exact = fingerprints[frames.index(frame)]["Ni"][1][atom]
            assert np.allclose(entry.fingerprint, exact, rtol=1e-12, atol=1e-12)

    bank = mdsieve.EnvironmentBank.load(folder / "store.db")
    assert len(bank) == len(entries)
    for frame in frames:
        assert not bank.update(store.atoms(frame)[0]).is_kept, "the loaded bank does not know a stored frame"


def _scaling(store: FrameStore) -> tuple[np.ndarray, np.ndarray]:
    """Shift and factor of nickel's columns, as the store has them."""
    scaling = store.bank().scaling
    return np.asarray(scaling.shift[0]), np.asarray(scaling.factor[0])
