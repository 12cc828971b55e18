# SPDX-License-Identifier: GPL-2.0-or-later
"""Trajectories frame by frame, without ever holding a whole file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from mdsieve.io.deepmd import find_systems, read_system
from mdsieve.io.lammps_dump import is_dump, read_dump
from mdsieve.io.n2p2_data import DATA_UNITS, DataUnits, is_n2p2_data, read_n2p2_structure, split_n2p2_data
from mdsieve.io.text_frames import TextFrame, split_dump, split_xyz
from mdsieve.io.wording import shown_error

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


@dataclass(frozen=True)
class RawFrame(ABC):
    """One frame as it stands in its file: reading on does not wait for its being understood.

    Attributes
    ----------
    source : str
        Name of the file.
    index : int
        Place in the file, from 0.
    """

    source: str
    index: int

    #: Whether `size` is the number of bytes in the file.
    is_text: ClassVar[bool] = True

    @property
    @abstractmethod
    def size(self) -> int:
        """About how many bytes it takes."""

    @abstractmethod
    def content(self) -> list[Any]:
        """What decides its structure, as bytes and arrays: to recognise the frame by."""

    @abstractmethod
    def _read(self) -> Atoms:
        """All that the file says about the frame."""

    def _read_structure(self) -> Atoms:
        """At least what `structure` promises."""
        return self._read()

    def atoms(self) -> Atoms:
        """The frame with all that the file says about it.

        Raises
        ------
        ValueError
            "path: ..." if it cannot be understood.
        """
        with _naming(self.source, self.index):
            return self._read()

    def structure(self) -> Atoms:
        """Elements, positions, cell, IDs (``arrays["id"]``) and time step (``info``) if there are any.

        Raises
        ------
        ValueError
            As `atoms`.
        """
        with _naming(self.source, self.index):
            return self._read_structure()


@dataclass(frozen=True)
class _FrameByASE(RawFrame):
    found: Atoms
    is_text = False

    @property
    def size(self) -> int:
        return 100 * len(self.found)

    def content(self) -> list[Any]:
        return [self.found.numbers, self.found.positions, self.found.cell.array, self.found.pbc]

    def _read(self) -> Atoms:
        return self.found


@dataclass(frozen=True)
class _DumpFrame(RawFrame):
    text: TextFrame
    types: Sequence[str] | None

    @property
    def size(self) -> int:
        return len(self.text.data)

    def content(self) -> list[Any]:
        return [self.text.data, " ".join(self.types or ())]

    def _read(self) -> Atoms:
        from mdsieve.io.plain_text import read_plain_snapshot

        atoms = read_plain_snapshot(self.text.data, self.types)
        if atoms is not None:
            return atoms
        found = list(read_dump(_as_text(self.text.data), self.types, self.text.first_line))
        if len(found) != 1:
            raise ValueError(
                f"line {self.text.first_line}: {len(found)} snapshots where one was expected; line ends that "
                "are not LAMMPS'?"
            )
        return found[0]


@dataclass(frozen=True)
class _XyzFrame(RawFrame):
    text: TextFrame

    @property
    def size(self) -> int:
        return len(self.text.data)

    def content(self) -> list[Any]:
        return [self.text.data]

    def _read(self) -> Atoms:
        import numpy as np

        line = self.text.first_line
        try:
            atoms = _read_one(_as_text(self.text.data), format="extxyz")
        except Exception as error:  # ASE's reader fails in every way there is
            raise ValueError(f"the frame of line {line}: {shown_error(error)}") from error
        infinite = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
        if len(infinite):
            raise ValueError(
                f"line {line + 2 + infinite[0]}: the position of atom {infinite[0] + 1} is not finite"
            )
        return atoms

    def _read_structure(self) -> Atoms:
        from mdsieve.io.plain_text import read_plain_structure

        atoms = read_plain_structure(self.text.data)
        return self._read() if atoms is None else atoms


@dataclass(frozen=True)
class _DataFrame(RawFrame):
    text: TextFrame
    units: DataUnits

    @property
    def size(self) -> int:
        return len(self.text.data)

    def content(self) -> list[Any]:
        return [self.text.data, self.units]

    def _read(self) -> Atoms:
        return read_n2p2_structure(self.text, self.units)


def iterate_frames(
    paths: Iterable[str | os.PathLike],
    types: Sequence[str] | None = None,
    n2p2_units: DataUnits = "metal",
) -> Iterator[SourceFrame]:
    """The frames of some files, one after the other.

    Parameters
    ----------
    paths : iterable of paths
        Anything ASE reads, also compressed; n2p2's ``input.data``; folders of DeePMD-kit. XYZ files, text
        dumps of LAMMPS and n2p2's data are split into frames here, because ASE reads or indexes them whole.
    types : sequence of str, optional
        Element symbols of LAMMPS' atom types 1, 2, …; needed for dumps without an element column, and for
        DeePMD folders without a ``type_map.raw``.
    n2p2_units : {"metal", "atomic"}
        Of n2p2's data, which do not say: Å and eV, or Bohr and Hartree.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        "path: ..." if its content cannot be understood.
    """
    for frame in iterate_raw_frames(paths, types, n2p2_units):
        yield SourceFrame(frame.atoms(), frame.source, frame.index)


def iterate_raw_frames(
    paths: Iterable[str | os.PathLike],
    types: Sequence[str] | None = None,
    n2p2_units: DataUnits = "metal",
) -> Iterator[RawFrame]:
    """As `iterate_frames`, but XYZ files and dumps are only cut into frames: threads may understand them.

    Raises
    ------
    OSError, ValueError
        As `iterate_frames`, as far as cutting can tell.
    """
    if n2p2_units not in DATA_UNITS:
        raise ValueError(f"units {n2p2_units!r} of n2p2 data: expected {' or '.join(DATA_UNITS)}")
    for path in paths:
        if not Path(path).is_file() and not Path(path).is_dir():
            raise FileNotFoundError(2, "no such trajectory", str(path))
        frames = _frames_of(path, types, n2p2_units)
        n_read = 0
        for index in count():
            with _naming(str(path), index):
                frame = next(frames, None)
            if frame is None:
                break
            yield frame
            n_read = index + 1
        if n_read == 0:
            raise ValueError(f"{path}: no frame in it")


@contextmanager
def _naming(source: str, n_read: int) -> Iterator[None]:
    """Say in which file and after how many frames something was wrong."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # readers of foreign formats fail in every way there is
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{source}: cannot be read after {n_read} frames: {shown_error(error)}") from error


def _open(path: str | os.PathLike) -> BinaryIO:
    opener: Callable[..., BinaryIO] = _OPENERS.get(Path(path).suffix, open)
    return opener(path, "rb")


def _as_text(data: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="replace")


def _frames_of(
    path: str | os.PathLike, types: Sequence[str] | None, n2p2_units: DataUnits
) -> Iterator[RawFrame]:
    if Path(path).is_dir():
        for system in find_systems(path):
            for index, atoms in enumerate(read_system(system, types)):
                yield _FrameByASE(str(system), index, atoms)
        return
    with _open(path) as file:
        head = file.read(4096).decode("utf-8", "replace").splitlines()
    source = str(path)
    if is_dump(head):
        with _open(path) as file:
            for index, text in enumerate(split_dump(file)):
                yield _DumpFrame(source, index, text, types)
    elif len(head) > 1 and head[0].strip().isdecimal() and _XYZ_NAMES.intersection(Path(path).suffixes):
        with _open(path) as file:
            for index, text in enumerate(split_xyz(file)):
                yield _XyzFrame(source, index, text)
    elif is_n2p2_data(head):
        with _open(path) as file:
            for index, text in enumerate(split_n2p2_data(file)):
                yield _DataFrame(source, index, text, n2p2_units)
    else:
        for index, atoms in enumerate(_frames_by_ase(path)):
            yield _FrameByASE(source, index, atoms)


def _read_one(text: io.TextIOWrapper, *, format: str) -> Atoms:
    """The one frame in a text, by ASE."""
    from ase import Atoms
    from ase.io import read

    atoms = read(text, format=format)
    if not isinstance(atoms, Atoms):
        raise ValueError("expected one frame")
    return atoms


def _frames_by_ase(path: str | os.PathLike) -> Iterator[Atoms]:
    from ase.io import iread

    yield from iread(Path(path), index=":")
