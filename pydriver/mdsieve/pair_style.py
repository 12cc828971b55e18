# SPDX-License-Identifier: GPL-2.0-or-later
"""A potential as LAMMPS' input script says it: lines with ``pair_style`` and ``pair_coeff``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mdsieve.io.wording import shown

__all__ = ["PairStyle"]

#: Commands that LAMMPS wants before there is a box.
_BEFORE_THE_BOX = {"atom_style", "atom_modify", "newton", "package", "suffix", "processors"}

#: Commands that are said around these lines, not in them.
_NOT_HERE = {
    "boundary", "box", "clear", "create_atoms", "create_box", "delete_atoms", "dump", "log", "minimize",
    "quit", "read_data", "read_dump", "read_restart", "region", "rerun", "run", "thermo", "thermo_modify",
    "thermo_style",
}  # fmt: skip

_NO_ELEMENT = "NULL"


@dataclass(frozen=True)
class PairStyle:
    """The lines, and the elements of LAMMPS' atom types.

    Attributes
    ----------
    lines : tuple of str
        Commands in ``units metal``, without comments.
    elements : tuple of str
        Of the types 1, 2, ...; empty if nothing says them (`for_elements`).
    """

    lines: tuple[str, ...]
    elements: tuple[str, ...]

    @classmethod
    def from_text(cls, text: str, elements: Sequence[str] | None = None, source: str = "") -> PairStyle:
        """Understand some lines.

        Parameters
        ----------
        text : str
            Commands, each on a line of its own or with ``;`` between them. File names count from the current
            folder; LAMMPS also looks in ``LAMMPS_POTENTIALS``.
        elements : sequence of str, optional
            Of the types 1, 2, ...; default: the words at the end of ``pair_coeff * *``.
        source : str
            What messages name.

        Raises
        ------
        ValueError
            "source: ..." if there is no ``pair_style``, a command does not belong here, or an element is
            unknown.
        """
        where = f"{source}: " if source else ""
        lines = tuple(_commands(text))
        for line in lines:
            word, *rest = line.split()
            if word in _NOT_HERE or (word == "units" and rest[:1] != ["metal"]):
                raise ValueError(
                    f"{where}'{shown(line)}': expected the lines of a potential in units metal, such as "
                    "pair_style and pair_coeff"
                )
        if not any(line.split()[0] == "pair_style" for line in lines):
            raise ValueError(f"{where}no line with pair_style: '{shown(text)}'")
        if elements is None:
            elements = _elements_of(lines)
        _check_elements(elements, where)
        kept = tuple(line for line in lines if line.split()[0] != "units")
        return cls(kept, tuple(elements))

    @classmethod
    def from_file(cls, path: str | os.PathLike, elements: Sequence[str] | None = None) -> PairStyle:
        """Understand a file of such lines.

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            As `from_text`.
        """
        return cls.from_text(Path(path).read_text(encoding="utf-8", errors="replace"), elements, str(path))

    @property
    def first_lines(self) -> list[str]:
        """Those that LAMMPS wants before there is a box; always an ``atom_style``."""
        lines = [line for line in self.lines if line.split()[0] in _BEFORE_THE_BOX]
        if not any(line.split()[0] == "atom_style" for line in lines):
            lines.insert(0, "atom_style atomic")
        return lines

    @property
    def last_lines(self) -> list[str]:
        """Those that come when there is a box."""
        return [line for line in self.lines if line.split()[0] not in _BEFORE_THE_BOX]

    @property
    def text(self) -> str:
        """All on one line."""
        return "; ".join(self.lines)

    @property
    def types(self) -> dict[str, int]:
        """The atom type of each element, the first one if it has several."""
        return {symbol: k for k, symbol in reversed(list(enumerate(self.elements, 1)))}

    @property
    def mass_lines(self) -> list[str]:
        """``mass`` of each type; 1 where it has no element."""
        from ase.data import atomic_masses, atomic_numbers

        masses = [atomic_masses[atomic_numbers[s]] if s in atomic_numbers else 1.0 for s in self.elements]
        return [f"mass {number} {mass:.9g}" for number, mass in enumerate(masses, 1)]

    def check_elements(self, found: Iterable[str]) -> None:
        """Whether each of some elements has a type.

        Raises
        ------
        ValueError
            If one has none.
        """
        strange = set(found) - set(self.elements)
        if strange:
            raise ValueError(f"{', '.join(sorted(strange))}: the potential has {', '.join(self.elements)}")

    def for_elements(self, found: Iterable[str]) -> PairStyle:
        """The same with elements of its types, if the lines do not say them.

        Parameters
        ----------
        found : iterable of str
            Elements that occur.

        Raises
        ------
        ValueError
            If there are several, so that nothing says which is type 1.
        """
        if self.elements:
            return self
        symbols = sorted(set(found))
        if len(symbols) != 1:
            raise ValueError(
                f"'{shown(self.text)}' does not say which elements its types are: name them in the order of "
                f"the types, e.g. --elements {','.join(symbols)}"
            )
        return PairStyle(self.lines, (symbols[0],))


def _commands(text: str) -> Iterable[str]:
    joined = re.sub(r"&[ \t]*\n", " ", text.replace("\r\n", "\n"))
    for line in re.split(r"[\n;]", joined):
        command = " ".join(line.partition("#")[0].split())
        if command:
            yield command


def _elements_of(lines: Sequence[str]) -> tuple[str, ...]:
    """What the ends of the ``pair_coeff * *`` lines say; one line may fill the NULLs of another."""
    from ase.data import atomic_numbers

    elements: list[str] = []
    for line in lines:
        words = line.split()
        if words[:3] != ["pair_coeff", "*", "*"]:
            continue
        named: list[str] = []
        for word in reversed(words[4:]):  # the first word is a file, or the style of a hybrid
            if word != _NO_ELEMENT and (word == "X" or word not in atomic_numbers):
                break
            named.insert(0, word)
        for place, symbol in enumerate(named):
            if place == len(elements):
                elements.append(symbol)
            elif elements[place] == _NO_ELEMENT:
                elements[place] = symbol
    return tuple(elements)


def _check_elements(elements: Sequence[str], where: str) -> None:
    from ase.data import atomic_numbers

    for symbol in elements:
        if symbol != _NO_ELEMENT and (symbol == "X" or symbol not in atomic_numbers):
            raise ValueError(f"{where}'{shown(symbol)}' is no element")
