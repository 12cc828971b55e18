# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames of one material turned into frames of another: other elements, other lengths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from mdsieve.labels.contract import without_labels

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Measure", "Translation", "element_length", "parse_scale"]

Measure = Literal["lattice", "bond", "volume"]

#: Per-atom data that belongs to the elements or the time scale of the frame as it was.
_LEFT_BEHIND = ("masses", "momenta", "initial_charges", "initial_magmoms")


class Translation:
    """Swap elements, and scale cell and positions.

    Parameters
    ----------
    elements : mapping of str to str
        Old element to new element; others stay what they are.
    scale : float or {"lattice", "bond", "volume"}
        Factor of all lengths; or what it is computed from (`element_length`): the mean of this length over
        the frame's atoms after the swap, divided by that before it. For the volume it is the mean volume of
        which the cube root is taken (Zen's law).

    Raises
    ------
    ValueError
        If nothing is swapped, an element or a measure is unknown, or the factor is not positive.

    Notes
    -----
    The translation of Jung et al., arXiv:2311.05407: Ni to Al by 4.05/3.52.
    """

    def __init__(self, elements: Mapping[str, str], scale: float | Measure) -> None:
        from ase.data import atomic_numbers

        if not elements:
            raise ValueError("no element to translate")
        for symbol in {*elements, *elements.values()}:
            if symbol == "X" or symbol not in atomic_numbers:
                raise ValueError(f"'{symbol}' is no element")
        if isinstance(scale, str):
            if scale not in get_args(Measure):
                raise ValueError(f"scale by {scale!r}: expected {', '.join(get_args(Measure))}")
            for symbol in {*elements, *elements.values()}:
                element_length(symbol, scale)
            if scale == "lattice":
                _check_same_lattice(elements)
        elif not (np.isfinite(scale) and scale > 0):
            raise ValueError(f"scale {scale}: expected a positive number")
        self._elements = dict(elements)
        self._scale = scale
        self._numbers = {atomic_numbers[old]: atomic_numbers[new] for old, new in elements.items()}

    @property
    def description(self) -> str:
        """What is swapped and how lengths are scaled, on one line."""
        swaps = ", ".join(f"{old} to {new}" for old, new in self._elements.items())
        scale = f"by {self._scale}" if isinstance(self._scale, str) else f"{self._scale:.10g}"
        return f"{swaps}; scale {scale}"

    def factor(self, atoms: Atoms) -> float:
        """By how much the lengths of a frame grow."""
        if not isinstance(self._scale, str):
            return self._scale
        power = 3 if self._scale == "volume" else 1
        symbols = atoms.get_chemical_symbols()
        before = sum(element_length(old, self._scale) ** power for old in symbols)
        after = sum(element_length(self._elements.get(old, old), self._scale) ** power for old in symbols)
        return float((after / before) ** (1.0 / power))

    def apply(self, atoms: Atoms) -> Atoms:
        """The translated frame, without labels, masses, momenta, charges and magnetic moments.

        ``info`` has ``translated`` (`description`), ``translated_from`` (the old formula) and
        ``translated_scale``; what else was in it stays, with ``Origin`` scaled.

        Raises
        ------
        ValueError
            If none of the elements to swap is in the frame.
        """
        if not np.isin(atoms.numbers, list(self._numbers)).any():
            raise ValueError(
                f"{atoms.get_chemical_formula() or 'a frame without atoms'}: there is no "
                f"{' or '.join(self._elements)} to translate"
            )
        factor = self.factor(atoms)
        copy = without_labels(atoms)
        for name in _LEFT_BEHIND:
            copy.arrays.pop(name, None)
        copy.numbers = [self._numbers.get(number, number) for number in atoms.numbers.tolist()]
        copy.set_cell(copy.cell.array * factor)
        copy.positions *= factor
        if "Origin" in copy.info:
            copy.info["Origin"] = np.asarray(copy.info["Origin"], dtype=float) * factor
        copy.info["translated"] = self.description
        copy.info["translated_from"] = atoms.get_chemical_formula()
        copy.info["translated_scale"] = factor
        return copy


def element_length(symbol: str, measure: Measure) -> float:
    """A length that stands for the size of an element, from its crystal in ASE's table of reference states.

    Parameters
    ----------
    symbol : str
    measure : {"lattice", "bond", "volume"}
        The lattice parameter a; the distance of nearest neighbours; the cube root of the volume of an atom.

    Returns
    -------
    float
        Å.

    Raises
    ------
    ValueError
        If the table has no crystal for it.
    """
    state = _reference_state(symbol)
    kind = state.get("symmetry")
    if kind not in ("fcc", "bcc", "hcp", "diamond", "sc"):
        raise ValueError(
            f"{symbol}: the table of reference states has no fcc, bcc, hcp, sc or diamond crystal for it; "
            "say the factor as a number"
        )
    a = float(state["a"])
    if measure == "lattice":
        return a
    if kind == "hcp":
        c = a * float(state["c/a"])
        bond, volume = min(a, float(np.sqrt(a * a / 3.0 + c * c / 4.0))), np.sqrt(3.0) / 4.0 * a * a * c
    else:
        of_cube = {
            "fcc": (np.sqrt(0.5), 4),
            "bcc": (np.sqrt(0.75), 2),
            "sc": (1.0, 1),
            "diamond": (np.sqrt(3.0) / 4.0, 8),
        }
        share, n_atoms = of_cube[kind]
        bond, volume = share * a, a**3 / n_atoms
    return float(bond if measure == "bond" else volume ** (1.0 / 3.0))


def parse_scale(words: str) -> float:
    """``1.15`` or ``4.05/3.52`` as a number.

    Raises
    ------
    ValueError
        If it is neither, or not positive.
    """
    above, slash, below = words.partition("/")
    try:
        value = float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        value = float("nan")
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"--scale {words}: expected a positive number as 1.15, or a ratio as 4.05/3.52")
    return value


def _reference_state(symbol: str) -> dict[str, Any]:
    from ase.data import atomic_numbers, reference_states

    return dict(reference_states[atomic_numbers[symbol]] or {})


def _check_same_lattice(elements: Mapping[str, str]) -> None:
    for old, new in elements.items():
        kinds = [_reference_state(symbol)["symmetry"] for symbol in (old, new)]
        if kinds[0] != kinds[1]:
            raise ValueError(
                f"{old} is {kinds[0]} and {new} is {kinds[1]}: their lattice parameters do not compare; "
                "scale by bond or volume"
            )
