# SPDX-License-Identifier: GPL-2.0-or-later
"""Static properties: against the authors of a potential, and against what must hold for any."""

import sys

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from mdsieve.extras import MissingPackageError
from mdsieve.validate.choose import Wanted
from mdsieve.validate.crystals import LATTICES, Crystal, Crystals, nearest, relaxed_crystal
from mdsieve.validate.elastic import ElasticConstants, elastic_matrix
from mdsieve.validate.energy_volume import EnergyVolume
from mdsieve.validate.phonons import PhononDispersion, phonons_of
from mdsieve.validate.subject import Subject
from mdsieve.validate.vacancy import VacancyEnergy

STARTS = [Crystal("Ni", lattice, 11.5) for lattice in LATTICES]


MORSE = "pair_style morse 5.5; pair_coeff * * {depth} 1.4 2.8"


class WithoutStress(Calculator):
    """A calculator of which only energy and forces can be had."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, subject):
        super().__init__()
        self.subject = subject

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": self.subject.energy(self.atoms), "forces": self.subject.forces(self.atoms)}


@pytest.fixture(scope="module")
def foiles():
    """Ni of Foiles, Baskes and Daw, Phys. Rev. B 33, 7983 (1986)."""
    return Subject.open("pair_style eam; pair_coeff * * Ni_u3.eam")


@pytest.fixture(scope="module")
def morse():
    """A pair potential."""
    return Subject.open(MORSE.format(depth=0.4))


def test_crystals_have_the_published_energy_and_lattice_parameter(foiles):
    measured = Crystals(STARTS).measure(foiles)
    assert measured["FCC energy"] == pytest.approx(-4.45, abs=1e-4)
    assert measured["FCC nearest neighbours"] == pytest.approx(3.52 / np.sqrt(2), abs=2e-4)
    assert measured["FCC volume"] == pytest.approx(3.52**3 / 4, abs=2e-3)
    assert measured["HCP c/a"] == 1.555
    assert measured.facts["order of energies"] == "FCC < HCP < BCC"


def test_elastic_constants_and_vacancy_are_the_published_ones(foiles):
    elastic = ElasticConstants(STARTS[0]).measure(foiles)
    assert elastic["FCC C11"] == pytest.approx(233, abs=1)
    assert elastic["FCC C12"] == pytest.approx(154, abs=1)
    assert elastic["FCC C44"] == pytest.approx(128, abs=1)
    assert elastic["FCC lowest eigenvalue"] == pytest.approx(233 - 154, abs=1)  # C11 - C12
    assert elastic.facts["FCC mechanically stable"] == "yes"
    bcc = ElasticConstants(STARTS[1]).measure(foiles)
    assert bcc["BCC C11"] < bcc["BCC C12"]
    assert bcc.facts["BCC mechanically stable"] == "no"
    vacancy = VacancyEnergy(STARTS[0], length=8.0).measure(foiles)
    assert vacancy["FCC vacancy (107 atoms)"] == pytest.approx(1.63, abs=0.01)


def test_bulk_modulus_of_strains_is_that_of_the_equation_of_state(foiles):
    volumes = EnergyVolume(STARTS[:1], n_points=21).measure(foiles)
    elastic = ElasticConstants(STARTS[0]).measure(foiles)
    assert volumes["FCC bulk modulus"] == pytest.approx(elastic["FCC bulk modulus"], rel=0.01)
    assert volumes["FCC volume"] == pytest.approx(3.52**3 / 4, abs=2e-3)


def test_hcp_finds_its_ratio_and_has_no_stress_then(foiles):
    free = relaxed_crystal(foiles, STARTS[2], free_ratio=True)
    kept = relaxed_crystal(foiles, STARTS[2])
    assert kept.ratio == 1.555
    assert abs(foiles.stress(kept.supercell())[2]) > 1e-2
    np.testing.assert_allclose(foiles.stress(free.supercell()), 0, atol=1e-4)
    assert foiles.energy(free.supercell()) < foiles.energy(kept.supercell())


@pytest.mark.parametrize(
    ("lattice", "n_atoms", "bond"), [("fcc", 32, 2.489), ("bcc", 54, 2.424), ("hcp", 48, 2.452)]
)
def test_supercells_are_those_of_the_paper(lattice, n_atoms, bond):
    volume = {"fcc": bond**3 / np.sqrt(2), "bcc": 4 / np.sqrt(27) * bond**3}.get(lattice, 10.923)
    crystal = Crystal("Ni", lattice, volume)
    atoms = crystal.supercell()
    assert len(atoms) == n_atoms
    assert atoms.get_volume() / n_atoms == pytest.approx(volume)
    assert nearest(atoms) == pytest.approx(bond, abs=1e-3)
    assert crystal.primitive().get_volume() / len(crystal.primitive()) == pytest.approx(volume)


def test_a_pair_potential_obeys_cauchy_and_gives_its_cohesion_for_a_vacancy(morse):
    start = Crystal("Ni", "fcc", 14.0)
    elastic = ElasticConstants(start).measure(morse)
    assert elastic["FCC C12"] == pytest.approx(elastic["FCC C44"], rel=2e-3)
    crystal = relaxed_crystal(morse, start)
    energy = morse.energy(crystal.supercell()) / 32
    vacancy = VacancyEnergy(start, length=6.5).measure(morse)
    assert vacancy["FCC vacancy, atoms held"] == pytest.approx(-energy, rel=1e-6)
    assert vacancy["FCC vacancy (31 atoms)"] < vacancy["FCC vacancy, atoms held"]


def test_strained_atoms_come_to_rest_before_the_stress_is_read(morse):
    """HCP has an inner strain: with atoms held, C66 would be too large."""
    crystal = relaxed_crystal(morse, Crystal("Ni", "hcp", 14.0), free_ratio=True)
    held = Subject.open(MORSE.format(depth=0.4))
    held.relaxed = lambda atoms, **_: atoms
    atoms = crystal.primitive()
    assert elastic_matrix(morse, atoms)[5, 5] < 0.99 * elastic_matrix(held, atoms)[5, 5]


def test_stresses_come_from_energies_where_the_calculator_has_none(foiles):
    atoms = Crystal("Ni", "hcp", 11.0).primitive()
    atoms.rattle(0.1, seed=1)
    expected = foiles.stress(atoms)
    found = Subject("without", WithoutStress(foiles)).stress(atoms)
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


def test_a_potential_that_holds_nothing_together_is_told():
    repulsive = Subject.open(MORSE.format(depth=-0.1))
    with pytest.raises(ValueError, match=r"Ni [FB]CC: no volume of lowest energy between 30 and 328 %"):
        Crystals(STARTS).measure(repulsive)


def test_atoms_that_do_not_come_to_rest_are_told(morse):
    atoms = Crystal("Ni", "fcc", 14.0).supercell()
    atoms.rattle(0.2, seed=1)
    with pytest.raises(ValueError, match=r"atoms did not come to rest: .* eV/Å left after 2 steps"):
        morse.relaxed(atoms, steps=2)
    relaxed = morse.relaxed(atoms)
    assert np.abs(morse.forces(relaxed)).max() < 1e-3
    np.testing.assert_array_equal(relaxed.cell.array, atoms.cell.array)


def test_long_waves_travel_as_the_elastic_constants_say(foiles):
    crystal = relaxed_crystal(foiles, STARTS[0])
    cell = crystal.primitive()
    phonons = phonons_of(foiles, cell, length=10.0)
    q = 0.01 * cell.cell.array @ np.array([1.0, 0, 0])  # 0.01/Å along x, in reciprocal vectors
    phonons.run_qpoints([q, [0, 0, 0]])
    frequencies, at_rest = phonons.qpoints.frequencies
    np.testing.assert_allclose(at_rest, 0, atol=1e-2)
    density = 58.6934 / crystal.volume * 1.66053907  # g/cm³ (u/Å³)
    elastic = ElasticConstants(STARTS[0]).measure(foiles)
    for frequency, constant in zip(np.sort(frequencies), ["C44", "C44", "C11"], strict=True):
        speed = np.sqrt(elastic[f"FCC {constant}"] / density) * 10.0  # Å/ps
        assert frequency / 0.01 == pytest.approx(speed, rel=0.03)


def test_phonons_of_two_potentials_are_put_side_by_side(foiles):
    wanted = PhononDispersion(STARTS[0], length=7.0, n_points=30)
    measured = wanted.measure(foiles)
    (curve,) = measured.curves
    assert [label for _, label in curve.ticks][:2] == ["Γ", "X"]
    assert measured["FCC highest frequency"] == pytest.approx(9.9, abs=0.3)
    rows = wanted.compare(measured, measured)
    assert rows[-1].quantity == "RMS difference along the path"
    assert rows[-1].value == 0.0


def test_phonopy_is_named_if_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "phonopy", None)
    with pytest.raises(MissingPackageError, match=r"phonopy: pip install 'mdsieve\[phonons\]'"):
        PhononDispersion(STARTS[0])


def test_a_crystal_may_be_of_any_element():
    assert isinstance(Crystal("W", "bcc", 15.9).supercell(), Atoms)


@pytest.mark.parametrize(("element", "structure"), [("Si", "diamond"), ("Ge", "diamond"), ("C", "diamond")])
def test_an_element_of_another_structure_is_not_taken_for_fcc(element, structure):
    with pytest.raises(ValueError, match=f"{element}: its structure in nature is {structure}, expected fcc"):
        _ = Wanted(["elastic"], element).start
    assert Wanted(["elastic"], element, lattice="bcc").start.lattice == "bcc"
    assert Wanted(["elastic"], "W").start.lattice == "bcc"
