# SPDX-License-Identifier: GPL-2.0-or-later
"""The contract of scores, and novelty as its first."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.scores import Environments, NoveltyScorer, Score
from mdsieve.scores.deltas import pack, unpack

NI_AL = """
elements Al Ni
cutoff_type 1
symfunction_short Al 2 Al 0.5 0.0 4.5
symfunction_short Al 2 Ni 0.5 0.0 4.5
symfunction_short Al 9 Ni Ni 0.05 -1 2 4.5
symfunction_short Ni 2 Al 0.5 0.0 4.5
symfunction_short Ni 2 Ni 2.0 2.5 4.5
"""


@pytest.fixture(scope="module")
def functions():
    return SymmetryFunctions.from_text(NI_AL)


def rattled(seed, shuffle=False):
    atoms = bulk("Ni", a=3.57, cubic=True) * (2, 2, 1)
    atoms.symbols[::3] = "Al"
    atoms.rattle(0.15, seed=seed)
    if shuffle:
        atoms.arrays["id"] = np.random.default_rng(seed).permutation(len(atoms)) + 5
    return atoms


def test_environments_stand_in_the_order_of_atom_ids_whatever_the_order_of_the_atoms(functions):
    atoms = rattled(1, shuffle=True)
    environments = Environments.from_atoms(functions, atoms)
    assert (np.diff(environments.atom_ids) > 0).all()
    of_element = functions.create_by_element(atoms)
    for place in range(len(atoms)):
        index = int(np.flatnonzero(atoms.arrays["id"] == environments.atom_ids[place])[0])
        symbol = environments.symbols[environments.elements[place]]
        assert symbol == atoms.symbols[index]
        indices, rows = of_element[symbol]
        expected = rows[np.flatnonzero(indices == index)[0]]
        np.testing.assert_array_equal(environments.fingerprint(place), expected)
    for number, rows in enumerate(environments.by_element):
        assert (environments.elements[rows.places] == number).all()
        assert rows.fingerprints.shape == (len(rows.places), environments.n_features[number])
        for place, row in zip(rows.places, rows.fingerprints, strict=True):
            np.testing.assert_array_equal(row, environments.fingerprint(place))


def test_a_frame_without_atoms_of_an_element_gives_it_an_empty_matrix(functions):
    environments = Environments.from_atoms(functions, bulk("Al", cubic=True))
    assert environments.by_element[1].fingerprints.shape == (0, 2)
    assert len(Environments.from_atoms(functions, Atoms())) == 0


def test_novelty_learns_what_the_bank_would_and_says_the_same(functions):
    frames = [rattled(seed, shuffle=True) for seed in range(8)]
    plain = EnvironmentBank(functions, 0.3).fit_scaling(frames)
    scorer = NoveltyScorer(EnvironmentBank(functions, 0.3).set_scaling(plain.scaling))
    for number, atoms in enumerate(frames):
        environments = Environments.from_atoms(functions, atoms, step=number)
        score, expected = scorer.score(environments), plain.query(atoms)
        by_id = expected[np.argsort(atoms.arrays["id"])]
        np.testing.assert_array_equal(score.per_atom, by_id)
        assert score.frame == by_id.max()
        assert score.atom == environments.atom_ids[by_id.argmax()]
        delta = scorer.learn(environments)
        update = plain.update(atoms)
        assert (delta is not None) == update.is_kept
        assert len(scorer.bank) == len(plain)
    diff = scorer.bank.diff(plain)
    assert not len(diff.only_here)
    assert not len(diff.only_there)
    assert [scorer.bank.entry(i).atom_id for i in range(len(plain))] == [
        plain.entry(i).atom_id for i in range(len(plain))
    ]


def test_replayed_deltas_make_the_same_scorer(functions):
    frames = [Environments.from_atoms(functions, rattled(seed), step=seed) for seed in range(6)]
    first, second = (NoveltyScorer(EnvironmentBank(functions, 0.4, scaling=None)) for _ in range(2))
    assert first.header() == second.header()
    deltas = [delta for f in frames[:-1] if (delta := first.learn(f)) is not None]
    second.replay(deltas)
    np.testing.assert_array_equal(first.score(frames[-1]).per_atom, second.score(frames[-1]).per_atom)
    assert first.header() == second.header(), "a header tells of the beginning, not of what was learnt"
    assert NoveltyScorer(first.bank).header() != first.header()


def test_an_empty_bank_is_infinitely_surprised_but_calls_nothing_odd(functions):
    scorer = NoveltyScorer(EnvironmentBank(functions, 0.4, scaling=None))
    first = scorer.score(Environments.from_atoms(functions, rattled(0)))
    assert first.frame == np.inf
    assert first.cautious is None
    scorer.learn(Environments.from_atoms(functions, bulk("Al", cubic=True)))
    second = scorer.score(Environments.from_atoms(functions, rattled(0)))
    assert second.frame == np.inf, "nickel was never seen"
    assert 0 < second.cautious < np.inf, "aluminium was"


def test_a_score_is_a_number_and_names_the_first_of_equal_atoms():
    score = Score.largest(np.array([1.0, 3.0, 3.0]), np.array([4, 7, 9]))
    assert (score.frame, score.atom) == (3.0, 7)
    assert Score.largest(np.empty(0), np.empty(0)).frame == 0.0
    with pytest.raises(ValueError, match="not a number"):
        Score(float("nan"))
    with pytest.raises(ValueError, match="not a number"):
        Score.largest(np.array([1.0, np.nan]), np.array([1, 2]))


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_damaged_deltas_are_refused(data):
    whole = pack({"h": 0.1}, {"b": np.arange(4, dtype=np.int32), "a": np.arange(6.0).reshape(2, 3)})
    words, arrays = unpack(whole, "it")
    assert words == {"h": 0.1}
    np.testing.assert_array_equal(arrays["a"], np.arange(6.0).reshape(2, 3))
    assert arrays["b"].dtype == np.int32
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match="it: damaged"):
        unpack(whole[:cut], "it")
    at, bit = data.draw(st.integers(0, len(whole) - 81)), data.draw(st.integers(0, 7))  # not in the values
    broken = bytearray(whole)
    broken[at] ^= 1 << bit
    try:
        unpack(bytes(broken), "it")  # a letter of a name may have become another
    except ValueError as error:
        assert "damaged" in str(error)  # noqa: PT017


def test_a_delta_of_something_else_is_refused(functions):
    scorer = NoveltyScorer(EnvironmentBank(functions, 0.4, scaling=None))
    with pytest.raises(ValueError, match="a delta of novelty"):
        scorer.restore(pack({}, {"other": np.zeros(3)}))
    with pytest.raises(ValueError, match="a delta of novelty"):
        scorer.restore(b"what")
    assert len(scorer.bank) == 0
