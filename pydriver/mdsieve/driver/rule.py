# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of a frame: the rule of ``core`` with the driver's scores."""

from __future__ import annotations

from dataclasses import dataclass

from mdsieve import _core
from mdsieve.driver.messages import JUNK

KNOWN_SCORES = ["novelty"]


@dataclass(frozen=True)
class Decision:
    """What the rule says of one frame.

    Attributes
    ----------
    verdict : int
        ``messages.KNOWN``, ``KEPT`` or ``JUNK``.
    stop : bool
        Whether the run is to end.
    reason : str
        The condition that decided, or ``gap`` or ``max``; empty for a known frame.
    """

    verdict: int
    stop: bool
    reason: str


class FrameRule:
    """keep / junk / stop / gap / max, as a fix was given them.

    Parameters
    ----------
    text : str
        The words of the fix command.

    Raises
    ------
    ValueError
        If a word is not understood; the message names it.
    """

    def __init__(self, text: str) -> None:
        self._rule = _core.parse_rule(text, KNOWN_SCORES)
        keep = " ".join(f"keep {condition.text}" for condition in self._rule.keep)
        self._keeping = _core.parse_rule(f"{keep} gap {self._rule.gap} max {self._rule.max}", KNOWN_SCORES)

    @property
    def text(self) -> str:
        """The words of the fix command, the default if there were none."""
        return self._rule.text or "keep novelty > 1"

    def decide(
        self,
        scores: dict[str, float],
        cautious_scores: dict[str, float],
        step: int,
        last_kept_step: int,
        n_kept: int,
    ) -> Decision:
        """Decide one frame.

        Parameters
        ----------
        scores : dict
            What keep conditions look at.
        cautious_scores : dict
            What junk and stop conditions look at; one that is missing does not hold.
        step, last_kept_step : int
            The frame's step and that of the last kept one of this fix, negative if there is none.
        n_kept : int
            Frames kept so far in the campaign.
        """
        cautious = _core.decide(self._rule, cautious_scores, step, last_kept_step, n_kept)
        if int(cautious.verdict) == JUNK:
            return Decision(JUNK, cautious.stop, cautious.reason)
        decision = _core.decide(self._keeping, scores, step, last_kept_step, n_kept)
        return Decision(int(decision.verdict), cautious.stop, decision.reason)
