# SPDX-License-Identifier: GPL-2.0-or-later
"""Other people's words as they may stand in a message."""

from __future__ import annotations


def shown(words: object, most: int = 40) -> str:
    """A text on one line, without control characters, not longer than `most` characters."""
    text = " ".join(str(words).split())
    cut = "".join(c if c.isprintable() else "?" for c in text[:most])
    return cut + "..." if len(text) > most else cut


def shown_error(error: BaseException, most: int = 400) -> str:
    """What an error says, or its name if it says nothing."""
    return shown(error, most) or type(error).__name__
