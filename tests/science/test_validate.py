# SPDX-License-Identifier: GPL-2.0-or-later
"""The potentials of the distillation paper (arXiv:2311.05407) have the energies and bonds of its tables."""

import pytest

from mdsieve.validate.crystals import LATTICES, Crystal, Crystals, guessed_volume
from mdsieve.validate.subject import Subject


def measured(data_dir, file, elements, element, **options):
    style = f"pair_style eam/fs; pair_coeff * * {data_dir / 'potentials' / file} {elements}"
    starts = [Crystal(element, lattice, guessed_volume(element)) for lattice in LATTICES]
    return Crystals(starts, **options).measure(Subject.open(style))


def test_nickel_is_the_papers_reference(data_dir):
    """Energies to the paper's 1 meV, bonds to its 0.01 Å; FCC and BCC to the digits of own minimisations."""
    nickel = measured(data_dir, "Ni-Nb_1.eam.fs", "Ni Nb", "Ni")
    assert nickel["FCC energy"] == pytest.approx(-4.8763, abs=1e-4)
    assert nickel["FCC nearest neighbours"] == pytest.approx(2.4863, abs=2e-4)
    assert nickel["BCC energy"] == pytest.approx(-4.8333, abs=1e-4)
    assert nickel["BCC nearest neighbours"] == pytest.approx(2.409, abs=1e-3)
    assert nickel["HCP energy"] == pytest.approx(-4.847, abs=1.2e-3)
    assert nickel["HCP nearest neighbours"] == pytest.approx(2.444, abs=1e-3)
    assert nickel.facts["order of energies"] == "FCC < HCP < BCC"


def test_aluminium_is_the_papers_reference(data_dir):
    """The paper's HCP, -3.380 eV, lies between c/a 1.555 and the best one; it does not say its own."""
    aluminium = measured(data_dir, "Al1.eam.fs", "Al", "Al")
    assert aluminium["FCC energy"] == pytest.approx(-3.4107, abs=1e-4)
    assert aluminium["FCC nearest neighbours"] == pytest.approx(2.86, abs=1e-2)
    assert aluminium["BCC energy"] == pytest.approx(-3.3088, abs=1e-4)
    assert aluminium.facts["order of energies"] == "FCC < HCP < BCC"
    free = measured(data_dir, "Al1.eam.fs", "Al", "Al", free_ratio=True)
    assert free["HCP energy"] == pytest.approx(-3.3831, abs=1e-4)
    assert aluminium["HCP energy"] > -3.3801 > free["HCP energy"]


def test_relaxed_hcp_nickel_is_that_of_an_own_minimisation(data_dir):
    nickel = measured(data_dir, "Ni-Nb_1.eam.fs", "Ni Nb", "Ni", free_ratio=True)
    assert nickel["HCP energy"] == pytest.approx(-4.8628, abs=1e-4)
