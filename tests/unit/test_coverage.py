# SPDX-License-Identifier: GPL-2.0-or-later
"""Coverage: shares of bins, each component by itself and all together; 2DIRECT from structures to atoms."""

import numpy as np
import pytest
from ase.build import bulk

from mdsieve.descriptors import SymmetryFunctions
from mdsieve.encoders.contract import CallableEncoder
from mdsieve.encoders.pooled import PooledSymmetryFunctions
from mdsieve.samplers.coverage import coverage
from mdsieve.samplers.direct_atoms import direct_atoms, share_out


def test_the_share_of_bins_is_counted_component_by_component():
    scores = np.array([[0.0, 0.0], [0.1, 0.0], [1.0, 5.0], [3.9, 5.0], [4.0, 5.0]])
    found = coverage(scores, [0, 2], n_bins=4)
    np.testing.assert_allclose(found.per_component, [2 / 3, 1.0])
    assert found.mean == pytest.approx(5 / 6)
    assert coverage(scores, range(5), n_bins=4).mean == 1.0
    assert coverage(scores, [], n_bins=4).mean == 0.0


def test_bins_are_those_of_a_histogram():
    rng = np.random.default_rng(1)
    scores, picked = rng.normal(size=(2000, 3)), rng.choice(2000, 150, replace=False)
    expected = []
    for column in scores.T:
        edges = np.linspace(column.min(), column.max(), 101)
        there, hit = np.histogram(column, edges)[0] > 0, np.histogram(column[picked], edges)[0] > 0
        expected.append(hit.sum() / there.sum())
    np.testing.assert_allclose(coverage(scores, picked, n_bins=100).per_component, expected)


def test_picks_that_cover_each_component_need_not_cover_the_space():
    side = np.linspace(0, 1, 10)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    diagonal = np.flatnonzero(grid[:, 0] == grid[:, 1])
    found = coverage(grid, diagonal, n_bins=10, joint_bins=10)
    assert found.mean == 1.0
    assert found.joint == found.joint_most == 0.1
    assert coverage(grid, range(100), joint_bins=10).joint == 1.0


def test_narrow_components_count_less_for_the_joint_score():
    rng = np.random.default_rng(2)
    line = np.column_stack([np.linspace(0, 1, 1000), 1e-3 * rng.normal(size=1000)])
    found = coverage(line, np.arange(0, 1000, 100), joint_bins=10)
    assert found.joint == 1.0


def test_what_cannot_be_counted_is_told():
    with pytest.raises(ValueError, match="n_bins=0"):
        coverage(np.zeros((3, 2)), [0], n_bins=0)
    with pytest.raises(ValueError, match="expected rows"):
        coverage(np.zeros(3), [0])
    assert coverage(np.zeros((3, 2)), [1]).mean == 1.0


FUNCTIONS = SymmetryFunctions.from_text("""number_of_elements 2
elements Ni Al
cutoff_type 1
symfunction_short Ni 2 Ni 0.5 0.0 5.0
symfunction_short Ni 2 Al 0.5 0.0 5.0
symfunction_short Ni 2 Ni 1.5 1.0 5.0
symfunction_short Al 2 Ni 0.5 0.0 5.0
symfunction_short Al 2 Al 0.5 0.0 5.0
""")


def alloys():
    made = []
    for i in range(30):
        atoms = bulk("Ni", cubic=True) * (2, 1, 1)
        atoms.symbols[0] = "Al"
        atoms.rattle(0.02 * i, seed=i)
        made.append(atoms)
    made[7].positions[5] += (0.7, 0.0, 0.0)  # one atom that is like no other
    return made


def test_structures_are_picked_first_and_then_their_atoms():
    frames, encoder = alloys(), PooledSymmetryFunctions(FUNCTIONS)
    found = direct_atoms(frames, encoder, encoder, 12, 20)
    assert len(found.atoms) == 20
    assert set(found.frames.tolist()) <= set(found.first.selected_idx_.tolist())
    symbols = [frames[f].symbols[a] for f, a in zip(found.frames, found.atoms, strict=True)]
    assert symbols.count("Al") == len(found.elements["Al"].selected_idx_) == 3
    assert len(set(zip(found.frames.tolist(), found.atoms.tolist(), strict=True))) == 20
    assert found.counts.sum() == 20
    assert (np.diff(found.counts) <= 0).all()
    assert set(found.structures.tolist()) == set(found.frames.tolist())


def test_an_odd_atom_is_picked_though_its_structure_is_not_odd():
    frames, encoder = alloys(), PooledSymmetryFunctions(FUNCTIONS)
    volumes = CallableEncoder(lambda atoms: [atoms.get_volume(), len(atoms)], "volume")
    found = direct_atoms(frames, volumes, encoder, 1, 4)  # all have the same volume: any one
    assert len(found.structures) == 1
    odd = direct_atoms([frames[7]], volumes, encoder, 1, 4)
    assert 5 in odd.atoms[[frames[7].symbols[a] == "Ni" for a in odd.atoms]]


def test_more_atoms_than_there_are_are_refused():
    encoder = PooledSymmetryFunctions(FUNCTIONS)
    with pytest.raises(ValueError, match="n_atoms=17: expected a number from 1 to 16"):
        direct_atoms(alloys(), encoder, encoder, 2, 17)


@pytest.mark.parametrize(
    ("n", "sizes", "expected"),
    [(10, [50, 50], [5, 5]), (3, [90, 5, 5], [1, 1, 1]), (2, [5, 90, 7], [0, 1, 1]), (8, [1, 9], [1, 7])],
)
def test_shares_go_with_the_sizes_and_none_goes_without(n, sizes, expected):
    assert share_out(n, np.array(sizes)).tolist() == expected
    for n in range(1, sum(sizes) + 1):
        shares = share_out(n, np.array(sizes))
        assert shares.sum() == n
        assert (shares <= sizes).all()
