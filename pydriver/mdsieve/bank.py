# SPDX-License-Identifier: GPL-2.0-or-later
"""The bank of local environments: what has been seen, and whether something is new.

The rule is that of Li et al., J. Chem. Phys. 160, 074109 (2024): an environment is new if its Euclidean
distance to every stored one of its element exceeds the element's threshold (strictly); it is then stored,
and its frame is kept.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve import _core
from mdsieve.io.replacing import replacing

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import LengthUnit, Precision, SymmetryFunctions

_SCALINGS = ("minmax", "std", None)
_HDF5_SUFFIXES = (".h5", ".hdf5")
_STORE_SUFFIX = ".db"
_AT_A_TIME = 1024  # environments of one element that `extend` compares with each other


@dataclass(frozen=True)
class BankUpdate:
    """What a bank made of one frame.

    Attributes
    ----------
    is_kept : bool
        True if the frame brought at least one new environment.
    novelty : ndarray of float, shape (n_atoms,)
        Distance to the nearest entry before this frame / threshold; infinite if the element had no entry.
    new : ndarray of int, shape (n_new,)
        Indices of the atoms whose environments were stored.
    """

    is_kept: bool
    novelty: np.ndarray
    new: np.ndarray


@dataclass(frozen=True)
class BankEntry:
    """One stored environment.

    Attributes
    ----------
    element : str
    run, step, atom_id : int
        Where it came from: run of the store (0: offline), step or frame index, LAMMPS ID or 1-based index.
    fingerprint : ndarray of float, shape (n_features,)
        Unscaled.
    """

    element: str
    run: int
    step: int
    atom_id: int
    fingerprint: np.ndarray


@dataclass(frozen=True)
class BankDifference:
    """Which entries of two banks the other one does not cover.

    Attributes
    ----------
    only_here, only_there : ndarray of int
        Positions in this and in the other bank. Each bank is asked with its own thresholds.
    """

    only_here: np.ndarray
    only_there: np.ndarray


class EnvironmentBank:
    """Stored local environments of one set of symmetry functions.

    Parameters
    ----------
    functions : SymmetryFunctions
    thresholds : float or dict of str to float
        Radius in scaled units, for all elements or for each.
    scaling : {"minmax", "std", None}
        Column scaling. ``minmax`` and ``std`` must be made known, by `fit_scaling` or `from_scaling_data`,
        before the first query; the scaling is then frozen.

    Raises
    ------
    ValueError
        If a threshold is missing, superfluous, not finite or not above 0, or the scaling's name is unknown.
    """

    def __init__(
        self,
        functions: SymmetryFunctions,
        thresholds: float | Mapping[str, float],
        scaling: str | None = "minmax",
    ) -> None:
        if scaling not in _SCALINGS:
            raise ValueError(f"scaling {scaling!r}: expected 'minmax', 'std' or None")
        self._functions = functions
        self._widths = [functions.n_features[symbol] for symbol in functions.elements]
        self._thresholds = check_thresholds(thresholds, functions.elements)
        self._scaling_kind = scaling
        self._native: _core.EnvironmentBank | None = None
        self._n_seen = 0
        self._hints = _Hints()
        if scaling is None:
            self._create(_core.Scaling.identity(self._widths))

    @classmethod
    def empty(
        cls, functions: SymmetryFunctions, thresholds: float | Mapping[str, float], scaling: _core.Scaling
    ) -> EnvironmentBank:
        """A bank without entries whose scaling is known."""
        if scaling.kind == "none":
            return cls(functions, thresholds, None)
        return cls(functions, thresholds, scaling.kind).set_scaling(scaling)

    @classmethod
    def _from_native(cls, functions: SymmetryFunctions, native: _core.EnvironmentBank) -> EnvironmentBank:
        kind = native.scaling.kind
        thresholds = dict(zip(native.elements, native.thresholds, strict=True))
        bank = cls(functions, thresholds, None if kind == "none" else kind)
        bank._native = native
        return bank

    # what it is for

    @property
    def functions(self) -> SymmetryFunctions:
        """The symmetry functions that make its fingerprints."""
        return self._functions

    @property
    def thresholds(self) -> dict[str, float]:
        """Threshold of each element, in scaled units."""
        return dict(self._thresholds)

    @property
    def scaling(self) -> _core.Scaling | None:
        """The frozen column scaling; None as long as it is not known."""
        return None if self._native is None else self._native.scaling

    def fit_scaling(self, frames: Atoms | Iterable[Atoms], n_jobs: int = 1) -> EnvironmentBank:
        """Fit the column scaling on all environments of some frames, and freeze it.

        Raises
        ------
        ValueError
            If the scaling is frozen already, or an element never occurs.
        """
        kind = self._require_open_scaling()
        statistics = _core.ColumnStatistics(self._widths)
        for atoms in _as_frames(frames):
            elements, fingerprints, _, _ = self._fingerprints(atoms, n_jobs)
            statistics.add(elements, fingerprints)
        return self.set_scaling(statistics.scaling(kind, self._functions.elements))

    def from_scaling_data(self, path: str | os.PathLike) -> EnvironmentBank:
        """Take the column scaling from an n2p2 ``scaling.data`` file, and freeze it.

        Raises
        ------
        ValueError
            If the scaling is frozen already, or the file does not fit the symmetry functions.
        """
        kind = self._require_open_scaling()
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        descriptor = _descriptor_of(self._functions)
        return self.set_scaling(_core.parse_scaling_data(text, str(path), descriptor, kind))

    def set_scaling(self, scaling: _core.Scaling) -> EnvironmentBank:
        """Freeze a column scaling that exists already.

        Raises
        ------
        ValueError
            If the scaling is frozen already, or this one is of another kind or size.
        """
        self._require_open_scaling()
        if scaling.kind != self._scaling_kind:
            raise ValueError(f"scaling '{scaling.kind}': the bank was created for '{self._scaling_kind}'")
        self._create(scaling)
        return self

    @property
    def compiled(self) -> _core.EnvironmentBank:
        """The compiled bank beneath, for code that works on flat arrays.

        Raises
        ------
        ValueError
            If the scaling is not known yet.
        """
        return self._require_native()

    # what it holds

    def __len__(self) -> int:
        return 0 if self._native is None else len(self._native)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{symbol} {self.size(symbol)}" for symbol in self._functions.elements)
        return f"<EnvironmentBank: {sizes}>"

    def size(self, element: str) -> int:
        """Number of entries of one element.

        Raises
        ------
        ValueError
            If the bank does not know the element.
        """
        number = self._element_number(element)
        return 0 if self._native is None else self._native.size(number)

    def entry(self, position: int) -> BankEntry:
        """The entry at a position in the bank's history, from 0.

        Raises
        ------
        IndexError
            If there is no such entry.
        """
        if not 0 <= position < len(self):
            raise IndexError(f"entry {position}: the bank has {len(self)}")
        element, (run, step, atom_id), fingerprint = self._require_native().entry(position)
        return BankEntry(self._functions.elements[element], run, step, atom_id, fingerprint)

    def entries(self, element: str) -> tuple[np.ndarray, np.ndarray]:
        """All entries of one element in the order in which they came.

        Returns
        -------
        origins : ndarray of int, shape (n, 3)
            Run, step and atom ID.
        fingerprints : ndarray of float, shape (n, n_features)
            Unscaled.
        """
        number = self._element_number(element)
        elements, origins, fingerprints = self._require_native().entries_since(0)
        mine = elements == number
        width = self._widths[number]
        begin = _offsets(elements, self._widths)[:-1][mine]
        return origins[mine], fingerprints[begin[:, None] + np.arange(width)]

    # asking and adding

    def query(self, atoms: Atoms, n_jobs: int = 1) -> np.ndarray:
        """Novelty of each atom; the bank stays as it is.

        Returns
        -------
        ndarray of float, shape (n_atoms,)
            Distance to the nearest entry of the element / threshold; infinite if there is none; > 1: new.

        Raises
        ------
        ValueError
            If the scaling is not known yet, or an element is not the bank's.
        """
        native = self._require_native()
        elements, fingerprints, order, _ = self._fingerprints(atoms, n_jobs)
        novelty = np.empty(len(atoms))
        novelty[order] = native.distances(elements, fingerprints) / np.take(native.thresholds, elements)
        return novelty

    def update(self, atoms: Atoms, step: int | None = None, run: int = 0, n_jobs: int = 1) -> BankUpdate:
        """Show the bank one frame: its new environments are stored, in the order of the atom IDs.

        Parameters
        ----------
        atoms : ase.Atoms
            Atom IDs are taken from ``atoms.arrays["id"]`` if there; else atoms are numbered from 1.
        step : int, optional
            Stored with the entries. Default: the number of frames that this object has seen before.
        run : int
            Stored with the entries.

        Raises
        ------
        ValueError
            If the scaling is not known yet, or an element is not the bank's.
        """
        self._require_native()
        return self.update_from_fingerprints(*self._fingerprints(atoms, n_jobs), step, run)

    def has_new(self, elements: np.ndarray, fingerprints: np.ndarray) -> bool:
        """Whether a frame holds a new environment; the bank stays as it is.

        Parameters
        ----------
        elements, fingerprints : ndarray
            As for `update_from_fingerprints`, which costs several times as much.
        """
        native = self._require_native()
        return len(native.select_new(elements, fingerprints, self._hints.of(elements))) > 0

    def update_from_fingerprints(
        self,
        elements: np.ndarray,
        fingerprints: np.ndarray,
        order: np.ndarray,
        atom_ids: np.ndarray,
        step: int | None = None,
        run: int = 0,
    ) -> BankUpdate:
        """`update` with fingerprints that exist already, as `flat_fingerprints` returns them.

        Parameters
        ----------
        elements : ndarray of int32, shape (n_atoms,)
            Element numbers in the order in which the environments are taken.
        fingerprints : ndarray of float, shape (total,)
            Unscaled, one after the other.
        order : ndarray of int, shape (n_atoms,)
            Index of the atom of each of them.
        atom_ids : ndarray of int, shape (n_atoms,)
            IDs by atom index.
        """
        native = self._require_native()
        step = self._n_seen if step is None else step
        self._n_seen += 1
        distance = native.distances(elements, fingerprints, self._hints.of(elements))
        threshold = np.take(native.thresholds, elements)
        novelty = np.empty(len(elements))
        novelty[order] = distance / threshold
        candidates = np.flatnonzero(distance > threshold)
        taken = candidates[
            native.select_new(elements[candidates], self._pick(elements, fingerprints, candidates))
        ]
        ids = atom_ids[order[taken]]
        origins = np.column_stack([np.full_like(ids, run), np.full_like(ids, step), ids])
        native.add(elements[taken], origins, self._pick(elements, fingerprints, taken))
        return BankUpdate(len(taken) > 0, novelty, order[taken])

    def extend(self, element: str, fingerprints: np.ndarray) -> np.ndarray:
        """Show the bank many environments of one element, one after the other; new ones are stored.

        Parameters
        ----------
        element : str
        fingerprints : ndarray of float, shape (n, n_features)
            Unscaled, in the order in which they are taken.

        Returns
        -------
        ndarray of int
            Rows that were stored, ascending; their provenance is run 0, step and atom ID the row.

        Raises
        ------
        ValueError
            If the scaling is not known yet, the element is not the bank's or a row has another length.
        """
        native = self._require_native()
        number = self._element_number(element)
        rows = np.ascontiguousarray(fingerprints, dtype=float)
        if rows.ndim != 2 or rows.shape[1] != self._widths[number]:
            raise ValueError(
                f"fingerprints of {element}: expected rows of {self._widths[number]} numbers, "
                f"got an array of shape {rows.shape}"
            )
        picked = [np.empty(0, np.int64)]
        for begin in range(0, len(rows), _AT_A_TIME):
            part = rows[begin : begin + _AT_A_TIME]
            new = native.select_new(np.full(len(part), number, np.int32), part.ravel())
            at = begin + new
            origins = np.column_stack([np.zeros_like(at), at, at])
            native.add(np.full(len(new), number, np.int32), origins, part[new].ravel())
            picked.append(at)
        return np.concatenate(picked)

    def to(self, device: str | None) -> EnvironmentBank:
        """A copy of this bank whose questions PyTorch answers on a device, with the same answers bit for bit.

        Worth it for large banks and many environments at a time.

        Parameters
        ----------
        device : str or None
            "cuda", "cuda:1", "cpu", … as PyTorch names it; None: the compiled search.

        Raises
        ------
        ValueError
            If the scaling is not known yet.
        ImportError
            If PyTorch is not installed.
        RuntimeError
            If there is no such device.
        """
        native: Any = _core.EnvironmentBank.deserialise(self._require_native().serialise(), "the bank")
        if device is not None:
            from mdsieve.device_search import DeviceSearch

            native = DeviceSearch(native, device)
        return self._from_native(self._functions, native)

    # banks among themselves

    def merge(self, other: EnvironmentBank) -> int:
        """Add what another bank knows and this one does not: its entries in its order, own thresholds.

        Returns
        -------
        int
            Number of entries added; they keep their provenance.

        Raises
        ------
        ValueError
            If the other bank has different symmetry functions or a different scaling.
        """
        native, others = self._require_native(), other._require_native()
        native.require_compatible(getattr(others, "compiled", others), "the other bank")
        elements, origins, fingerprints = others.entries_since(0)
        new = native.select_new(elements, fingerprints)
        native.add(elements[new], origins[new], self._pick(elements, fingerprints, new))
        return len(new)

    def diff(self, other: EnvironmentBank) -> BankDifference:
        """Which entries of each bank are new to the other.

        Raises
        ------
        ValueError
            If the other bank has different symmetry functions or a different scaling.
        """
        native, others = self._require_native(), other._require_native()
        native.require_compatible(getattr(others, "compiled", others), "the other bank")
        return BankDifference(_uncovered(native, others), _uncovered(others, native))

    def rethreshold(self, thresholds: float | Mapping[str, float]) -> EnvironmentBank:
        """A new bank of those entries that the greedy rule picks, in stored order, under other thresholds.

        Raises
        ------
        ValueError
            If a threshold is smaller than this bank's: the environments in between were never stored.
        """
        native = self._require_native()
        for element, new in check_thresholds(thresholds, list(self.thresholds)).items():
            if new < self.thresholds[element]:
                raise ValueError(
                    f"threshold {new:g} of {element}: expected at least the bank's "
                    f"{self.thresholds[element]:g}; repeat the selection on the frames for a smaller one"
                )
        result = EnvironmentBank(self._functions, thresholds, self._scaling_kind)
        result._create(native.scaling)
        result.merge(self)
        return result

    # on disk

    def save(self, path: str | os.PathLike) -> None:
        """Write the bank whole or not at all: HDF5 if the name ends in .h5 or .hdf5, else the native format.

        Raises
        ------
        ValueError
            If the scaling is not known yet.
        OSError
            If the file cannot be written.
        """
        native = self._require_native()
        with replacing(path) as temporary:
            if Path(path).suffix in _HDF5_SUFFIXES:
                from mdsieve.io.bank_hdf5 import write_bank_hdf5

                write_bank_hdf5(native, temporary)
            else:
                temporary.write_bytes(native.serialise())

    @classmethod
    def load(cls, path: str | os.PathLike, precision: Precision = "double") -> EnvironmentBank:
        """Read a bank; its symmetry functions come with it.

        Parameters
        ----------
        path : path
            A bank file, an HDF5 exchange file (``.h5``, ``.hdf5``) or a driver's store (``.db``).
        precision : {"double", "mixed"}
            Of further fingerprints.

        Raises
        ------
        ValueError
            "path: ..." if the file is no bank or is damaged.
        OSError
            If the file cannot be read.
        """
        if Path(path).suffix in _HDF5_SUFFIXES:
            from mdsieve.io.bank_hdf5 import read_bank_hdf5

            native = read_bank_hdf5(path)
        elif Path(path).suffix == _STORE_SUFFIX:
            from mdsieve.driver.store import FrameStore

            with FrameStore.read(path) as store:
                native = store.bank()
            if native is None:
                raise ValueError(f"{path}: this store has no bank yet")
        else:
            native = _core.EnvironmentBank.deserialise(Path(path).read_bytes(), str(path))
        return cls._from_native(functions_of(native, str(path), precision), native)

    # within

    def _create(self, scaling: _core.Scaling) -> None:
        descriptor = _descriptor_of(self._functions)
        columns = [descriptor.columns(i) for i in range(len(descriptor.elements))]
        self._native = _core.EnvironmentBank(
            descriptor_text=self._functions.text,
            descriptor_hash=descriptor.hash,
            elements=descriptor.elements,
            n_features=[len(c) for c in columns],
            cutoffs=[max((descriptor.functions[k].r_cutoff for k in c), default=0.0) for c in columns],
            thresholds=[self._thresholds[symbol] for symbol in descriptor.elements],
            scaling=scaling,
        )

    def _require_native(self) -> _core.EnvironmentBank:
        if self._native is None:
            raise ValueError(
                f"the bank's scaling '{self._scaling_kind}' is not known yet: call fit_scaling(frames) or "
                "from_scaling_data(path) first, or create the bank with scaling=None"
            )
        return self._native

    def _require_open_scaling(self) -> str:
        """The kind of the scaling that is still to be made known."""
        if self._scaling_kind is None:
            raise ValueError("the bank was created with scaling=None: there is no scaling to fit or read")
        if self._native is not None:
            raise ValueError("the bank's scaling is frozen: create a new bank for another one")
        return self._scaling_kind

    def _element_number(self, element: str) -> int:
        elements = self._functions.elements
        if element not in elements:
            raise ValueError(f"element {element!r}: the bank knows {', '.join(elements)}")
        return elements.index(element)

    def _fingerprints(
        self, atoms: Atoms, n_jobs: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        rows = self._functions.create_by_element(atoms, n_jobs=n_jobs)
        return flat_fingerprints(self._functions, atoms, rows)

    def _pick(self, elements: np.ndarray, fingerprints: np.ndarray, which: np.ndarray) -> np.ndarray:
        """The fingerprints of some of the environments, again one after the other."""
        offsets = _offsets(elements, self._widths)
        parts = [fingerprints[offsets[i] : offsets[i + 1]] for i in which]
        return np.concatenate(parts) if parts else np.empty(0)


class _Hints:
    """The entry that covered each place of the frame last time, as long as the elements stay the same."""

    def __init__(self) -> None:
        self._elements = np.empty(0, np.int32)
        self._entries = np.empty(0, np.int64)

    def of(self, elements: np.ndarray) -> np.ndarray:
        if not np.array_equal(elements, self._elements):
            self._elements = elements.copy()
            self._entries = np.full(len(elements), -1, np.int64)
        return self._entries


def check_thresholds(
    thresholds: float | Mapping[str, float], elements: list[str], what: str = "threshold"
) -> dict[str, float]:
    """One sound threshold (or `what` else) for each element, from one number or one for each.

    Raises
    ------
    ValueError
        If one is missing, superfluous, not finite or not above 0.
    """
    if not isinstance(thresholds, Mapping):
        thresholds = dict.fromkeys(elements, thresholds)
    missing = [symbol for symbol in elements if symbol not in thresholds]
    if missing:
        raise ValueError(
            f"no {what} for {', '.join(missing)}: expected one for each of {', '.join(elements)}"
        )
    unknown = [symbol for symbol in thresholds if symbol not in elements]
    if unknown:
        raise ValueError(
            f"{what} for {', '.join(unknown)}: the symmetry functions know {', '.join(elements)}"
        )
    for symbol, value in thresholds.items():
        is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not (is_number and math.isfinite(value) and value > 0):
            raise ValueError(f"{what} of {symbol} is {value!r}: expected a finite number above 0")
    return {symbol: float(thresholds[symbol]) for symbol in elements}


def flat_fingerprints(
    functions: SymmetryFunctions, atoms: Atoms, rows: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fingerprints in the order of the atom IDs, one after the other.

    Parameters
    ----------
    rows : dict of str to (ndarray of int, ndarray of float)
        Atom indices and fingerprints of each element, from ``functions.create_by_element(atoms)``.

    Returns
    -------
    elements : ndarray of int32, shape (n_atoms,)
    fingerprints : ndarray of float, shape (total,)
    order : ndarray of int, shape (n_atoms,)
        Index of the atom of each of them.
    atom_ids : ndarray of int, shape (n_atoms,)
        IDs by atom index.
    """
    atom_ids = _atom_ids(atoms)
    order = np.argsort(atom_ids, kind="stable")
    alone = [symbol for symbol, (indices, _) in rows.items() if len(indices) == len(atoms)]
    if len(alone) == 1:  # one element: whole rows change places
        elements = np.full(len(atoms), functions.elements.index(alone[0]), np.int32)
        return elements, rows[alone[0]][1][order].reshape(-1), order, atom_ids
    numbers = np.full(len(atoms), -1, np.int32)
    for number, symbol in enumerate(functions.elements):
        if symbol in rows:
            numbers[rows[symbol][0]] = number
    place = np.empty(len(atoms), np.int64)
    place[order] = np.arange(len(atoms))
    elements = numbers[order]
    n_features = functions.n_features
    offsets = _offsets(elements, [n_features[symbol] for symbol in functions.elements])
    flat = np.empty(offsets[-1])
    for indices, values in rows.values():
        if len(indices):
            flat[offsets[place[indices]][:, None] + np.arange(values.shape[1])] = values
    return elements, flat, order, atom_ids


def _offsets(elements: np.ndarray, n_features: list[int]) -> np.ndarray:
    """Where each fingerprint begins in the flat array, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(np.take(n_features, elements))]).astype(np.int64)


def _as_frames(frames: Atoms | Iterable[Atoms]) -> Iterable[Atoms]:
    from ase import Atoms

    return [frames] if isinstance(frames, Atoms) else frames


def _atom_ids(atoms: Atoms) -> np.ndarray:
    if "id" in atoms.arrays:
        return np.asarray(atoms.arrays["id"], dtype=np.int64)
    return np.arange(1, len(atoms) + 1, dtype=np.int64)


def _descriptor_of(functions: SymmetryFunctions) -> _core.Descriptor:
    return _core.parse_input_nn(functions.text, "the symmetry functions", functions.length_unit)


def _uncovered(bank: _core.EnvironmentBank, by: _core.EnvironmentBank) -> np.ndarray:
    elements, _, fingerprints = bank.entries_since(0)
    return np.flatnonzero(by.distances(elements, fingerprints) > np.take(by.thresholds, elements))


def functions_of(native: _core.EnvironmentBank, name: str, precision: Precision) -> SymmetryFunctions:
    """The symmetry functions of a bank. Its text may be in either unit: the hash tells which."""
    from mdsieve.descriptors import SymmetryFunctions

    units: tuple[LengthUnit, ...] = ("angstrom", "bohr")
    for unit in units:
        functions = SymmetryFunctions(
            native.descriptor_text, name=f"{name} (descriptor)", precision=precision, length_unit=unit
        )
        if functions.hash == native.descriptor_hash:
            return functions
    raise ValueError(f"{name}: this version of mdsieve reads the bank's symmetry functions differently")
