# SPDX-License-Identifier: GPL-2.0-or-later
"""Properties of MD and of labelled sets: against definitions and independent programs."""

import json
import re

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from network_cases import nickel_aluminium, random_ensemble
from sklearn.metrics import mean_absolute_error, r2_score

from mdsieve import SymmetryFunctions
from mdsieve.lammps_potential import LammpsPotential
from mdsieve.pair_style import PairStyle
from mdsieve.potentials import write_n2p2
from mdsieve.validate.contract import Measured, Number
from mdsieve.validate.errors import LabelErrors
from mdsieve.validate.liquid import (
    Liquid,
    diffusion_coefficient,
    first_peak,
    mean_square_displacement,
    radial_distribution,
)
from mdsieve.validate.md import Schedule, run_md, temperature_of
from mdsieve.validate.reliability import Bound, Distance, Extrapolation, Reliability, Spread
from mdsieve.validate.subject import Subject

MINE = """
from mdsieve.lammps_potential import LammpsPotential
from mdsieve.pair_style import PairStyle

def make():
    return LammpsPotential(PairStyle.from_text("pair_style eam/alloy; pair_coeff * * NiAlH_jea.eam.alloy Ni"))
"""
#: The number of its evaluations is the size of a file.
COUNTED = """
from ase.calculators.emt import EMT

class Counted(EMT):
    def calculate(self, *arguments, **keywords):
        with open("calls", "a") as file:
            file.write("x")
        super().calculate(*arguments, **keywords)

def make():
    return Counted()
"""
NI = "pair_style eam; pair_coeff * * Ni_u3.eam"


@pytest.fixture(scope="module")
def ni():
    return Subject.open(NI)


@pytest.fixture(scope="module")
def ni_by_ase(ni):
    """The same potential, whose MD ASE must run."""
    return Subject("Ni in ASE", LammpsPotential(ni.pair_style))


def test_g_is_one_for_independent_atoms_and_counts_the_neighbours_of_a_crystal():
    rng = np.random.default_rng(1)
    gas = [Atoms("Ni400", rng.random((400, 3)) * 12, cell=[12, 12, 12], pbc=True) for _ in range(10)]
    r, g = radial_distribution(gas, 0.2)
    assert r[-1] < 6.0
    np.testing.assert_allclose(g[10:], 1.0, atol=0.05)
    crystal = bulk("Ni", cubic=True) * (4, 4, 4)
    r, g = radial_distribution([crystal], 0.05)
    shells = 4 * np.pi * ((r + 0.025) ** 3 - (r - 0.025) ** 3) / 3
    around = np.cumsum(g * shells) * (len(crystal) - 1) / crystal.get_volume()
    assert around[r < 3.0][-1] == pytest.approx(12)
    assert around[r < 3.9][-1] == pytest.approx(18)


def test_the_first_peak_is_found_between_the_bins():
    r = np.arange(0.05, 6, 0.1)
    g = 1 + 1.7 * np.exp(-(((r - 2.432) / 0.35) ** 2)) - np.exp(-((r / 1.9) ** 6))
    place, height = first_peak(r, g)
    assert place == pytest.approx(2.432, abs=0.01)
    assert height == pytest.approx(2.7, abs=0.06)
    with pytest.raises(ValueError, match="no first peak"):
        first_peak(r, np.linspace(0, 1, len(r)))


def test_mean_square_displacement_is_its_definition():
    rng = np.random.default_rng(2)
    positions = np.cumsum(rng.normal(size=(40, 5, 3)), axis=0) + np.arange(40)[:, None, None]
    still = positions - positions.mean(axis=1, keepdims=True)
    expected = [((still[lag:] - still[: 40 - lag]) ** 2).sum(axis=2).mean() for lag in range(40)]
    np.testing.assert_allclose(mean_square_displacement(positions), expected, rtol=1e-9, atol=1e-9)


def test_diffusion_of_random_walks_is_that_of_einstein():
    rng = np.random.default_rng(3)
    step, time = 0.3, 0.5
    positions = np.cumsum(step * rng.normal(size=(400, 300, 3)), axis=0)
    squares = mean_square_displacement(positions)
    found = diffusion_coefficient(time * np.arange(400), squares)
    assert found == pytest.approx(step**2 / (2 * time), rel=0.03)


def test_both_programs_run_the_same_ensemble(ni, ni_by_ase):
    crystal = bulk("Ni", cubic=True) * (2, 2, 2)
    schedule = Schedule(900.0, 160, every=4, n_equilibrate=60, seed=3)
    spread = {}
    for subject in (ni, ni_by_ase):
        frames = list(run_md(subject, crystal, schedule))
        assert len(frames) == 40
        assert all(frame.calc is None and not frame.constraints for frame in frames)
        temperatures = [temperature_of(frame) for frame in frames]
        assert np.mean(temperatures) == pytest.approx(900, rel=0.25)
        moved = np.array([frame.positions for frame in frames]) - crystal.positions
        moved -= moved.mean(axis=1, keepdims=True)
        spread[subject.name] = (moved**2).sum(axis=2).mean()
        energies = [ni.energy(frame) for frame in frames[::8]]
        assert np.mean(energies) / 32 == pytest.approx(-4.45 + 1.5 * 8.617e-5 * 900, abs=0.04)
    one, other = spread.values()
    assert 0.5 < one / other < 2.0


def test_both_programs_begin_at_the_temperature_with_the_centre_at_rest(ni, ni_by_ase):
    crystal = bulk("Ni", cubic=True) * (3, 3, 3)
    for subject in (ni, ni_by_ase):
        (frame,) = run_md(subject, crystal, Schedule(900.0, 1, every=1, timestep=0.01))
        assert temperature_of(frame) == pytest.approx(900, rel=0.25)  # spreads by 8 %
        velocities = frame.get_velocities()
        assert np.abs(velocities.mean(axis=0)).max() < 1e-5 * np.abs(velocities).max()


def test_positions_velocities_and_forces_of_a_turned_cell_belong_together(ni):
    rng = np.random.default_rng(4)
    atoms = bulk("Ni", a=3.52) * (3, 3, 3)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    atoms.set_cell(atoms.cell.array @ turn)
    atoms.positions = atoms.positions @ turn
    atoms.rattle(0.1, seed=4)
    first, second = run_md(ni, atoms, Schedule(300.0, 2, every=1, timestep=1.0))
    dt = 1.0 * units.fs
    moved = second.positions - first.positions
    expected = first.get_velocities() * dt + 0.5 * ni.forces(first) / first.get_masses()[:, None] * dt**2
    assert np.abs(0.5 * ni.forces(first) / 58.69 * dt**2).max() > 1e-4
    np.testing.assert_allclose(moved, expected, atol=1e-5)


def test_the_liquid_is_compared_by_the_shifts_of_its_first_peak(ni):
    crystal = bulk("Ni", cubic=True, a=3.72) * (3, 3, 3)
    schedule = Schedule(2200.0, 600, every=20, n_equilibrate=100, melt_temperature=5000.0, n_melt=400)
    liquid = Liquid(lambda: crystal, schedule)
    measured = liquid.measure(ni)
    assert measured["first peak of g(r)"] == pytest.approx(2.42, abs=0.06)
    assert measured["height of the first peak"] == pytest.approx(2.7, abs=0.3)
    assert 1.6 < measured["smallest distance"] < 2.3
    assert 0.1 < measured["diffusion coefficient"] < 1.2  # Å²/ps
    place, height = measured["first peak of g(r)"], measured["height of the first peak"]
    numbers = (
        Number("first peak of g(r)", "Å", place + 0.1),
        Number("height of the first peak", "", 0.9 * height),
    )
    rows = {row.quantity: row.value for row in liquid.compare(Measured(numbers), measured)}
    assert rows["Δ_r, shift of the first peak"] == pytest.approx(0.1)
    assert rows["δ_h, its relative change in height"] == pytest.approx(-0.1)


def test_errors_are_those_of_the_definitions():
    rng = np.random.default_rng(5)
    frames, noise, energies = [], [], []
    for _ in range(4):
        atoms = bulk("Cu", cubic=True) * (2, 1, 1)
        atoms.symbols[5] = "Ni"
        atoms.rattle(0.1, rng=rng)
        atoms.calc = EMT()
        noise.append(rng.normal(0, 0.02, (8, 3)))
        energies.append(
            (atoms.get_potential_energy(), atoms.get_potential_energy() + 0.4 + rng.normal(0, 0.1))
        )
        labels = {"energy": energies[-1][1], "forces": atoms.get_forces() + noise[-1]}
        atoms.calc = SinglePointCalculator(atoms, **labels)
        frames.append(atoms)
    measured = LabelErrors(lambda: iter(frames)).measure(Subject("EMT", EMT()))
    values, labels = np.array(energies).T / 8
    errors = 1000 * (values - labels)
    assert measured["energy MAE"] == pytest.approx(np.abs(errors).mean())
    assert measured["energy RMSE"] == pytest.approx(np.sqrt((errors**2).mean()))
    assert measured["energy MAE without offset"] == pytest.approx(np.abs(errors - errors.mean()).mean())
    assert measured["energy R²"] == pytest.approx(r2_score(labels, values))
    nickel = np.array([frame.get_forces()[5] for frame in frames]).ravel()
    wrong = nickel - np.array([one[5] for one in noise]).ravel()
    assert measured["Ni force R²"] == pytest.approx(r2_score(nickel, wrong))
    assert measured["Ni force MAE"] == pytest.approx(1000 * mean_absolute_error(nickel, wrong))
    assert measured["Cu force RMSE"] == pytest.approx(
        1000 * np.sqrt(np.mean(np.array([np.delete(one, 5, axis=0) for one in noise]) ** 2))
    )
    with pytest.raises(ValueError, match="labelled frame 0: neither energy nor forces"):
        LabelErrors(lambda: [bulk("Cu")]).measure(Subject("EMT", EMT()))


def test_runs_are_reliable_until_a_bound_is_passed_or_they_break_down(ni, ni_by_ase):
    def crystal():
        return bulk("Ni", cubic=True) * (2, 2, 2)

    schedule = Schedule(600.0, 60, every=20)
    good = Reliability(crystal, schedule, [Bound(Distance(), 1.8, is_lower=True)], n_runs=2).measure(ni)
    assert good["reliable runs"] == 1.0
    assert 1.8 < good["smallest distance"] < 2.489
    assert not good.facts
    close = Reliability(crystal, schedule, [Bound(Distance(), 2.48, is_lower=True)], n_runs=2).measure(ni)
    assert close["reliable runs"] == 0.0
    assert len(close.facts) == 2
    assert all(re.fullmatch(r"distance 2\.\d+ < 2.48 Å at step 20", words) for words in close.facts.values())
    (curve,) = close.curves
    assert len(set(curve.columns["smallest distance"])) == 2, "each run begins with velocities of its own"
    assert close["smallest distance"] == curve.columns["smallest distance"].min() < 2.48
    wild = Schedule(600.0, 60, every=20, timestep=60.0)
    for subject in (ni, ni_by_ase):
        broken = Reliability(crystal, wild, [], n_runs=1).measure(subject)
        assert broken["reliable runs"] == 0.0
        assert "MD broke down" in broken.facts["run 0"]


def test_gamma_is_one_at_most_on_the_training_set_and_large_beside_it(tmp_path):
    (tmp_path / "ni.nn").write_text(
        "elements Ni\ncutoff_type 1\n"
        + "".join(f"symfunction_short Ni 2 Ni {eta} 0.0 5.0\n" for eta in (0.01, 0.1, 0.5, 1.0))
    )
    training = [bulk("Ni", cubic=True, a=a) for a in np.linspace(3.4, 3.7, 8)]
    for number, atoms in enumerate(training):
        atoms.rattle(0.1, seed=number)
    watch = Extrapolation(SymmetryFunctions.from_file(tmp_path / "ni.nn"), training)
    assert max(watch(atoms) for atoms in training) < 1.01
    assert watch(bulk("Ni", cubic=True, a=3.0)) > 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no_such_thing"], "'no_such_thing': expected 'pair_style ...; pair_coeff ...'"),
        (["pair_style eam; pair_coeff * * no_such_file", "-e", "Ni"], "no_such_file"),
        ([NI], "expected --element"),
        ([NI, "-e", "Qq"], "--element Qq: is no element"),
        ([NI, "-e", "Ni", "-w", "taste"], "--what taste: expected crystals, volumes"),
        ([NI, "-e", "Ni", "-w", "liquid"], "liquid: expected --temperature"),
        ([NI, "-e", "Ni", "-w", "liquid", "-T", "900", "--melt-temperature", "0"], "MD at 0 K"),
        ([NI, "-e", "Ni", "--labelled", "none.extxyz"], "none.extxyz: no such trajectory"),
    ],
)
def test_bad_input_ends_in_one_line(mdsieve, tmp_path, words, said):
    finished = mdsieve("validate", *words, "-o", "report")
    assert finished.returncode == 2
    line = finished.stderr.splitlines()[-1]
    assert line.startswith("mdsieve: ")
    assert said in line
    assert not (tmp_path / "report").exists()


def test_the_command_writes_a_report(mdsieve, tmp_path):
    frames = [bulk("Ni", cubic=True, a=a) for a in (3.5, 3.6)]
    for number, atoms in enumerate(frames):
        atoms.rattle(0.05, seed=number)
        atoms.calc = LammpsPotential(PairStyle.from_text(NI))
        atoms.get_forces()
    write(tmp_path / "labelled.extxyz", frames)
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "ni.potential").write_text(NI.replace("; ", "\n"))
    words = ["mine:make", "-r", "ni.potential", "-e", "Ni", "-w", "crystals,errors", "-o", "report"]
    finished = mdsieve("validate", *words, "--labelled", "labelled.extxyz")
    assert finished.returncode == 0, finished.stderr
    assert "order of energies" in finished.stdout
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "validation.json",
        "validation.csv",
        "errors-energy.potential.csv",
        "errors-energy.png",
        "errors-force-Ni.potential.csv",
        "errors-force-Ni.png",
    }
    result = json.loads((tmp_path / "report" / "validation.json").read_text())
    rows = {(row["property"], row["quantity"]): row for row in result["rows"]}
    assert rows["crystals", "FCC energy"]["reference"] == pytest.approx(-4.45, abs=1e-3)
    assert 0.9 < rows["errors", "Ni force R²"]["potential"] < 1.0
    assert rows["errors", "Ni force R²"]["reference"] is None
    assert result["problems"] == {}


def test_the_stages_of_the_liquid_take_the_steps_of_the_command(mdsieve, tmp_path):
    """Evaluations of a calculator that counts them."""
    (tmp_path / "counted.py").write_text(COUNTED)
    stages = {"--melt-steps": 10, "--equilibration-steps": 10, "--steps": 160}
    words = ["counted:make", "-e", "Ni", "-w", "liquid", "-T", "300", "--liquid-volume", "12"]

    def evaluations(changed):
        (tmp_path / "calls").unlink(missing_ok=True)
        options = [str(word) for option in {**stages, **changed}.items() for word in option]
        finished = mdsieve("validate", *words, *options, "-o", "report", "--overwrite")
        assert finished.returncode == 0, finished.stderr
        return (tmp_path / "calls").stat().st_size

    usual = evaluations({})
    assert evaluations({"--melt-steps": 17}) - usual == 7
    assert evaluations({"--equilibration-steps": 19}) - usual == 9


def test_the_liquid_is_molten_at_the_temperature_of_the_command(mdsieve, tmp_path):
    """A crystal that is not molten is still one, with the peaks of a lattice."""
    words = [NI, "-e", "Ni", "-w", "liquid", "-T", "300", "--liquid-volume", "10.9"]
    stages = ["--melt-steps", "400", "--equilibration-steps", "100", "--steps", "400"]
    heights = []
    for temperature in ("300", "6000"):
        finished = mdsieve("validate", *words, *stages, "--melt-temperature", temperature, "-o", temperature)
        assert finished.returncode == 0, finished.stderr
        rows = json.loads((tmp_path / temperature / "validation.json").read_text())["rows"]
        (height,) = (row["potential"] for row in rows if row["quantity"] == "height of the first peak")
        heights.append(height)
    assert heights[0] > 1.2 * heights[1]


def test_what_a_potential_has_not_is_told_and_the_rest_is_measured(mdsieve, tmp_path):
    """A repulsive one has no crystal to strain, to melt or to begin MD with; its errors can be had."""
    atoms = bulk("Ni", cubic=True)
    atoms.calc = SinglePointCalculator(atoms, energy=1.0, forces=np.zeros((4, 3)))
    write(tmp_path / "labelled.extxyz", atoms)
    words = ["pair_style zbl 4.5 5.5; pair_coeff * * 28 28", "-e", "Ni", "-T", "900", "-o", "report"]
    finished = mdsieve(
        "validate", *words, "-w", "elastic,liquid,reliability", "--labelled", "labelled.extxyz"
    )
    assert finished.returncode == 1
    result = json.loads((tmp_path / "report" / "validation.json").read_text())
    assert {name.split()[0] for name in result["problems"]} == {"elastic", "liquid", "reliability"}
    assert {row["property"] for row in result["rows"]} == {"errors"}
    (r2,) = (row["potential"] for row in result["rows"] if row["quantity"] == "energy R²")
    assert r2 == "nan"  # of one frame; a word, since JSON has no such number
    assert result["settings"]["labelled"] == ["labelled.extxyz"]
    for name in ("elastic", "liquid", "reliability"):
        assert f"{name} of the potential: Ni FCC: no volume of lowest energy" in finished.stderr


def test_an_ensemble_and_its_folder_are_the_same_potential_and_its_spread_is_bounded(tmp_path):
    ensemble = random_ensemble(3)
    ensemble.save(tmp_path / "three.h5")
    (tmp_path / "one").mkdir()
    write_n2p2(ensemble, tmp_path / "one", 1)
    atoms = nickel_aluminium(1)
    three, one = Subject.open(str(tmp_path / "three.h5")), Subject.open(str(tmp_path / "one"))
    said = ensemble.predict(atoms, stress=True)
    assert three.energy(atoms) == pytest.approx(said.energy.mean())
    np.testing.assert_allclose(three.stress(atoms), said.stress.mean(axis=0))
    np.testing.assert_allclose(one.forces(atoms), said.forces[1], atol=1e-8)
    expected = said.atomic.std(axis=0, ddof=1).max()
    assert Spread(ensemble)(atoms) == pytest.approx(expected)
    schedule = Schedule(10.0, 1, every=1, timestep=0.01)  # hardly moves
    for factor, share in ((1.01, 1.0), (0.99, 0.0)):
        bounds = [Bound(Spread(ensemble), factor * expected)]
        found = Reliability(lambda: atoms, schedule, bounds, n_runs=1).measure(three)
        assert found["reliable runs"] == share
        assert found["largest spread"] == pytest.approx(expected, rel=1e-3)
    with pytest.raises(ValueError, match="expected at least 2"):
        Spread(one.ensemble)
