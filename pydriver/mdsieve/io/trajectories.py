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

from mdsieve.io.lammps_dump import is_dump, read_dump
from mdsieve.io.wording import shown, shown_error

if TYPE_CHECKING:
    from ase import Atoms

_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
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
        except (GeneratorExit, MemoryError):
            raise
        except Exception as error:  # readers of foreign formats fail in every way there is
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise ValueError(f"{path}: cannot be read after {n_read} frames: {shown_error(error)}") from error
        if n_read == 0:
            raise ValueError(f"{path}: no frame in it")


def _open_text(path: str | os.PathLike) -> TextIO:
    opener: Callable[..., TextIO] = _OPENERS.get(Path(path).suffix, open)
    return opener(path, "rt", encoding="utf-8", errors="replace")


def _frames_of(path: str | os.PathLike, types: Sequence[str] | None) -> Iterator[Atoms]:
    with _open_text(path) as file:
        head = file.read(4096).splitlines()
    if is_dump(head):
        return _dump_frames(path, types)
    if len(head) > 1 and head[0].strip().isdecimal() and _XYZ_NAMES.intersection(Path(path).suffixes):
        return _xyz_frames(path)
    return _ase_frames(path)


def _read_one(text: str, *, format: str) -> Atoms:
    """The one frame in a text, by ASE."""
    from ase import Atoms
    from ase.io import read

    atoms = read(io.StringIO(text), format=format)
    if not isinstance(atoms, Atoms):
        raise ValueError("expected one frame")
    return atoms


def _ase_frames(path: str | os.PathLike) -> Iterator[Atoms]:
    from ase.io import iread

    yield from iread(Path(path), index=":")


def _xyz_frames(path: str | os.PathLike) -> Iterator[Atoms]:
    import numpy as np

    with _open_text(path) as file:
        number = 0  # of the line read last
        for line in file:
            number += 1
            words = line.split()
            if not words:
                continue
            if len(words) != 1 or not (words[0].isascii() and words[0].isdecimal() and len(words[0]) < 16):
                raise ValueError(f"line {number}: '{shown(line)}' is no number of atoms")
            n_lines = int(words[0]) + 1
            text = [line, *islice(file, n_lines)]
            if len(text) != n_lines + 1:
                found = max(len(text) - 2, 0)
                raise ValueError(f"line {number}: {n_lines - 1} atoms announced, the file ends after {found}")
            try:
                atoms = _read_one("".join(text), format="extxyz")
            except Exception as error:  # ASE's reader fails in every way there is
                raise ValueError(f"the frame of line {number}: {shown_error(error)}") from error
            infinite = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
            if len(infinite):
                raise ValueError(
                    f"line {number + 2 + infinite[0]}: the position of atom {infinite[0] + 1} is not finite"
                )
            number += n_lines
            yield atoms


def _dump_frames(path: str | os.PathLike, types: Sequence[str] | None) -> Iterator[Atoms]:
    with _open_text(path) as file:
        yield from read_dump(file, types)
