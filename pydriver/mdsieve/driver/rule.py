# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of a frame: the rule of ``core`` with the driver's scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mdsieve import _core


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
    """keep / junk / stop / gap / max: the words of a fix, and those of the driver's configuration.

    Parameters
    ----------
    text : str
        Words of the fix command; without a keep condition they mean ``keep novelty > 1``.
    further : str
        Words of the driver's configuration. They are added to those of the fix, its default included.

    Raises
    ------
    ValueError
        If a word is not understood, or gap or max is given twice; the message names it.
    """

    def __init__(self, text: str = "", further: str = "") -> None:
        known = _core.known_scores()
        if _core.parse_rule(further, known).keep and not _core.parse_rule(text, known).keep:
            text = f"keep novelty > 1 {text}"
        self._rule = _core.parse_rule(f"{text} {further}", known)

    @property
    def text(self) -> str:
        """The words of the fix command, the default if there were none."""
        if not self._rule.keep:
            return f"keep novelty > 1 {self._rule.text}".strip()
        return self._rule.text

    @property
    def scores(self) -> list[str]:
        """Names of the scores in its conditions, each once, in their order."""
        return self._rule.scores

    @property
    def further_scores(self) -> list[str]:
        """Those of them that have no fixed place in the fix's output vector, in their order."""
        return [name for name in self.scores if name not in ("novelty", "frame", "range", "spread")]

    def decide(
        self,
        scores: Mapping[str, float],
        cautious_scores: Mapping[str, float],
        step: int,
        last_kept_step: int,
        n_kept: int,
    ) -> Decision:
        """Decide one frame.

        Parameters
        ----------
        scores : dict
            What keep conditions look at; one that is missing does not hold.
        cautious_scores : dict
            What junk and stop conditions look at; one that is missing does not hold.
        step, last_kept_step : int
            The frame's step and that of the last kept one of this fix, negative if there is none.
        n_kept : int
            Frames kept so far in the campaign.
        """
        decision = _core.decide(self._rule, dict(scores), dict(cautious_scores), step, last_kept_step, n_kept)
        return Decision(int(decision.verdict), decision.stop, decision.reason)
