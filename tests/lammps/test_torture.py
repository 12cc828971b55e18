# SPDX-License-Identifier: GPL-2.0-or-later
"""A process of a campaign is killed; what was acknowledged is there, and the campaign goes on to the same picks."""

import os

import pytest
from torture import Torturer

ROUNDS = 20


@pytest.mark.timeout(1200)
def test_nothing_acknowledged_is_lost_whoever_is_killed_and_whenever(tmp_path):
    """``MDSIEVE_SEED`` takes other rounds; `torture.py` plays more of them."""
    torturer = Torturer(tmp_path)
    first = 1000 * int(os.environ.get("MDSIEVE_SEED", "1"))
    for seed in range(first, first + ROUNDS):
        print(torturer.play(seed, most_kills=1))
    print(torturer.tally.table())
    assert sum(torturer.tally.kills.values()) > ROUNDS // 2
    assert torturer.tally.acknowledged > ROUNDS
    assert len({phase for _, phase in torturer.tally.kills}) > 2
