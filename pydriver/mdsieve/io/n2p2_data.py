# SPDX-License-Identifier: GPL-2.0-or-later
"""Structures with labels as n2p2 and RuNNer keep them: ``input.data``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np

from mdsieve.io.text_frames import TextFrame
from mdsieve.io.wording import shown

if TYPE_CHECKING:
    from ase import Atoms

DataUnits = Literal["metal", "atomic"]
#: The file does not say its units: Å and eV, or Bohr and Hartree.
DATA_UNITS: tuple[DataUnits, ...] = ("metal", "atomic")

_WORDS_OF_ATOM = 10  # atom x y z element charge (unused) fx fy fz


def is_n2p2_data(head: Sequence[str]) -> bool:
    """Whether the first lines of a file are those of an ``input.data``."""
    words = [line.split() for line in head if line.strip() and not line.lstrip().startswith("#")]
    if not words or words[0] != ["begin"]:
        return False
    return len(words) == 1 or words[1][0] in ("comment", "lattice", "atom", "energy", "charge")


def split_n2p2_data(file: BinaryIO) -> Iterator[TextFrame]:
    """The structures of a file, each from ``begin`` to ``end``.

    Raises
    ------
    ValueError
        If something stands between two structures, or the last one has no end.
    """
    held: list[bytes] = []
    first_line = 0
    for number, line in enumerate(file, start=1):
        word = line.split(None, 1)[0] if line.strip() else b""
        if not held:
            if not word or word.startswith(b"#"):
                continue
            if word != b"begin":
                raise ValueError(
                    f"line {number}: '{shown(line.decode('utf-8', 'replace'))}' where begin was expected"
                )
            first_line = number
        held.append(line)
        if word == b"end":
            yield TextFrame(b"".join(held), first_line)
            held = []
    if held:
        raise ValueError(f"line {first_line}: the structure that begins here has no end")


def read_n2p2_structure(frame: TextFrame, units: DataUnits = "metal") -> Atoms:
    """One structure with its energy and forces.

    Parameters
    ----------
    frame : TextFrame
        From ``begin`` to ``end``.
    units : {"metal", "atomic"}
        Of the file: Å and eV, or Bohr and Hartree. The result is in Å and eV.

    Returns
    -------
    ase.Atoms
        Periodic if it has lattice vectors; atomic charges as initial charges where one is not 0; the comment
        in ``info["comment"]``.

    Raises
    ------
    ValueError
        "line n: ..." if a line cannot be understood.
    """
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.data import atomic_numbers
    from ase.units import Bohr, Hartree

    length, energy_unit = (Bohr, Hartree) if units == "atomic" else (1.0, 1.0)
    lattice: list[list[float]] = []
    symbols: list[str] = []
    rows: list[list[float]] = []
    energy: float | None = None
    comment = ""
    for number, line in enumerate(frame.data.decode("utf-8", "replace").splitlines(), start=frame.first_line):
        words = line.split()
        try:
            match words[:1]:
                case ["atom"]:
                    if len(words) < _WORDS_OF_ATOM or words[4] not in atomic_numbers:
                        raise ValueError
                    symbols.append(words[4])
                    rows.append([float(words[i]) for i in (1, 2, 3, 5, 7, 8, 9)])
                case ["lattice"]:
                    lattice.append([float(word) for word in words[1:4]])
                case ["energy"]:
                    energy = float(words[1])
                case ["comment"]:
                    comment = line.split(None, 1)[1].strip() if len(words) > 1 else ""
                case ["begin" | "end" | "charge"] | []:
                    pass
                case _:
                    raise ValueError
        except (ValueError, IndexError):
            raise ValueError(
                f"line {number}: '{shown(line)}' is no line of a structure "
                "(atom x y z element charge unused fx fy fz, lattice x y z, energy E)"
            ) from None
    if not symbols:
        raise ValueError(f"line {frame.first_line}: a structure without atoms")
    if len(lattice) not in (0, 3) or any(len(vector) != 3 for vector in lattice):
        raise ValueError(f"line {frame.first_line}: expected three lattice vectors, or none")
    values = np.array(rows)
    if not np.isfinite(values).all():
        atom = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise ValueError(f"line {frame.first_line}: the numbers of atom {atom + 1} are not finite")
    atoms = Atoms(symbols, positions=values[:, :3] * length)
    if lattice:
        atoms.cell = np.array(lattice) * length
        atoms.pbc = True
    if values[:, 3].any():
        atoms.set_initial_charges(values[:, 3])
    if comment:
        atoms.info["comment"] = comment
    labels = {"forces": values[:, 4:] * (energy_unit / length)}
    if energy is not None:
        labels["energy"] = energy * energy_unit  # type: ignore[assignment]
    atoms.calc = SinglePointCalculator(atoms, **labels)
    return atoms
