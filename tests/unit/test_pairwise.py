# SPDX-License-Identifier: GPL-2.0-or-later
"""Covering sets of combinations: every two values that can meet do meet, in far fewer rows than the product."""

from itertools import combinations, product

import pytest

from pairwise import all_combinations, pairwise

AXES = ["abcdefghij", (1, 2, 4), ("alone", "beside", "within"), ("wait", "stream")]


def anything(*_):
    return True


def no_stream_alone(_pattern, _ranks, launch, mode):
    return not (launch == "alone" and mode == "stream")


def cost(_pattern, ranks, launch, mode):
    return ranks + (launch != "alone") + (mode == "stream")


@pytest.mark.parametrize("allowed", [anything, no_stream_alone])
def test_every_two_values_that_can_meet_meet(allowed):
    rows = pairwise(AXES, allowed, cost)
    assert all(allowed(*row) for row in rows)
    for i, j in combinations(range(len(AXES)), 2):
        possible = {(row[i], row[j]) for row in product(*AXES) if allowed(*row)}
        assert {(row[i], row[j]) for row in rows} == possible


def test_the_set_is_near_the_smallest_that_can_be():
    rows = pairwise(AXES, no_stream_alone, cost)
    assert len(rows) == len(set(rows))
    assert 10 * 3 <= len(rows) <= 10 * 3 + 6  # each pattern must meet three launches
    assert len(rows) < len(all_combinations(AXES, no_stream_alone)) / 3


def test_no_combination_is_needed_where_none_is_allowed():
    assert pairwise(AXES, lambda *_: False, cost) == []
