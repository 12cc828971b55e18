# SPDX-License-Identifier: GPL-2.0-or-later
"""The scores frame and range: online on any number of ranks, waiting or streaming, with and without a driver,
the numbers of plain NumPy over the same trajectory.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from harness import run_lmp, run_with_driver
from select_cases import GATED_DUMP, NI_AL_NN, NI_AL_RERUN, kept_steps, rerun

import mdsieve
from mdsieve import _core
from mdsieve.driver.store import FrameStore

pytestmark = pytest.mark.timeout(600)

EVERY, THRESHOLDS, N_BINS = 60, {"Ni": 0.3, "Al": 0.35}, 20
OUTPUT = "thermo_style custom step f_sel f_sel[1] f_sel[2] f_sel[3]\nthermo_modify format float %.12g\n"


@dataclass
class Row:
    """What the fix says of one frame."""

    step: int
    verdict: int
    novelty: float
    frame: float
    range: float


@pytest.fixture(scope="module")
def functions():
    return mdsieve.SymmetryFunctions.from_text(NI_AL_NN)


@pytest.fixture(scope="module")
def fingerprints(binary_trajectory, functions):
    frames = functions.create_by_element(binary_trajectory)[:: EVERY // 20]
    assert len(frames) > 15
    return frames


@pytest.fixture(scope="module")
def scaling_text(fingerprints, functions):
    """Fitted on the cold half, so that the hot half leaves its ranges."""
    statistics = _core.ColumnStatistics([functions.n_features[symbol] for symbol in functions.elements])
    for frame in fingerprints[: len(fingerprints) // 2]:
        for number, symbol in enumerate(functions.elements):
            rows = frame[symbol][1]
            statistics.add(np.full(len(rows), number, np.int32), rows.ravel())
    return statistics.to_scaling_data(functions._core.descriptor)


def plain_rows(fingerprints, functions, scaling, keeps, mode="presence", step=0.0):
    """The scores in plain NumPy, frame by frame; `keeps` decides by novelty, frame and range."""
    elements = functions.elements
    shift, factor = [np.array(x) for x in scaling.shift], [np.array(x) for x in scaling.factor]
    bank = {symbol: [] for symbol in elements}
    seen, reference, rows = [], None, []
    for i, frame in enumerate(fingerprints):
        counts = []
        for e, symbol in enumerate(elements):
            scaled = (frame[symbol][1] - shift[e]) * factor[e]
            for column in scaled.T:
                inside = (column >= -1e-9) & (column <= 1 + 1e-9)
                bins = np.clip((column[inside] * N_BINS).astype(int), 0, N_BINS - 1)
                histogram = np.bincount(bins, minlength=N_BINS)
                below, above = np.sum(column < -1e-9), np.sum(column > 1 + 1e-9)
                counts.append(np.concatenate([[below], histogram, [above]]))
        counts = np.array(counts)
        reference = counts if reference is None else reference
        if mode == "presence":
            vector = ((counts > 0) != (reference > 0)).ravel()
        elif mode == "count":
            vector = (counts != reference).ravel()
        else:
            shares = counts / counts.sum(axis=1, keepdims=True)
            vector = (np.abs(shares - reference / reference.sum(axis=1, keepdims=True)) > step).ravel()
        distance = min((np.mean(vector != other) for other in seen), default=np.inf)
        novelty = excess = 0.0
        for e, symbol in enumerate(elements):
            scaled = frame[symbol][1] * factor[e]
            if not bank[symbol]:
                novelty = excess = np.inf
                continue
            entries = np.array(bank[symbol])
            distances = np.linalg.norm(scaled[:, None] - entries, axis=2).min(axis=1)
            novelty = max(novelty, distances.max() / THRESHOLDS[symbol])
            outside = np.maximum(scaled - entries.max(axis=0), entries.min(axis=0) - scaled)
            excess = max(excess, outside.max())
        kept = keeps(novelty, distance, excess)
        if kept:
            seen.append(vector)
            atoms = sorted(
                (int(index), symbol, row)
                for symbol in elements
                for index, row in zip(frame[symbol][0], range(len(frame[symbol][0])), strict=True)
            )
            for _, symbol, row in atoms:
                x = frame[symbol][1][row] * factor[elements.index(symbol)]
                entries = bank[symbol]
                if not entries or np.linalg.norm(np.array(entries) - x, axis=1).min() > THRESHOLDS[symbol]:
                    entries.append(x)
        rows.append(Row(EVERY * i, int(kept), novelty, distance, excess))
    return rows


def online_rows(log):
    """The thermo lines of a rerun, one a frame."""
    lines = [line.split() for line in log.splitlines()]
    numbers = [line for line in lines if len(line) == 5 and line[0].isdigit()]
    return [Row(int(a), int(float(b)), *map(float, others)) for a, b, *others in numbers]


def assert_same_rows(found, expected, streaming=False):
    assert [row.step for row in found] == [row.step for row in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.verdict == other.verdict, (one, other)
        np.testing.assert_allclose(
            [one.novelty, one.frame, one.range],
            [other.novelty, other.frame, other.range],
            rtol=1e-6,
            atol=1e-9,
        )


def script_for(dump, words):
    return (
        NI_AL_RERUN
        + "fix sel all select 20 sf.nn Ni Al threshold Ni 0.3 Al 0.35 scaling file scaling.data "
        + f"{words}\n{OUTPUT}{GATED_DUMP}"
        + rerun(dump, EVERY)
    )


@pytest.fixture
def folder(tmp_path, scaling_text):
    (tmp_path / "sf.nn").write_text(NI_AL_NN)
    (tmp_path / "scaling.data").write_text(scaling_text)
    return tmp_path


@pytest.fixture(scope="module")
def scaling(scaling_text, functions):
    return _core.parse_scaling_data(scaling_text, "scaling.data", functions._core.descriptor, "minmax")


RULE = "keep frame > 0.2 keep range > 0.3"


def keeps(novelty, frame, excess):
    return frame > 0.2 or excess > 0.3


@pytest.mark.parametrize(
    ("ranks", "mode", "step"),
    [(1, "count", 0.0), (2, "fraction 0.05", 0.05), (4, "presence", 0.0)],
)
def test_the_fix_alone_gives_the_numbers_of_plain_numpy(
    ranks, mode, step, folder, binary_dump, fingerprints, functions, scaling
):
    done = run_lmp(
        script_for(binary_dump, f"{RULE} difference {mode} driver no"), folder, ranks=ranks
    ).check()
    expected = plain_rows(fingerprints, functions, scaling, keeps, mode.split()[0], step)
    assert sum(row.verdict for row in expected) > 1
    assert_same_rows(online_rows(done.stdout), expected)
    assert kept_steps(folder / "kept.dump") == [row.step for row in expected if row.verdict]


@pytest.mark.parametrize(("ranks", "mode"), [(1, "mode wait"), (2, "mode stream 4")])
def test_with_a_driver_they_are_the_same_and_in_the_store(
    ranks, mode, folder, binary_dump, fingerprints, functions, scaling
):
    script = script_for(binary_dump, f"{RULE} driver yes {mode}")
    if "stream" in mode:
        script = script.replace(GATED_DUMP, "")
    done = run_with_driver(script, 'store = "store.db"\n', folder, ranks=ranks).check()
    expected = plain_rows(fingerprints, functions, scaling, keeps)
    assert 1 < sum(row.verdict for row in expected) < len(expected)
    if mode == "mode wait":
        assert_same_rows(online_rows(done.stdout), expected)
    with FrameStore.read(folder / "store.db") as store:
        seen = store.evaluations()
        kept = store.frames()
        vectors = store.scorer_deltas("frame")
        assert store.problems() == []
    np.testing.assert_allclose(seen["frame_distance"], [row.frame for row in expected], atol=1e-12)
    np.testing.assert_allclose(seen["range_excess"], [row.range for row in expected], rtol=1e-6, atol=1e-9)
    assert [row["step"] for row in kept] == [row.step for row in expected if row.verdict]
    assert {row["reason"] for row in kept} == {"frame > 0.2", "range > 0.3"}
    assert len(vectors) == len(kept)
    assert [row["frame"] for row in kept] == list(range(1, len(kept) + 1))
    np.testing.assert_allclose(
        [row["frame_distance"] for row in kept], seen["frame_distance"][seen["verdict"] == 1]
    )


def test_the_drivers_rule_counts_beside_the_fixs_and_its_scorers_get_what_they_need(
    folder, binary_dump, fingerprints
):
    """All fingerprints are sent for density; its value is in f_sel[11] and in the store."""
    script = script_for(binary_dump, "keep novelty > 3 driver yes").replace("f_sel[3]", "f_sel[11]")
    config = """store = "store.db"
rule = "keep density > 5 max 40"
[scores.density]
bandwidth = 0.1
"""
    done = run_with_driver(script, config, folder, ranks=2).check()
    with FrameStore.read(folder / "store.db") as store:
        kept, deltas = store.frames(), store.scorer_deltas("density")
        reasons = store.reasons()
        assert store.problems() == []
    online = {row.step: row.range for row in online_rows(done.stdout)}
    assert {row["reason"] for row in kept} == {"novelty > 3", "density > 5"}
    assert len(deltas) == len(kept) < len(fingerprints) == len(online)
    for row in kept:
        np.testing.assert_allclose(online[row["step"]], row["density"], rtol=1e-9)
    assert sum(reasons.values()) == len(kept)


def test_a_stopped_campaign_goes_on_as_if_it_had_never_stopped(folder, binary_dump, fingerprints):
    whole = script_for(binary_dump, f"{RULE} keep novelty > 1 driver yes").replace(GATED_DUMP, "")
    run_with_driver(whole, 'store = "whole.db"\n', folder, ranks=1).check()
    middle = EVERY * (len(fingerprints) // 2)
    first = whole.replace(f" every {EVERY} ", f" every {EVERY} last {middle} ")
    run_with_driver(first, 'store = "parts.db"\n', folder, ranks=1).check()
    second = whole.replace(f" every {EVERY} ", f" every {EVERY} first {middle + EVERY} ")
    run_with_driver(second, 'store = "parts.db"\nresume = true\n', folder, ranks=2).check()
    with FrameStore.read(folder / "whole.db") as one, FrameStore.read(folder / "parts.db") as other:
        assert [row["step"] for row in one.frames()] == [row["step"] for row in other.frames()]
        assert one.scorer_deltas("frame") == other.scorer_deltas("frame")
        assert one.scorer_header("frame") == other.scorer_header("frame")
        kept = [[row["frame_distance"], row["range"]] for row in one.frames()]
        assert kept == [[row["frame_distance"], row["range"]] for row in other.frames()]


def test_a_restart_file_and_a_frames_file_go_on_without_a_driver(folder, binary_dump, fingerprints):
    whole = script_for(binary_dump, f"{RULE} driver no bank ni.bank frames ni.frames")
    expected = online_rows(run_lmp(whole, folder).check().stdout)
    (folder / "ni.frames").unlink()
    (folder / "ni.bank").unlink()
    middle = EVERY * (len(fingerprints) // 2)
    first = (
        whole.replace(f" every {EVERY} ", f" every {EVERY} last {middle} ") + "\nwrite_restart half.restart\n"
    )
    found = online_rows(run_lmp(first, folder, ranks=2).check().stdout)
    second = whole.replace(f" every {EVERY} ", f" every {EVERY} first {middle + EVERY} ")
    by_file = online_rows(run_lmp(second, folder).check().stdout)
    assert_same_rows(found + by_file, expected)

    (folder / "ni.frames").unlink()
    (folder / "ni.bank").unlink()
    start, _, rest = second.partition("pair_style")
    resumed = "units metal\nread_restart half.restart\npair_style" + rest
    assert "create_box" in start
    by_restart = online_rows(run_lmp(resumed, folder).check().stdout)
    assert_same_rows(found + by_restart, expected)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("keep density > 1 driver no", "score density needs a driver"),
        ("keep densty > 1", "'densty' is not a score: expected one of .*; the nearest is density"),
        ("bins 0", "bins 0: expected a number of bins, an integer from 1 to 10000"),
        ("difference no keep frame > 0", "score frame: `difference no` turns it off"),
        ("frames sf.nn", "sf.nn: not a file of seen frames"),
    ],
)
def test_words_that_make_no_sense_are_named(words, message, folder, binary_dump):
    done = run_lmp(script_for(binary_dump, words), folder)
    assert done.returncode != 0
    assert all(part in done.output for part in message.split(".*")), done.output[-2000:]
