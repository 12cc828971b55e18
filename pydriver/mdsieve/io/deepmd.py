# SPDX-License-Identifier: GPL-2.0-or-later
"""Systems as DeePMD-kit keeps them: a folder with ``type.raw`` and NumPy arrays in ``set.*``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

_MIXED = "real_atom_types.npy"


def find_systems(folder: str | os.PathLike) -> list[Path]:
    """The systems in a folder: itself, or those somewhere below, in the order of their names.

    Raises
    ------
    ValueError
        If there is none.
    """
    found = sorted(path.parent for path in Path(folder).rglob("type.raw"))
    if not found:
        raise ValueError(f"{folder}: a folder without type.raw, the mark of a DeePMD system")
    return found


def read_system(folder: str | os.PathLike, types: Sequence[str] | None = None) -> Iterator[Atoms]:
    """The frames of a system, set after set; also of the mixed-type form.

    Parameters
    ----------
    folder : path
        With ``type.raw``, ``set.*/coord.npy`` and, unless there is a file ``nopbc``, ``set.*/box.npy``;
        ``energy.npy``, ``force.npy`` and ``virial.npy`` where there are any. Å and eV.
    types : sequence of str, optional
        Elements of types 0, 1, … where the folder has no ``type_map.raw``.

    Yields
    ------
    ase.Atoms
        Periodic unless there is ``nopbc``; with labels.

    Raises
    ------
    ValueError
        If files do not fit together, naming one.
    OSError
        If one cannot be read.
    """
    folder = Path(folder)
    symbols = _type_map(folder, types)
    of_atom = np.array(_whole_numbers(folder / "type.raw"))
    sets = sorted(folder.glob("set.*"))
    if not sets:
        raise ValueError(f"{folder}: no set.* in it")
    is_periodic = not (folder / "nopbc").exists()
    for place in sets:
        yield from _frames_of_set(place, symbols, of_atom, is_periodic)


def _frames_of_set(
    place: Path, symbols: list[str], of_atom: np.ndarray, is_periodic: bool
) -> Iterator[Atoms]:
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    n_atoms = len(of_atom)
    positions = _array(place / "coord.npy", None, 3 * n_atoms)
    n_frames = len(positions)
    boxes = _array(place / "box.npy", n_frames, 9) if is_periodic else None
    labels = {
        name: _array(place / f"{name}.npy", n_frames, width) if (place / f"{name}.npy").exists() else None
        for name, width in (("energy", 1), ("force", 3 * n_atoms), ("virial", 9))
    }
    mixed = _array(place / _MIXED, n_frames, n_atoms) if (place / _MIXED).exists() else None
    for number in range(n_frames):
        kinds = of_atom if mixed is None else np.asarray(mixed[number], dtype=np.int64)
        is_real = kinds >= 0  # -1 fills frames up to the same number of atoms
        if kinds.max() >= len(symbols):
            raise ValueError(
                f"{place}: type {kinds.max()} of frame {number}: {len(symbols)} elements are known"
            )
        atoms = Atoms(
            [symbols[kind] for kind in kinds[is_real]],
            positions=np.asarray(positions[number], float).reshape(-1, 3)[is_real],
            cell=None if boxes is None else np.asarray(boxes[number], float).reshape(3, 3),
            pbc=is_periodic,
        )
        results: dict[str, object] = {}
        if labels["energy"] is not None:
            results["energy"] = float(labels["energy"][number].ravel()[0])
        if labels["force"] is not None:
            results["forces"] = np.asarray(labels["force"][number], float).reshape(-1, 3)[is_real]
        if labels["virial"] is not None and is_periodic:
            stress = -np.asarray(labels["virial"][number], float).reshape(3, 3) / atoms.cell.volume
            results["stress"] = stress.ravel()[[0, 4, 8, 5, 2, 1]]
        if results:
            atoms.calc = SinglePointCalculator(atoms, **results)
        yield atoms


def _type_map(folder: Path, types: Sequence[str] | None) -> list[str]:
    from ase.data import atomic_numbers

    path = folder / "type_map.raw"
    if not path.exists() and types is None:
        raise ValueError(f"{folder}: no type_map.raw in it: say the elements of its types")
    found = path.read_text(encoding="utf-8").split() if path.exists() else list(types or ())
    for symbol in found:
        if symbol not in atomic_numbers:
            raise ValueError(f"{path}: '{symbol}' is no element")
    return found


def _whole_numbers(path: Path) -> list[int]:
    words = path.read_text(encoding="utf-8").split()
    if not words or not all(word.isdecimal() for word in words):
        raise ValueError(f"{path}: expected a whole number for each atom")
    return [int(word) for word in words]


def _array(path: Path, n_frames: int | None, width: int) -> np.ndarray:
    """Rows of an array on disk, shape (n_frames, width)."""
    found = np.load(path, mmap_mode="r", allow_pickle=False)
    rows = found.reshape(len(found), -1) if found.ndim else found
    if rows.ndim != 2 or rows.shape[1] != width or n_frames not in (None, len(rows)):
        wanted = f"({'n' if n_frames is None else n_frames}, {width})"
        raise ValueError(f"{path}: shape {found.shape}, expected {wanted}")
    if rows.dtype.kind not in "fiu":
        raise ValueError(f"{path}: expected numbers")
    return rows
