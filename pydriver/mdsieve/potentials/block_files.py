# SPDX-License-Identifier: GPL-2.0-or-later
"""Blocks of training data as HDF5 files in a folder: for what exceeds memory, and for the next run.

A file is named by a hash of all that decides its content, and appears whole or not at all. Its data sets are
contiguous, ``fingerprints/SYMBOL`` and ``slopes/SYMBOL/...``, so that derivatives are mapped into memory
while a block is worked on: what the system's page cache holds is not read again.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from mdsieve._version import __version__
from mdsieve.io.replacing import replacing
from mdsieve.potentials.frame_slopes import slopes_from

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import SymmetryFunctions
    from mdsieve.potentials.training_data import BlockContent

logger = logging.getLogger("mdsieve.potentials")


class BlockFiles:
    """A folder of blocks.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    functions : SymmetryFunctions
    dtype : numpy.dtype
        Of the derivatives.
    stress : bool
        Whether rows of the virial are kept.

    Raises
    ------
    OSError
        If the folder cannot be made.
    """

    def __init__(
        self, folder: str | os.PathLike, functions: SymmetryFunctions, dtype: np.dtype, stress: bool
    ) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        words = f"{__version__} {functions.hash} {functions.precision} {dtype.str} {bool(stress)}"
        self._begin = hashlib.blake2b(words.encode(), digest_size=20)

    def key(self, frames: Sequence[Atoms], wants_slopes: bool) -> str:
        """Name of the block that these frames make."""
        digest = self._begin.copy()
        digest.update(f"{len(frames)} {wants_slopes}".encode())
        for atoms in frames:
            for array in (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc):
                data = np.ascontiguousarray(array)
                digest.update(f"{data.dtype.str}{data.shape}".encode() + data.tobytes())
        return digest.hexdigest()

    def path(self, key: str) -> Path:
        """The file of a block."""
        return self.folder / f"{key}.h5"

    def has(self, key: str) -> bool:
        """Whether the block is there and can be read; a damaged file is said and then replaced."""
        if not self.path(key).exists():
            return False
        try:
            self.reader(key)()
        except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            logger.warning("%s: cannot be read (%s), its frames are described again", self.path(key), error)
            return False
        return True

    def write(self, key: str, content: BlockContent) -> None:
        """Keep a block.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        with replacing(self.path(key)) as temporary, h5py.File(temporary, "w") as file:
            for symbol, rows in content.fingerprints.items():
                file[f"fingerprints/{symbol}"] = rows
            for symbol, slopes in content.slopes.items():
                for name, array in slopes.arrays().items():
                    file[f"slopes/{symbol}/{name}"] = array

    def reader(self, key: str) -> Callable[[], BlockContent]:
        """A function that returns the block: fingerprints are read once, derivatives mapped each time.

        A map keeps its file open as long as it is used, and there may be more blocks than files that the
        system lets a process open.
        """
        from mdsieve.potentials.training_data import BlockContent

        path = self.path(key)
        fingerprints: dict[str, np.ndarray] = {}
        slopes: dict[str, dict[str, _Stored]] = {}

        def read() -> BlockContent:
            if not fingerprints:
                with h5py.File(path, "r") as file:
                    for symbol, group in file.get("slopes", {}).items():
                        slopes[symbol] = {name: _Stored.of(data) for name, data in group.items()}
                    fingerprints.update({symbol: data[...] for symbol, data in file["fingerprints"].items()})
            return BlockContent(
                fingerprints,
                {
                    symbol: slopes_from({name: stored.array(path) for name, stored in arrays.items()})
                    for symbol, arrays in slopes.items()
                },
            )

        return read


@dataclass(frozen=True, eq=False)
class _Stored:
    """A data set that is mapped, or one that is too small to be and is here."""

    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    content: np.ndarray | None

    @classmethod
    def of(cls, data: h5py.Dataset) -> _Stored:
        offset = data.id.get_offset()
        if offset is None or not data.size or not data.shape:
            return cls(data.dtype, data.shape, 0, np.asarray(data[...]))
        return cls(data.dtype, data.shape, offset, None)

    def array(self, path: Path) -> np.ndarray:
        if self.content is not None:
            return self.content
        # "c": PyTorch wants arrays it may write to, the file stays as it is
        return np.asarray(np.memmap(path, self.dtype, "c", self.offset, self.shape))
