# SPDX-License-Identifier: GPL-2.0-or-later
"""Quick readers of frames that hold nothing out of the ordinary; they leave the others to the thorough ones.

None means: ask the thorough reader, which finds what is wrong, or a meaning after all.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mdsieve import _core
from mdsieve.io.lammps_dump import (
    DumpError,
    DumpHeader,
    is_extra,
    read_header,
    snapshot_atoms,
    vector_columns,
)

if TYPE_CHECKING:
    from ase import Atoms

_LONGEST_ID = 10**18
_LARGEST_INTEGER = 2**31 - 1  # of extended XYZ as ASE reads it
_PAIR = re.compile(rb"\s*([A-Za-z_][A-Za-z0-9_-]*)=(?:\"([^\"\\]*)\"|([^\s\"'{}\[\]\\=]+))(?=\s|$)")
_PROPERTIES = re.compile(rb"\w+:[RISL]:[1-9][0-9]?(?::\w+:[RISL]:[1-9][0-9]?)*")
_WHOLE = re.compile(rb"-?[0-9]{1,18}")
_TRUTHS = {b"T": True, b"F": False, b"True": True, b"False": False}
_EXPECTED = {b"species": (b"S", 1), b"pos": (b"R", 3), b"id": (b"I", 1)}
_OTHER_MEANINGS = {b"Z", b"numbers", b"symbols", b"positions", b"move_mask", b"initial_charges"}
_NINE_NUMBERS = {b"stress", b"virial"}
_KINDS = {b"R": "r", b"I": "i", b"S": "-", b"L": "-"}


def read_plain_snapshot(data: bytes, types: Sequence[str] | None) -> Atoms | None:
    """One snapshot of a LAMMPS text dump, as `read_dump` reads it.

    Parameters
    ----------
    data : bytes
        The snapshot, from before its first line to before the next one's.
    types : sequence of str, optional
        As for `read_dump`.
    """
    begin = data.find(b"\n", data.find(b"ITEM: ATOMS")) + 1
    try:
        header = read_header(io.StringIO(data[:begin].decode("ascii")))
    except (DumpError, UnicodeDecodeError):
        return None
    if header is None or len(set(header.columns.values())) != max(header.columns.values()) + 1:
        return None
    vectors = vector_columns(header)
    kinds = _dump_kinds(header, {column for names in vectors.values() for column in names})
    table = _core.read_text_table(data, begin, header.n_atoms, kinds)
    if table is None or not _is_empty(data[table[4] :]):
        return None
    reals, wholes, words, dictionary, _ = table
    ids = np.arange(1, header.n_atoms + 1)
    if "id" in header.columns:
        ids = wholes[:, _place("id", "i", header, kinds)]
        if header.n_atoms and not (ids.min() >= 0 and ids.max() < _LONGEST_ID and _are_different(ids)):
            return None
    numbers = _dump_numbers(header, wholes, words, dictionary, types, kinds)
    if numbers is None:
        return None
    taken = {
        name: reals[:, [_place(column, "r", header, kinds) for column in columns]]
        for name, columns in vectors.items()
    }
    return snapshot_atoms(header, ids, numbers, taken)


def _dump_kinds(header: DumpHeader, reals: set[str]) -> str:
    """A letter for each column, as the core takes them."""
    kinds = ["-"] * len(header.columns)
    for name, place in header.columns.items():
        if name in reals:
            kinds[place] = "r"
    for name, letter in (("id", "i"), ("element", "w"), ("type", "i")):
        if name in header.columns and not (name == "type" and "element" in header.columns):
            kinds[header.columns[name]] = letter
    return "".join(kinds)


def _place(name: str, kind: str, header: DumpHeader, kinds: str) -> int:
    """The place of a column among those of its kind."""
    return kinds[: header.columns[name]].count(kind)


def _is_empty(rest: bytes) -> bool:
    """Whether nothing but the next snapshot's first lines follow: ITEM: TIME and the like."""
    if len(rest) > 1000 or not rest.isascii():
        return False
    lines = rest.decode().splitlines()
    return all(is_extra(line) for line in lines[::2]) and len(lines) % 2 == 0


def _are_different(ids: np.ndarray) -> bool:
    steps = np.diff(ids)
    return bool((steps > 0).all()) or len(np.unique(ids)) == len(ids)


def _dump_numbers(header, wholes, words, dictionary, types, kinds) -> np.ndarray | None:
    """Atomic numbers in the order of the lines."""
    from ase.data import atomic_numbers

    if "element" in header.columns:
        symbols, which = dictionary, words[:, 0]
    elif types is None or "type" not in header.columns:
        return None
    else:
        symbols, which = types, wholes[:, _place("type", "i", header, kinds)] - 1
        if len(which) and not (which.min() >= 0 and which.max() < len(types)):
            return None
    if any(symbol not in atomic_numbers for symbol in symbols):
        return None
    return np.array([atomic_numbers[symbol] for symbol in symbols], dtype=np.int64)[which]


def read_plain_structure(data: bytes) -> Atoms | None:
    """Elements, positions, cell, IDs and time step of one frame of extended XYZ, as ASE reads them.

    The other columns must be what they say they are, but do not enter; nor does the rest of the comment line.

    Parameters
    ----------
    data : bytes
        The frame: number of atoms, comment, atoms.
    """
    first = data.find(b"\n") + 1
    begin = data.find(b"\n", first) + 1
    comment = data[first:begin].strip()
    said = _pairs(comment)
    if (
        said is None
        or not comment.isascii()
        or any(len(said[k].split()) != 9 for k in _NINE_NUMBERS & set(said))
    ):
        return None
    places = _xyz_places(said.get(b"Properties", b"species:S:1:pos:R:3"))
    if places is None:
        return None
    kinds, positions_at, ids_at = places
    table = _core.read_text_table(data, begin, int(data[:first]), kinds)
    box = _box(said)
    if table is None or table[4] != len(data) or box is None:
        return None
    reals, wholes, words, dictionary, _ = table
    known = _atomic_numbers(tuple(dictionary))
    if known is None or (wholes.size and np.abs(wholes).max() > _LARGEST_INTEGER):
        return None
    return _structure(
        said,
        box,
        known[words[:, 0]],
        reals[:, positions_at : positions_at + 3],
        None if ids_at is None else wholes[:, ids_at],
    )


def _pairs(comment: bytes) -> dict[bytes, bytes] | None:
    """The key=value pairs of a comment line; None unless it consists of them."""
    said, at = {}, 0
    while at < len(comment):
        pair = _PAIR.match(comment, at)
        if pair is None:
            return None
        said[pair[1]] = pair[3] if pair[2] is None else pair[2]
        at = pair.end()
    return said


@lru_cache(maxsize=64)
def _xyz_places(properties: bytes) -> tuple[str, int, int | None] | None:
    """A letter for each column, as the core takes them; places of positions and IDs among their kinds."""
    if not _PROPERTIES.fullmatch(properties):
        return None
    fields = properties.split(b":")
    names = fields[::3]
    if (
        len(set(names)) != len(names)
        or _OTHER_MEANINGS & set(names)
        or not {b"species", b"pos"} <= set(names)
    ):
        return None
    kinds = ""
    places = {}
    for name, letter, width in zip(names, fields[1::3], map(int, fields[2::3]), strict=True):
        if name in _EXPECTED and _EXPECTED[name] != (letter, width):
            return None
        kind = "w" if name == b"species" else _KINDS[letter]
        places[name] = kinds.count(kind)
        kinds += kind * width
    return kinds, places[b"pos"], places.get(b"id")


def _box(said: dict[bytes, bytes]) -> tuple[np.ndarray, list[bool]] | None:
    """Cell vectors as rows and periodic directions."""
    cell, periodic = np.zeros((3, 3)), [b"Lattice" in said] * 3
    try:
        if b"Lattice" in said:
            cell = np.array([float(word) for word in said[b"Lattice"].split()]).reshape(3, 3)
        if b"pbc" in said:
            periodic = [_TRUTHS[word] for word in said[b"pbc"].split()]
    except (ValueError, KeyError):
        return None
    return (cell, periodic) if len(periodic) == 3 else None


@lru_cache(maxsize=64)
def _atomic_numbers(words: tuple[str, ...]) -> np.ndarray | None:
    """Those of some elements' names; None if one is no element."""
    from ase.data import atomic_numbers

    symbols = [word.capitalize() for word in words]
    if any(symbol not in atomic_numbers for symbol in symbols):
        return None
    return np.array([atomic_numbers[symbol] for symbol in symbols], dtype=np.int64)


def _structure(said, box, numbers, positions, ids) -> Atoms | None:
    from ase import Atoms

    steps = {}
    for key in (b"timestep", b"step", b"Timestep"):
        if key in said:
            if not _WHOLE.fullmatch(said[key]):
                return None
            steps[key.decode()] = np.int64(said[key])
    atoms = Atoms(numbers=numbers, positions=positions, cell=box[0], pbc=box[1], info=steps)
    if ids is not None:
        atoms.set_array("id", ids)
    return atoms
