# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of a frame: the rule of ``core`` with the driver's scores."""

from __future__ import annotations

from dataclasses import dataclass

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
