# SPDX-License-Identifier: GPL-2.0-or-later
"""Covering sets: few combinations of several axes in which every two values meet."""

import random
from collections.abc import Callable, Sequence
from itertools import combinations, product

ATTEMPTS = 5


def all_combinations(axes: Sequence[Sequence], allowed: Callable[..., bool]) -> list[tuple]:
    """The full product of the axes, less what is not allowed."""
    return [row for row in product(*axes) if allowed(*row)]


def pairs_of(row: tuple) -> set[tuple]:
    """Every two values of a combination, each with the number of its axis."""
    return set(combinations(enumerate(row), 2))


def pairwise(
    axes: Sequence[Sequence], allowed: Callable[..., bool], cost: Callable[..., float], seed: int = 1
) -> list[tuple]:
    """Combinations in which every two values of two axes meet that meet in any allowed combination.

    Greedy: always a combination that covers the most new pairs, the cheapest of these; several attempts that break
    ties at random, of which the cheapest is taken.

    Parameters
    ----------
    axes
        The values of each axis; hashable.
    allowed, cost
        Whether a combination can be run, and what it costs; called with one value an axis.
    seed
        Of the attempts: the same seed gives the same combinations.
    """
    rows = all_combinations(axes, allowed)
    pairs = {row: pairs_of(row) for row in rows}
    costs = {row: cost(*row) for row in rows}
    chance = random.Random(seed)
    attempts = [_cover(chance.sample(rows, len(rows)), pairs, costs) for _ in range(ATTEMPTS)]
    best = min(attempts, key=lambda chosen: sum(costs[row] for row in chosen))
    return sorted(best, key=rows.index)


def _cover(rows: list[tuple], pairs: dict[tuple, set], costs: dict[tuple, float]) -> list[tuple]:
    missing = set().union(*pairs.values()) if rows else set()
    chosen = []
    while missing:
        rows = [row for row in rows if pairs[row] & missing]
        best = max(rows, key=lambda row: (len(pairs[row] & missing), -costs[row]))
        chosen.append(best)
        missing -= pairs[best]
    return chosen
