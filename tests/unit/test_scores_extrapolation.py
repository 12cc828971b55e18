# SPDX-License-Identifier: GPL-2.0-or-later
"""The extrapolation grade against determinants, exhaustive search, and what must hold of it."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numbers_of_frames import cloud, frame_of, plain_columns

from mdsieve.scores.columns import Columns
from mdsieve.scores.extrapolation import ExtrapolationScorer


def basis(matrix):
    return np.column_stack([np.ones(len(matrix)), matrix])


def by_determinants(active, rows):
    """γ as it is defined: the largest growth of |det A| when a row of A is replaced."""
    volume = abs(np.linalg.det(active))
    grades = []
    for b in rows:
        grown = []
        for j in range(len(active)):
            other = active.copy()
            other[j] = b
            grown.append(abs(np.linalg.det(other)) / volume)
        grades.append(max(grown))
    return np.array(grades)


@settings(max_examples=30, deadline=None)
@given(width=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_the_grade_is_the_growth_of_the_determinant(width, seed):
    scorer = ExtrapolationScorer(plain_columns(width)).fit([frame_of(cloud(40, width, seed))])
    strangers = 3.0 * cloud(10, width, seed + 1)
    expected = by_determinants(scorer.active[0].rows, basis(strangers))
    np.testing.assert_allclose(scorer.score(frame_of(strangers)).per_atom, expected, rtol=1e-8)


@settings(max_examples=30, deadline=None)
@given(width=st.integers(1, 6), seed=st.integers(0, 10**6), n_frames=st.integers(1, 5))
def test_nothing_that_was_fitted_extrapolates_and_the_active_set_is_graded_1(width, seed, n_frames):
    frames = [frame_of(part) for part in np.array_split(cloud(60, width, seed), n_frames)]
    scorer = ExtrapolationScorer(plain_columns(width), swap=1.0 + 1e-9).fit(frames)
    assert max(scorer.score(frame).frame for frame in frames) <= 1 + 1e-6
    members = frame_of(scorer.active[0].rows[:, 1:])
    np.testing.assert_allclose(scorer.score(members).per_atom, 1.0, atol=1e-8)


def test_the_volume_found_is_within_the_bound_of_the_best_one():
    matrix = cloud(14, 3, 5)
    scorer = ExtrapolationScorer(plain_columns(3), swap=1.0).fit([frame_of(matrix)])
    found = abs(np.linalg.det(scorer.active[0].rows))
    best = max(abs(np.linalg.det(basis(matrix[list(c)]))) for c in combinations(range(14), 4))
    assert found <= best * (1 + 1e-12)
    assert found >= best / 4 ** (4 / 2), "Hadamard's bound for a dominant submatrix"


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), exponents=st.lists(st.floats(-4, 4), min_size=4, max_size=4))
def test_the_scaling_of_columns_changes_no_grade(seed, exponents):
    known, strange = cloud(50, 4, seed), 2.0 * cloud(20, 4, seed + 1)
    units, offsets = 10.0 ** np.array(exponents), np.array(exponents)
    grades = []
    for a, b in ((known, strange), (known * units + offsets, strange * units + offsets)):
        frame = frame_of(a)
        scorer = ExtrapolationScorer(Columns.fit([frame])).fit([frame])
        grades.append(scorer.score(frame_of(b)).per_atom)
    np.testing.assert_allclose(grades[0], grades[1], rtol=1e-6)


def test_any_mixture_of_columns_gives_the_same_grades_where_the_active_set_is_full():
    known, strange, mixing = cloud(50, 4, 1), cloud(20, 4, 2), cloud(4, 4, 3)
    first = ExtrapolationScorer(plain_columns(4)).fit([frame_of(known)])
    second = ExtrapolationScorer(plain_columns(4))
    second.active[0].replace(np.arange(5), first.active[0].rows[:, 1:] @ mixing, np.zeros((5, 3), np.int64))
    np.testing.assert_allclose(
        first.score(frame_of(strange)).per_atom, second.score(frame_of(strange @ mixing)).per_atom, rtol=1e-9
    )


def test_fewer_environments_than_columns_span_what_they_span():
    known = cloud(3, 6, 4)
    scorer = ExtrapolationScorer(plain_columns(6), floor=1e-3).fit([frame_of(known)])
    assert scorer.active[0].is_standing_in.sum() == 7 - 3
    inside = known.mean(axis=0)
    assert scorer.score(frame_of(inside[None])).frame <= 1 + 1e-9
    outside = inside + 0.1 * np.linalg.svd(known - inside)[2][-1]  # 0.1 beside all of them
    score = scorer.score(frame_of(outside[None]))
    assert 10 < score.frame < 1000, "0.1 is a hundred times the floor"
    assert "leaves the span" in score.reason


@pytest.mark.parametrize("how", ["constant", "zero", "doubled", "sum"])
def test_columns_that_say_nothing_change_nothing_for_environments_like_those_seen(how):
    full, new = cloud(60, 3, 8), cloud(30, 3, 9)

    def extended(matrix):
        last = {
            "constant": np.full(len(matrix), 7.5),
            "zero": np.zeros(len(matrix)),
            "doubled": matrix[:, 0],
            "sum": matrix @ [1.0, -2.0, 0.5],
        }[how]
        return np.column_stack([matrix, last])

    plain = ExtrapolationScorer(plain_columns(3)).fit([frame_of(full)])
    more = ExtrapolationScorer(plain_columns(4)).fit([frame_of(extended(full))])
    assert more.active[0].is_standing_in.sum() == 1
    # in the same span the same volume counts, up to which of equal volumes was found
    np.testing.assert_allclose(
        plain.score(frame_of(new)).per_atom, more.score(frame_of(extended(new))).per_atom, rtol=0.5
    )
    odd = extended(new)
    odd[0, 3] += 1.0
    score = more.score(frame_of(odd))
    assert score.frame > 100
    assert score.atom == 1


def test_elements_have_active_sets_of_their_own_and_one_never_seen_is_infinitely_far():
    scorer = ExtrapolationScorer(plain_columns(2, 3)).fit([frame_of(cloud(20, 2, 1), np.empty((0, 3)))])
    score = scorer.score(frame_of(cloud(4, 2, 2), cloud(2, 3, 3)))
    assert score.frame == np.inf
    assert score.atom == 5
    assert np.isfinite(score.per_atom[:4]).all()
    assert score.cautious == score.per_atom[:4].max()
    scorer.learn(frame_of(np.empty((0, 2)), cloud(20, 3, 4)))
    assert np.isfinite(scorer.score(frame_of(cloud(4, 2, 2), cloud(2, 3, 3))).frame)
    assert scorer.score(frame_of(np.empty((0, 2)), np.empty((0, 3)))).frame == 0.0


def test_learning_lowers_the_grade_of_what_was_learnt_and_replaying_it_gives_the_same_bits():
    walk = [frame_of(cloud(12, 4, seed) * (1 + 0.3 * seed), step=seed) for seed in range(10)]
    scorer = ExtrapolationScorer(plain_columns(4))
    deltas = []
    for frame in walk:
        before = scorer.score(frame).frame
        delta = scorer.learn(frame)
        assert (delta is not None) == (before > 1.001)
        if delta is not None:
            assert scorer.score(frame).frame < max(before, 1.01)
            assert scorer.score(frame).frame <= 1.001 * (1 + 1e-9)
            deltas.append(delta)
    again = ExtrapolationScorer(plain_columns(4))
    again.replay(deltas)
    assert again.header() == scorer.header()
    for frame in walk:
        np.testing.assert_array_equal(again.score(frame).per_atom, scorer.score(frame).per_atom)
    _, step, atom = again.active[0].origins[0]
    assert 0 <= step < 10
    member = walk[step].fingerprint(atom - 1)
    np.testing.assert_array_equal(again.active[0].rows[0, 1:], member)


def test_proposing_changes_nothing():
    scorer = ExtrapolationScorer(plain_columns(3)).fit([frame_of(cloud(20, 3, 1))])
    before = scorer.active[0].rows.copy()
    assert scorer.propose(frame_of(5.0 * cloud(20, 3, 2))) is not None
    np.testing.assert_array_equal(scorer.active[0].rows, before)


def test_the_header_tells_apart_what_gives_other_numbers():
    data = [frame_of(cloud(20, 3, 1))]
    headers = {
        ExtrapolationScorer(plain_columns(3)).header(),
        ExtrapolationScorer(plain_columns(3), floor=0.1).header(),
        ExtrapolationScorer(plain_columns(3), swap=2.0).header(),
        ExtrapolationScorer(Columns.fit(data)).header(),
        ExtrapolationScorer(plain_columns(3)).fit(data).header(),
    }
    assert len(headers) == 5


def test_what_does_not_fit_is_refused_and_changes_nothing():
    scorer = ExtrapolationScorer(plain_columns(3))
    with pytest.raises(ValueError, match=r"fingerprints of Ni \(2\), expected Ni \(3\)"):
        scorer.score(frame_of(cloud(3, 2, 1)))
    delta = ExtrapolationScorer(plain_columns(2)).learn(frame_of(cloud(3, 2, 1)))
    for bad in (delta, b"nothing", delta[:-8]):
        with pytest.raises(ValueError, match="a delta of extrapolation"):
            scorer.restore(bad)
    assert scorer.active[0].is_standing_in.all()
    for settings_ in ({"floor": 0.0}, {"swap": 0.5}, {"floor": float("nan")}):
        with pytest.raises(ValueError, match="expected a number"):
            ExtrapolationScorer(plain_columns(3), **settings_)
