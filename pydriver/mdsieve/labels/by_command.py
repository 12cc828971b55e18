# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels by a program of the user that reads extended XYZ and writes it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.io.wording import shown, shown_error
from mdsieve.labels.contract import Labelled, Labeller, with_labels, without_labels
from mdsieve.lammps_program import run_program, split_command

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["CommandLabeller"]

_NUMBER = "label_index"
_TOLERANCE = 1e-4  # Å that positions may change by being written


class CommandLabeller(Labeller):
    """Labels by a command.

    It is called with the names of two files, and writes the frames of the first with energy, forces and, if
    it can, stress, as ASE reads them, into the second. A frame that is missing or wrong there is tried once
    more by itself.

    Parameters
    ----------
    command : str
        Words as in a shell, which is not used; ``{input}`` and ``{output}`` stand for the files, which else
        come last.
    frames_a_start : int
        How many frames one call gets.
    timeout : float, optional
        Seconds that one call may take.

    Raises
    ------
    ValueError
        If there is no command, or only one of the files is named.

    Notes
    -----
    Frames carry ``label_index``; if the output has it too, frames may come in any order or be left out.
    """

    def __init__(self, command: str, *, frames_a_start: int = 100, timeout: float | None = None) -> None:
        words = split_command(command)
        named = ["{input}" in command, "{output}" in command]
        if any(named) and not all(named):
            raise ValueError(
                f"command '{shown(command)}': expected both {{input}} and {{output}}, or neither"
            )
        if frames_a_start < 1:
            raise ValueError(f"{frames_a_start} frames a start: expected at least 1")
        self._text = command
        self._words = words if all(named) else [*words, "{input}", "{output}"]
        self._frames_a_start = frames_a_start
        self._timeout = timeout

    @property
    def description(self) -> str:
        """The command."""
        return self._text

    def label(self, frames: Iterable[Atoms]) -> Iterator[Labelled]:
        """See `Labeller.label`."""
        numbered = enumerate(frames)
        while some := list(islice(numbered, self._frames_a_start)):
            done = self._call(some)
            for index, atoms in some:
                if done[index].problem and len(some) > 1:
                    done |= self._call([(index, atoms)])
                yield done[index]

    def _call(self, frames: Sequence[tuple[int, Atoms]]) -> dict[int, Labelled]:
        from ase.io import read
        from ase.io.extxyz import write_extxyz

        with tempfile.TemporaryDirectory(prefix="mdsieve-label-") as name:
            given, wanted = Path(name) / "input.extxyz", Path(name) / "output.extxyz"
            with open(given, "w", encoding="utf-8") as file:
                for index, atoms in frames:
                    bare = without_labels(atoms)
                    bare.info[_NUMBER] = index
                    write_extxyz(file, [bare])
            words = [w.replace("{input}", str(given)).replace("{output}", str(wanted)) for w in self._words]
            finished = run_program(words, timeout=self._timeout)
            last = [line for line in finished.output.splitlines() if line.strip()][-1:]
            said = f": {shown(last[0], 200)}" if last else ""
            problem = f"'{shown(self._text)}': {finished.ending}{said}"
            answers: list[Atoms] = []
            if wanted.exists():
                try:
                    answers = list(read(wanted, index=":", format="extxyz"))
                except Exception as error:  # ASE's reader fails in every way there is
                    problem += f"; its output cannot be read: {shown_error(error, 100)}"
            elif finished.returncode == 0:
                problem += "; it has written nothing"
        by_index = _by_index(frames, answers)
        return {
            index: _taken(index, atoms, by_index[index])
            if index in by_index
            else Labelled(index, without_labels(atoms), problem)
            for index, atoms in frames
        }


def _by_index(frames: Sequence[tuple[int, Atoms]], answers: Sequence[Atoms]) -> dict[int, Atoms]:
    """Which answer is of which frame: by number, else by order if they are as many."""
    if all(_NUMBER in answer.info for answer in answers):
        return {int(answer.info[_NUMBER]): answer for answer in answers}
    if len(answers) == len(frames):
        return {index: answer for (index, _), answer in zip(frames, answers, strict=True)}
    return {}


def _taken(index: int, atoms: Atoms, answer: Atoms) -> Labelled:
    try:
        if len(answer) != len(atoms) or (answer.numbers != atoms.numbers).any():
            raise ValueError("the command has changed the atoms or their order")
        moved = answer.get_positions() - atoms.get_positions()
        if atoms.pbc.any():
            from ase.geometry import find_mic

            moved = find_mic(moved, atoms.cell, atoms.pbc)[0]
        if not (np.abs(moved) < _TOLERANCE).all():
            raise ValueError(f"the command has moved an atom by {np.abs(moved).max():.2g} Å")
        results = answer.calc.results if answer.calc is not None else {}
        missing = [name for name in ("energy", "forces") if name not in results]
        if missing:
            raise ValueError(f"the command has given no {' and no '.join(missing)}")
        stress = results.get("stress") if atoms.pbc.all() else None
        return Labelled(index, with_labels(atoms, results["energy"], results["forces"], stress))
    except ValueError as error:
        return Labelled(index, without_labels(atoms), str(error))
