# SPDX-License-Identifier: GPL-2.0-or-later
"""Labelled frames with the fingerprints of all their environments."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import ByElement, SymmetryFunctions
    from mdsieve.potentials.ensemble import NetworkEnsemble

__all__ = ["Pool"]

_FRAMES_AT_A_TIME = 512  # through the networks


class Pool:
    """Frames to choose from, or to be judged on.

    Parameters
    ----------
    functions : SymmetryFunctions
    frames : sequence of ase.Atoms
        With energies in their calculators.
    name : str
        In messages and tables.
    n_jobs : int
        Threads.
    report : callable, optional
        Called with the number of frames that are done.

    Attributes
    ----------
    frames : list of ase.Atoms
    energies : ndarray of float, shape (n_frames,)
        eV.
    n_atoms : ndarray of int64, shape (n_frames,)

    Raises
    ------
    ValueError
        If there is no frame, a frame has no finite energy, or an element is unknown.
    """

    def __init__(
        self,
        functions: SymmetryFunctions,
        frames: Sequence[Atoms],
        name: str = "pool",
        *,
        n_jobs: int = 1,
        report: Callable[[int], None] | None = None,
    ) -> None:
        if not len(frames):
            raise ValueError(f"{name}: no frames in it")
        self.functions = functions
        self.frames = list(frames)
        self.name = name
        self.n_atoms = np.array([len(atoms) for atoms in frames], np.int64)
        self.energies = np.array([_energy(atoms, f"{name}: frame {k}") for k, atoms in enumerate(frames)])
        symbols = functions.elements
        rows: dict[str, list[np.ndarray]] = {symbol: [] for symbol in symbols}
        indices: dict[str, list[np.ndarray]] = {symbol: [] for symbol in symbols}
        with ThreadPoolExecutor(n_jobs) as pool:
            for k, found in enumerate(pool.map(functions.create_by_element, self.frames), start=1):
                for symbol, (atoms_of, values) in found.items():
                    rows[symbol].append(values.astype(np.float32))
                    indices[symbol].append(atoms_of)
                if report is not None:
                    report(k)
        self._starts = {s: np.cumsum([0, *map(len, parts)]) for s, parts in indices.items()}
        self._rows = {symbol: np.concatenate(parts) for symbol, parts in rows.items()}
        self._indices = {symbol: np.concatenate(parts) for symbol, parts in indices.items()}

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def n_environments(self) -> int:
        """Atoms of all frames."""
        return int(self.n_atoms.sum())

    def fingerprint(self) -> str:
        """Hexadecimal hash of descriptor, fingerprints, energies and forces."""
        digest = hashlib.blake2b(self.functions.hash.encode(), digest_size=20)
        digest.update(self.energies.tobytes() + self.n_atoms.tobytes())
        for number, atoms in enumerate(self.frames):
            forces = atoms.calc.results.get("forces")
            if forces is not None:
                digest.update(number.to_bytes(8, "little") + np.asarray(forces, np.float64).tobytes())
        for rows in self._rows.values():
            digest.update(np.ascontiguousarray(rows).data)
        return digest.hexdigest()

    def rows(self, frame: int) -> ByElement:
        """Fingerprints of a frame as `SymmetryFunctions.create_by_element`'s, in single precision."""
        found = {}
        for symbol, starts in self._starts.items():
            part = slice(starts[frame], starts[frame + 1])
            found[symbol] = self._indices[symbol][part], self._rows[symbol][part]
        return found

    def atomic_energies(self, ensemble: NetworkEnsemble, numbers: Iterable[int]) -> list[np.ndarray]:
        """What the members say of the atoms of some frames [eV], each of shape (M, n_atoms)."""
        chosen = np.fromiter(numbers, np.int64)
        said: list[np.ndarray] = []
        for start in range(0, len(chosen), _FRAMES_AT_A_TIME):
            said += self._said(ensemble, chosen[start : start + _FRAMES_AT_A_TIME])
        return said

    def predicted_energies(self, ensemble: NetworkEnsemble) -> np.ndarray:
        """What the members say of all frames [eV], shape (M, n_frames)."""
        said = self.atomic_energies(ensemble, range(len(self)))
        return np.stack([atomic.sum(axis=1) for atomic in said], axis=1)

    def _said(self, ensemble: NetworkEnsemble, numbers: np.ndarray) -> list[np.ndarray]:
        by_frame = [self.rows(int(number)) for number in numbers]
        stacked = {s: np.concatenate([rows[s][1] for rows in by_frame]) for s in self.functions.elements}
        energies = ensemble.atomic_energies({s: rows for s, rows in stacked.items() if len(rows)})
        said = [np.zeros((ensemble.n_members, self.n_atoms[number])) for number in numbers]
        for symbol, values in energies.items():
            end = 0
            for atomic, rows in zip(said, by_frame, strict=True):
                indices = rows[symbol][0]
                atomic[:, indices] = values[:, end : end + len(indices)]
                end += len(indices)
        return said


def _energy(atoms: Atoms, name: str) -> float:
    energy = None if atoms.calc is None else atoms.calc.results.get("energy")
    if energy is None or not np.isfinite(energy):
        raise ValueError(f"{name} has no energy")
    return float(energy)
