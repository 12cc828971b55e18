# SPDX-License-Identifier: GPL-2.0-or-later
"""Fingerprints of labelled frames and their derivatives, computed once for all epochs."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from mdsieve.descriptors import neighbour_pairs
from mdsieve.potentials.block_files import BlockFiles
from mdsieve.potentials.frame_labels import Labels, read_labels
from mdsieve.potentials.frame_slopes import DENSE_UP_TO, Slopes, dense_slopes, listed_slopes

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import SymmetryFunctions

__all__ = ["Block", "BlockContent", "TrainingFrames"]

Storage: TypeAlias = Literal["single", "double"]

_DTYPES: dict[str, np.dtype] = {"single": np.dtype(np.float32), "double": np.dtype(np.float64)}
_ATOMS_IN_BLOCK = 256  # what the caches hold of a small ensemble's layers
_WORTH_A_LIST = 0.6  # share of an atom's neighbours among all atoms, below which frames are listed


@dataclass(frozen=True, eq=False)
class BlockContent:
    """What a block computes from the structures.

    Attributes
    ----------
    fingerprints : dict of str to ndarray of float64, shape (n_frames * n_centres, n_features)
        Of each element that occurs, frame by frame.
    slopes : dict of str to Slopes
        For each element the derivatives; empty if no frame's forces or virial are wanted.
    """

    fingerprints: dict[str, np.ndarray]
    slopes: dict[str, Slopes]


@dataclass(frozen=True, eq=False)
class Block:
    """Some frames with as many atoms of each element: what is computed in one go.

    Attributes
    ----------
    frames : ndarray of int64, shape (n_frames,)
        Their numbers in the `TrainingFrames`.
    n_atoms : int
        Of each frame.
    n_centres : dict of str to int
        Atoms of each element that occurs, of each frame.
    targets : ndarray of float, shape (n_frames, n_rows)
        Forces atom by atom [eV/Å], then, if the virial is wanted, its six components an atom [eV]; 0 where
        there is no label.
    shares : ndarray of float, shape (n_frames, n_rows)
        Weight of each row's squared error in the mean over a frame's force components (1 / (3 n_atoms)), or
        over its virial (1/6); 0 where there is no label or the mask leaves the environment out.
    load : callable
        Returns the `BlockContent`.
    """

    frames: np.ndarray
    n_atoms: int
    n_centres: dict[str, int]
    targets: np.ndarray
    shares: np.ndarray
    load: Callable[[], BlockContent]


class TrainingFrames:
    """Labelled frames as training takes them.

    Frames may differ in size and composition. Derivatives are summed over periodic images; small cells are
    stored densely, larger ones as lists of neighbours. Frames of equal composition are put into blocks at
    random, about 256 atoms each.

    Parameters
    ----------
    functions : SymmetryFunctions
    stress : bool
        Whether stresses are wanted.
    forces : bool
        Whether forces are; without, and without stress, no derivatives are computed.
    storage : {"single", "double"}
        Precision of the derivatives that are kept; fingerprints always are doubles.
    memory : float
        Bytes of derivatives above which blocks are kept in files.
    cache : path, optional
        Folder for such files; blocks found in it, of an earlier or a killed run, are not computed again, and
        what `memory` says is not looked at. Default: a temporary folder, if one is needed.
    n_jobs : int
        Threads.
    seed : int
        Of the order in which frames are put into blocks.

    Attributes
    ----------
    energies : ndarray of float, shape (n_frames,)
        eV; NaN without a label.
    n_atoms : ndarray of int64, shape (n_frames,)
    composition : ndarray of int64, shape (n_frames, n_elements)
        Atoms of each element, in the order of `functions.elements`.
    blocks : list of Block

    Raises
    ------
    ValueError
        If an option is not what it can be.
    """

    def __init__(
        self,
        functions: SymmetryFunctions,
        *,
        stress: bool = False,
        forces: bool = True,
        storage: Storage = "single",
        memory: float = 2e9,
        cache: str | os.PathLike | None = None,
        n_jobs: int = 1,
        seed: int = 0,
    ) -> None:
        if storage not in _DTYPES:
            raise ValueError(f"storage {storage!r}: expected 'single' or 'double'")
        if n_jobs < 1:
            raise ValueError(f"n_jobs is {n_jobs}: expected at least 1")
        self.functions = functions
        self.has_stress = bool(stress)
        self.has_forces = bool(forces)
        self.energies = np.empty(0)
        self.n_atoms = np.empty(0, np.int64)
        self.composition = np.empty((0, len(functions.elements)), np.int64)
        self.blocks: list[Block] = []
        self._dtype = _DTYPES[storage]
        self._memory = float(memory)
        self._temporary: tempfile.TemporaryDirectory | None = None
        self._files = None if cache is None else BlockFiles(cache, functions, self._dtype, stress)
        self._n_jobs = n_jobs
        self._seed = seed
        self._n_added = 0

    @classmethod
    def from_atoms(
        cls,
        functions: SymmetryFunctions,
        frames: Sequence[Atoms],
        *,
        masks: Sequence[np.ndarray | None] | None = None,
        report: Callable[[int, int], None] | None = None,
        **options,
    ) -> TrainingFrames:
        """Describe structures; `options` are those of the class, the rest as in `add`."""
        made = cls(functions, **options)
        made.add(frames, masks=masks, report=report)
        return made

    def __len__(self) -> int:
        return len(self.energies)

    @property
    def n_environments(self) -> int:
        """Atoms of all frames."""
        return int(self.n_atoms.sum())

    @property
    def n_bytes(self) -> int:
        """About what the derivatives take if all of them are dense."""
        return sum(self._dense_bytes(block.n_centres, len(block.frames)) for block in self.blocks)

    def add(
        self,
        frames: Sequence[Atoms],
        *,
        masks: Sequence[np.ndarray | None] | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> None:
        """Describe further structures; those that are there already stay as they are.

        Parameters
        ----------
        frames : sequence of ase.Atoms
            With energies, forces or both, and stresses if wanted, in their calculators.
        masks : sequence of ndarray of bool, shape (n_atoms,), or None, optional
            Environments whose forces count; None: all. Energies and stresses belong to whole frames.
        report : callable, optional
            Called with the number of frames that are done, and of all.

        Raises
        ------
        ValueError
            If a frame has no label, a label makes no sense, or an element is unknown.
        OSError
            If a file of the cache cannot be written.
        """
        if masks is not None and len(masks) != len(frames):
            raise ValueError(f"{len(masks)} masks for {len(frames)} frames")
        first = len(self)
        names = [f"frame {first + k}" for k in range(len(frames))]
        labels = [
            read_labels(atoms, None if masks is None else masks[k], names[k])
            for k, atoms in enumerate(frames)
        ]
        composition = self._composition(frames, names)
        plan = self._plan(frames, composition)
        needed = sum(
            self._dense_bytes(self._centres(composition[numbers[0]]), len(numbers)) for numbers in plan
        )
        if self._files is None and self.n_bytes + needed > self._memory:
            self._temporary = tempfile.TemporaryDirectory(prefix="mdsieve-training-")
            self._files = BlockFiles(self._temporary.name, self.functions, self._dtype, self.has_stress)
        n_done = 0
        made = []
        for numbers, block in zip(plan, self._made(plan, frames, labels, composition, first), strict=True):
            made.append(block)
            n_done += len(numbers)
            if report is not None:
                report(n_done, len(frames))
        self.blocks += made  # nothing is added if a frame cannot be described
        self.energies = np.append(self.energies, [each.energy for each in labels])
        self.n_atoms = np.append(self.n_atoms, [len(atoms) for atoms in frames]).astype(np.int64)
        self.composition = np.concatenate([self.composition, composition])
        self._n_added += 1

    def fingerprint(self) -> str:
        """Hexadecimal hash of the labels and of what is in the blocks, in their order."""
        digest = hashlib.blake2b(self.functions.hash.encode(), digest_size=20)
        digest.update(np.ascontiguousarray(self.energies).tobytes() + self.composition.tobytes())
        for block in self.blocks:
            digest.update(block.frames.tobytes() + block.targets.tobytes() + block.shares.tobytes())
            for rows in block.load().fingerprints.values():
                digest.update(rows.tobytes())
        return digest.hexdigest()

    def fingerprints(self, symbol: str) -> np.ndarray:
        """Fingerprints of all environments of an element, block by block, shape (n, n_features)."""
        found = [block.load().fingerprints[symbol] for block in self.blocks if block.n_centres.get(symbol)]
        return np.concatenate(found) if found else np.empty((0, self.functions.n_features[symbol]))

    # within

    def _composition(self, frames: Sequence[Atoms], names: Sequence[str]) -> np.ndarray:
        from ase.data import atomic_numbers

        numbers = [atomic_numbers[symbol] for symbol in self.functions.elements]
        counts = np.zeros((len(frames), len(numbers)), np.int64)
        for k, atoms in enumerate(frames):
            counts[k] = [(atoms.numbers == number).sum() for number in numbers]
            if counts[k].sum() != len(atoms):
                unknown = sorted(set(atoms.get_chemical_symbols()) - set(self.functions.elements))
                raise ValueError(
                    f"{names[k]}: element {unknown[0]} is not in the descriptor, which knows "
                    f"{' '.join(self.functions.elements)}"
                )
        return counts

    def _plan(self, frames: Sequence[Atoms], composition: np.ndarray) -> list[np.ndarray]:
        """Which frames make a block."""
        order = np.random.default_rng([self._seed, self._n_added]).permutation(len(frames))
        alike: dict[tuple[int, ...], list[int]] = {}
        for k in order:
            alike.setdefault(tuple(composition[k]), []).append(int(k))
        plan = []
        for numbers in alike.values():
            n_atoms = len(frames[numbers[0]])
            step = max(1, _ATOMS_IN_BLOCK // n_atoms) if n_atoms <= DENSE_UP_TO else 1
            plan += [np.array(numbers[k : k + step]) for k in range(0, len(numbers), step)]
        return plan

    def _centres(self, counts: np.ndarray) -> dict[str, int]:
        return {s: int(n) for s, n in zip(self.functions.elements, counts, strict=True) if n}

    def _dense_bytes(self, n_centres: dict[str, int], n_frames: int) -> int:
        if not (self.has_forces or self.has_stress):
            return 0
        widths = self.functions.n_features
        n_rows = 3 * sum(n_centres.values()) + 6 * self.has_stress
        columns = sum(n * widths[symbol] for symbol, n in n_centres.items())
        return n_frames * n_rows * columns * self._dtype.itemsize

    def _made(
        self,
        plan: Sequence[np.ndarray],
        frames: Sequence[Atoms],
        labels: Sequence[Labels],
        composition: np.ndarray,
        first: int,
    ) -> Iterator[Block]:
        """The blocks of a plan, computed by threads."""

        def make(numbers: np.ndarray) -> Block:
            structures = [frames[k] for k in numbers]
            of_frames = [labels[k] for k in numbers]
            n_atoms = len(structures[0])
            targets, shares = _rows(of_frames, n_atoms, self.has_forces, self.has_stress)
            return Block(
                frames=first + numbers.astype(np.int64),
                n_atoms=n_atoms,
                n_centres=self._centres(composition[numbers[0]]),
                targets=targets,
                shares=shares,
                load=self._content(structures, wants_slopes=bool(targets.shape[1])),
            )

        with ThreadPoolExecutor(self._n_jobs) as pool:
            yield from pool.map(make, plan)

    def _content(self, frames: Sequence[Atoms], wants_slopes: bool) -> Callable[[], BlockContent]:
        """Compute a block, or find it among the files."""
        if self._files is None:
            content = self._computed(frames, wants_slopes)
            return lambda: content
        key = self._files.key(frames, wants_slopes)
        if not self._files.has(key):
            self._files.write(key, self._computed(frames, wants_slopes))
        return self._files.reader(key)

    def _computed(self, frames: Sequence[Atoms], wants_slopes: bool) -> BlockContent:
        functions = self.functions
        found = [functions.create_by_element(atoms) for atoms in frames]
        present = [symbol for symbol, (indices, _) in found[0].items() if len(indices)]
        fingerprints = {
            symbol: np.concatenate([of_frame[symbol][1] for of_frame in found]) for symbol in present
        }
        for symbol, rows in fingerprints.items():
            if not np.isfinite(rows).all():
                raise ValueError(f"a fingerprint of {symbol} is not finite")
        if not wants_slopes:
            return BlockContent(fingerprints, {})
        n_rows = 3 * len(frames[0]) + 6 * self.has_stress
        derivatives = [functions.derivatives_by_element(atoms) for atoms in frames]
        if len(frames) == 1 and self._is_listed(frames[0]):
            slopes: dict[str, Slopes] = {
                symbol: listed_slopes(derivatives[0][symbol], n_rows, self._dtype) for symbol in present
            }
        else:
            slopes = {
                symbol: dense_slopes([each[symbol] for each in derivatives], n_rows, self._dtype)
                for symbol in present
            }
        return BlockContent(fingerprints, slopes)

    def _is_listed(self, atoms: Atoms) -> bool:
        if len(atoms) <= DENSE_UP_TO:
            return False
        pairs, _ = neighbour_pairs(atoms, self.functions.cutoff)
        n_neighbours = len(np.unique(pairs[:, 0] * len(atoms) + pairs[:, 1]))
        return n_neighbours < _WORTH_A_LIST * len(atoms) ** 2


def _rows(
    labels: Sequence[Labels], n_atoms: int, has_forces: bool, has_stress: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Targets and shares of a block's frames (see `Block`)."""
    if not (has_forces or has_stress):
        return np.zeros((len(labels), 0)), np.zeros((len(labels), 0))
    targets = np.zeros((len(labels), 3 * n_atoms + 6 * has_stress))
    shares = np.zeros_like(targets)
    for k, label in enumerate(labels):
        if has_forces and label.forces is not None:
            targets[k, : 3 * n_atoms] = label.forces.ravel()
            shares[k, : 3 * n_atoms] = np.repeat(label.mask, 3) / (3.0 * n_atoms)
        if has_stress and label.virial is not None:
            targets[k, 3 * n_atoms :] = label.virial
            shares[k, 3 * n_atoms :] = 1.0 / 6.0
    return targets, shares
