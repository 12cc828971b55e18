# SPDX-License-Identifier: GPL-2.0-or-later
"""A bank of a million entries against a plain search that looks at every one of them."""

import numpy as np
import pytest

from mdsieve import _core

N_ENTRIES = 1_000_000
WIDTH = 12
THRESHOLD = 0.25  # exact in binary, as all coordinates are: a tie is a tie in every order of summation


def entries(random):
    """Points near a curved surface, on a grid of 1/1024; a constant column; one in ten a duplicate."""
    u, v = random.normal(size=(2, N_ENTRIES, 1))
    phase = np.arange(WIDTH) / 3
    points = 3 * np.sin(u + phase) + 2 * v * np.cos(phase) + 0.02 * random.normal(size=(N_ENTRIES, WIDTH))
    points = np.round(points * 1024) / 1024
    points[:, 5] = 3.25
    points[::10] = points[random.integers(0, N_ENTRIES, len(points[::10]))]
    return points


def queries(random, points):
    """Far ones, entries themselves, and points at the threshold from an entry, just inside and just outside."""
    near = points[random.integers(0, N_ENTRIES, 60)].copy()
    lonely = near.copy()
    lonely[:, 5] += 1000.0  # of all entries only those with equal other columns are that near
    ties, inside, outside = lonely.copy(), lonely.copy(), lonely.copy()
    ties[:, 5] = 3.25 + THRESHOLD
    inside[:, 5] = np.nextafter(3.25 + THRESHOLD, 0)
    outside[:, 5] = np.nextafter(3.25 + THRESHOLD, 9)
    return np.concatenate([near, lonely, ties, inside, outside, near + random.normal(size=near.shape)])


def plain_distance(x, points):
    return np.sqrt(((points - x) ** 2).sum(axis=1)).min()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million_entries_decide_as_the_plain_search_does():
    random = np.random.default_rng(20)
    points = entries(random)
    bank = _core.EnvironmentBank("", "", ["Ni"], [WIDTH], [6.0], [THRESHOLD], _core.Scaling.identity([WIDTH]))
    for part in np.array_split(points, 20):
        bank.add(np.zeros(len(part), np.int32), np.zeros((len(part), 3), np.int64), part.ravel())
    assert len(bank) == N_ENTRIES
    asked = queries(random, points)
    elements = np.zeros(len(asked), np.int32)
    plain = np.array([plain_distance(x, points) for x in asked])
    np.testing.assert_allclose(bank.distances(elements, asked.ravel()), plain, rtol=1e-13)
    one_by_one = [
        len(bank.select_new(elements[:1], x)) == 1 for x in asked
    ]  # each by itself, so that none covers another
    assert one_by_one == (plain > THRESHOLD).tolist()
    assert 0 < sum(one_by_one) < len(asked)
    assert (plain == THRESHOLD).sum() >= 50
    back = _core.EnvironmentBank.deserialise(bank.serialise(), "it")
    np.testing.assert_array_equal(
        back.distances(elements, asked.ravel()), bank.distances(elements, asked.ravel())
    )
