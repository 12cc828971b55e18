# SPDX-License-Identifier: GPL-2.0-or-later
"""Text trajectories cut into frames, which are not understood yet: the cheap part of reading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from mdsieve import _core
from mdsieve.io.lammps_dump import MARK
from mdsieve.io.wording import shown

_BLOCK = 1 << 18
_LONGEST_LINE = 1 << 20
_NEXT_SNAPSHOT = b"\n" + MARK.encode()


@dataclass(frozen=True)
class TextFrame:
    """A part of a file that holds one frame.

    Attributes
    ----------
    data : bytes
    first_line : int
        Its number in the file, from 1.
    """

    data: bytes
    first_line: int


class _Window:
    """The part of a file that is being looked at: from `begin` on nothing has been taken yet."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.text = b""
        self.begin = 0
        self.line = 1  # number of the line at `begin`
        self.is_whole = False
        self._unbroken = 0  # bytes since the last line end, in whole blocks

    def grow(self) -> None:
        """Read on, in blocks that grow with what is held: a large frame is copied a few times only."""
        rest = self.text[self.begin :]
        block = self._file.read(max(_BLOCK, len(rest)))
        if not block:
            self.is_whole = True
            if rest and not rest.endswith(b"\n"):
                rest += b"\n"
        self._unbroken = 0 if b"\n" in block else self._unbroken + len(block)
        if self._unbroken > _LONGEST_LINE:
            raise ValueError(f"line {self.line}: no line end in {self._unbroken} bytes")
        self.text, self.begin = rest + block, 0

    def take(self, end: int) -> TextFrame:
        """What stands before a place."""
        frame = TextFrame(self.text[self.begin : end], self.line)
        self.line += frame.data.count(b"\n")
        self.begin = end
        return frame


def split_dump(file: BinaryIO) -> Iterator[TextFrame]:
    """The snapshots of a LAMMPS text dump, each with the lines between it and the next."""
    window = _Window(file)
    searched = 0
    is_first = True
    while True:
        cut = window.text.find(_NEXT_SNAPSHOT, searched)
        if cut >= 0:
            searched = cut + 1
            if is_first and not window.text.startswith(MARK.encode()):
                is_first = False  # only a header of units or time stands before the first snapshot
                continue
            is_first = False
            yield window.take(cut + 1)
        elif window.is_whole:
            break
        else:
            searched = max(searched, len(window.text) - len(_NEXT_SNAPSHOT) + 1) - window.begin
            window.grow()
    if window.text[window.begin :].strip():
        yield window.take(len(window.text))


def split_xyz(file: BinaryIO) -> Iterator[TextFrame]:
    """The frames of a file of (extended) XYZ.

    Raises
    ------
    ValueError
        If a number of atoms is not where it is expected, or the file ends before the last atom.
    """
    window = _Window(file)
    while _skip_blank_lines(window):
        line = window.text[window.begin : window.text.index(b"\n", window.begin)]
        words = line.split()
        if len(words) != 1 or not (words[0].isdigit() and len(words[0]) < 16):
            raise ValueError(
                f"line {window.line}: '{shown(line.decode('utf-8', 'replace'))}' is no number of atoms"
            )
        n_atoms = int(words[0])
        while (end := _core.after_lines(window.text, window.begin, n_atoms + 2)) is None:
            if window.is_whole:
                found = max(window.text.count(b"\n", window.begin) - 2, 0)
                raise ValueError(
                    f"line {window.line}: {n_atoms} atoms announced, the file ends after {found}"
                )
            window.grow()
        yield window.take(end)


def _skip_blank_lines(window: _Window) -> bool:
    """Go to the next line that is not blank; whether there is one."""
    while True:
        end = window.text.find(b"\n", window.begin)
        if end < 0:
            if window.is_whole:
                return False
            window.grow()
        elif window.text[window.begin : end].strip():
            return True
        else:
            window.begin = end + 1
            window.line += 1
