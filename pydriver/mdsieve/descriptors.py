# SPDX-License-Identifier: GPL-2.0-or-later
"""Fingerprints of atomic environments: Behler-Parrinello symmetry functions from the compiled core."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, overload

import numpy as np

from mdsieve.derivatives import Derivatives

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["ByElement", "LengthUnit", "Precision", "SymmetryFunctions", "neighbour_pairs"]

Precision: TypeAlias = Literal["double", "mixed"]
LengthUnit: TypeAlias = Literal["angstrom", "bohr"]
#: For each element the indices of its atoms and their fingerprints.
ByElement: TypeAlias = dict[str, tuple[np.ndarray, np.ndarray]]

_SAME_PLACE = 1e-6  # Å, as in core
_FARTHEST = 1e9  # Å; beyond, a double does not tell neighbours apart any more
_MOST_NEIGHBOURS = 1e6  # of an atom, on average
_SEARCH_CELLS = 1e5  # that vesin divides a structure into


class SymmetryFunctions:
    """Behler-Parrinello symmetry functions described by an n2p2/RuNNer ``input.nn``.

    Types 2 (radial), 3 (angular, narrow), 9 (angular, wide), 12 and 13 (their forms weighted by atomic
    numbers) with n2p2's definitions: Behler, J. Chem. Phys. 134, 074106 (2011); Gastegger et al.,
    J. Chem. Phys. 148, 241709 (2018). Every pair of neighbours counts once.

    Make one with :meth:`from_file` or :meth:`from_text`.

    Parameters
    ----------
    text : bytes or str
        Content of an ``input.nn`` file.
    name : str
        Its name in messages.
    precision : {"double", "mixed"}
        Agreement with the equations: 1e-10 (double) or 1e-5 (mixed) relative. ``mixed`` computes in single
        precision, adds up in double precision and takes about half the time.
    length_unit : {"angstrom", "bohr"}
        Unit of every length in the file (eta: of its inverse square). A ``length_unit`` line in the file
        wins.

    Raises
    ------
    mdsieve._core.InputError
        A ``ValueError`` that names file and line of anything malformed.
    """

    def __init__(
        self,
        text: bytes | str,
        name: str = "input.nn",
        *,
        precision: Precision = "double",
        length_unit: LengthUnit = "angstrom",
    ) -> None:
        from mdsieve import _core

        data = text.encode() if isinstance(text, str) else bytes(text)
        self._core = _core.SymmetryFunctions(data, name, precision, length_unit)
        self._arguments = (data, name, precision, length_unit)
        self._element_of_number = np.full(120, -1, dtype=np.int32)
        self._element_of_number[self._core.atomic_numbers] = np.arange(len(self._core.elements))

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        precision: Precision = "double",
        length_unit: LengthUnit = "angstrom",
    ) -> SymmetryFunctions:
        """Read an ``input.nn`` file (see the class for the options).

        Raises
        ------
        OSError
            The file cannot be read.
        mdsieve._core.InputError
            A ``ValueError`` that names file and line of anything malformed.
        """
        return cls(Path(path).read_bytes(), str(path), precision=precision, length_unit=length_unit)

    @classmethod
    def from_text(
        cls,
        text: str | bytes,
        *,
        name: str = "input.nn",
        precision: Precision = "double",
        length_unit: LengthUnit = "angstrom",
    ) -> SymmetryFunctions:
        """Read the content of an ``input.nn`` file (see the class for the options)."""
        return cls(text, name, precision=precision, length_unit=length_unit)

    # --- what it is -----------------------------------------------------------------------------------------

    @property
    def elements(self) -> list[str]:
        """Element symbols, ordered by atomic number."""
        return list(self._core.elements)

    @property
    def n_features(self) -> dict[str, int]:
        """Length of the fingerprint of each element."""
        return {symbol: self._core.n_features(e) for e, symbol in enumerate(self._core.elements)}

    @property
    def cutoff(self) -> float:
        """Largest cutoff radius of all functions [Å]."""
        return self._core.cutoff

    @property
    def precision(self) -> Precision:
        """``"double"`` or ``"mixed"``."""
        return self._arguments[2]

    @property
    def length_unit(self) -> LengthUnit:
        """Unit of lengths that was given for the file."""
        return self._arguments[3]

    @property
    def text(self) -> str:
        """Content of the file."""
        return self._core.text.decode(errors="replace")

    @property
    def hash(self) -> str:
        """Hexadecimal hash of all that decides a fingerprint's value (not of comments or spacing)."""
        return self._core.hash

    @property
    def instruction_set(self) -> str:
        """Version of the kernels in use: ``"avx512"``, ``"avx2"`` or ``"portable"``."""
        from mdsieve import _core

        return _core.instruction_set()

    @property
    def feature_names(self) -> dict[str, list[str]]:
        """Readable name of each column of each element, e.g. ``"G2 Ni-Al eta=0.1 rs=0 rc=6"`` (Å, 1/Å²)."""
        return {
            symbol: [_feature_name(column) for column in self._core.columns(e)]
            for e, symbol in enumerate(self._core.elements)
        }

    def n2p2_order(self, element: str) -> np.ndarray:
        """Rank of each column of an element in n2p2's own sorted order, that of ``scaling.data``."""
        return np.array(self._core.n2p2_order(self._index(element)), dtype=np.int64)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{symbol}: {n}" for symbol, n in self.n_features.items())
        return f"SymmetryFunctions({sizes}; cutoff {self.cutoff:g} Å, {self.precision})"

    def __reduce__(self):
        data, name, precision, length_unit = self._arguments
        return _restore, (data, name, precision, length_unit)

    # --- fingerprints ---------------------------------------------------------------------------------------

    @overload
    def create(self, atoms: Atoms, *, n_jobs: int = ...) -> np.ndarray: ...

    @overload
    def create(self, atoms: Iterable[Atoms], *, n_jobs: int = ...) -> list[np.ndarray]: ...

    def create(self, atoms, *, n_jobs: int = 1):
        """Fingerprints of all atoms.

        Parameters
        ----------
        atoms : ase.Atoms or iterable of ase.Atoms
            Structures, periodic in any set of directions, positions in Å.
        n_jobs : int
            Number of threads.

        Returns
        -------
        numpy.ndarray, shape (n_atoms, n_features)
            Rows in the order of the atoms, columns in the order of the file's lines. A list of such arrays
            for an iterable.

        Raises
        ------
        ValueError
            The elements of the descriptor have different numbers of functions (use
            :meth:`create_by_element`), an element of the structure is not in the descriptor, or two atoms
            lie at the same place.
        """
        sizes = self.n_features
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{symbol} {n}" for symbol, n in sizes.items())
            raise ValueError(
                f"the elements have different numbers of symmetry functions ({listed}): "
                "rows would differ in length, use create_by_element"
            )
        if not _is_one_structure(atoms):
            return [self.create(structure, n_jobs=n_jobs) for structure in atoms]
        elements = self._elements_of(atoms)
        values = np.empty((len(atoms), next(iter(sizes.values()))))
        for e, matrix in enumerate(self._compute(atoms, elements, n_jobs)):
            values[elements == e] = matrix
        return values

    @overload
    def create_by_element(self, atoms: Atoms, *, n_jobs: int = ...) -> ByElement: ...

    @overload
    def create_by_element(self, atoms: Iterable[Atoms], *, n_jobs: int = ...) -> list[ByElement]: ...

    def create_by_element(self, atoms, *, n_jobs: int = 1):
        """Fingerprints of all atoms, one array an element.

        Parameters
        ----------
        atoms : ase.Atoms or iterable of ase.Atoms
            Structures, periodic in any set of directions, positions in Å.
        n_jobs : int
            Number of threads.

        Returns
        -------
        dict
            For every element of the descriptor its atoms' indices, shape (n,), ascending, and their
            fingerprints, shape (n, n_features of the element); n is 0 for an element that does not occur.
            A list of such dictionaries for an iterable.

        Raises
        ------
        ValueError
            An element of the structure is not in the descriptor, or two atoms lie at the same place.
        """
        if not _is_one_structure(atoms):
            return [self.create_by_element(structure, n_jobs=n_jobs) for structure in atoms]
        elements = self._elements_of(atoms)
        matrices = self._compute(atoms, elements, n_jobs)
        return {
            symbol: (np.flatnonzero(elements == e), matrix)
            for e, (symbol, matrix) in enumerate(zip(self._core.elements, matrices, strict=True))
        }

    @overload
    def derivatives(self, atoms: Atoms, *, n_jobs: int = ...) -> Derivatives: ...

    @overload
    def derivatives(self, atoms: Iterable[Atoms], *, n_jobs: int = ...) -> list[Derivatives]: ...

    def derivatives(self, atoms, *, n_jobs: int = 1):
        """Derivatives of all fingerprints with respect to the positions, in double precision.

        Parameters
        ----------
        atoms : ase.Atoms or iterable of ase.Atoms
            Structures, periodic in any set of directions, positions in Å.
        n_jobs : int
            Number of threads.

        Returns
        -------
        Derivatives
            Centres are all atoms, in their order. A list of such objects for an iterable.

        Raises
        ------
        ValueError
            As for :meth:`create`; for elements with different numbers of functions use
            :meth:`derivatives_by_element`.
        """
        if not _is_one_structure(atoms):
            return [self.derivatives(a, n_jobs=n_jobs) for a in atoms]
        self._require_equal_sizes("derivatives_by_element")
        parts = self.derivatives_by_element(atoms, n_jobs=n_jobs).values()
        pairs = np.concatenate([part.pairs for part in parts])
        order = np.argsort(pairs[:, 0], kind="stable")
        return Derivatives(
            centres=np.arange(len(atoms)),
            pairs=pairs[order],
            vectors=np.concatenate([part.vectors for part in parts])[order],
            values=np.concatenate([part.values for part in parts])[order],
            n_atoms=len(atoms),
        )

    @overload
    def derivatives_by_element(self, atoms: Atoms, *, n_jobs: int = ...) -> dict[str, Derivatives]: ...

    @overload
    def derivatives_by_element(
        self, atoms: Iterable[Atoms], *, n_jobs: int = ...
    ) -> list[dict[str, Derivatives]]: ...

    def derivatives_by_element(self, atoms, *, n_jobs: int = 1):
        """Derivatives of all fingerprints, one object an element.

        Parameters
        ----------
        atoms : ase.Atoms or iterable of ase.Atoms
            Structures, periodic in any set of directions, positions in Å.
        n_jobs : int
            Number of threads.

        Returns
        -------
        dict
            For every element of the descriptor the :class:`Derivatives` of its atoms' fingerprints. A list of
            such dictionaries for an iterable.

        Raises
        ------
        ValueError
            An element of the structure is not in the descriptor, or two atoms lie at the same place.
        """
        if not _is_one_structure(atoms):
            return [self.derivatives_by_element(a, n_jobs=n_jobs) for a in atoms]
        elements = self._elements_of(atoms)
        found = self._core.derivatives(*self._neighbourhood(atoms, elements, n_jobs), n_jobs)
        return {
            symbol: Derivatives(np.flatnonzero(elements == e), pairs, vectors, values, len(atoms))
            for e, (symbol, (pairs, vectors, values)) in enumerate(
                zip(self._core.elements, found, strict=True)
            )
        }

    def _index(self, element: str) -> int:
        if element not in self._core.elements:
            raise ValueError(f"element {element!r} is not in the descriptor, which knows {self._known()}")
        return self._core.elements.index(element)

    def _known(self) -> str:
        return " ".join(self._core.elements)

    def _elements_of(self, atoms: Atoms) -> np.ndarray:
        """Index into the descriptor's elements for every atom."""
        elements = self._element_of_number[atoms.numbers]
        if np.any(elements < 0):
            from ase.data import chemical_symbols

            missing = " ".join(sorted({chemical_symbols[z] for z in atoms.numbers[elements < 0]}))
            raise ValueError(
                f"element {missing} of the structure is not in the descriptor, which knows {self._known()}"
            )
        return elements

    def _require_equal_sizes(self, instead: str) -> None:
        """Raise a ValueError if the elements' fingerprints differ in length."""
        sizes = self.n_features
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{symbol} {n}" for symbol, n in sizes.items())
            raise ValueError(
                f"the elements have different numbers of symmetry functions ({listed}): "
                f"rows would differ in length, use {instead}"
            )

    def _compute(self, atoms: Atoms, elements: np.ndarray, n_jobs: int) -> list[np.ndarray]:
        return self._core.compute(*self._neighbourhood(atoms, elements, n_jobs), n_jobs)

    def _neighbourhood(
        self, atoms: Atoms, elements: np.ndarray, n_jobs: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Elements, pairs and vectors as the core takes them."""
        if n_jobs < 1:
            raise ValueError(f"n_jobs is {n_jobs}, expected at least 1")
        pairs, vectors = neighbour_pairs(atoms, self.cutoff * (1.0 + 1e-9), n_jobs=n_jobs)
        return np.ascontiguousarray(elements), pairs, vectors


def neighbour_pairs(atoms: Atoms, cutoff: float, *, n_jobs: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Full neighbour list of a structure.

    Parameters
    ----------
    atoms : ase.Atoms
        Periodic in any set of directions; the cell may be smaller than the cutoff.
    cutoff : float
        Largest distance [Å].
    n_jobs : int
        Number of threads.

    Returns
    -------
    pairs : numpy.ndarray of uint64, shape (n_pairs, 2)
        Atom i and neighbour j; periodic images make pairs of their own.
    vectors : numpy.ndarray, shape (n_pairs, 3)
        From i to j [Å].

    Raises
    ------
    ValueError
        A coordinate is not finite, two atoms lie at the same place (both are named), or the cell has no
        extent in a periodic direction; numbers are too large to tell neighbours apart, or the neighbours too
        many.
    """
    from ase.geometry import complete_cell
    from vesin import NeighborList

    positions = np.ascontiguousarray(atoms.positions, dtype=float)
    cell = np.array(atoms.cell, dtype=float)
    periodic = np.array(atoms.pbc, dtype=bool)
    infinite = np.flatnonzero(~np.isfinite(positions).all(axis=1))
    if len(infinite):
        raise ValueError(f"atom {infinite[0] + 1}: its position {positions[infinite[0]]} is not finite")
    far = np.flatnonzero((np.abs(positions) > _FARTHEST).any(axis=1))
    if len(far):
        raise ValueError(f"atom {far[0] + 1}: its position {positions[far[0]]} lies beyond {_FARTHEST:g} Å")
    if not (np.isfinite(cell).all() and (np.abs(cell) <= _FARTHEST).all()):
        raise ValueError(f"the structure has cell vectors that are not finite or beyond {_FARTHEST:g} Å")
    for direction in np.flatnonzero(periodic):
        if not cell[direction].any():
            raise ValueError(f"the structure is periodic along cell vector {direction}, which is zero")
    if periodic.any() and abs(np.linalg.det(complete_cell(cell))) < 1e-10:
        raise ValueError("the structure is periodic, but its cell vectors span no volume")
    if not len(atoms):
        return np.empty((0, 2), dtype=np.uintp), np.empty((0, 3))
    # where nothing repeats the vectors only have to be there
    box = np.ascontiguousarray(complete_cell(cell) if periodic.any() else np.eye(3))
    if _is_too_long(positions, box, periodic, cutoff):
        positions = _without_gaps(positions, box, periodic, cutoff)
        if _is_too_long(positions, box, periodic, cutoff):
            raise ValueError("the structure is too long and thin for the search for neighbours")
    _require_room(len(atoms), box, periodic, cutoff)
    search = NeighborList(cutoff=cutoff, full_list=True, n_threads=n_jobs)
    pairs, vectors = search.compute(positions, box, periodic, quantities="PD")
    coinciding = np.flatnonzero(np.einsum("ij,ij->i", vectors, vectors) <= _SAME_PLACE**2)
    if len(coinciding):
        i, j = pairs[coinciding[0]] + 1
        raise ValueError(f"atoms {i} and {j} lie at the same place (distance below {_SAME_PLACE:g} Å)")
    return pairs, vectors


def _along(positions: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances of the atoms from the planes that the other two cell vectors span, and those of the cell."""
    inverse = np.linalg.inv(box)
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    return positions @ inverse * heights, heights


def _is_too_long(positions: np.ndarray, box: np.ndarray, periodic: np.ndarray, cutoff: float) -> bool:
    """Whether vesin would find no place for a search cell in some direction (and divide by zero)."""
    places, heights = _along(positions, box)
    extents = np.where(periodic, heights, np.ptp(places, axis=0))
    cells = np.maximum(1.0, np.floor(extents / cutoff))
    fewest = cells * np.cbrt(_SEARCH_CELLS / cells.prod())
    return cells.prod() > 0.5 * _SEARCH_CELLS and fewest.min() < 2.0


def _without_gaps(positions: np.ndarray, box: np.ndarray, periodic: np.ndarray, cutoff: float) -> np.ndarray:
    """The same neighbours closer together: empty space wider than the cutoff tells nothing, where nothing
    repeats.
    """
    places, heights = _along(positions, box)
    closer = positions.copy()
    for direction in np.flatnonzero(~periodic):
        order = np.argsort(places[:, direction], kind="stable")
        excess = np.maximum(np.diff(places[order, direction]) - 2.0 * cutoff, 0.0)
        shift = np.concatenate([[0.0], np.cumsum(excess)]) / heights[direction]
        closer[order] -= shift[:, None] * box[direction]
    return closer


def _require_room(n_atoms: int, box: np.ndarray, periodic: np.ndarray, cutoff: float) -> None:
    """Refuse a cell so small that the images within the cutoff are without number."""
    if not periodic.all():
        return
    neighbours = 4.0 / 3.0 * np.pi * cutoff**3 * n_atoms / abs(np.linalg.det(box))
    if neighbours > _MOST_NEIGHBOURS:
        raise ValueError(
            f"the cell is too small: about {neighbours:.2g} neighbours for each of {n_atoms} atoms"
        )


def _is_one_structure(atoms) -> bool:
    from ase import Atoms

    return isinstance(atoms, Atoms)


def _restore(data: bytes, name: str, precision: Precision, length_unit: LengthUnit) -> SymmetryFunctions:
    return SymmetryFunctions(data, name, precision=precision, length_unit=length_unit)


def _feature_name(column: dict) -> str:
    kinds = {2: "G2", 3: "G4", 9: "G5", 12: "wG2", 13: "wG4", 102: "AEV-R", 103: "AEV-A"}
    elements = [column[key] for key in ("central", "first", "second") if column[key] is not None]
    words = [kinds[column["type"]], "-".join(elements)]
    words += [f"eta={column['eta']:.6g}", f"rs={column['r_shift']:.6g}"]
    if column["lambda"]:
        words.append(f"lambda={column['lambda']:g}")
    if column["zeta"]:
        words.append(f"zeta={column['zeta']:g}")
    if column["theta_shift"]:
        words.append(f"theta_s={column['theta_shift']:.6g}")
    return " ".join([*words, f"rc={column['r_cutoff']:.6g}"])
