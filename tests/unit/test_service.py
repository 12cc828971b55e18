# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's decisions: the paper's picks, pilots, junk, gap, max, refusals, failures, resuming."""

import gc
import re
import time

import ase.db
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator
from synthetic import (
    DESCRIPTOR,
    ELEMENTS,
    NI,
    THRESHOLDS,
    FakeFix,
    H,
    Snapshot,
    greedy,
    hello,
    pilot,
    trajectory,
)

import mdsieve
from mdsieve import _core
from mdsieve.driver.config import load_config
from mdsieve.driver.messages import (
    JUNK,
    KEPT,
    KNOWN,
    PARTINGS,
    PENDING,
    Bye,
    Fatal,
    Goodbye,
    LinkError,
    RunEnd,
    Verdict,
    Welcome,
)
from mdsieve.driver.service import Service
from mdsieve.driver.store import FrameStore, StoreError

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def campaign(tmp_path):
    """Makes services on one store, closed at the end."""
    services = []

    def make(**settings):
        services.append(Service(load_config(store=tmp_path / "store.db", **settings)))
        return services[-1]

    yield make
    for service in services:
        service.close()


def stored(tmp_path):
    """Steps of the frames and (step, atom ID) of the environments in the store."""
    with FrameStore.read(tmp_path / "store.db") as store:
        return [f["step"] for f in store.frames()], [e.origin[1:] for e in store.environments()]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("drop", [True, False])
def test_picks_are_those_of_the_paper(campaign, tmp_path, seed, drop):
    frames = trajectory(60, seed=seed)
    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello())
    for frame in frames:
        fix.evaluate(frame, drop=drop)
    assert service.close() == 0
    steps, entries = greedy(frames)
    assert 3 < len(steps) < 55
    assert stored(tmp_path) == (steps, entries)
    assert [v.step for v in fix.verdicts if v.verdict == KEPT] == steps
    assert fix.verdicts[-1].kept == len(steps)
    with FrameStore.read(tmp_path / "store.db") as store:
        bank = store.bank()
        np.testing.assert_array_equal(bank.entries_since(0)[1], fix.bank.entries_since(0)[1])
        np.testing.assert_array_equal(bank.entries_since(0)[2], fix.bank.entries_since(0)[2])
        evaluations = store.evaluations()
        assert len(evaluations) == 60
        np.testing.assert_array_equal(evaluations["verdict"], [v.verdict for v in fix.verdicts])
        np.testing.assert_array_equal(evaluations["novelty"], [v.novelty for v in fix.verdicts])


def test_a_stored_frame_is_let_go_at_once(campaign):
    """Not when Python's collector comes by: that counts objects, and a frame is few but large ones."""
    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello())
    gc.collect()
    others = {id(o) for o in gc.get_objects() if issubclass(type(o), Atoms | Calculator)}  # of other tests
    gc.disable()
    try:
        for frame in trajectory(20):
            fix.evaluate(frame, energy=1.0, forces=np.ones((12, 3)))
        alive = [
            o for o in gc.get_objects() if issubclass(type(o), Atoms | Calculator) and id(o) not in others
        ]
    finally:
        gc.enable()
    assert service.summary.kept > 3
    assert not alive


def test_the_bank_of_a_store_is_there_for_python(campaign, tmp_path):
    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello())
    for frame in trajectory(30):
        fix.evaluate(frame)
    service.close()
    bank = mdsieve.EnvironmentBank.load(tmp_path / "store.db")
    entries = [bank.entry(position) for position in range(len(bank))]
    assert [(entry.step, entry.atom_id) for entry in entries] == greedy(trajectory(30))[1]
    with FrameStore.open(tmp_path / "empty.db"):
        pass
    with pytest.raises(ValueError, match=r"empty\.db: this store has no bank yet"):
        mdsieve.EnvironmentBank.load(tmp_path / "empty.db")


def test_the_novelty_and_its_atom_are_right(campaign):
    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello())
    first = Snapshot(0, np.array([NI, H], np.int32), [np.zeros(3), np.zeros(2)])
    reply = fix.evaluate(first)
    assert (reply.verdict, reply.novelty, reply.atom) == (KEPT, np.inf, 1)
    second = Snapshot(10, np.array([NI, H], np.int32), [np.array([0.3, 0.4, 0.0]), np.array([0.6, 0.0])])
    reply = fix.evaluate(second, drop=False)
    assert (reply.verdict, reply.atom) == (KEPT, 2)
    assert reply.novelty == pytest.approx(1.5)
    at_threshold = Snapshot(20, np.array([NI], np.int32), [np.array([0.0, 0.0, 0.5])])
    reply = fix.evaluate(
        at_threshold, drop=False
    )  # strictly larger than the threshold, as printed in the paper
    assert (reply.verdict, reply.novelty, reply.atom) == (KNOWN, 1.0, 1)


def test_a_kept_frame_carries_its_labels_in_ase_units(campaign, tmp_path):
    from ase import units

    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello(units="real", fields=["pe", "f", "v", "stress"]))
    snapshot = Snapshot(40, np.array([NI, H], np.int32), [np.zeros(3), np.zeros(2)])
    vectors = np.arange(6.0).reshape(2, 3)
    fix.evaluate(snapshot, energy=-23.0, forces=vectors, velocities=vectors, pressure=np.arange(1.0, 7.0))
    service.close()
    row = ase.db.connect(str(tmp_path / "store.db")).get(step=40)
    atoms = row.toatoms()
    assert atoms.get_chemical_symbols() == ["Ni", "H"]
    assert (row.trigger_atom, row.trigger_element, row.run, row.world) == (1, "Ni", 1, 0)
    assert row.time == pytest.approx(0.04e-3)
    assert row.temperature == 340.0
    assert atoms.get_potential_energy() == pytest.approx(-23.0 * units.kcal / units.mol, rel=1e-6)
    np.testing.assert_allclose(atoms.get_forces(), vectors * units.kcal / units.mol, rtol=1e-6)
    np.testing.assert_allclose(atoms.get_velocities(), vectors / units.fs, rtol=1e-6)
    atmosphere = 101325 * units.Pascal
    np.testing.assert_allclose(atoms.get_stress(), -np.arange(1.0, 7.0) * atmosphere, rtol=1e-6)


@pytest.mark.parametrize("kind", ["minmax", "std"])
def test_pilot_scales_then_decides_in_order(campaign, tmp_path, kind):
    frames = trajectory(40, seed=5, spread=3.0)
    thresholds = [0.6, 0.6] if kind == "minmax" else [1.8, 1.8]
    service = campaign()
    fix = FakeFix(service.handle)
    assert fix.begin(hello(scaling=pilot(8, kind), thresholds=thresholds)).bank == b""
    replies = [fix.evaluate(frame, drop=False) for frame in frames]
    assert [reply.verdict for reply in replies[:7]] == [PENDING] * 7
    assert all(reply.verdict != PENDING for reply in replies[7:])
    assert len(replies[7].bank) > 0
    assert all(not reply.bank for reply in replies[8:])
    service.close()

    shift, factor = [], []
    for element in range(len(ELEMENTS)):
        rows = np.array(
            [r for f in frames[:8] for e, r in zip(f.elements, f.rows, strict=True) if e == element]
        )
        low, spread = rows.min(axis=0), np.ptp(rows, axis=0)
        if kind == "std":
            low, spread = rows.mean(axis=0), rows.std(axis=0, ddof=1)
        shift.append(low)
        factor.append(1 / spread)
    steps, entries = greedy(frames, thresholds, lambda element, row: (row - shift[element]) * factor[element])
    assert 3 < len(steps) < 35
    assert stored(tmp_path) == (steps, entries)
    assert replies[-1].kept == len(steps)
    with FrameStore.read(tmp_path / "store.db") as store:
        assert len(store.evaluations()) == 40


def test_a_pilot_that_never_fills_is_decided_at_the_end(campaign, tmp_path):
    frames = trajectory(5, spread=3.0)
    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello(scaling=pilot(100)))
    assert {fix.evaluate(frame).verdict for frame in frames} == {PENDING}
    assert fix.handle(0, 0, Bye()) is None
    assert service.close() == 0
    assert stored(tmp_path)[0][0] == 0
    with FrameStore.read(tmp_path / "store.db") as store:
        assert len(store.evaluations()) == 5


def test_a_pilot_does_not_outgrow_its_memory(campaign):
    service = campaign(pilot_memory=0.01)
    fix = FakeFix(service.handle)
    fix.begin(hello(scaling=pilot(100)))
    replies = [fix.evaluate(frame) for frame in trajectory(30)]
    fatal = next(reply for reply in replies if isinstance(reply, Fatal))
    assert "pilot_memory" in fatal.text


def test_junk_leaves_no_trace_in_the_bank(campaign, tmp_path):
    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello(rule="keep novelty > 1 junk novelty > 20"))
    one = np.array([NI], np.int32)
    points = [0.0, 0.6, 100.0, 100.1, 1.2]
    verdicts = [
        fix.evaluate(Snapshot(10 * i, one, [np.array([x, 0.0, 0.0])])).verdict for i, x in enumerate(points)
    ]
    assert verdicts == [KEPT, KEPT, JUNK, JUNK, KEPT]
    assert fix.verdicts[-1].junk == 2
    assert len(fix.bank) == 3
    service.close()
    assert stored(tmp_path)[0] == [0, 10, 40]


def test_junk_and_stop_do_not_judge_an_element_that_the_bank_has_not_seen(campaign):
    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello(rule="junk novelty > 20 stop novelty > 30 hard"))
    nickel = Snapshot(0, np.array([NI], np.int32), [np.zeros(3)])
    with_hydrogen = Snapshot(10, np.array([NI, H], np.int32), [np.zeros(3), np.zeros(2)])
    odd = Snapshot(20, np.array([NI, H], np.int32), [np.full(3, 50.0), np.zeros(2)])
    replies = [fix.evaluate(snapshot) for snapshot in (nickel, with_hydrogen, odd)]
    assert [(reply.verdict, reply.stop) for reply in replies] == [(KEPT, False), (KEPT, False), (JUNK, True)]
    assert [reply.novelty for reply in replies[:2]] == [np.inf, np.inf]


def test_gap_and_max_suppress_without_a_trace(campaign, tmp_path):
    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello(rule="keep novelty > 1 gap 30 max 3"))
    one = np.array([NI], np.int32)
    replies = [fix.evaluate(Snapshot(10 * i, one, [np.array([float(i), 0, 0])])) for i in range(15)]
    service.close()
    assert [reply.step for reply in replies if reply.verdict == KEPT] == [0, 30, 60]
    assert stored(tmp_path) == ([0, 30, 60], [(0, 1), (30, 1), (60, 1)])


def test_max_counts_the_campaign_when_it_is_resumed(campaign):
    one = np.array([NI], np.int32)
    for part in range(2):
        service = campaign(resume=True)
        fix = FakeFix(service.handle)
        fix.begin(hello(rule="max 3"))
        steps = range(100 * part, 100 * part + 20, 10)
        verdicts = [fix.evaluate(Snapshot(s, one, [np.array([float(s), 0, 0])])).verdict for s in steps]
        assert verdicts == ([KEPT, KEPT], [KEPT, KNOWN])[part]
        service.close()


def test_resuming_continues_as_if_nothing_had_happened(campaign, tmp_path):
    frames = trajectory(60, seed=7)
    kept_first = None
    for part, half in enumerate((frames[:30], frames[30:])):
        service = campaign(resume=True)
        fix = FakeFix(service.handle)
        welcome = fix.begin(hello())
        assert welcome.run == part + 1
        for frame in half:
            fix.evaluate(frame)
        if part == 0:
            kept_first = service.summary.kept
        else:
            assert welcome.kept == kept_first
            assert welcome.last_kept_step == max(s for s in greedy(frames)[0] if s < 300)
        service.close()
    assert stored(tmp_path) == greedy(frames)


def test_two_worlds_fill_one_bank(campaign, tmp_path):
    service = campaign()
    fixes = [FakeFix(service.handle, world=world) for world in range(2)]
    for fix in fixes:
        assert isinstance(fix.begin(hello()), Welcome)
    walks = [trajectory(30, seed=seed) for seed in (8, 9)]
    merged = [frame for pair in zip(*walks, strict=True) for frame in pair]
    for i, frame in enumerate(merged):
        fixes[i % 2].evaluate(frame)
    service.close()
    steps, entries = greedy(merged)
    assert stored(tmp_path) == (steps, entries)
    with FrameStore.read(tmp_path / "store.db") as store:
        assert {frame["world"] for frame in store.frames()} == {0, 1}
        assert [run["seen"] for run in store.runs()] == [30, 30]


def test_streamed_verdicts_repeat_entries_that_are_under_way(campaign):
    """Frames sent before the first verdict arrives all report revision 0; each verdict brings all since
    then.
    """
    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello())
    messages = [fix.frame(frame) for frame in trajectory(10, seed=3)]
    assert {message.revision for message in messages} == {0}
    replies = [service.handle(0, 0, message) for message in messages]
    for reply in replies:
        assert len(reply.elements) == reply.revision
        fix.take(reply)


def test_a_bank_file_is_the_beginning_of_the_store(campaign, tmp_path):
    bank = _core.EnvironmentBank(
        DESCRIPTOR, hello().info["descriptor_hash"], ELEMENTS, [3, 2][:: 1 if NI == 0 else -1], [6.0, 6.0],
        THRESHOLDS, _core.Scaling.identity([3, 2][:: 1 if NI == 0 else -1]),
    )  # fmt: skip
    bank.add(np.array([NI], np.int32), np.array([[9, 90, 900]]), np.zeros(3))
    service = campaign()
    fix = FakeFix(service.handle)
    welcome = fix.begin(hello(bank=bank.serialise()))
    assert isinstance(welcome, Welcome)
    assert len(fix.bank) == 1
    assert fix.evaluate(Snapshot(0, np.array([NI], np.int32), [np.zeros(3)])).verdict == KNOWN
    fix.evaluate(Snapshot(10, np.array([NI], np.int32), [np.ones(3)]))
    service.close()
    with FrameStore.read(tmp_path / "store.db") as store:
        assert [e.origin for e in store.environments()] == [(9, 90, 900), (1, 10, 1)]
        assert store.bank_growth().tolist() == [[0, NI, 1], [1, NI, 1]]


OTHER = DESCRIPTOR.replace("1.5 1.0 5.0", "1.5 1.0 5.5")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"descriptor_text": OTHER, "descriptor_name": "other.nn"},
            r"its descriptor other\.nn .* is not that of",
        ),
        ({"thresholds": [0.1, 0.2]}, "its thresholds 0.1 0.2 is not that of"),
        ({"scaling": pilot(5)}, "scaling kind minmax is not that of"),
        ({"protocol": 2}, "version 2 of the link, this driver version 1"),
        ({"units": "imperial"}, "units imperial: expected one of"),
        ({"rule": "keep novelty > much"}, "'much' is not a finite number"),
        ({"rule": "keep oddness > 1"}, "'oddness' is not a score"),
        ({"descriptor_hash": "0123"}, r"its descriptor test\.nn \(0123\) is not that of"),
    ],
)
def test_a_fix_that_does_not_match_is_refused_and_the_others_go_on(campaign, changes, words):
    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello())
    other = FakeFix(service.handle, world=1)
    reply = other.begin(hello(**changes))
    assert isinstance(reply, Fatal)
    assert re.search(words, reply.text), reply.text
    assert "\n" not in reply.text
    assert isinstance(fix.evaluate(trajectory(1)[0]), Verdict)
    assert service.close() == 1


def test_a_plugin_that_reads_the_descriptor_differently_is_refused(campaign):
    reply = FakeFix(campaign().handle).begin(hello(descriptor_hash="0123"))
    assert "reads test.nn differently from the plugin" in reply.text


def test_a_store_of_another_descriptor_is_refused(campaign, tmp_path):
    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello())
    fix.evaluate(trajectory(1)[0])
    service.close()
    before = stored(tmp_path)
    service = campaign(resume=True)
    reply = FakeFix(service.handle).begin(hello(descriptor_text=OTHER))
    assert isinstance(reply, Fatal)
    assert "store.db" in reply.text
    assert service.close() == 1
    assert stored(tmp_path) == before


def test_an_existing_store_stays_until_a_fix_is_accepted(campaign, tmp_path):
    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello())
    fix.evaluate(trajectory(1)[0])
    service.close()
    before = stored(tmp_path)
    reply = FakeFix(campaign().handle).begin(hello())
    assert isinstance(reply, Fatal)
    assert "--resume" in reply.text
    service = campaign(overwrite=True)
    assert isinstance(FakeFix(service.handle).begin(hello(units="imperial")), Fatal)
    assert stored(tmp_path) == before
    assert FakeFix(service.handle).begin(hello()).kept == 0
    service.close()
    assert stored(tmp_path) == ([], [])


def test_a_store_that_fails_is_told_to_every_fix_and_keeps_what_it_has(campaign, tmp_path, monkeypatch):
    service = campaign()
    fixes = [FakeFix(service.handle, world=world) for world in range(3)]
    for fix in fixes:
        fix.begin(hello())
    frames = trajectory(60, seed=1)
    assert fixes[0].evaluate(frames[0]).verdict == KEPT
    before = stored(tmp_path)

    def full(*arguments):
        raise StoreError("store.db: the store cannot be written: database or disk is full")

    monkeypatch.setattr(FrameStore, "add_frame", full)
    reply = next(r for r in (fixes[0].evaluate(f) for f in frames[1:]) if not isinstance(r, Verdict))
    assert reply == Fatal("store.db: the store cannot be written: database or disk is full")
    assert {(world, channel) for world, channel, _ in service.fatals()} == {(1, 0), (2, 0)}
    assert service.fatals() == []
    assert isinstance(fixes[1].evaluate(frames[0]), Fatal)
    assert service.close() == 1
    assert stored(tmp_path) == before


def test_a_bug_in_the_driver_becomes_one_line(campaign, monkeypatch):
    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello())
    monkeypatch.setattr("mdsieve.driver.authority.Authority.novelties", lambda self, frame: 1 / 0)
    reply = fix.evaluate(trajectory(1)[0])
    assert reply == Fatal("driver: ZeroDivisionError: division by zero")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"candidate_elements": np.full(12, 7, np.int32)}, "element"),
        ({"fingerprints": np.zeros(3)}, "fingerprint values"),
        ({"revision": 99}, "the driver only"),
        ({"candidate_ids": np.arange(12, 0, -1)}, "ascending"),
        ({"positions": None, "ids": None, "elements": None}, "carries no atoms"),
    ],
)
def test_a_frame_that_contradicts_itself_is_refused(campaign, tmp_path, changes, words):
    service = campaign()
    fix = FakeFix(service.handle)
    fix.begin(hello())
    reply = fix.evaluate(trajectory(1)[0], **changes)
    assert isinstance(reply, Fatal)
    assert words in reply.text


def test_a_message_without_hello_is_refused(campaign):
    service = campaign()
    assert "without a HELLO" in FakeFix(service.handle).evaluate(trajectory(1)[0]).text
    assert "announced" in service.malformed(0, LinkError("3 bytes announced")).text


def test_runs_and_endings_are_recorded(campaign, tmp_path):
    service = campaign()
    fixes = [FakeFix(service.handle, world=world) for world in range(3)]
    for fix in fixes:
        fix.begin(hello(fix=f"f{fix.world}"))
    for _ in range(2):
        service.handle(
            0, 0, RunEnd({"evaluated": 5, "steps": 50, "seconds_computing": 0.5, "seconds_waiting": 0.25})
        )
    service.handle(0, 0, Bye(PARTINGS.index("end of script")))
    service.handle(1, 0, Goodbye(1, barrier=True))
    service.handle(2, 0, Goodbye(1, barrier=False))
    service.close()
    with FrameStore.read(tmp_path / "store.db") as store:
        runs = store.runs()
    assert [run["ending"] for run in runs] == ["end of script", "error", "quit"]
    assert (runs[0]["commands"], runs[0]["steps"], runs[0]["seconds_computing"]) == (2, 100, 1.0)


def test_evaluations_reach_the_disk_without_a_kept_frame(campaign, tmp_path):
    service = campaign(flush=0.01)
    fix = FakeFix(service.handle)
    fix.begin(hello())
    frame = trajectory(1)[0]
    fix.evaluate(frame)
    fix.evaluate(Snapshot(10, frame.elements, frame.rows))
    with FrameStore.read(tmp_path / "store.db") as store:
        assert len(store.evaluations()) == 1
        time.sleep(0.02)
        service.tick()
        assert len(store.evaluations()) == 2
