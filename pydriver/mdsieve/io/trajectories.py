# SPDX-License-Identifier: GPL-2.0-or-later
"""Trajectories frame by frame, without ever holding a whole file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from ase import Atoms

_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_DUMP_MARK = "ITEM: TIMESTEP"
_XYZ_NAMES = {".xyz", ".extxyz"}


@dataclass(frozen=True)
class SourceFrame:
    """One frame and where it stands.

    Attributes
    ----------
    atoms : ase.Atoms
    source : str
        Name of the file.
    index : int
        Place in the file, from 0.
    """

    atoms: Atoms
    source: str
    index: int


def iterate_frames(
    paths: Iterable[str | os.PathLike], types: Sequence[str] | None = None
) -> Iterator[SourceFrame]:
    """The frames of some files, one after the other.

    Parameters
    ----------
    paths : iterable of paths
        Anything ASE reads, also compressed. XYZ files and text dumps of LAMMPS are split into frames here,
        because ASE reads or indexes them whole.
    types : sequence of str, optional
        Element symbols of LAMMPS' atom types 1, 2, …; needed for dumps without an element column.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        "path: ..." if its content cannot be understood.
    """
    for path in paths:
        if not Path(path).is_file():
            raise FileNotFoundError(2, "no such trajectory", str(path))
        frames = _frames_of(path, types)
        n_read = 0
        try:
            for index, atoms in enumerate(frames):
                yield SourceFrame(atoms, str(path), index)
                n_read = index + 1
        except (GeneratorExit, OSError, MemoryError):
            raise
        except Exception as error:  # readers of foreign formats fail in every way there is
            message = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ValueError(f"{path}: cannot be read after {n_read} frames: {message}") from error
        if n_read == 0:
            raise ValueError(f"{path}: no frame in it")


def _open_text(path: str | os.PathLike) -> TextIO:
    opener: Callable[..., TextIO] = _OPENERS.get(Path(path).suffix, open)
    return opener(path, "rt", encoding="utf-8", errors="replace")


def _frames_of(path: str | os.PathLike, types: Sequence[str] | None) -> Iterator[Atoms]:
    with _open_text(path) as file:
        head = file.read(4096).splitlines()
    if any(line.startswith(_DUMP_MARK) for line in head[:4]):
        return _dump_frames(path, types)
    if len(head) > 1 and head[0].strip().isdecimal() and _XYZ_NAMES.intersection(Path(path).suffixes):
        return _xyz_frames(path)
    return _ase_frames(path)


def _read_one(text: str, **how) -> Atoms:
    """The one frame in a text, by ASE."""
    from ase import Atoms
    from ase.io import read

    atoms = read(io.StringIO(text), **how)
    if not isinstance(atoms, Atoms):
        raise ValueError("expected one frame")
    return atoms


def _ase_frames(path: str | os.PathLike) -> Iterator[Atoms]:
    from ase.io import iread

    yield from iread(Path(path), index=":")


def _xyz_frames(path: str | os.PathLike) -> Iterator[Atoms]:
    with _open_text(path) as file:
        for line in file:
            if not line.strip():
                continue
            if not line.strip().isdecimal():
                raise ValueError(f"{line.strip()[:40]!r} is no number of atoms")
            n_lines = int(line) + 1
            text = [line, *islice(file, n_lines)]
            if len(text) != n_lines + 1:
                raise ValueError("the last frame is cut short")
            yield _read_one("".join(text), format="extxyz")


def _dump_frames(path: str | os.PathLike, types: Sequence[str] | None) -> Iterator[Atoms]:
    for text in _dump_texts(path):
        if types is None and not _names_elements(text):
            raise ValueError("the dump names no elements: say which element each atom type is")
        atoms = _read_one(text, format="lammps-dump-text", specorder=None if types is None else list(types))
        atoms.info["timestep"] = int(text.split("\n", 2)[1])
        yield atoms


def _dump_texts(path: str | os.PathLike) -> Iterator[str]:
    """Text of one snapshot after the other, each beginning with its ITEM: TIMESTEP."""
    lines: list[str] = []
    with _open_text(path) as file:
        for line in file:
            if line.startswith(_DUMP_MARK) and lines:
                yield "".join(lines)
                lines = []
            if lines or line.startswith(_DUMP_MARK):  # ITEM: UNITS and ITEM: TIME may stand before the first
                lines.append(line)
    if lines:
        yield "".join(lines)


def _names_elements(text: str) -> bool:
    header = next((line for line in text.splitlines() if line.startswith("ITEM: ATOMS")), "")
    return "element" in header.split()
