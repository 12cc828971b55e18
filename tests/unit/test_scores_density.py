# SPDX-License-Identifier: GPL-2.0-or-later
"""Differential entropies against the plain formula, and where that underflows."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numbers_of_frames import cloud, frame_of, plain_columns

from mdsieve.scores import density
from mdsieve.scores.columns import Columns
from mdsieve.scores.density import DensityScorer


def plain(known, strange, h):
    """QUESTS' δH(y|X) = -ln Σ_x K_h(x, y) as it is printed."""
    squares = ((strange[:, None, :] - known[None, :, :]) ** 2).sum(axis=-1)
    return -np.log(np.exp(-squares / (2.0 * h**2)).sum(axis=1))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), width=st.integers(1, 8), h=st.floats(0.3, 5.0))
def test_entropies_are_those_of_the_formula_where_it_is_finite(seed, width, h):
    known, strange = cloud(30, width, seed), cloud(12, width, seed)
    scorer = DensityScorer(plain_columns(width), h).fit([frame_of(known[:20]), frame_of(known[20:])])
    with np.errstate(divide="ignore"):
        expected = plain(known, strange, h)
    finite = expected < 700
    assert finite.any()
    np.testing.assert_allclose(
        scorer.score(frame_of(strange)).per_atom[finite], expected[finite], rtol=1e-9, atol=1e-9
    )


def test_far_away_the_formula_underflows_and_the_score_does_not():
    known = np.zeros((5, 3))
    strange = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1000, 0], [0, 0, 1e6]])
    with np.errstate(divide="ignore"):
        assert np.isinf(plain(known, strange, 0.015)[1:]).all()
    score = DensityScorer(plain_columns(3), 0.015).fit([frame_of(known)]).score(frame_of(strange))
    distances = np.linalg.norm(strange, axis=1)
    np.testing.assert_allclose(score.per_atom, distances**2 / (2 * 0.015**2) - np.log(5), rtol=1e-12)
    assert score.atom == 4


def test_an_environment_that_was_kept_n_times_has_minus_the_logarithm_of_n():
    known = cloud(1, 6, 3) * 1e3
    scorer = DensityScorer(plain_columns(6), 0.01)
    for n in range(1, 6):
        scorer.learn(frame_of(known))
        np.testing.assert_allclose(scorer.score(frame_of(known)).frame, -np.log(n), atol=1e-9)


def test_the_size_of_the_blocks_decides_nothing(monkeypatch):
    known, strange = cloud(200, 5, 1), cloud(37, 5, 1)
    whole = DensityScorer(plain_columns(5), 0.5).fit([frame_of(known)]).score(frame_of(strange))
    monkeypatch.setattr(density, "_QUERIES", 10)
    monkeypatch.setattr(density, "_BLOCK", 64)
    parts = DensityScorer(plain_columns(5), 0.5).fit([frame_of(known)]).score(frame_of(strange))
    np.testing.assert_allclose(parts.per_atom, whole.per_atom, rtol=1e-12)


def test_scaling_and_bandwidth_are_of_each_element():
    a, b = cloud(20, 2, 1), cloud(10, 3, 2)
    columns = Columns(("Ni", "Al"), (a.mean(0), b.mean(0)), (1 / a.std(0), 1 / b.std(0)))
    scorer = DensityScorer(columns, {"Ni": 0.7, "Al": 1.3}).fit([frame_of(a, b)])
    score = scorer.score(frame_of(a[:4] + 0.1, b[:3] - 0.2))
    expected = [
        *plain((a - a.mean(0)) / a.std(0), (a[:4] + 0.1 - a.mean(0)) / a.std(0), 0.7),
        *plain((b - b.mean(0)) / b.std(0), (b[:3] - 0.2 - b.mean(0)) / b.std(0), 1.3),
    ]
    np.testing.assert_allclose(score.per_atom, expected, rtol=1e-9)
    assert score.frame == max(score.per_atom)


def test_an_element_never_seen_is_infinitely_far():
    scorer = DensityScorer(plain_columns(2, 3), 1.0).fit([frame_of(cloud(5, 2, 1), np.empty((0, 3)))])
    score = scorer.score(frame_of(cloud(2, 2, 1), cloud(1, 3, 1)))
    assert score.frame == np.inf
    assert np.isfinite(score.cautious)
    assert DensityScorer(plain_columns(2), 1.0).score(frame_of(np.empty((0, 2)))).frame == -np.inf


def test_replaying_deltas_gives_the_same_bits():
    walk = [frame_of(cloud(12, 4, seed), step=seed) for seed in range(8)]
    first, second = (DensityScorer(plain_columns(4), 0.8).fit(walk[:1]) for _ in range(2))
    assert first.header() == second.header() != DensityScorer(plain_columns(4), 0.8).header()
    deltas = [first.learn(frame) for frame in walk[1:]]
    second.replay(deltas)
    assert len(second) == len(first) == 96
    for frame in walk:
        np.testing.assert_array_equal(first.score(frame).per_atom, second.score(frame).per_atom)


def test_memory_is_bounded_and_the_log_says_so_once(caplog):
    frame = frame_of(cloud(100, 4, 1))
    scorer = DensityScorer(plain_columns(4), 1.0, memory=2.5 * frame.fingerprints.nbytes / 2**20)
    with caplog.at_level(logging.WARNING):
        taken = [scorer.learn(frame) is not None for _ in range(5)]
    assert taken == [True, True, False, False, False]
    assert len(scorer) == 200
    assert caplog.text.count("no more are learnt") == 1


def test_what_does_not_fit_is_refused():
    scorer = DensityScorer(plain_columns(3), 1.0)
    delta = DensityScorer(plain_columns(2), 1.0).learn(frame_of(cloud(3, 2, 1)))
    for bad in (delta, b"", delta[:-1]):
        with pytest.raises(ValueError, match="a delta of density"):
            scorer.restore(bad)
    assert not len(scorer)
    with pytest.raises(ValueError, match="bandwidth of Ni is 0"):
        DensityScorer(plain_columns(3), 0)
    with pytest.raises(ValueError, match="no bandwidth for Al: expected one for each of Ni, Al"):
        DensityScorer(plain_columns(3, 2), {"Ni": 1.0})
