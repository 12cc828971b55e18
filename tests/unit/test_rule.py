# SPDX-License-Identifier: GPL-2.0-or-later
"""The rule keep / junk / stop / gap / max as Python sees it, against a second description of it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsieve._core import StopMode, Verdict, decide, parse_rule
from mdsieve.driver.rule import FrameRule

SCORES = ["novelty", "spread"]
OPERATORS = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: not math.isnan(a) and a != b,
}
conditions = st.tuples(st.sampled_from(SCORES), st.sampled_from(list(OPERATORS)), st.integers(-2, 3))
values = st.sampled_from([-2.0, 0.0, 1.0, 1.5, 2.0, 3.0, math.inf, math.nan])


def words(keyword, condition, mode=""):
    return f"{keyword} {' '.join(map(str, condition))} {mode}"


def expected(keep, junk, stop, gap, largest, scores, step, last, n_kept):
    def any_of(many):
        return any(name in scores and OPERATORS[op](scores[name], value) for name, op, value in many)

    is_wanted = any_of(keep or [("novelty", ">", 1)])
    is_full = largest and n_kept >= largest
    is_too_soon = gap and 0 <= last <= step < last + gap
    if any_of(junk):
        verdict = Verdict.junk
    elif is_wanted and not is_full and not is_too_soon:
        verdict = Verdict.kept
    else:
        verdict = Verdict.known
    return verdict, any_of(stop)


@given(
    st.lists(conditions, max_size=2),
    st.lists(conditions, max_size=2),
    st.lists(conditions, max_size=2),
    st.integers(0, 20),
    st.integers(0, 3),
    st.dictionaries(st.sampled_from(SCORES), values),
    st.integers(0, 50),
    st.integers(-1, 50),
    st.integers(0, 4),
)
def test_decisions(keep, junk, stop, gap, largest, scores, step, last, n_kept):
    text = " ".join(
        [words("keep", c) for c in keep]
        + [words("junk", c) for c in junk]
        + [words("stop", c, "soft") for c in stop]
        + [f"gap {gap} max {largest}"]
    )
    rule = parse_rule(text, SCORES)
    assert parse_rule(rule.text, SCORES).text == rule.text
    assert (len(rule.keep), len(rule.junk), len(rule.stop)) == (len(keep), len(junk), len(stop))
    decision = decide(rule, scores, scores, step, last, n_kept)
    assert (decision.verdict, decision.stop) == expected(
        keep, junk, stop, gap, largest, scores, step, last, n_kept
    )
    if decision.verdict in (Verdict.kept, Verdict.junk):
        wanted = junk if decision.verdict == Verdict.junk else keep or [("novelty", ">", 1)]
        assert decision.reason in [" ".join(map(str, c)) for c in wanted]


def test_fields():
    rule = parse_rule("keep novelty > 1.25 stop spread >= 7 hard gap 50 max 3", SCORES)
    assert (rule.keep[0].score, rule.keep[0].value, rule.keep[0].text) == ("novelty", 1.25, "novelty > 1.25")
    assert rule.stop_mode == StopMode.hard
    assert (rule.gap, rule.max) == (50, 3)
    assert decide(rule, {"novelty": 2.0}, {}, 10, 0, 1).reason == "gap"
    assert decide(rule, {"novelty": 2.0}, {}, 100, 0, 3).reason == "max"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("keep novlty > 1", "'novlty' is not a score: expected one of novelty, spread"),
        ("keep novelty > x", "'x' is not a finite number"),
        ("hold novelty > 1", "'hold' is unknown: expected keep, junk, stop, gap or max"),
        ("stop novelty > 1", "'stop' needs soft, hard or continue"),
        ("gap -1", "expected a whole number, 0 or larger"),
    ],
)
def test_wrong_words_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        parse_rule(text, SCORES)


@pytest.mark.parametrize(
    ("fix", "driver", "text"),
    [
        ("", "keep spread > 0.1", "keep novelty > 1 keep spread > 0.1"),
        ("gap 5", "keep spread > 0.1", "keep novelty > 1 keep spread > 0.1 gap 5"),
        ("keep range > 0", "keep spread > 0.1", "keep range > 0 keep spread > 0.1"),
        ("keep spread > 0.1", "", "keep spread > 0.1"),
        ("", "gap 5", "keep novelty > 1 gap 5"),
    ],
)
def test_the_drivers_conditions_are_added_to_those_of_the_fix(fix, driver, text):
    assert FrameRule(fix, driver).text == text


def test_a_new_frame_is_kept_beside_a_keep_condition_of_the_driver():
    decision = FrameRule("", "keep spread > 0.1").decide({"novelty": 2.0, "spread": 0.0}, {}, 10, -1, 0)
    assert (decision.verdict, decision.reason) == (Verdict.kept, "novelty > 1")
