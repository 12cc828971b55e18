# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels are right for any cell, and a frame that fails is told of and not lost."""

import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.eam import EAM
from ase.calculators.emt import EMT
from ase.calculators.fd import calculate_numerical_stress
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

from mdsieve.labels import BoundedLabeller, CalculatorLabeller, CommandLabeller, PairStyleLabeller
from mdsieve.lammps_potential import LammpsPotential
from mdsieve.pair_style import PairStyle

NI_AL = PairStyle.from_text("pair_style eam/alloy; pair_coeff * * NiAlH_jea.eam.alloy Ni Al")
NI = PairStyle.from_text("pair_style eam; pair_coeff * * Ni_u3.eam")

PERIODS = [(True, True, True), (True, True, False), (False, True, False), (False, False, False)]

#: Energy 2 Σ x, forces (-2, 0, 0); without ASE, so that it starts quickly.
ANSWERS = """
import sys
lines = open(sys.argv[1]).read().splitlines()
done = []
while lines:
    n, comment, rows, lines = int(lines[0]), lines[1], [row.split() for row in lines[2:6]], lines[6:]
    if "name=bad" in comment:
        continue
    energy = 2 * sum(float(row[1]) for row in rows)
    if "name=moved" in comment:
        rows[0][1] = str(float(rows[0][1]) + 0.5)
    comment = comment.replace("pos:R:3", "pos:R:3:forces:R:3") + f" energy={energy}"
    done.append([str(n), comment, *(" ".join([*row[:4], "-2 0 0"]) for row in rows)])
with open(sys.argv[2], "w") as file:
    file.writelines(line + "\\n" for frame in done[::-1] for line in frame)
print("one is missing")
sys.exit(3 if len(done) == 0 else 0)
"""


def disordered(rng, *, pbc=(True, True, True), skew=0.0, left_handed=False, n_atoms=16):
    """Ni and Al in a strained, sheared, turned cell, atoms in any of its images."""
    atoms = (bulk("Ni", cubic=True, a=3.55) * (2, 2, 1))[:n_atoms]
    atoms.symbols[rng.random(n_atoms) < 0.3] = "Al"
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0, 0.04, (3, 3))), scale_atoms=True)
    cell = atoms.cell.array.copy()
    cell[1] += skew * cell[0]
    cell[2] += skew * cell[1]
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    atoms.positions = atoms.positions @ turn + rng.normal(0, 0.1, (n_atoms, 3))
    atoms.set_cell((cell[[1, 0, 2]] if left_handed else cell) @ turn)
    atoms.pbc = pbc
    shifts = rng.integers(-3, 4, (n_atoms, 3)) * np.array(pbc)
    atoms.positions += shifts @ atoms.cell.array
    return atoms


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(5)
    return [
        *(disordered(rng, pbc=pbc) for pbc in PERIODS),
        disordered(rng, skew=1.7),
        disordered(rng, skew=2.2, left_handed=True),
        disordered(rng, n_atoms=7),
    ]


@pytest.fixture(scope="module")
def labelled(frames):
    return PairStyleLabeller(NI_AL).label_all(frames)


@pytest.fixture(scope="module")
def ase_eam(potentials_dir):
    return EAM(potential=str(potentials_dir / "NiAlH_jea.eam.alloy"))


def test_energy_and_forces_are_those_of_an_independent_program_in_the_frames_own_axes(
    frames, labelled, ase_eam
):
    for frame, atoms in zip(frames, labelled, strict=True):
        assert np.array_equal(frame.positions, atoms.positions)
        assert np.array_equal(frame.cell.array, atoms.cell.array)
        copy = frame.copy()
        copy.calc = ase_eam
        assert atoms.get_potential_energy() == pytest.approx(copy.get_potential_energy(), abs=1e-6)
        np.testing.assert_allclose(atoms.get_forces(), copy.get_forces(), atol=5e-5)


def test_stress_is_the_derivative_of_the_energy_and_there_is_none_without_a_volume(frames, labelled):
    calculator = LammpsPotential(NI_AL)
    for frame, atoms in zip(frames, labelled, strict=True):
        assert ("stress" in atoms.calc.results) == frame.pbc.all()
        if frame.pbc.all():
            copy = frame.copy()
            copy.calc = calculator
            numerical = calculate_numerical_stress(copy, eps=1e-5, voigt=True)
            np.testing.assert_allclose(atoms.get_stress(), numerical, atol=1e-7)


def test_the_calculator_in_this_process_says_the_same(frames, labelled):
    calculator = LammpsPotential(NI_AL)
    for frame, atoms in zip(frames, labelled, strict=True):
        copy = frame.copy()
        copy.calc = calculator
        assert copy.get_potential_energy() == pytest.approx(atoms.get_potential_energy(), abs=1e-10)
        np.testing.assert_allclose(copy.get_forces(), atoms.get_forces(), atol=1e-10)


def test_the_calculator_lives_on_after_an_error(frames, labelled):
    calculator = LammpsPotential(NI_AL)
    wrong = bulk("Cu", cubic=True)
    wrong.calc = calculator
    with pytest.raises(ValueError, match="Cu: the potential has Ni, Al"):
        wrong.get_forces()
    broken = LammpsPotential(PairStyle.from_text("pair_style eam/alloy; pair_coeff * * no_such_file Ni Al"))
    copy = frames[0].copy()
    copy.calc = broken
    with pytest.raises(ValueError, match=r"LAMMPS: ERROR.*no_such_file"):
        copy.get_forces()
    copy.calc = calculator
    assert copy.get_potential_energy() == pytest.approx(labelled[0].get_potential_energy(), abs=1e-10)


def test_several_processes_and_starts_keep_the_order(frames, labelled, monkeypatch):
    # as if this were a rank of an MPI job: LAMMPS must not take itself for that rank
    for name, value in {"PMI_RANK": "1", "PMI_SIZE": "2", "PMI_FD": "99"}.items():
        monkeypatch.setenv(name, value)
    labeller = PairStyleLabeller(NI_AL, n_processes=2, frames_a_start=2)
    done = list(labeller.label(iter([*frames[3:], *frames[:3]])))
    assert [one.index for one in done] == list(range(7))
    for one, atoms in zip(done, [*labelled[3:], *labelled[:3]], strict=True):
        assert one.atoms.get_potential_energy() == pytest.approx(atoms.get_potential_energy(), abs=1e-10)


def test_a_frame_at_which_lammps_ends_is_reported_and_those_behind_it_are_labelled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{k} {2 + 0.02 * k:.6f} {-0.1 + 0.0005 * k:.6f} -0.025\n" for k in range(1, 201))
    (tmp_path / "line.table").write_text(f"# a line\n\nLINE\nN 200\n\n{rows}")
    style = PairStyle.from_text(
        "pair_style table linear 500  # with an inner cutoff\npair_coeff 1 1 line.table LINE", ["Ni"]
    )
    far, near = Atoms("Ni2", [[0, 0, 0], [0, 0, 2.5]]), Atoms("Ni2", [[0, 0, 0], [0, 0, 1.2]])
    infinite, strange = far.copy(), Atoms("Cu2", far.positions)
    infinite.positions[0, 0] = np.nan
    done = list(PairStyleLabeller(style).label([far, near, infinite, far, strange, near, far]))
    assert [bool(one.problem) for one in done] == [False, True, True, False, True, True, False]
    assert "Pair distance < table inner cutoff" in done[1].problem
    assert "not finite" in done[2].problem
    assert done[4].problem == "Cu: the potential has Ni"
    assert all(one.atoms.calc is None for one in done if one.problem)
    np.testing.assert_allclose(done[6].atoms.get_forces()[:, 2], [0.025, -0.025], atol=1e-6)


def test_a_potential_that_cannot_be_read_ends_it_all(frames):
    style = PairStyle.from_text("pair_style eam/alloy; pair_coeff * * no_such_file Ni Al")
    with pytest.raises(ValueError, match=r"no_such_file.*LAMMPS: ERROR"):
        list(PairStyleLabeller(style).label(frames))
    with pytest.raises(OSError, match="no_such_program"):
        list(PairStyleLabeller(NI_AL, lmp="no_such_program").label(frames))


def test_old_labels_vanish_and_everything_else_stays():
    atoms = bulk("Ni", cubic=True)
    atoms.info.update(config_type="melt", energy=-1.0, stress=np.zeros(6))
    atoms.arrays["id"] = np.array([4, 2, 3, 1])
    atoms.arrays["forces"] = np.ones((4, 3))
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0)
    (done,) = PairStyleLabeller(NI).label_all([atoms])
    assert done.info == {"config_type": "melt"}
    assert "forces" not in done.arrays
    assert list(done.arrays["id"]) == [4, 2, 3, 1]
    assert done.get_potential_energy() == pytest.approx(4 * -4.45, abs=0.01)
    assert atoms.get_potential_energy() == -1.0


def test_a_calculator_labels_and_its_failures_are_reported(monkeypatch, tmp_path):
    (tmp_path / "my_potential.py").write_text(
        "from ase.calculators.emt import EMT as make\nanswer = lambda: 42\n"
    )
    monkeypatch.chdir(tmp_path)
    good, bad = bulk("Cu", cubic=True), bulk("W", cubic=True)
    good.rattle(0.1, seed=1)
    done = list(CalculatorLabeller.from_factory("my_potential:make").label([good, bad, good]))
    assert [bool(one.problem) for one in done] == [False, True, False]
    assert "NotImplementedError" in done[1].problem
    good.calc = EMT()
    np.testing.assert_allclose(done[2].atoms.get_forces(), good.get_forces())
    np.testing.assert_allclose(done[2].atoms.get_stress(), good.get_stress())
    with pytest.raises(ValueError, match="returned a int, expected an ASE calculator"):
        CalculatorLabeller.from_factory("my_potential:answer")


def test_a_command_labels_and_what_it_leaves_out_is_reported(tmp_path):
    (tmp_path / "answers.py").write_text(ANSWERS)
    frames = []
    for number, name in enumerate(["good", "bad", "moved", "good"]):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=number)
        atoms.info["name"] = name
        frames.append(atoms)
    labeller = CommandLabeller(f"{sys.executable} {tmp_path / 'answers.py'}")
    done = list(labeller.label(frames))
    assert [bool(one.problem) for one in done] == [False, True, True, False]
    assert "exit code 3" in done[1].problem
    assert "one is missing" in done[1].problem
    assert "moved an atom by 0.5 Å" in done[2].problem
    for place in (0, 3):
        energy = 2 * frames[place].positions[:, 0].sum()
        assert done[place].atoms.get_potential_energy() == pytest.approx(energy, abs=1e-6)
        np.testing.assert_array_equal(done[place].atoms.get_forces(), 4 * [[-2, 0, 0]])
    with pytest.raises(ValueError, match="expected both"):
        CommandLabeller("dft.py {input}")


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("pair_style eam/fs\npair_coeff * * Ni-Nb_1.eam.fs Ni Nb  # both", ("Ni", "Nb")),
        ("pair_style sw ; pair_coeff * * &\n  Si.sw Si", ("Si",)),
        ("units metal\npair_style eam\npair_coeff * * Ni_u3.eam", ()),
        (
            "pair_style hybrid eam/fs lj/cut 5\npair_coeff * * eam/fs Al_mm.eam.fs Al NULL NULL\n"
            "pair_coeff * * sw X.sw NULL Si NULL",
            ("Al", "Si", "NULL"),
        ),
        ("pair_style eam/alloy; pair_coeff * * NiAlH_jea.eam.alloy Ni Al Ni", ("Ni", "Al", "Ni")),
        ("pair_style snap; pair_coeff * * Ni.snapcoeff Ni.snapparam Ni", ("Ni",)),
        ("pair_style bpnnp; pair_coeff * * Ni Ni", ("Ni",)),  # a folder of the element's name
    ],
)
def test_elements_are_those_at_the_end_of_pair_coeff(text, elements):
    style = PairStyle.from_text(text)
    assert style.elements == elements
    assert style.types == {symbol: elements.index(symbol) + 1 for symbol in elements}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pair_coeff * * Si.sw Si", "no line with pair_style"),
        ("units real\npair_style sw", "units real.*units metal"),
        ("pair_style sw\nrun 10", "'run 10'"),
    ],
)
def test_lines_that_are_no_potential_are_refused(text, words):
    with pytest.raises(ValueError, match=words):
        PairStyle.from_text(text)


def test_elements_that_nothing_says_are_asked_for():
    assert NI.for_elements(["Ni", "Ni"]).elements == ("Ni",)
    with pytest.raises(ValueError, match="--elements Al,Ni"):
        NI.for_elements(["Ni", "Al"])


def test_the_command_writes_the_good_frames_and_keeps_the_others(mdsieve, tmp_path, caplog):
    write(
        tmp_path / "in.extxyz",
        [bulk("Ni", cubic=True), bulk("Cu", cubic=True), bulk("Ni", cubic=True, a=3.6)],
    )
    words = ["label", "in.extxyz", "-o", "out.extxyz", "--pair-style", "eam", "--pair-coeff", "* * Ni_u3.eam"]
    finished = mdsieve(*words)
    assert finished.returncode == 1, finished.stderr
    assert "frame 1: Cu: the potential has Ni" in caplog.text
    assert finished.stderr == "out.failed.extxyz: 1 frames could not be labelled\n"
    good = read(tmp_path / "out.extxyz", ":")
    assert [len(atoms) for atoms in good] == [4, 4]
    assert good[0].info["labelled_by"].startswith("pair_style eam; pair_coeff * * Ni_u3.eam (mdsieve")
    assert good[0].get_stress().shape == (6,)
    (bad,) = read(tmp_path / "out.failed.extxyz", ":")
    assert bad.info["label_frame"] == 1
    assert bad.info["label_problem"] == "Cu: the potential has Ni"
    assert bad.calc is None
    finished = mdsieve(*words)
    assert finished.returncode == 2
    assert "out.extxyz: the file exists already" in finished.stderr
    write(tmp_path / "in.extxyz", good)
    assert mdsieve(*words, "--overwrite").returncode == 0
    assert not (tmp_path / "out.failed.extxyz").exists()


def test_labels_of_forces_beyond_a_bound_are_not_taken():
    frames = [bulk("Cu", cubic=True) * (2, 2, 1) for _ in range(4)]
    for number, atoms in enumerate(frames):
        atoms.rattle(0.1 * number, seed=number)
    plain = CalculatorLabeller(EMT()).label_all(frames)
    largest = [np.linalg.norm(atoms.get_forces(), axis=1).max() for atoms in plain]
    assert largest == sorted(largest)
    bounded = BoundedLabeller(CalculatorLabeller(EMT()), 0.5 * (largest[1] + largest[2]))
    found = list(bounded.label(frames))
    assert [labelled.index for labelled in found] == [0, 1, 2, 3]
    assert [bool(labelled.problem) for labelled in found] == [False, False, True, True]
    assert f"a force of {largest[2]:.4g} eV/Å, more than" in found[2].problem
    assert found[2].atoms.calc is None
    assert bounded.n_beyond == 2
    np.testing.assert_array_equal(found[1].atoms.get_forces(), plain[1].get_forces())
