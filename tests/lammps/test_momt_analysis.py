# SPDX-License-Identifier: GPL-2.0-or-later
"""From a run of ``fix momt`` to the numbers of ``mdsieve momt``."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from harness import MDSIEVE, Finished, run, run_lmp
from momt_cases import CUBE, MOMT, write_weight

from mdsieve.distill.order_parameter import fcc_order
from mdsieve.momt.draw import draw_frames, write_frames
from mdsieve.momt.flatness import visits_of
from mdsieve.momt.frames import sampled_frames
from mdsieve.momt.phases import PhaseBounds, find_passages
from mdsieve.momt.records import read_record
from mdsieve.momt.samples import Samples
from mdsieve.momt.weight import Weight

RECORD = "fix record all ave/time 5 1 5 f_m[1] f_m[2] f_m[3] v_vol c_thermo_pe file record.txt\n"
MD = "fix md all npt temp 2000 2000 0.1 iso 1 1 1\nthermo 5\nthermo_style custom step pe vol f_m[*]\n"
MD += "variable vol equal vol\n"
PASSAGES = " passages enthalpy -4.14 -4.08 every 5"


@pytest.fixture(scope="module")
def sampled(tmp_path_factory) -> Path:
    """Two runs with a finished weight, rough as it is."""
    folder = tmp_path_factory.mktemp("sampled")
    write_weight(folder / "weight.txt", height=0.5)
    dump = "dump frames all custom 25 frames.dump id element x y z\ndump_modify frames element Ni\n"
    script = CUBE + MOMT + PASSAGES + " state state.txt\n" + MD + RECORD + dump + "run 600\nrun 300\n"
    run_lmp(script, folder).check()
    return folder


@pytest.fixture(scope="module")
def learning(tmp_path_factory) -> Path:
    """A run that has learnt on."""
    folder = tmp_path_factory.mktemp("learning")
    write_weight(folder / "weight.txt", height=0.5)
    run_lmp(CUBE + MOMT + " learn 0.1 1 state learnt.txt\n" + MD + RECORD + "run 200\n", folder).check()
    return folder


def momt(folder: Path, *words: str) -> Finished:
    return run([*MDSIEVE, "momt", *words], folder)


def test_the_bias_of_the_record_is_that_of_the_file_of_the_weight(sampled):
    weight = Weight.load(sampled / "weight.txt")
    record = read_record(sampled / "record.txt")
    assert len(record) == 181
    assert np.ptp(record.order) > 10
    assert np.ptp(record.bias) > 0.1
    np.testing.assert_allclose(record.bias, weight.evaluate(record.enthalpy, record.order).value, atol=5e-4)


def test_enthalpy_is_potential_energy_and_pressure_times_volume(sampled):
    weight = Weight.load(sampled / "weight.txt")
    record = read_record(sampled / "log.lammps")
    expected = record.columns["PotEng"] + weight.pressure * record.volume / weight.nktv2p
    np.testing.assert_allclose(record.enthalpy, expected, rtol=0, atol=2e-5)


def test_the_log_and_the_table_are_the_same_samples(sampled):
    table = Samples.read(sampled / "weight.txt", [sampled / "record.txt"])
    log = Samples.read(sampled / "weight.txt", [sampled / "log.lammps"])
    np.testing.assert_array_equal(log.records[0].step, table.records[0].step)
    np.testing.assert_allclose(log.enthalpy, table.enthalpy, atol=1e-3)
    np.testing.assert_allclose(log.volume, table.volume, atol=1e-2)


def test_passages_and_visits_are_those_that_the_fix_counts(sampled):
    samples = Samples.read(sampled / "weight.txt", [sampled / "log.lammps"], first_step=1)
    found = find_passages(samples, PhaseBounds("enthalpy", -4.14, -4.08))
    assert len(found) >= 2
    assert len(found) == samples.columns["f_m[9]"][-1]
    assert found.round_trips == samples.columns["f_m[10]"][-1]
    visits, _ = visits_of(samples)
    np.testing.assert_array_equal(visits, Weight.load(sampled / "state.txt").visits)


def test_frames_of_the_dump_have_the_order_parameter_of_their_sample(sampled):
    samples = Samples.read(sampled / "weight.txt", [sampled / "record.txt"])
    found = list(sampled_frames(samples, [sampled / "frames.dump"]))
    assert len(found) == 37
    for frame in found:
        assert samples.order[frame.sample] == pytest.approx(32 * fcc_order(frame.structure), rel=1e-3)


def test_a_run_that_was_killed_and_continued_is_one_record(tmp_path):
    write_weight(tmp_path / "weight.txt", height=0.5)
    append = RECORD.replace("file record.txt", "append record.txt")
    run_lmp(CUBE + MOMT + "\n" + MD + append + "run 100\nwrite_restart half\nrun 55\n", tmp_path).check()
    again = "read_restart half\npair_style eam\npair_coeff * * Ni_u3.eam\ntimestep 0.001\n"
    run_lmp(again + MOMT + "\n" + MD + append + "run 200 upto\n", tmp_path).check()
    rows = [line for line in (tmp_path / "record.txt").read_text().splitlines() if line[0] != "#"]
    assert len(rows) == 32 + 21, "steps 100 to 155 come twice"
    samples = Samples.read(tmp_path / "weight.txt", [tmp_path / "record.txt"])
    np.testing.assert_array_equal(samples.records[0].step, np.arange(0, 201, 5))


def test_frames_are_drawn_and_written(sampled, tmp_path):
    samples = Samples.read(sampled / "weight.txt", [sampled / "record.txt"])
    drawing = draw_frames(samples, [sampled / "frames.dump"], 12, grid=(4, 4))
    write_frames(tmp_path / "drawn.extxyz", drawing, samples, [sampled / "frames.dump"])
    frames = read(tmp_path / "drawn.extxyz", ":")
    assert len(frames) == 12
    assert [atoms.info["step"] for atoms in frames] == sorted(
        samples.records[0].step[drawing.sample].tolist()
    )
    assert all(atoms.symbols.formula.count() == {"Ni": 32} for atoms in frames)


def test_a_run_that_was_learning_is_refused_by_the_command(learning):
    finished = momt(learning, "summary", "weight.txt", "record.txt")
    assert finished.returncode == 2
    assert "record.txt:" in finished.stderr
    assert "without `learn`" in finished.stderr
    assert len(finished.stderr.splitlines()) == 1
    assert momt(learning, "summary", "learnt.txt", "record.txt").returncode == 2


def test_averages_over_steps_are_refused(tmp_path):
    write_weight(tmp_path / "weight.txt", height=2.0)
    averaged = RECORD.replace("5 1 5", "5 4 20")
    run_lmp(CUBE + MOMT + "\n" + MD + averaged + "run 400\n", tmp_path).check()
    with pytest.raises(ValueError, match="without averaging over steps"):
        Samples.read(tmp_path / "weight.txt", [tmp_path / "record.txt"])


def test_the_command_goes_from_record_to_numbers(sampled, tmp_path):
    found = tmp_path / "means.json"
    words = ["reweight", "weight.txt", "record.txt", "-T", "2000", "--json", str(found), "--blocks", "5"]
    said = momt(sampled, *words, "--columns", "c_thermo_pe").check().stdout
    assert "5 stretches of 36 samples" in said
    whole = json.loads(found.read_text())["means"][0]
    record = read_record(sampled / "record.txt")
    weights = np.exp((record.bias - record.bias.max()) / (8.617343e-5 * 2000))
    assert whole["enthalpy"]["value"] == pytest.approx(np.average(record.enthalpy, weights=weights) / 32)
    potential = np.average(record.columns["c_thermo_pe"], weights=weights)
    assert whole["columns"]["c_thermo_pe"]["value"] == pytest.approx(potential)
