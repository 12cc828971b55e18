# SPDX-License-Identifier: GPL-2.0-or-later
"""The store: what is acknowledged survives kill -9, ASE reads it, existing files are not touched unasked."""

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import ase.db
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from mdsieve import _core
from mdsieve.driver.store import Environment, Evaluation, FrameStore, KeptFrame, StoreError, writing

pytestmark = pytest.mark.timeout(120)

HELLO = {"fix": "sel", "units": "metal"}
DESCRIPTION = {
    "descriptor_hash": "abc",
    "descriptor_name": "ni.nn",
    "descriptor_text": "elements Ni\n",
    "elements": ["Ni"],
    "thresholds": [0.25],
    "scaling": {"source": "none", "kind": "none"},
}


def kept_frame(step, run=1, n=2, **changes):
    atoms = bulk("Ni", cubic=True).repeat((n, 1, 1))
    atoms.rattle(0.1, seed=step)
    atoms.set_velocities(atoms.positions * 0.01)
    atoms.calc = SinglePointCalculator(atoms, energy=-step, forces=atoms.positions * 2, stress=np.arange(6.0))
    words = {
        "atoms": atoms,
        "run": run,
        "world": 0,
        "step": step,
        "evaluation": step // 10,
        "time": step * 0.002,
        "temperature": 300.0,
        "scores": {"novelty": 1.5},
        "reason": "novelty > 1",
        "trigger_atom": 3,
        "trigger_element": "Ni",
        "data": {"atom_ids": np.arange(1, len(atoms) + 1), "origin": np.zeros(3), "units": "metal"},
    }
    return KeptFrame(**{**words, **changes})


def environments(step, n):
    rng = np.random.default_rng(step)
    return [Environment(0, (1, step, i + 1), rng.normal(size=4)) for i in range(n)]


def new_store(path, **words):
    store = FrameStore.open(path, **words)
    if store.bank_header() is None:
        store.create_bank(b"header", DESCRIPTION, [])
    return store


def whole_store(path):
    """Three frames of two environments each, and a bank that a program can read."""
    header = _core.EnvironmentBank(
        descriptor_text="elements Ni\n",
        descriptor_hash="abc",
        elements=["Ni"],
        n_features=[4],
        cutoffs=[4.5],
        thresholds=[0.25],
        scaling=_core.Scaling.identity([4]),
    ).serialise()
    store = FrameStore.open(path)
    store.create_bank(header, DESCRIPTION, [])
    run = store.begin_run(0, 0, HELLO)
    for i in range(3):
        evaluation = Evaluation(run, i, 10 * i, 0.0, 300.0, 1.5, 1)
        store.add_frame(kept_frame(10 * i, run, evaluation=i), environments(10 * i, 2), [evaluation])
    return store


def test_ase_reads_kept_frames(tmp_path):
    path = tmp_path / "store.db"
    with new_store(path) as store:
        run = store.begin_run(0, 0, HELLO)
        frame = kept_frame(70, run)
        assert store.add_frame(frame, environments(70, 2)) == 1
    database = ase.db.connect(str(path))
    row = database.get(step=70)
    assert (row.run, row.world, row.verdict, row.novelty) == (1, 0, "kept", 1.5)
    assert (row.trigger_atom, row.trigger_element, row.time, row.temperature) == (3, "Ni", 0.14, 300.0)
    atoms = row.toatoms()
    np.testing.assert_array_equal(atoms.positions, frame.atoms.positions)
    np.testing.assert_allclose(atoms.get_velocities(), frame.atoms.get_velocities(), rtol=1e-15)
    assert atoms.get_potential_energy() == -70
    np.testing.assert_array_equal(atoms.get_forces(), frame.atoms.get_forces())
    np.testing.assert_array_equal(atoms.get_stress(), np.arange(6.0))
    np.testing.assert_array_equal(row.data.atom_ids, np.arange(1, 9))
    listing = subprocess.run(
        [sys.executable, "-m", "ase", "db", str(path), "-c", "formula,step,novelty"],
        capture_output=True,
        text=True,
    )
    assert "Ni8" in listing.stdout, listing.stderr


def test_a_reader_sees_whole_frames_while_a_driver_writes(tmp_path, monkeypatch):
    """A frame that is committed while the frames are read is there with all its scores, or not at all."""
    path = tmp_path / "store.db"
    with new_store(path) as writer:
        run = writer.begin_run(0, 0, HELLO)
        writer.add_frame(kept_frame(10, run), [])

    def write_another():
        with FrameStore.open(path, resume=True) as store:
            store.add_frame(kept_frame(20, run), [])

    thread = threading.Thread(target=write_another)
    with FrameStore.read(path) as reader:
        read_rows = reader._dicts

        def read_rows_while_another_comes(statement):
            rows = read_rows(statement)
            thread.start()
            thread.join(timeout=1)
            return rows

        monkeypatch.setattr(reader, "_dicts", read_rows_while_another_comes)
        assert [frame["step"] for frame in reader.frames()] == [10]
        thread.join()
        monkeypatch.undo()
        assert [(frame["step"], frame["novelty"]) for frame in reader.frames()] == [(10, 1.5), (20, 1.5)]


def test_an_infinite_novelty_and_an_unknown_temperature_are_stored(tmp_path):
    path = tmp_path / "store.db"
    with new_store(path) as store:
        run = store.begin_run(0, 0, HELLO)
        store.add_frame(
            kept_frame(0, run, scores={"novelty": np.inf}, temperature=np.nan),
            [],
            [Evaluation(run, 1, 0, 0.0, np.nan, np.inf, 1)],
        )
    with FrameStore.read(path) as store:
        (frame,) = store.frames()
        assert frame["novelty"] == np.inf
        assert frame["temperature"] is None
        (evaluation,) = store.evaluations()
        assert evaluation["novelty"] == np.inf
        assert np.isnan(evaluation["temperature"])
    assert "temperature" not in ase.db.connect(str(path)).get(1).key_value_pairs


def test_tables_of_a_campaign(tmp_path):
    path = tmp_path / "store.db"
    with new_store(path) as store:
        run = store.begin_run(0, 0, HELLO)
        lines = [Evaluation(run, i, 10 * i, 0.02 * i, 300.0, 0.5, 0) for i in (1, 2)]
        store.add_evaluations(lines)
        store.add_frame(
            kept_frame(30, run), environments(30, 3), [Evaluation(run, 3, 30, 0.06, 300.0, 1.5, 1)]
        )
        store.add_run_command(
            run, {"evaluated": 4, "steps": 40, "seconds_computing": 1.5, "seconds_waiting": 0.5}, []
        )
        store.end_run(run, "end", [Evaluation(run, 4, 40, 0.08, 300.0, 30.0, 2)])
        store.begin_run(1, 0, {**HELLO, "fix": "other"})
    with FrameStore.read(path) as store:
        first, second = store.runs()
        assert (first["seen"], first["kept"], first["junk"], first["steps"], first["ending"]) == (
            4,
            1,
            1,
            40,
            "end",
        )
        assert (second["world"], second["fix"], second["ended"]) == (1, "other", None)
        assert store.n_environments == 3
        assert [e.origin for e in store.environments()] == [(1, 30, 1), (1, 30, 2), (1, 30, 3)]
        for stored, given in zip(store.environments(), environments(30, 3), strict=True):
            np.testing.assert_array_equal(stored.fingerprint, given.fingerprint)
        np.testing.assert_array_equal(store.evaluations()["verdict"], [0, 0, 1, 2])
        np.testing.assert_array_equal(store.bank_growth(), [[1, 0, 3]])
        assert store.last_kept_step(0, "sel") == 30
        assert store.last_kept_step(1, "other") == -1
        assert store.bank_description() == DESCRIPTION


def test_existing_store_is_refused_resumed_or_overwritten(tmp_path):
    path = tmp_path / "store.db"
    with new_store(path) as store:
        run = store.begin_run(0, 0, HELLO)
        store.add_frame(kept_frame(30, run), environments(30, 3))
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"holds 1 frames; say --resume"):
        FrameStore.open(path)
    assert path.read_bytes() == before
    with FrameStore.open(path, resume=True) as store:
        assert store.begin_run(0, 0, HELLO) == 2
        store.add_frame(kept_frame(40, 2), environments(40, 2))
        assert store.n_environments == 5
    with FrameStore.open(path, overwrite=True) as store:
        assert store.is_empty
        assert store.bank_header() is None


def test_a_store_that_holds_nothing_is_no_obstacle(tmp_path):
    path = tmp_path / "store.db"
    with new_store(path) as store:
        store.begin_run(0, 0, HELLO)
    with FrameStore.open(path) as store:
        assert store.runs() == []
        assert store.bank_header() is None


def test_a_store_that_was_killed_while_being_made_is_made_again(tmp_path):
    path = tmp_path / "store.db"
    for resume in (False, True):
        path.write_bytes(b"")
        with pytest.raises(StoreError, match="holds nothing yet"):
            FrameStore.read(path)
        with FrameStore.open(path, resume=resume) as store:
            assert store.is_empty


def test_what_is_no_store_is_refused_and_left_alone(tmp_path):
    text = tmp_path / "text.db"
    text.write_text("this is not SQLite, but long enough to look like some file" * 20)
    foreign = tmp_path / "foreign.db"
    ase.db.connect(str(foreign)).write(bulk("Ni"))
    for path, words in (
        (text, "not a store of mdsieve"),
        (foreign, "a database, but not a store of mdsieve"),
    ):
        before = path.read_bytes()
        for resume in (False, True):
            with pytest.raises(StoreError, match=words):
                FrameStore.open(path, resume=resume)
        assert path.read_bytes() == before
    with pytest.raises(StoreError, match="there is no such store"):
        FrameStore.read(tmp_path / "absent.db")
    with pytest.raises(StoreError, match=r"must end in \.db"):
        FrameStore.open(tmp_path / "store.sqlite")


def test_unwritable_places_are_said_in_one_line(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        FrameStore.open(tmp_path / "nowhere" / "store.db")
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StoreError, match="is a folder"):
        FrameStore.open(tmp_path / "folder.db")
    if os.geteuid() != 0:  # root may write everywhere
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
        with pytest.raises(StoreError, match="not writable"):
            FrameStore.open(closed / "store.db")


def test_a_full_disk_is_said_in_one_line_and_earlier_frames_stay(tmp_path):
    path = tmp_path / "store.db"
    with new_store(path) as store:
        run = store.begin_run(0, 0, HELLO)
        store.add_frame(kept_frame(30, run), environments(30, 3))
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match=r"store\.db: the store cannot be written: .*full"):
            store.add_frame(kept_frame(40, run, n=50), environments(40, 100))
        assert store.n_frames == 1
        assert store.n_environments == 3


def test_two_drivers_do_not_write_one_store(tmp_path):
    path = tmp_path / "store.db"
    code = "import sys, time; from mdsieve.driver.store import FrameStore\n"
    code += "store = FrameStore.open(sys.argv[1]); print('open', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "open\n"
        for words in ({"resume": True}, {"overwrite": True}, {}):
            with pytest.raises(StoreError, match=f"written by process {process.pid}"):
                FrameStore.open(path, **words)
        process.kill()
    with FrameStore.open(path, resume=True) as store:
        assert store.n_frames == 0


def test_a_slow_reader_holds_up_the_driver_but_does_not_end_it(tmp_path, monkeypatch, caplog):
    """A notebook that goes through the frames at leisure locks the file all the while."""
    monkeypatch.setattr(writing, "LOCK_NOTICE", 0.1)
    with whole_store(tmp_path / "store.db") as store:
        reader = sqlite3.connect(store.path, check_same_thread=False)
        rows = reader.execute("SELECT * FROM systems")
        rows.fetchone()
        later = threading.Timer(0.5, rows.close)
        later.start()
        store.add_frame(kept_frame(90), environments(90, 2), [Evaluation(1, 9, 90, 0.0, 300.0, 1.5, 1)])
        later.join()
        assert store.n_frames == 4
        assert store.problems() == []
        assert "store.db: locked by another program" in caplog.text

        monkeypatch.setattr(writing, "LONGEST_LOCK", 0.2)
        rows = reader.execute("SELECT * FROM systems")
        rows.fetchone()
        with pytest.raises(StoreError, match="locked"):
            store.add_frame(kept_frame(100), [])
        rows.close()
        reader.close()
        assert store.problems() == []


def test_a_killed_driver_that_nobody_has_waited_for_does_not_block_its_store(tmp_path):
    path = tmp_path / "store.db"
    code = "import sys, time; from mdsieve.driver.store import FrameStore\n"
    code += "store = FrameStore.open(sys.argv[1]); print('open', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "open\n"
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays as a zombie
        with FrameStore.open(path, resume=True) as store:
            assert store.n_frames == 0


DAMAGE = {
    "DELETE FROM systems WHERE id = 1": r"frame 1: not in ASE's table",
    "DELETE FROM mdsieve_frames WHERE frame = 2": r"row 2 of ASE's table: not one of the kept frames",
    "UPDATE mdsieve_frames SET evaluation = 0 WHERE frame = 2": r"run 1: evaluation 0 was stored 2 times",
    "UPDATE mdsieve_evaluations SET step = 7 WHERE evaluation = 1": r"frame 2: not among the evaluations as kept",
    "DELETE FROM mdsieve_evaluations WHERE evaluation = 1": r"frame 2: not among the evaluations as kept",
    "INSERT INTO mdsieve_evaluations VALUES (1, 9, 90, 0, 300, 2, 1, 0, 0, '', '')": r"run 1, evaluation 9: kept, but its frame is missing",
    "DELETE FROM mdsieve_environments WHERE position = 1": r"frame 1: brought 2 environments, 1 are there",
    "UPDATE mdsieve_environments SET step = 8 WHERE position = 0": r"environment 0: not of its frame's run and step",
    "UPDATE mdsieve_environments SET position = position + 10 WHERE frame = 1": r"environment \d+: does not follow",
    "UPDATE mdsieve_environments SET element = 4 WHERE position = 2": r"environment 2: of element number 4",
    "UPDATE mdsieve_environments SET fingerprint = x'00' WHERE position = 2": r"environment 2: its fingerprint has 1 bytes",
    "UPDATE mdsieve_environments SET fingerprint = x'"
    + 4 * "000000000000f07f"
    + "' WHERE position = 2": r"environment 2: its fingerprint is not finite",
    "DELETE FROM mdsieve_scores WHERE frame = 1": r"frame 1: its scores are missing",
}


@pytest.mark.parametrize("statement", DAMAGE)
def test_a_store_that_contradicts_itself_is_found_out(statement, tmp_path):
    path = tmp_path / "store.db"
    with whole_store(path) as store:
        assert store.problems() == []
        store._connection.execute("PRAGMA foreign_keys = OFF")
        store._connection.execute(statement)
    with FrameStore.read(path) as store:
        assert any(re.match(DAMAGE[statement], line) for line in store.problems()), store.problems()


def test_a_cut_store_is_refused(tmp_path):
    path = tmp_path / "store.db"
    whole_store(path).close()
    path.write_bytes(path.read_bytes()[:-8192])
    with pytest.raises(StoreError, match=r"store\.db: not a store of mdsieve: .*malformed"):
        FrameStore.read(path)


def test_frame_is_all_or_nothing_when_its_entries_cannot_be_stored(tmp_path):
    with new_store(tmp_path / "store.db") as store:
        run = store.begin_run(0, 0, HELLO)
        with pytest.raises(TypeError):
            store.add_frame(
                kept_frame(30, run), [*environments(30, 2), Environment(None, (1, 30, 9), np.zeros(4))]
            )
        assert store.n_frames == 0
        assert store.n_environments == 0
        assert len(list(ase.db.connect(str(store.path)).select())) == 0
        store.add_frame(kept_frame(30, run), environments(30, 2))
        assert store.n_frames == 1


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from test_store import HELLO, environments, kept_frame, new_store
from mdsieve.driver.store import Evaluation
store = new_store(sys.argv[1], resume=True)
run = store.begin_run(0, 0, HELLO)
first = store.n_frames
print("ready", flush=True)
for i in range(first, first + 100000):
    n = i % 4
    store.add_frame(kept_frame(i, run), environments(i, n), [Evaluation(run, i, i, 0.0, 300.0, 1.5, 1)])
    print(i, flush=True)
"""


def test_kill_9_loses_nothing_acknowledged(tmp_path):
    """A writer killed at random moments: every frame it acknowledged is there, whole, with exactly its
    entries.
    """
    path = tmp_path / "store.db"
    rng = random.Random(20)
    acknowledged = -1
    for _ in range(12):
        arguments = [sys.executable, "-c", WRITER, str(path), str(Path(__file__).parent)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0.0, 0.25))
            process.send_signal(signal.SIGKILL)
            said = [int(line) for line in process.stdout.read().split()]
        acknowledged = max([acknowledged, *said])
        with FrameStore.read(path) as store:
            frames = store.frames()
            # at most one more than was acknowledged: committed, but killed before it could say so
            assert len(frames) in (acknowledged + 1, acknowledged + 2)
            acknowledged = len(frames) - 1
            assert [frame["step"] for frame in frames] == list(range(len(frames)))
            assert [frame["entries"] for frame in frames] == [i % 4 for i in range(len(frames))]
            expected = [e for i in range(len(frames)) for e in environments(i, i % 4)]
            assert store.n_environments == len(expected)
            for stored, given in zip(store.environments(), expected, strict=True):
                assert stored.origin == given.origin
                np.testing.assert_array_equal(stored.fingerprint, given.fingerprint)
            assert len(store.evaluations()) == len(frames)
        assert len(list(ase.db.connect(str(path)).select())) == len(frames)
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
    assert acknowledged > 20
    with FrameStore.open(path, resume=True) as store:
        assert store.n_frames == acknowledged + 1
    assert [file.name for file in tmp_path.iterdir()] == ["store.db"]
