# SPDX-License-Identifier: GPL-2.0-or-later
"""Scores of the driver and its filters: the library's numbers, stored, resumed, killed."""

import logging
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from campaign_with_scores import FRAMES, RULE, SCORES, campaign
from synthetic import DESCRIPTOR, ELEMENTS, N_FEATURES, NI, THRESHOLDS, FakeFix, H, hello

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.driver.config import ConfigError, load_config
from mdsieve.driver.messages import JUNK, KEPT, KNOWN, NEED_ATOMS, NEED_FINGERPRINTS, Fatal
from mdsieve.driver.service import Service
from mdsieve.driver.store import FrameStore
from mdsieve.scores import DensityScorer, Environments, ExtrapolationScorer

pytestmark = pytest.mark.timeout(120)


def offline():
    """The same scorers from the library: an empty bank's, without scaling."""
    bank = EnvironmentBank(
        SymmetryFunctions.from_text(DESCRIPTOR), dict(zip(ELEMENTS, THRESHOLDS, strict=True)), scaling=None
    )
    return [ExtrapolationScorer.for_bank(bank), DensityScorer.for_bank(bank, 0.3)]


def environments(snapshot, run=1):
    n = len(snapshot.elements)
    return Environments(
        tuple(ELEMENTS), tuple(N_FEATURES), snapshot.elements, np.arange(1, n + 1), np.concatenate(snapshot.rows),
        run=run, step=snapshot.step,
    )  # fmt: skip


def kept_rows(path):
    with FrameStore.read(path) as store:
        assert store.problems() == []
        return [(row["step"], row["extrapolation"], row["density"], row["reason"]) for row in store.frames()]


def test_a_campaigns_scores_are_those_of_the_library_and_so_are_its_deltas(tmp_path):
    assert campaign(tmp_path / "store.db", FRAMES) == 0
    scorers = offline()
    expected, deltas = [], [[], []]
    for snapshot in FRAMES:
        frame = environments(snapshot)
        grade, density = (scorer.score(frame).frame for scorer in scorers)
        if grade > 1.15 or density > -1.5:
            reason = "extrapolation > 1.15" if grade > 1.15 else "density > -1.5"
            expected.append((snapshot.step, grade, density, reason))
            for known, scorer in zip(deltas, scorers, strict=True):
                delta = scorer.learn(frame)
                known += [] if delta is None else [delta]
    assert 5 < len(expected) < len(FRAMES) - 5
    assert {row[3] for row in expected} == {"extrapolation > 1.15", "density > -1.5"}
    assert kept_rows(tmp_path / "store.db") == expected
    with FrameStore.read(tmp_path / "store.db") as store:
        for scorer, known, fresh in zip(scorers, deltas, offline(), strict=True):
            assert store.scorer_deltas(scorer.name) == known
            assert store.scorer_header(scorer.name) == fresh.header()


def test_a_campaign_that_stopped_anywhere_goes_on_with_the_scores_that_it_had(tmp_path):
    campaign(tmp_path / "whole.db", FRAMES)
    for middle in (1, 33):
        path = tmp_path / f"parts{middle}.db"
        campaign(path, FRAMES[:middle])
        campaign(path, FRAMES[middle:], resume=True)
        assert kept_rows(path) == kept_rows(tmp_path / "whole.db")


@pytest.mark.parametrize("verdicts", [7, 30])
def test_a_campaign_killed_at_any_moment_goes_on_with_what_its_store_implies(tmp_path, verdicts):
    campaign(tmp_path / "whole.db", FRAMES)
    path = tmp_path / "killed.db"
    program = Path(__file__).with_name("campaign_with_scores.py")
    process = subprocess.Popen([sys.executable, program, path, "0.1"], stdout=subprocess.PIPE, text=True)
    try:
        told = [process.stdout.readline().split() for _ in range(verdicts)]
    finally:
        process.kill()
        process.communicate()
    assert process.returncode < 0, "it must have been killed, not have ended"
    acknowledged = [int(step) for step, verdict in told if int(verdict) == KEPT]
    stored = kept_rows(path)
    assert [row[0] for row in stored][: len(acknowledged)] == acknowledged
    last = stored[-1][0]
    campaign(path, [frame for frame in FRAMES if frame.step > last], resume=True)
    assert kept_rows(path) == kept_rows(tmp_path / "whole.db")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scores": {**SCORES, "density": {"bandwidth": 0.31}}}, "score density: its settings are not those"),
        (
            {"scores": {**SCORES, "extrapolation": {"floor": 0.1}}},
            "score extrapolation: its settings are not",
        ),
    ],
)
def test_other_settings_do_not_go_on_with_a_store(tmp_path, settings, words):
    campaign(tmp_path / "store.db", FRAMES[:10])
    before = kept_rows(tmp_path / "store.db")
    service = Service(load_config(store=tmp_path / "store.db", resume=True, **settings))
    reply = service.handle(0, 0, hello(rule=RULE))
    service.close()
    assert isinstance(reply, Fatal)
    assert words in reply.text
    assert kept_rows(tmp_path / "store.db") == before


def test_the_fix_is_asked_for_what_the_scores_need_and_a_table_alone_is_enough(tmp_path):
    for scores, needs in [
        ({}, 0),
        ({"density": {}}, NEED_FINGERPRINTS),
        ({"spread": {"factory": "committees:none"}}, None),
    ]:
        service = Service(load_config(store=tmp_path / f"{len(scores)}{needs}.db", scores=scores))
        fix = FakeFix(service.handle)
        reply = fix.begin(hello())
        if needs is None:
            assert "scores.spread: factory committees:none" in reply.text
        else:
            assert reply.needs == needs
        service.close()


@pytest.fixture
def committees(tmp_path, monkeypatch):
    """A module with committees, in the folder of the run: forces that depend on the step by the positions."""
    (tmp_path / "my_committees.py").write_text(
        "import numpy as np\n"
        "calls = []\n"
        "def two():\n"
        "    def ask(atoms):\n"
        "        calls.append(len(atoms))\n"
        "        if len(calls) % 3 == 0:\n"
        "            raise RuntimeError('out of memory')\n"
        "        forces = np.zeros((2, len(atoms), 3))\n"
        "        forces[1, 4, 0] = atoms.positions[4, 0]\n"
        "        return forces\n"
        "    return ask\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_committees", raising=False)
    return tmp_path


def test_the_committee_is_asked_only_about_frames_that_passed_the_cheap_scores(committees):
    scores = {"spread": {"factory": "my_committees:two"}}
    service = Service(load_config(store=committees / "store.db", scores=scores))
    fix = FakeFix(service.handle)
    assert fix.begin(hello(rule="keep spread > 1")).needs == NEED_ATOMS
    sent = [fix.frame(f, drop=False) for f in FRAMES]
    replies = [service.handle(0, 0, frame) for frame in sent]
    service.close()
    from my_committees import calls

    with FrameStore.read(committees / "store.db") as store:
        seen, kept, details = store.evaluations(), store.frames(), store.details()
    passed = np.flatnonzero(seen["novelty"] > 1)
    assert len(calls) == len(passed), "and about no other"
    answered = [i for n, i in enumerate(passed, 1) if n % 3]
    expected = [i for i in answered if sent[i].positions[4, 0] / 2 > 1]
    assert 2 < len(expected) < len(answered)
    assert [row["step"] for row in kept] == [FRAMES[i].step for i in expected]
    for row, i in zip(kept, expected, strict=True):
        assert row["spread"] == pytest.approx(sent[i].positions[4, 0] / 2)
    for i, reply in enumerate(replies):
        told = reply.scores[2]
        assert np.isnan(told) if i not in answered else told == pytest.approx(sent[i].positions[4, 0] / 2)
    failed = [row["step"] for row in details]
    assert failed == [FRAMES[i].step for n, i in enumerate(passed, 1) if n % 3 == 0]
    assert "the committee failed: RuntimeError: out of memory" in details[0]["detail"]


def test_another_condition_may_stand_before_the_committee(committees):
    scores = {"density": {}, "spread": {"factory": "my_committees:two", "after": "density > 3"}}
    service = Service(load_config(store=committees / "store.db", scores=scores))
    fix = FakeFix(service.handle)
    assert fix.begin(hello(rule="keep novelty > 1")).needs == NEED_ATOMS | NEED_FINGERPRINTS
    scored = [fix.evaluate(f, drop=False) for f in FRAMES]
    service.close()
    from my_committees import calls

    assert 0 < len(calls) < sum(reply.verdict == KEPT for reply in scored)


def test_frames_that_make_no_sense_are_junk_with_a_reason_and_leave_no_trace(tmp_path, caplog):
    filters = {"shortest": {"H-H": 1.0}, "volume": (80.0, 100.0)}
    service = Service(load_config(store=tmp_path / "store.db", filters=filters))
    fix = FakeFix(service.handle)
    fix.begin(hello())
    n = len(FRAMES[0].elements)
    hydrogens = np.flatnonzero(FRAMES[0].elements == H)
    apart = np.array([[2.5 * i, 2.5 * j, 3.0 * k] for i in range(3) for j in range(3) for k in range(3)])[:n]
    close = apart.copy()
    close[hydrogens[1]] = close[hydrogens[0]] + [0.5, 0, 0]
    verdicts, expected = [], []
    for number, snapshot in enumerate(FRAMES):
        positions = close if number % 4 == 1 else apart
        cell = np.diag([9.0, 10.0, 15.0 if number % 4 == 2 else 11.0])
        message = fix.frame(snapshot, drop=False, positions=positions, cell=cell)
        reply = service.handle(0, 0, message)
        fix.take(reply)
        verdicts.append(reply.verdict)
        if reply.verdict != KNOWN:
            expected.append({1: "filter distance H-H", 2: "filter volume"}.get(number % 4, "novelty > 1"))
    with caplog.at_level(logging.INFO, "mdsieve.driver"):
        assert service.close() == 0
    with FrameStore.read(tmp_path / "store.db") as store:
        assert store.problems() == []
        reasons, details, kept = store.reasons(), store.details(), store.frames()
        origins = {e.origin[1] for e in store.environments()}
    assert len(set(expected)) == 3
    assert reasons == {
        (KEPT if reason.startswith("novelty") else JUNK, reason): expected.count(reason)
        for reason in set(expected)
    }
    assert verdicts.count(JUNK) == len(details) == fix.verdicts[-1].junk
    assert origins <= {row["step"] for row in kept}, "what was turned down is not in the bank"
    ids = [int(i) + 1 for i in hydrogens[:2]]
    texts = {row["reason"]: row["detail"] for row in details}
    assert "distance H-H 0.5 Å" in texts["filter distance H-H"]
    assert all(re.search(rf"\b{i}\b", texts["filter distance H-H"]) for i in ids)
    assert texts["filter volume"] == "volume 112.5 Å³ an atom, expected 80 to 100"
    assert f"filter volume: {expected.count('filter volume')}" in caplog.text
    shown = subprocess.run(
        [sys.executable, "-m", "mdsieve", "show", tmp_path / "store.db"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.search(rf"junk\s+filter volume\s+{expected.count('filter volume')}\b", shown.stdout)


def test_a_filter_that_needs_what_the_fix_does_not_send_is_told_of(tmp_path, caplog):
    service = Service(load_config(store=tmp_path / "store.db", filters={"force": 10.0}))
    with caplog.at_level(logging.WARNING, "mdsieve.driver"):
        service.handle(0, 0, hello(fields=["pe"]))
    service.close()
    assert "fix sel: filters on energies or forces need `fields f`" in caplog.text


def test_energies_and_forces_are_judged_in_units_of_ase(tmp_path):
    service = Service(load_config(store=tmp_path / "store.db", filters={"energy": (-5.0, 0.0), "force": 3.0}))
    fix = FakeFix(service.handle)
    fix.begin(hello(units="real", fields=["pe", "f"], rule="keep novelty >= 0"))
    n = len(FRAMES[0].elements)
    kcal = 0.0433641
    cases = [(-4.0, 1.0, KEPT), (-6.0, 1.0, JUNK), (-4.0, 4.0, JUNK)]
    for snapshot, (energy, force, verdict) in zip(FRAMES[::20], cases, strict=False):
        forces = np.zeros((n, 3))
        forces[NI, 1] = force / kcal
        reply = fix.evaluate(snapshot, drop=False, energy=energy * n / kcal, forces=forces)
        assert reply.verdict == verdict
    service.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[scores.oddness]\nx = 1", "'oddness' is not a score of the driver: expected one of"),
        ("[scores.density]\nbandwith = 1", "scores.density: unknown key 'bandwith', known are"),
        ("[scores.density]\nbandwidth = -1", "scores.density.bandwidth: Input should be greater than 0"),
        (
            "[scores.spread]\nof = 'forces'",
            "scores.spread: found none, expected one of factory, ensemble, potentials",
        ),
        ("[scores.spread]\nfactory = 'a:b'\nafter = 'novelty 1'", "scores.spread.after: rule: "),
        ("[filters]\nshortest = -1.0", "filters: shortest of all is -1.0: expected a distance above 0"),
        ("[filters]\nvolume = [5]", "filters.volume"),
        ("[filters]\nvolme = [5, 6]", "filters.volme: Extra inputs are not permitted"),
        ("[filters.shortest]\nNi-Q = 1.0", "shortest of 'Ni-Q': expected 'all' or two elements"),
    ],
)
def test_settings_that_make_no_sense_are_one_line_with_the_file_and_the_key(tmp_path, text, words):
    (tmp_path / "select.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "select.toml")
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'select.toml'}: ")
    assert words in message
    assert "\n" not in message
