# SPDX-License-Identifier: GPL-2.0-or-later
"""The longer evidence for call patterns: the full product with ranks, launches and modes; memcheck."""

import pytest
from call_patterns import PATTERNS, VARIANTS
from launches import ALONE, LAUNCHES
from memcheck import memcheck
from pattern_checks import check_pattern

from pairwise import all_combinations

BY_NAME = {pattern.name: pattern for pattern in [*PATTERNS, *VARIANTS]}
PRODUCT = all_combinations(
    [tuple(BY_NAME), (1, 2, 4), LAUNCHES, ("wait", "stream 3")],
    lambda _name, _ranks, launch, mode: launch != ALONE or mode == "wait",
)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "ranks", "launch", "mode"), PRODUCT)
def test_a_pattern_picks_by_the_plain_rule(name, ranks, launch, mode, tmp_path):
    check_pattern(BY_NAME[name], launch, mode, ranks, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_short_run_is_clean_under_memcheck(tmp_path):
    """Fails, and says so, where valgrind is not installed."""
    finished = memcheck(tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "ERROR SUMMARY: 0 errors" in finished.stderr
