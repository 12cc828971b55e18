# SPDX-License-Identifier: GPL-2.0-or-later
"""Thresholds as words of the command line: ``0.25`` for all elements, or ``Ni=0.25 H=0.4``."""

from collections.abc import Sequence
from typing import Annotated

import typer

_OPTION = typer.Option(
    "--threshold", "-t", help="Bank radius: one number, or ELEMENT=NUMBER, once for each element."
)
ThresholdWords = Annotated[list[str], _OPTION]
OptionalThresholdWords = Annotated[list[str] | None, _OPTION]


def parse_thresholds(words: Sequence[str]) -> float | dict[str, float]:
    """One number for all elements, or one for each.

    Raises
    ------
    ValueError
        If a word is neither a number nor ELEMENT=NUMBER, or the two forms are mixed.
    """
    if len(words) == 1 and "=" not in words[0]:
        return _number(words[0], words[0])
    thresholds = {}
    for word in words:
        element, equals, number = word.partition("=")
        if not (element and equals):
            raise ValueError(f"--threshold {word}: expected one number, or ELEMENT=NUMBER for each element")
        if element in thresholds:
            raise ValueError(f"--threshold {word}: {element} has a threshold already")
        thresholds[element] = _number(number, word)
    return thresholds


def _number(text: str, word: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--threshold {word}: expected a number, found {text!r}") from None
