# SPDX-License-Identifier: GPL-2.0-or-later
"""A labeller from the words of a command line or a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mdsieve.labels.by_calculator import CalculatorLabeller
from mdsieve.labels.by_command import CommandLabeller
from mdsieve.labels.by_pair_style import PairStyleLabeller
from mdsieve.labels.contract import Labeller
from mdsieve.pair_style import PairStyle

__all__ = ["choose_labeller"]


def choose_labeller(
    *,
    pair_style: str | None = None,
    pair_coeff: Sequence[str] | None = None,
    pair_file: Path | None = None,
    elements: Sequence[str] | None = None,
    calculator: str | None = None,
    command: str | None = None,
    lmp: str | None = None,
    n_processes: int = 1,
    frames_a_start: int | None = None,
    timeout: float | None = None,
) -> Labeller | None:
    """The labeller that some words ask for.

    Parameters
    ----------
    pair_style, pair_coeff, pair_file, elements
        Words behind ``pair_style`` and each ``pair_coeff``; or a file with these lines. Elements of the
        types.
    calculator : str, optional
        ``module:function``.
    command : str, optional
        See `CommandLabeller`.
    lmp, n_processes, frames_a_start, timeout
        See `PairStyleLabeller` and `CommandLabeller`.

    Returns
    -------
    Labeller or None
        None if nothing is asked for.

    Raises
    ------
    ValueError, OSError
        If several are asked for, words are missing, or what they name is not there.
    """
    asked = {
        "--pair-style": pair_style,
        "--pair-file": pair_file,
        "--calculator": calculator,
        "--command": command,
    }
    named = [word for word, value in asked.items() if value is not None]
    if len(named) > 1:
        raise ValueError(f"{' and '.join(named)}: expected one of them")
    if pair_coeff and pair_style is None:
        raise ValueError("--pair-coeff: expected --pair-style with it")
    starts = {} if frames_a_start is None else {"frames_a_start": frames_a_start}
    if calculator is not None:
        return CalculatorLabeller.from_factory(calculator)
    if command is not None:
        return CommandLabeller(command, timeout=timeout, **starts)
    if pair_style is not None:
        lines = [f"pair_style {pair_style}", *(f"pair_coeff {words}" for words in pair_coeff or ())]
        style = PairStyle.from_text("\n".join(lines), elements)
    elif pair_file is not None:
        style = PairStyle.from_file(pair_file, elements)
    else:
        return None
    return PairStyleLabeller(style, lmp=lmp, n_processes=n_processes, timeout=timeout, **starts)
