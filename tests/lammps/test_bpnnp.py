# SPDX-License-Identifier: GPL-2.0-or-later
"""``pair_style bpnnp``: energies, forces and spread are those of the networks, on any number of ranks."""

import re
import shutil

import numpy as np
import pytest
from bpnnp_cases import observe, skewed_cell, system, write_data, write_members
from harness import run_lmp
from momt_cases import errors, printed, thermo
from network_cases import write_potential

import n2p2_plain
from mdsieve.describe import describe_aev
from mdsieve.potentials import EnsembleCalculator, Layers

NKTV2P = 1.6021765e6  # eV/Å³ in bar


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three members of an ensemble for Ni and Al, and a structure."""
    folder = tmp_path_factory.mktemp("bpnnp")
    write_members(folder)
    write_data(folder / "data", skewed_cell())
    return folder


@pytest.fixture(scope="module")
def calculator(tmp_path_factory):
    ensemble = write_members(tmp_path_factory.mktemp("members"))
    return EnsembleCalculator(ensemble)


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_a_committee_says_what_the_ase_calculator_says(folder, calculator, ranks):
    said = observe(system(n_members=3), folder, ranks)
    atoms = skewed_cell()
    calculator.calculate(atoms)
    expected = calculator.results
    assert said.energy == pytest.approx(expected["energy"], rel=1e-12)
    np.testing.assert_allclose(said.forces, expected["forces"], atol=1e-11)
    np.testing.assert_allclose(said.energies, expected["energies"], rtol=1e-11)
    np.testing.assert_allclose(said.spread, expected["energies_spread"], rtol=1e-9)
    assert said.largest_spread == pytest.approx(expected["energies_spread"].max(), rel=1e-9)
    assert said.total_spread == pytest.approx(expected["energy_spread"] / len(atoms), rel=1e-9)
    np.testing.assert_allclose(said.pressure, -expected["stress"] * NKTV2P, rtol=1e-9, atol=1e-4)
    np.testing.assert_allclose(said.atomic_stresses, -said.pressure * said.volume, rtol=1e-9, atol=1e-2)
    assert np.abs(said.forces).max() > 0.05
    assert said.spread.min() > 0.0


@pytest.mark.parametrize("ranks", [1, 2])
def test_networks_on_environment_vectors_are_the_ase_calculators(tmp_path, ranks):
    """Two of GELU, as ANI has them, on ANI's environment vector."""
    layers = Layers((12, 8), "uul")
    ensemble = write_members(
        tmp_path, 2, layers={"Al": layers, "Ni": layers}, text=describe_aev(["Al", "Ni"], cutoff=4.8)
    )
    atoms = skewed_cell()
    write_data(tmp_path / "data", atoms)
    said = observe(system(n_members=2), tmp_path, ranks)
    calculator = EnsembleCalculator(ensemble)
    calculator.calculate(atoms)
    expected = calculator.results
    assert said.energy == pytest.approx(expected["energy"], rel=1e-12)
    np.testing.assert_allclose(said.forces, expected["forces"], atol=1e-11)
    np.testing.assert_allclose(said.spread, expected["energies_spread"], rtol=1e-9)
    np.testing.assert_allclose(said.pressure, -expected["stress"] * NKTV2P, rtol=1e-9, atol=1e-4)
    assert np.abs(said.forces).max() > 0.05


def test_a_member_alone_is_what_n2p2s_equations_say(tmp_path):
    """Networks, scaling and normalisation in plain NumPy over the derivatives of the fingerprints."""
    functions = write_potential(
        tmp_path,
        "scale_symmetry_functions\ncenter_symmetry_functions\nmean_energy -3.0\nconv_energy 2.5\n"
        "conv_length 1.7\natom_energy Ni -4.5",
    )
    atoms = skewed_cell(seed=4)
    column = functions.create_by_element(atoms)["Ni"][1][:, functions.n2p2_order("Ni") == 1]
    scaling = np.loadtxt(tmp_path / "scaling.data")
    scaling[:, 2:4] = -1, 50
    scaling[(scaling[:, 0] == 2) & (scaling[:, 1] == 2), 3] = np.median(column)
    np.savetxt(tmp_path / "scaling.data", scaling, fmt="%.17g")
    write_data(tmp_path / "data", atoms)
    said = observe(system(coeff=". Ni Al"), tmp_path)
    energy, forces = n2p2_plain.predict(tmp_path, functions, atoms)
    assert said.energy == pytest.approx(energy, rel=1e-12)
    np.testing.assert_allclose(said.forces, forces, atol=1e-11)
    assert said.spread.max() == said.largest_spread == said.total_spread == 0.0
    assert said.n_outside == (column > np.median(column)).sum() > 5


def test_forces_are_the_derivatives_of_the_energy(folder):
    h = 1e-4
    places = [(atom, axis) for atom in (1, 6, 15, 30) for axis in range(3)]
    script = system(n_members=2) + "run 0\n"
    script += "".join(
        f'variable f equal f{"xyz"[axis]}[{atom}]\nprint "force $(v_f:%.17g)"\n' for atom, axis in places
    )
    for atom, axis in places:
        for step in (h, -2 * h):
            move = " ".join(repr(step) if k == axis else "0" for k in range(3))
            script += f"group one id {atom}\ndisplace_atoms one move {move} units box\nrun 0\n"
            script += 'print "displaced $(pe:%.17g)"\n'
        back = " ".join(repr(h) if k == axis else "0" for k in range(3))
        script += f"displace_atoms one move {back} units box\ngroup one delete\n"
    finished = run_lmp(script, folder).check()
    energies = printed(finished, "displaced")[:, 0].reshape(-1, 2)
    slopes = (energies[:, 1] - energies[:, 0]) / (2 * h)
    np.testing.assert_allclose(printed(finished, "force")[:, 0], slopes, atol=1e-7)


def test_energy_is_conserved_and_stays_the_same_on_other_ranks(folder):
    script = (
        system(n_members=2)
        + """
velocity all create 300 4711 mom yes dist gaussian loop geom
timestep 0.002
thermo 25
thermo_style custom step etotal pe ke
thermo_modify format float %.15g
neigh_modify every 1 delay 0 check yes
fix md all nve
run 150
"""
    )
    alone, shared = (thermo(run_lmp(script, folder, ranks=ranks).check()) for ranks in (1, 2))
    np.testing.assert_allclose(shared[:, 1:], alone[:, 1:], rtol=1e-8)
    assert np.ptp(alone[:, 2]) > 0.1
    assert np.ptp(alone[:, 1]) < 2e-3 * np.ptp(alone[:, 2])


def test_units_real_are_the_same_in_kilocalories(folder):
    metal, real = (observe(system(n_members=2, units=units), folder) for units in ("metal", "real"))
    kcal = 23.060549  # as LAMMPS converts
    assert real.energy == pytest.approx(metal.energy * kcal, rel=1e-12)
    assert real.total_spread == pytest.approx(metal.total_spread * kcal, rel=1e-9)
    np.testing.assert_allclose(real.forces, metal.forces * kcal, atol=1e-10)
    np.testing.assert_allclose(real.spread, metal.spread * kcal, rtol=1e-10)
    np.testing.assert_allclose(real.pressure, metal.pressure / 1.01325, rtol=1e-4)


def test_beside_another_pair_style_it_sees_the_types_with_elements_only(folder, calculator):
    both = system(
        style="hybrid/overlay bpnnp zbl 3.0 4.0",
        coeff="bpnnp member0 member1 member2 Ni NULL\npair_coeff * * zbl 28 28",
    )
    zbl = system(style="zbl 3.0 4.0", coeff="28 28")
    script = 'compute p all pair bpnnp\nrun 0\nprint "pe $(pe:%.17g) $(c_p:%.17g) $(c_p[1]:%.17g)"\n'
    together = printed(run_lmp(both + script, folder).check(), "pe")[0]
    other = printed(run_lmp(zbl + 'run 0\nprint "pe $(pe:%.17g)"\n', folder).check(), "pe")[0, 0]
    nickel = skewed_cell()
    nickel = nickel[nickel.symbols == "Ni"]
    calculator.calculate(nickel)
    expected = calculator.results["energy"]
    assert together[1] == pytest.approx(expected, rel=1e-12)
    assert together[0] - other == pytest.approx(expected, rel=1e-10)
    assert together[2] == pytest.approx(calculator.results["energies_spread"].max(), rel=1e-9)


def test_a_restart_file_goes_on_when_the_style_is_named_again(folder):
    before = run_lmp(system() + "run 0\nwrite_restart state\n", folder).check()
    assert "not stored" not in before.output
    restarted = system().split("read_data data")[1]
    after = run_lmp(f"read_restart state\n{restarted}\nrun 0\n", folder).check()
    np.testing.assert_array_equal(thermo(after)[:, 1:], thermo(before)[:, 1:])


def test_fix_select_watches_without_a_trace(folder):
    """New environments are found, and the trajectory is that of the run without the fix to the last bit."""
    script = (
        system(n_members=2)
        + """
velocity all create 900 4711 mom yes dist gaussian loop geom
timestep 0.002
fix md all nve
{}
run 40
print "end $(pe:%.17g) $(x[3]:%.17g)"
"""
    )
    (folder / "select.nn").write_text((folder / "member0" / "input.nn").read_text())
    fix = "fix s all select 10 select.nn Ni Al threshold 0.05 scaling none peratom yes"
    alone = run_lmp(script.format(""), folder).check()
    watched = run_lmp(script.format(fix) + 'print "kept $(f_s[6]) $(f_s[5])"\n', folder).check()
    assert printed(watched, "end").tolist() == printed(alone, "end").tolist()
    kept, evaluated = printed(watched, "kept")[0]
    assert evaluated == 5
    assert 1 <= kept <= 5


BAD = {
    "style word": (
        "bpnnp precision double",
        None,
        r"unknown keyword 'precision'|unknown keyword \"precision\"",
    ),
    "length unit": ("bpnnp length_unit metre", None, r"length_unit metre: expected angstrom \| bohr"),
    "energy unit": ("bpnnp energy_unit", None, r"energy_unit: expected eV \| hartree after it"),
    "no folder": ("bpnnp", "Ni Al", r"4 words after pair_coeff: expected `\* \*`, at least one folder"),
    "folder": ("bpnnp", "nowhere Ni Al", r"cannot read input file nowhere/input.nn"),
    "element": ("bpnnp", "member0 Ni Cu", r"element Cu is not in member0/input.nn"),
    "no element": ("bpnnp", "member0 NULL NULL", r"no atom type has an element"),
    "weights": ("bpnnp", "lacking Ni Al", r"cannot read weight file lacking/weights.013.data"),
    "number": ("bpnnp", "broken Ni Al", r"broken/weights.028.data:3: 'oops' is not a finite number"),
    "committee": (
        "bpnnp",
        "member0 other Ni Al",
        r"other/input.nn: other symmetry functions than in member0/",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_in_one_line(folder, name):
    style, coeff, message = BAD[name]
    spoil(folder)
    script = system(style=style, coeff=coeff)
    finished = run_lmp(script + "run 0\n", folder, ranks=2 if name == "number" else 1)
    assert finished.returncode != 0
    said = errors(finished)
    assert len(said) == 1
    assert re.search("Pair bpnnp: .*(" + message + ")", said[0])


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (system().replace("units metal", "units lj"), r"units lj: expected metal or real"),
        ("newton off\n" + system() + "run 0\n", r"expected `newton on`"),
        (system() + "create_atoms 1 single $(x[1]) $(y[1]) $(z[1]) units box\nrun 0\n", r"atom \d+: "),
    ],
    ids=["units", "newton", "coinciding atoms"],
)
def test_what_cannot_be_computed_is_said_in_one_line(folder, script, message):
    finished = run_lmp(script, folder)
    assert finished.returncode != 0
    assert re.search("Pair bpnnp: " + message, finished.output)


def spoil(folder):
    """Folders in which something is wrong."""
    if (folder / "other").exists():
        return
    for name in ("lacking", "broken", "other"):
        shutil.copytree(folder / "member0", folder / name)
    (folder / "lacking" / "weights.013.data").unlink()
    weights = folder / "broken" / "weights.028.data"
    weights.write_text("# weights\n1.0\noops\n" + weights.read_text())
    text = folder / "other" / "input.nn"
    text.write_text(text.read_text().replace("Ni 2 Ni 2.0 2.5 4.5", "Ni 2 Ni 2.0 2.6 4.5"))
