# SPDX-License-Identifier: GPL-2.0-or-later
"""``fix momt`` in runs: ensembles, ranks, restarts, learning, walkers, outputs."""

import numpy as np
import pytest
from harness import Finished, lmp_arguments, mpiexec, run, run_lmp
from momt_cases import CUBE, MOMT, SKEWED, errors, printed, thermo, write_weight
from select_cases import NI_NN

from mdsieve import lammps_package

DUMP = 'dump all all custom {every} {name} id x y z vx vy vz\ndump_modify all sort id format float "%.17g"\n'
OUTPUT = "thermo_style custom step f_m f_m[*]\nthermo_modify format float %.17g\n"
LEARN = "fix m all momt 2000 1 fcc 2 2 2 enthalpy -4.4 -3.9 16 tails 1500 2600 learn 0.1 1 every 10"

ENSEMBLES = {
    "nve": "fix md all nve",
    "nvt": "fix md all nvt temp 2000 2000 0.1",
    "npt iso": "fix md all npt temp 2000 2000 0.1 iso 1 1 1",
    "npt aniso": "fix md all npt temp 2000 2000 0.1 aniso 1 1 1",
    "npt tri": "fix md all npt temp 2000 2000 0.1 tri 1 1 1",
    "langevin": "fix md all nve\nfix heat all langevin 2000 2000 0.1 99",
}


def cell_of(ensemble: str) -> str:
    return SKEWED if ensemble == "npt tri" else CUBE


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_without_a_bias_the_trajectory_is_the_plain_one_bit_for_bit(ensemble, tmp_path):
    write_weight(tmp_path / "weight.txt")
    rest = ENSEMBLES[ensemble] + "\nrun 100\n"
    for name, momt in (("plain", ""), ("momt", MOMT + "\n")):
        run_lmp(cell_of(ensemble) + DUMP.format(every=20, name=name) + momt + rest, tmp_path).check()
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "momt").read_bytes()


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_a_bias_changes_every_ensemble_and_the_run_goes_well(ensemble, tmp_path):
    write_weight(tmp_path / "weight.txt", height=2.0)
    rest = ENSEMBLES[ensemble] + "\n"
    script = cell_of(ensemble) + MOMT + "\n" + rest + OUTPUT + "thermo 20\nrun 200\n"
    rows = thermo(run_lmp(script, tmp_path).check())
    order, value, scale, out = rows[:, 3], rows[:, 1], rows[:, 5], rows[:, 12]
    assert np.all(np.isfinite(rows))
    assert np.all(out == 0)
    assert np.ptp(order) > 1
    assert np.ptp(value) > 0.1
    assert np.ptp(scale) > 0.05


@pytest.mark.parametrize("cell", [CUBE, SKEWED], ids=["cubic", "skewed"])
def test_numbers_do_not_depend_on_the_ranks(cell, tmp_path):
    write_weight(tmp_path / "weight.txt", height=2.0)
    tri = "aniso" if cell is CUBE else "tri"
    script = cell + LEARN + f"\nfix md all npt temp 2000 2000 0.1 {tri} 1 1 1\n" + OUTPUT
    script += "thermo 5\nrun 60\n" + DUMP.format(every=1, name="last") + "run 0\n"
    rows, places = [], []
    for ranks in (1, 2, 4):
        rows.append(thermo(run_lmp(script, tmp_path, ranks=ranks).check()))
        atoms = np.loadtxt((tmp_path / "last").read_text().splitlines()[9:])[:, 1:]
        places.append(atoms[np.argsort(atoms[:, 0])])  # IDs depend on the ranks
    for other in (1, 2):
        np.testing.assert_allclose(rows[other], rows[0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(places[other], places[0], rtol=0, atol=1e-9)


def test_a_restarted_run_goes_on_as_if_nothing_had_happened(tmp_path):
    momt = LEARN + " passages enthalpy -4.25 -4.15 state state.txt\n"
    fixes = momt + "fix md all npt temp 2000 2000 0.1 iso 1 1 1\nthermo 50\n" + OUTPUT
    first = CUBE + fixes + "run 155\nwrite_restart half\nrun 155\n"
    whole = thermo(run_lmp(first, tmp_path).check())
    state = (tmp_path / "state.txt").read_text().splitlines()
    again = "read_restart half\npair_style eam\npair_coeff * * Ni_u3.eam\ntimestep 0.001\n" + fixes
    again += "run 155\n"
    finished = run_lmp(again, tmp_path).check()
    assert "Resetting global fix info from restart file" in finished.stdout
    rows = thermo(finished)
    # the forces of the restarted step came from the weight that the file holds
    np.testing.assert_allclose(rows[0, 1:6], whole[whole[:, 0] == 155][-1, 1:6], rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(rows[0, 7:], whole[whole[:, 0] == 155][-1, 7:])
    np.testing.assert_allclose(rows[-1, 1:], whole[-1, 1:], rtol=1e-7, atol=1e-7)
    continued = (tmp_path / "state.txt").read_text().splitlines()
    assert continued[:14] == state[:14]
    assert continued[10] == "samples 31"
    assert continued[-16:] == state[-16:]
    coefficients = [np.loadtxt(lines[15:34]) for lines in (state, continued)]
    assert coefficients[0].max() > 0.03
    np.testing.assert_allclose(coefficients[1], coefficients[0], rtol=0, atol=1e-8)


def test_runs_in_parts_are_one_run(tmp_path):
    script = CUBE + LEARN + "\nfix md all nvt temp 2000 2000 0.1\nthermo 200\n" + OUTPUT
    one = thermo(run_lmp(script + "run 100\nrun 100\n", tmp_path).check())[-1]
    parts = thermo(run_lmp(script + "run 100\nrun 50 pre no\nrun 50 pre no post no\n", tmp_path).check())[-1]
    np.testing.assert_allclose(parts, one, rtol=1e-10, atol=1e-10)


def test_a_learnt_weight_is_a_file_to_go_on_from(tmp_path):
    md = "\nfix md all nvt temp 2000 2000 0.1\nthermo 100\n" + OUTPUT
    learnt = thermo(run_lmp(CUBE + LEARN + " state state.txt" + md + "run 400\n", tmp_path).check())[-1]
    samples, visited = learnt[8], learnt[9]
    assert samples == 40
    assert 1 < visited <= 40
    lines = (tmp_path / "state.txt").read_text().splitlines()
    assert lines[10:12] == ["samples 40", "deposits 40"]
    visits = np.loadtxt(lines[-16:])
    assert visits.sum() == 40
    assert np.count_nonzero(visits) == visited
    # hills of 0.1 k T0 a bin, less what the rows of the tails take
    coefficients = np.loadtxt(lines[15:34])[1:-1]
    assert coefficients.sum() == pytest.approx(40 * 0.1 * 8.617333e-5 * 2000, rel=0.05)

    static = MOMT.replace("weight.txt", "state.txt") + " state after.txt every 10"
    frozen = thermo(run_lmp(CUBE + static + md + "run 200\n", tmp_path).check())
    assert frozen[0, 1] != 0
    assert np.all(frozen[:, 7] == 0)
    after = (tmp_path / "after.txt").read_text().splitlines()
    assert after[14:34] == lines[14:34], "a static weight has changed"
    assert after[10:12] == ["samples 60", "deposits 40"]


def test_a_weight_learns_from_the_histogram_of_a_stretch(tmp_path):
    momt = LEARN.replace("learn 0.1 1 every 10", "learn histogram 100 every 1 state state.txt")
    md = "\nfix md all nvt temp 2000 2000 0.1\nthermo 99\n" + OUTPUT
    thermo(run_lmp(CUBE + momt + md + "run 99\n", tmp_path).check())[-1]
    lines = (tmp_path / "state.txt").read_text().splitlines()
    visits = np.loadtxt(lines[-16:])
    assert np.loadtxt(lines[15:34])[1:-1].max() == 0.0
    assert 80 < visits.sum() <= 99
    thermo(run_lmp(CUBE + momt + md + "run 130\n", tmp_path).check())[-1]
    lines = (tmp_path / "state.txt").read_text().splitlines()
    assert 0 < np.loadtxt(lines[-16:]).sum() <= 30
    coefficients = np.loadtxt(lines[15:34])[1:-1]
    # the histogram at step 100 is that of step 99 and one visit more
    logarithms = np.log(np.maximum(visits, 1)).sum()
    assert coefficients.sum() / (8.617333e-5 * 2000) == pytest.approx(logarithms, rel=0.15)


def test_a_weight_does_not_grow_above_its_cap_nor_outside_its_window(tmp_path):
    md = "\nfix md all nvt temp 2000 2000 0.1\nthermo 100\n" + OUTPUT
    unit = 8.617333e-5 * 2000
    # the bottom of the free energy only, and no place that costs more
    slow = LEARN.replace("learn 0.1 1 every 10", "learn 0.01 1 every 1 cap 0.1 state low.txt")
    thermo(run_lmp(CUBE + slow + md + "run 2000\n", tmp_path).check())
    lines = (tmp_path / "low.txt").read_text().splitlines()
    coefficients = np.loadtxt(lines[15:34])[1:-1]
    assert coefficients.max() == pytest.approx(0.1 * unit, rel=1e-5)
    assert coefficients.min() == 0.0
    low = np.count_nonzero(coefficients)
    thermo(run_lmp(CUBE + slow.replace("cap 0.1", "cap 12") + md + "run 2000\n", tmp_path).check())
    lines = (tmp_path / "low.txt").read_text().splitlines()
    assert 2 <= low < np.count_nonzero(np.loadtxt(lines[15:34])[1:-1]) / 2
    far = LEARN.replace("-4.4 -3.9", "-3.0 -2.0") + " state far.txt"
    row = thermo(run_lmp(CUBE + far + md + "run 100\n", tmp_path).check())[-1]
    assert (tmp_path / "far.txt").read_text().splitlines()[10:12] == ["samples 10", "deposits 0"]
    assert row[9] == 0
    assert row[5] == pytest.approx(2000 / 1500, rel=1e-12)


def test_a_scale_out_of_bounds_is_limited_counted_and_told_once(tmp_path):
    steep = "fix m all momt 2000 1 fcc 2 2 2 enthalpy -3.0 -2.0 16 tails 300 2600 bounds -2 5\n"
    script = CUBE + steep + "fix md all nvt temp 2000 2000 0.1\nthermo 10\n" + OUTPUT + "run 20\n"
    finished = run_lmp(script, tmp_path).check()
    row = thermo(finished)[-1]
    assert row[5] == 5.0
    assert row[12] == 21
    assert finished.stdout.count("is limited to 5") == 1
    assert "forces out of bounds in 21 steps" in finished.stdout


def test_passages_are_counted(tmp_path):
    momt = LEARN + " passages enthalpy -4.3 -4.2 every 1\n"
    script = CUBE + momt + "fix md all nvt temp 2000 2000 0.1\nthermo 1\n" + OUTPUT + "run 300\n"
    rows = thermo(run_lmp(script, tmp_path).check())
    side, passages = 0, 0
    for enthalpy in rows[1:, 2] / 32:  # the step before the run is no sample
        now = -1 if enthalpy < -4.3 else 1 if enthalpy > -4.2 else 0
        if now not in (0, side):
            passages += side != 0
            side = now
    assert passages >= 1
    assert rows[-1, 10] == passages
    assert rows[-1, 11] == passages // 2


def test_a_rerun_tells_enthalpy_and_order_of_each_frame(tmp_path):
    write_weight(tmp_path / "weight.txt", height=2.0)
    fixes = MOMT + "\n" + OUTPUT + "thermo 50\n"
    box = "dump again all custom 50 frames id type x y z\ndump_modify again format float %.17g\n"
    there = thermo(run_lmp(CUBE + fixes + "fix md all nve\n" + box + "run 100\n", tmp_path).check())
    back = thermo(run_lmp(CUBE + fixes + "rerun frames dump x y z\n", tmp_path).check())
    np.testing.assert_allclose(back[:, 1:7], there[:, 1:7], rtol=1e-9, atol=1e-9)


def test_fix_select_rides_on_it_and_leaves_the_trajectory_alone(tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    select = "fix sel all select 10 sf.nn Ni threshold 0.3 scaling none driver no\n"
    md = "fix md all nvt temp 2000 2000 0.1\nthermo 50\n"
    for name, words in (("plain", ""), ("selected", select)):
        script = CUBE + LEARN + "\n" + md + words + DUMP.format(every=20, name=name) + "run 100\n"
        finished = run_lmp(script, tmp_path).check()
    assert "11 frames seen" in finished.stdout
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "selected").read_bytes()


def run_walkers(script: str, folder, *, ranks: int = 2) -> Finished:
    """Two partitions, of which each writes its numbers to `log.lammps.N`."""
    size = f"2x{ranks // 2}"
    arguments = lmp_arguments(script, folder)
    program = [str(lammps_package.program()), "-partition", size, "-screen", "screen", *arguments]
    return run([mpiexec(), "-n", str(ranks), *program], folder)


@pytest.mark.parametrize("ranks", [2, 4])
def test_walkers_share_one_weight(ranks, tmp_path):
    start = CUBE.replace("4711", "${seed}") + LEARN + " walkers yes state state.txt\n"
    script = "variable seed universe 4711 815\n" + start + "fix md all nvt temp 2000 2000 0.1\n" + OUTPUT
    script += "thermo 10\nrun 200\nvariable n world 0 1\nfix_modify m energy yes\n"
    script += "write_restart half.$n\nrun 100\n"
    run_walkers(script, tmp_path, ranks=ranks).check()
    state = (tmp_path / "state.txt").read_text().splitlines()
    assert state[10:12] == ["samples 60", "deposits 60"]
    logs = [(tmp_path / f"log.lammps.{n}").read_text() for n in (0, 1)]
    numbers = [thermo(Finished("", 0, log, "", 0.0)) for log in logs]
    assert not np.array_equal(numbers[0][:, 2], numbers[1][:, 2]), "walkers walk their own way"
    np.testing.assert_array_equal(numbers[0][:, 8:10], numbers[1][:, 8:10])
    # both would see the same bias at the same place: their restart files hold the same weight
    texts = [(tmp_path / f"half.{n}").read_bytes() for n in (0, 1)]
    weights = [text[text.index(b"mdsieve momt weight") :].split(b"visits")[0] for text in texts]
    kept = [[line for line in w.split(b"\n") if not line.startswith(b"side")] for w in weights]
    assert kept[0] == kept[1]
    assert len(kept[0]) > 30


def test_walkers_that_would_wait_for_ever_are_refused(tmp_path):
    start = CUBE + LEARN + " walkers yes\nfix md all nve\nvariable n world 100 200\n"
    finished = run_walkers(start + "run $n\n", tmp_path)
    assert finished.returncode != 0
    told = (tmp_path / "log.lammps").read_text()
    assert "Fix momt: walkers with different numbers of steps to run: expected the same" in told
    finished = run_lmp(CUBE + LEARN + " walkers yes\n", tmp_path)
    (line,) = errors(finished)
    assert "there is one walker only: start LAMMPS with `-partition`" in line


def test_outputs_are_numbers_of_the_ensemble(tmp_path):
    """H = U + P0 V and O of the perfect crystal, to rounding."""
    write_weight(tmp_path / "weight.txt", height=1.0, pressure=5000.0)
    script = CUBE + MOMT.replace("2000 1 fcc", "2000 5000 fcc")
    script += "\nfix md all nve\nthermo_style custom step pe vol f_m f_m[*]\nrun 0\n"
    script += (
        'print "is $(pe:%.17g) $(vol:%.17g) $(f_m:%.17g) $(f_m[1]:%.17g) $(f_m[2]:%.17g) $(f_m[3]:%.17g)"\n'
    )
    finished = run_lmp(script, tmp_path).check()
    energy, volume, scalar, enthalpy, order, bias = printed(finished, "is")[0]
    assert enthalpy == pytest.approx(energy + 5000.0 * volume / 1.6021765e6, rel=1e-14)
    assert order == pytest.approx(32, rel=1e-12)
    assert scalar == bias != 0
