# SPDX-License-Identifier: GPL-2.0-or-later
"""Every call pattern, and every two of (pattern, ranks, launch, mode) together, against the plain rule."""

import pytest
from call_patterns import PATTERNS, VARIANTS
from launches import ALONE, BESIDE, IN_PROCESS, LAST_RANK
from pattern_checks import check_pattern

from pairwise import pairwise

ONE_PROGRAM = "one program"  # as `mdsieve run` decides: one process drives itself, of several the last drives
RANKS = (1, 2, 4)
MODES = ("wait", "stream 3")


def can_be_run(_pattern, _ranks, launch, mode):
    return launch != ALONE or mode == "wait"


def cost(_pattern, ranks, launch, _mode):
    """What a combination takes beyond what its ranks and its launch take anyway: programs that take turns on a core."""
    return float(ranks == 4 and launch == BESIDE)


BY_NAME = {pattern.name: pattern for pattern in PATTERNS}
ROWS = pairwise([tuple(BY_NAME), RANKS, (ALONE, BESIDE, ONE_PROGRAM), MODES], can_be_run, cost)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "ranks", "launch", "mode"), ROWS)
def test_a_pattern_picks_by_the_plain_rule(name, ranks, launch, mode, tmp_path):
    if launch == ONE_PROGRAM:
        launch = IN_PROCESS if ranks == 1 else LAST_RANK
    check_pattern(BY_NAME[name], launch, mode, ranks, tmp_path)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_variant_picks_by_the_plain_rule(variant, tmp_path):
    check_pattern(variant, ALONE, "wait", 1, tmp_path)


def test_every_pattern_has_a_name_of_its_own():
    assert len({pattern.name for pattern in [*PATTERNS, *VARIANTS]}) == len(PATTERNS) + len(VARIANTS)
