# SPDX-License-Identifier: GPL-2.0-or-later
"""Run a call pattern and compare all it leaves with the plain rule, applied to the frames that LAMMPS dumped itself."""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from call_patterns import EVERY, Pattern, System
from lammps_dump import DumpedFrame, read_dump
from launches import ALONE, STORE, run_as
from select_cases import kept_steps

import mdsieve
from mdsieve.driver.store import FrameStore
from plain_bank import plain_novelty, plain_selection

COLUMNS = "id type v_looked x y z vx vy vz fx fy fz"
WATCH = f"""\
variable looked atom gmask({{group}})
variable skip equal "f_sel != 1"
dump frames all custom {EVERY} frames.dump {COLUMNS}
dump_modify frames sort id format float %.17g append yes
dump kept all custom {EVERY} kept.dump id
dump_modify kept sort id skip v_skip append yes
thermo {EVERY}
thermo_style custom step atoms f_sel f_sel[1] f_sel[5] f_sel[6] f_sel[7] f_sel[8]
thermo_modify format float %.17g
"""
LOOK = f"write_dump all custom frames.dump {COLUMNS} modify sort id format float %.17g append yes\n"

KNOWN, KEPT, PENDING = 0, 1, 3


@dataclass(frozen=True)
class Expected:
    """What one evaluation should have come to."""

    frame: DumpedFrame
    evaluation: int  # of this definition of the fix, from 1
    verdict: int
    novelty: float
    trigger: int
    n_kept: int  # by this definition of the fix, this frame included
    environments: tuple[tuple[int, int], ...]  # (step, atom ID) of each that is new, in order


def check_pattern(pattern: Pattern, launch: str, mode: str, ranks: int, folder: Path) -> list[Expected]:
    """Run a pattern and check log, outputs, bank or store against the plain rule; return what was expected."""
    (folder / "sf.nn").write_text(pattern.system.descriptor)
    finished = run_as(
        launch, filled_in(pattern, launch, mode), folder, ranks=ranks, words=pattern.lammps_words
    )
    finished.check()
    log = (folder / "log.lammps").read_text()
    runs = expected_runs(pattern, read_dump(folder / "frames.dump"))
    everything = [one for run in runs for one in run]

    check_warnings(pattern, log, finished.stderr)
    check_summaries(runs, log)
    check_outputs(pattern, runs, log, waits=mode == "wait")
    if mode == "wait":
        assert kept_steps(folder / "kept.dump") == natively_dumped(pattern, everything)
    if launch == ALONE:
        check_bank(everything, folder / "sel.bank")
    else:
        check_store(pattern, everything, folder / STORE, waits=mode == "wait")
    return everything


def filled_in(pattern: Pattern, launch: str, mode: str) -> str:
    """The pattern's script for one way of running it."""
    script = pattern.script.replace("{fix}", fix_command(pattern, launch, mode))
    return script.replace("{watch}", WATCH.format(group=pattern.group)).replace("{look}", LOOK)


def fix_command(pattern: Pattern, launch: str, mode: str) -> str:
    """The line that defines ``fix sel``."""
    system = pattern.system
    words = [
        f"fix sel {pattern.group} select {EVERY} sf.nn",
        *(element or "NULL" for element in system.types),
        "threshold",
        *(f"{element} {threshold}" for element, threshold in system.thresholds.items()),
        "scaling none fields v f pe stress",
        "driver no bank sel.bank" if launch == ALONE else f"driver yes mode {mode}",
    ]
    return " ".join(words) + "\n"


def environments_of(frame: DumpedFrame, system: System) -> list[tuple[int, str, np.ndarray]]:
    """ID, element and fingerprint of every atom that counts, by ascending ID."""
    from ase import Atoms

    elements = [system.types[kind - 1] for kind in frame.types]
    seen = np.array([element is not None for element in elements], dtype=bool)
    atoms = Atoms(
        [element for element in elements if element],
        positions=frame.vectors("x", "y", "z")[seen],
        cell=frame.cell,
        pbc=frame.periodic,
    )
    functions = mdsieve.SymmetryFunctions.from_text(system.descriptor)
    ids, looked = frame.ids[seen], frame.columns["v_looked"][seen] != 0
    rows = [
        (int(ids[index]), element, x)
        for element, (indices, fingerprints) in functions.create_by_element(atoms).items()
        for index, x in zip(indices, fingerprints, strict=True)
        if looked[index]
    ]
    return sorted(rows, key=lambda row: row[0])


def without_ids(environments: list[list[tuple]]) -> list[list[tuple]]:
    return [[(element, x) for _, element, x in rows] for rows in environments]


def plain_picks(environments: list[list[tuple]], system: System) -> tuple[list[int], list[tuple[int, int]]]:
    """What `plain_selection` says of frames as `environments_of` gives them, unscaled."""
    n_features = mdsieve.SymmetryFunctions.from_text(system.descriptor).n_features
    scaling = {element: (np.zeros(n), 1.0) for element, n in n_features.items()}
    return plain_selection(without_ids(environments), system.thresholds, scaling)


def expected_runs(pattern: Pattern, dumped: list[DumpedFrame]) -> list[list[Expected]]:
    """For every run command its evaluations, by the plain rule over the frames that LAMMPS dumped."""
    frames = iter(dumped)
    chosen = [[next_of_step(frames, step) for step in run] for run in pattern.runs]
    flat = [frame for run in chosen for frame in run]
    environments = [environments_of(frame, pattern.system) for frame in flat]
    kept, picks = plain_picks(environments, pattern.system)

    runs, number = [], 0
    for run_number, run in enumerate(chosen):
        if run_number in pattern.definitions:
            evaluation = n_kept = 0
        runs.append([])
        for frame in run:
            novelty, atom = plain_novelty(without_ids(environments), picks, number, pattern.system.thresholds)
            evaluation += 1
            n_kept += number in kept
            runs[-1].append(
                Expected(
                    frame,
                    evaluation,
                    KEPT if number in kept else KNOWN,
                    novelty,
                    environments[number][atom][0] if atom is not None else 0,
                    n_kept,
                    tuple((frame.step, environments[i][j][0]) for i, j in picks if i == number),
                )
            )
            number += 1
    return runs


def natively_dumped(pattern: Pattern, expected: list[Expected]) -> list[int]:
    """Steps of the kept frames that LAMMPS dumps when the verdict is there.

    It dumps a step once, however often it is looked at, and the end of a minimisation before that.
    """
    before = [None, *(one.frame.step for one in expected)]
    return [
        one.frame.step
        for one, last in zip(expected, before, strict=False)
        if one.verdict == KEPT and one.frame.step != last and one.frame.step not in pattern.after_dumps
    ]


def next_of_step(frames, step: int) -> DumpedFrame:
    for frame in frames:
        if frame.step == step:
            return frame
    raise AssertionError(f"LAMMPS did not dump step {step} where it should")


def check_warnings(pattern: Pattern, log: str, errors: str) -> None:
    found = re.findall(r"WARNING: .*", log)
    for wanted in pattern.warnings:
        assert any(re.search(wanted, line) for line in found), f"no warning {wanted!r} in {found}"
    assert [line for line in found if not any(re.search(wanted, line) for wanted in pattern.warnings)] == []
    assert "Traceback" not in errors
    assert "WARNING" not in errors


def check_summaries(runs: list[list[Expected]], log: str) -> None:
    """The line at the end of each run tells frames seen, kept and junk."""
    found = re.findall(r"^Fix select sel: (\d+) frames seen, (\d+) kept, (\d+) junk", log, re.MULTILINE)
    wanted = [(len(run), sum(one.verdict == KEPT for one in run), 0) for run in runs]
    assert [tuple(map(int, words)) for words in found] == wanted


def check_outputs(pattern: Pattern, runs: list[list[Expected]], log: str, waits: bool) -> None:
    """Every line of thermo output agrees with the evaluation that it counts last."""
    parts = re.split(r"^Fix select sel: \d+ symmetry functions .*$", log, flags=re.MULTILINE)[1:]
    bounds = [*pattern.definitions, len(runs)]
    definitions = [[one for run in runs[first:last] for one in run] for first, last in pairwise(bounds)]
    if pattern.restarts:
        (expected,) = definitions
        before, after = map(thermo_rows, parts)
        # a verdict is not for the dumps of a continued run, which has not seen the frame
        assert after[0][2] == KNOWN
        check_rows([*before, *after[1:]], expected, waits)
        assert after[0][3:] == before[-1][3:]
        return
    assert len(parts) == len(definitions)
    for part, expected in zip(parts, definitions, strict=True):
        check_rows(thermo_rows(part), expected, waits)


def check_rows(rows: list[list[float]], expected: list[Expected], waits: bool) -> None:
    counts = [int(row[4]) for row in rows]
    assert counts == sorted(counts)
    assert counts[-1] == len(expected)
    for step, atoms, verdict, novelty, count, kept, junk, trigger in rows:
        assert junk == 0
        if count == 0:
            assert (verdict, novelty, kept, trigger) == (0, 0, 0, 0)
            continue
        one = expected[int(count) - 1]
        if one.frame.step != step:
            assert verdict == KNOWN
        else:
            assert one.frame.n_atoms == atoms
            assert verdict in ((one.verdict,) if waits else (one.verdict, PENDING))
        if waits:
            assert (kept, trigger) == (one.n_kept, one.trigger)
            assert novelty == one.novelty or abs(novelty / one.novelty - 1) < 1e-9


def thermo_rows(text: str) -> list[list[float]]:
    """Lines of numbers as wide as a line of thermo output."""
    rows = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 8 and re.fullmatch(r"[-+.\dinfae]+", "".join(words)):
            rows.append([float(word) for word in words])
    return rows


def check_bank(expected: list[Expected], path: Path) -> None:
    """The bank file holds the picks."""
    bank = mdsieve.EnvironmentBank.load(path)
    origins = [(entry.step, entry.atom_id) for entry in map(bank.entry, range(len(bank)))]
    assert sorted(origins) == sorted(pick for one in expected for pick in one.environments)


def check_store(pattern: Pattern, expected: list[Expected], path: Path, waits: bool) -> None:
    """The store holds every evaluation, the frames that were kept with all their labels, and the bank."""
    kept = [one for one in expected if one.verdict == KEPT]
    with FrameStore.read(path) as store:
        evaluations = store.evaluations()
        assert [(one["evaluation"], one["step"], one["verdict"]) for one in evaluations] == [
            (one.evaluation, one.frame.step, one.verdict) for one in expected
        ]
        for found, one in zip(evaluations["novelty"], expected, strict=True):
            exact = found == one.novelty or abs(found / one.novelty - 1) < 1e-9
            # where MD runs ahead, what is known was recognised by a bank that is a little older
            assert exact or (not waits and one.verdict == KNOWN and one.novelty < found <= 1.0)
        frames = store.frames()
        assert [(frame["evaluation"], frame["step"]) for frame in frames] == [
            (one.evaluation, one.frame.step) for one in kept
        ]
        assert [one.origin[1:] for one in store.environments()] == [
            pick for one in expected for pick in one.environments
        ]
        for row, one in zip(frames, kept, strict=True):
            check_stored_frame(*store.atoms(row["frame"]), one.frame, pattern.system)


def check_stored_frame(atoms, data: dict, dumped: DumpedFrame, system: System) -> None:
    """A stored frame is the dumped one: atoms, cell, velocities and forces of the same step."""
    from ase import units

    np.testing.assert_array_equal(data["atom_ids"], dumped.ids)
    symbols = [system.types[kind - 1] or "X" for kind in dumped.types]
    assert atoms.get_chemical_symbols() == symbols
    apart = np.linalg.solve(dumped.cell.T, (atoms.positions - dumped.vectors("x", "y", "z")).T).T
    apart -= np.where(dumped.periodic, np.round(apart), 0.0)  # LAMMPS wraps atoms when it pleases
    np.testing.assert_allclose(apart, 0.0, atol=1e-13)
    np.testing.assert_allclose(data["origin"], dumped.origin, atol=1e-12)
    np.testing.assert_allclose(atoms.cell.array, dumped.cell, atol=1e-12)
    assert tuple(atoms.pbc) == dumped.periodic
    np.testing.assert_allclose(
        atoms.get_velocities() * 1000 * units.fs, dumped.vectors("vx", "vy", "vz"), rtol=1e-9
    )
    np.testing.assert_allclose(atoms.get_forces(), dumped.vectors("fx", "fy", "fz"), rtol=1e-9, atol=1e-13)
