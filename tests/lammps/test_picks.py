# SPDX-License-Identifier: GPL-2.0-or-later
"""One trajectory, played back: the picks are the paper's, whoever computes them and however."""

import pytest
from harness import MDSIEVE, mpiexec, run, run_lmp, run_with_driver
from select_cases import GATED_DUMP, NI_AL_NN, NI_AL_RERUN, NI_NN, NI_RERUN, greedy_picks, kept_steps, rerun

import mdsieve

NI_EVERY, BINARY_EVERY = 20, 20


@pytest.fixture(scope="module")
def ni_fingerprints(ni_trajectory):
    return mdsieve.SymmetryFunctions.from_text(NI_NN).create_by_element(ni_trajectory)


@pytest.fixture(scope="module")
def binary_fingerprints(binary_trajectory):
    return mdsieve.SymmetryFunctions.from_text(NI_AL_NN).create_by_element(binary_trajectory)


def ni_script(dump, words):
    return NI_RERUN + f"fix sel all select 20 sf.nn Ni {words}\n" + GATED_DUMP + rerun(dump)


def bank_origins(path):
    bank = mdsieve.EnvironmentBank.load(path)
    return sorted((int(step), int(atom)) for _, step, atom in bank.origins)


def expected_origins(picks, every):
    return sorted((frame * every, index + 1) for frame, _, index in picks.environments)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 1.5])
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_embedded_picks_are_the_papers(ranks, threshold, ni_dump, ni_fingerprints, tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    words = f"threshold {threshold} scaling none driver no bank out.bank"
    run_lmp(ni_script(ni_dump, words), tmp_path, ranks=ranks).check()
    picks = greedy_picks(ni_fingerprints, {"Ni": threshold})
    assert 1 < len(picks.frames) < len(ni_fingerprints)
    assert kept_steps(tmp_path / "kept.dump") == [NI_EVERY * frame for frame in picks.frames]
    assert bank_origins(tmp_path / "out.bank") == expected_origins(picks, NI_EVERY)


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_two_elements_two_thresholds_in_a_triclinic_cell(ranks, binary_dump, binary_fingerprints, tmp_path):
    (tmp_path / "sf.nn").write_text(NI_AL_NN)
    script = NI_AL_RERUN + "fix sel all select 20 sf.nn Ni Al threshold Ni 0.6 Al 0.3 scaling none driver no bank out.bank\n"
    run_lmp(script + GATED_DUMP + rerun(binary_dump), tmp_path, ranks=ranks).check()
    picks = greedy_picks(binary_fingerprints, {"Ni": 0.6, "Al": 0.3})
    assert 1 < len(picks.frames) < len(binary_fingerprints)
    assert kept_steps(tmp_path / "kept.dump") == [BINARY_EVERY * frame for frame in picks.frames]
    assert bank_origins(tmp_path / "out.bank") == expected_origins(picks, BINARY_EVERY)


@pytest.mark.parametrize("mode", ["mode wait", "mode stream 1", "mode stream 8"])
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_the_driver_picks_the_same(ranks, mode, ni_dump, ni_fingerprints, tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    script = NI_RERUN + f"fix sel all select 20 sf.nn Ni threshold 0.5 scaling none driver yes {mode}\n" + rerun(ni_dump)
    run_with_driver(script, 'store = "store.db"\n', tmp_path, ranks=ranks).check()
    picks = greedy_picks(ni_fingerprints, {"Ni": 0.5})
    assert store_steps(tmp_path / "store.db") == [NI_EVERY * frame for frame in picks.frames]
    assert store_origins(tmp_path / "store.db") == expected_origins(picks, NI_EVERY)


@pytest.mark.parametrize(("launch", "ranks"), [("embedded", 1), ("embedded", 2), ("driver rank", 2)])
def test_one_program_picks_the_same(launch, ranks, ni_dump, ni_fingerprints, tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    script = NI_RERUN + "fix sel all select 20 sf.nn Ni threshold 0.5 scaling none\n" + rerun(ni_dump)
    (tmp_path / "in.lammps").write_text(script)
    driver_ranks = 1 if launch == "driver rank" else 0
    launcher = [mpiexec(), "-n", str(ranks + driver_ranks)] if ranks + driver_ranks > 1 else []
    command = [*MDSIEVE, "run", "in.lammps", "--driver-ranks", str(driver_ranks), "--store", "store.db"]
    run([*launcher, *command], tmp_path).check()
    picks = greedy_picks(ni_fingerprints, {"Ni": 0.5})
    assert store_steps(tmp_path / "store.db") == [NI_EVERY * frame for frame in picks.frames]


@pytest.mark.parametrize("mode", ["mode wait", "mode stream 4"])
def test_a_pilot_scales_and_then_decides_its_own_frames_too(mode, ni_dump, ni_fingerprints, tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    words = f"threshold 0.3 scaling pilot 30 minmax driver yes {mode}"
    run_with_driver(NI_RERUN + f"fix sel all select 20 sf.nn Ni {words}\n" + rerun(ni_dump), 'store = "store.db"\n', tmp_path, ranks=2).check()
    pilot = [x for frame in ni_fingerprints[:30] for x in frame["Ni"][1]]
    low, high = min_max(pilot)
    picks = greedy_picks(ni_fingerprints, {"Ni": 0.3}, {"Ni": (low, 1.0 / (high - low))})
    assert any(frame < 30 for frame in picks.frames[1:])
    assert store_steps(tmp_path / "store.db") == [NI_EVERY * frame for frame in picks.frames]


def test_mixed_precision_keeps_nearly_the_same_frames(ni_dump, ni_fingerprints, tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    run_lmp(ni_script(ni_dump, "threshold 0.5 scaling none driver no precision mixed"), tmp_path).check()
    picks = greedy_picks(ni_fingerprints, {"Ni": 0.5})
    kept = kept_steps(tmp_path / "kept.dump")
    assert abs(len(kept) - len(picks.frames)) <= 1


def min_max(rows):
    import numpy as np

    return np.min(rows, axis=0), np.max(rows, axis=0)


def store_steps(path):
    from ase.db import connect

    return [row.step for row in connect(path).select()]


def store_origins(path):
    from mdsieve.driver.store import Store

    with Store.open(path) as store:
        bank = store.bank()
    return sorted((int(step), int(atom)) for _, step, atom in bank.entries_since(0)[1])
