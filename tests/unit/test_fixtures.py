# SPDX-License-Identifier: GPL-2.0-or-later
"""The shared trajectories are what their fixtures promise."""

import numpy as np


def test_ni_trajectory_goes_from_solid_to_liquid(ni_trajectory):
    assert len(ni_trajectory) == 101
    assert all(atoms.get_chemical_formula() == "Ni108" for atoms in ni_trajectory)
    first, last = ni_trajectory[0], ni_trajectory[-1]
    assert nearest(first).std() < 0.01
    assert nearest(last).std() > 0.05
    assert last.get_volume() > 1.05 * first.get_volume()


def test_binary_trajectory_is_triclinic_and_keeps_its_atoms_in_order(binary_trajectory):
    assert len(binary_trajectory) == 61
    assert {atoms.get_chemical_formula() for atoms in binary_trajectory} == {"Al27Ni81"}
    assert all((atoms.numbers == binary_trajectory[0].numbers).all() for atoms in binary_trajectory)
    assert np.abs(binary_trajectory[-1].cell[1, 0]) > 1e-3


def nearest(atoms):
    """Distance of every atom to its nearest neighbour."""
    distances = atoms.get_all_distances(mic=True)
    np.fill_diagonal(distances, np.inf)
    return distances.min(axis=1)
