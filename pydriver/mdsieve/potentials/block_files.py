# SPDX-License-Identifier: GPL-2.0-or-later
"""Blocks of training data as HDF5 files in a folder: for what exceeds memory, and for the next run.

A file is named by a hash of all that decides its content, and appears whole or not at all. Its data sets are
contiguous, ``fingerprints/SYMBOL`` and ``slopes/SYMBOL/...``, so that they are mapped into memory: what the
system's page cache holds is not read again.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
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
        """A function that returns the block, mapped into memory when it is first wanted."""
        from mdsieve.potentials.training_data import BlockContent

        path = self.path(key)
        found: list[BlockContent] = []

        def read() -> BlockContent:
            if not found:
                with h5py.File(path, "r") as file:
                    fingerprints = {symbol: data[...] for symbol, data in file["fingerprints"].items()}
                    slopes = {
                        symbol: slopes_from({name: _mapped(path, data) for name, data in group.items()})
                        for symbol, group in file.get("slopes", {}).items()
                    }
                found.append(BlockContent(fingerprints, slopes))
            return found[0]

        return read


def _mapped(path: Path, data: h5py.Dataset) -> np.ndarray:
    """A data set without reading it: pages come as they are touched."""
    offset = data.id.get_offset()
    if offset is None or not data.size or not data.shape:
        return np.asarray(data[...])
    # "c": PyTorch wants arrays it may write to, the file stays as it is
    return np.asarray(np.memmap(path, data.dtype, "c", offset, data.shape))
