# SPDX-License-Identifier: GPL-2.0-or-later
"""One trajectory, played back: the picks are the paper's, whoever computes them and however."""

import pytest
from harness import MDSIEVE, mpiexec, run, run_lmp, run_with_driver
from select_cases import GATED_DUMP, NI_AL_NN, NI_AL_RERUN, NI_NN, NI_RERUN, kept_steps, paper_picks, rerun

import mdsieve
from mdsieve.driver.store import FrameStore
from plain_bank import plain_scaling

EVERY = 20  # steps between the frames of both dumps


def frames_for(ranks):
    """Steps between the frames played back: a third of them where ranks outnumber the cores of a small machine."""
    return EVERY if ranks <= 2 else 3 * EVERY


@pytest.fixture(scope="module")
def ni_fingerprints(ni_trajectory):
    return mdsieve.SymmetryFunctions.from_text(NI_NN).create_by_element(ni_trajectory)


@pytest.fixture(scope="module")
def binary_fingerprints(binary_trajectory):
    return mdsieve.SymmetryFunctions.from_text(NI_AL_NN).create_by_element(binary_trajectory)


def ni_script(dump, words, every=EVERY):
    return NI_RERUN + f"fix sel all select 20 sf.nn Ni {words}\n" + GATED_DUMP + rerun(dump, every)


def bank_origins(path):
    bank = mdsieve.EnvironmentBank.load(path)
    return sorted((entry.step, entry.atom_id) for entry in map(bank.entry, range(len(bank))))


@pytest.mark.parametrize(
    ("ranks", "threshold"), [(1, 0.2), (1, 0.5), (1, 1.5), (2, 0.2), (2, 0.5), (2, 1.5), (4, 0.5)]
)
def test_embedded_picks_are_the_papers(ranks, threshold, ni_dump, ni_fingerprints, tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    words = f"threshold {threshold} scaling none driver no bank out.bank"
    every = frames_for(ranks)
    run_lmp(ni_script(ni_dump, words, every), tmp_path, ranks=ranks).check()
    picks = paper_picks(ni_fingerprints[:: every // EVERY], {"Ni": threshold}, every)
    assert 1 < len(picks.steps) < len(ni_fingerprints)
    assert kept_steps(tmp_path / "kept.dump") == picks.steps
    assert bank_origins(tmp_path / "out.bank") == picks.environments


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_two_elements_two_thresholds_in_a_triclinic_cell(ranks, binary_dump, binary_fingerprints, tmp_path):
    (tmp_path / "sf.nn").write_text(NI_AL_NN)
    script = (
        NI_AL_RERUN
        + "fix sel all select 20 sf.nn Ni Al threshold Ni 0.6 Al 0.3 scaling none driver no bank out.bank\n"
    )
    every = frames_for(ranks)
    run_lmp(script + GATED_DUMP + rerun(binary_dump, every), tmp_path, ranks=ranks).check()
    picks = paper_picks(binary_fingerprints[:: every // EVERY], {"Ni": 0.6, "Al": 0.3}, every)
    assert 1 < len(picks.steps) < len(binary_fingerprints)
    assert kept_steps(tmp_path / "kept.dump") == picks.steps
    assert bank_origins(tmp_path / "out.bank") == picks.environments


@pytest.mark.parametrize(
    ("ranks", "mode"),
    [
        (1, "mode wait"),
        (1, "mode stream 8"),
        (2, "mode wait"),
        (2, "mode stream 1"),
        (2, "mode stream 8"),
        (4, "mode wait"),
        (4, "mode stream 8"),
    ],
)
def test_the_driver_picks_the_same(ranks, mode, ni_dump, ni_fingerprints, tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    every = frames_for(ranks)
    fix = f"fix sel all select 20 sf.nn Ni threshold 0.5 scaling none driver yes {mode}\n"
    run_with_driver(
        NI_RERUN + fix + rerun(ni_dump, every), 'store = "store.db"\n', tmp_path, ranks=ranks
    ).check()
    picks = paper_picks(ni_fingerprints[:: every // EVERY], {"Ni": 0.5}, every)
    assert store_steps(tmp_path / "store.db") == picks.steps
    assert store_origins(tmp_path / "store.db") == picks.environments


@pytest.mark.parametrize(("launch", "ranks"), [("embedded", 1), ("embedded", 2), ("driver rank", 2)])
def test_one_program_picks_the_same(launch, ranks, ni_dump, ni_fingerprints, tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    script = NI_RERUN + "fix sel all select 20 sf.nn Ni threshold 0.5 scaling none\n" + rerun(ni_dump)
    (tmp_path / "in.lammps").write_text(script)
    driver_ranks = 1 if launch == "driver rank" else 0
    launcher = [mpiexec(), "-n", str(ranks + driver_ranks)] if ranks + driver_ranks > 1 else []
    command = [*MDSIEVE, "run", "in.lammps", "--driver-ranks", str(driver_ranks), "--store", "store.db"]
    run([*launcher, *command], tmp_path).check()
    picks = paper_picks(ni_fingerprints, {"Ni": 0.5}, EVERY)
    assert store_steps(tmp_path / "store.db") == picks.steps


@pytest.mark.parametrize("mode", ["mode wait", "mode stream 4"])
def test_a_pilot_scales_and_then_decides_its_own_frames_too(mode, ni_dump, ni_fingerprints, tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    words = f"threshold 0.3 scaling pilot 30 minmax driver yes {mode}"
    run_with_driver(
        NI_RERUN + f"fix sel all select 20 sf.nn Ni {words}\n" + rerun(ni_dump),
        'store = "store.db"\n',
        tmp_path,
        ranks=2,
    ).check()
    scaling = {"Ni": plain_scaling([frame["Ni"][1] for frame in ni_fingerprints[:30]])}
    picks = paper_picks(ni_fingerprints, {"Ni": 0.3}, EVERY, scaling)
    assert any(step < 30 * EVERY for step in picks.steps[1:])
    assert store_steps(tmp_path / "store.db") == picks.steps


def test_a_bank_begun_in_python_goes_on_in_lammps_and_back(ni_trajectory, ni_dump, ni_fingerprints, tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    functions = mdsieve.SymmetryFunctions.from_text(NI_NN)
    bank = mdsieve.EnvironmentBank(functions, thresholds={"Ni": 0.5}, scaling=None)
    for number, atoms in enumerate(ni_trajectory[:40]):
        bank.update(atoms, step=number * EVERY)
    bank.save(tmp_path / "ni.bank")
    run_lmp(ni_script(ni_dump, "threshold 0.5 driver no bank ni.bank"), tmp_path).check()
    picks = paper_picks(ni_fingerprints, {"Ni": 0.5}, EVERY)
    assert kept_steps(tmp_path / "kept.dump") == [step for step in picks.steps if step >= 40 * EVERY]
    assert bank_origins(tmp_path / "ni.bank") == picks.environments
    whole = mdsieve.EnvironmentBank.load(tmp_path / "ni.bank")
    assert not any(whole.update(atoms).is_kept for atoms in ni_trajectory)


def test_mixed_precision_keeps_nearly_the_same_frames(ni_dump, ni_fingerprints, tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    run_lmp(ni_script(ni_dump, "threshold 0.5 scaling none driver no precision mixed"), tmp_path).check()
    picks = paper_picks(ni_fingerprints, {"Ni": 0.5}, EVERY)
    kept = kept_steps(tmp_path / "kept.dump")
    assert abs(len(kept) - len(picks.steps)) <= 1


def store_steps(path):
    from ase.db import connect

    return [row.step for row in connect(path).select()]


def store_origins(path):
    with FrameStore.read(path) as store:
        return sorted(environment.origin[1:] for environment in store.environments())
