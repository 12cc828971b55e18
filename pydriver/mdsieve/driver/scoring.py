# SPDX-License-Identifier: GPL-2.0-or-later
"""All scores of one frame, in the order in which they are computed: cheap ones first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mdsieve.driver.authority import Authority, Novelties
from mdsieve.driver.familiarity import Familiarity, SeenFrames, finite, range_excess
from mdsieve.driver.messages import Frame
from mdsieve.driver.scorers import FrameView, Scorers


@dataclass(frozen=True)
class FrameScores:
    """What the scorers say of a frame.

    Attributes
    ----------
    values : dict
        By the rule's word what keep conditions look at.
    cautious : dict
        What junk and stop conditions look at: without what cannot be told yet.
    novelties : Novelties
    familiarity : Familiarity or None
        None without difference vectors.
    notes : str
        What scorers have to say besides: calculators that failed.
    """

    values: dict[str, float]
    cautious: dict[str, float]
    novelties: Novelties
    familiarity: Familiarity | None
    notes: str = ""

    def as_array(self, further: Sequence[str]) -> np.ndarray:
        """frame, range, spread, then others; NaN for one that was not computed."""
        names = ("frame", "range", "spread", *further)
        return np.array([self.values.get(name, np.nan) for name in names])


def score_frame(
    authority: Authority,
    seen: SeenFrames | None,
    scorers: Scorers,
    names: Sequence[str],
    frame: Frame,
    view: FrameView,
) -> FrameScores:
    """Score a frame; nothing changes.

    Parameters
    ----------
    authority : Authority
    seen : SeenFrames or None
        With a reference; None without difference vectors.
    scorers : Scorers
    names : sequence of str
        Which of them.
    frame : Frame
    view : FrameView
        The same frame as scorers want it.

    Raises
    ------
    LinkError
        If the frame's arrays contradict each other.
    """
    novelties = authority.novelties(frame)
    values, cautious = dict(novelties.scores), dict(novelties.cautious_scores)
    familiarity = None
    if seen is not None:
        familiarity = seen.familiarity(seen.signature(frame))
        _note("frame", familiarity.distance, finite(familiarity.distance), values, cautious)
    excess = range_excess(authority.bank, frame)
    if excess is not None:
        _note("range", excess.value, finite(excess.cautious), values, cautious)
    found = scorers.score(names, view, values)
    for name, score in found.items():
        _note(name, score.frame, score.cautious, values, cautious)
    notes = found["spread"].reason if "spread" in found else ""
    return FrameScores(values, cautious, novelties, familiarity, notes)


def _note(name: str, value: float, cautious: float | None, values: dict, cautious_values: dict) -> None:
    values[name] = value
    if cautious is not None:
        cautious_values[name] = cautious
