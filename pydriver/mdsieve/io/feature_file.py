# SPDX-License-Identifier: GPL-2.0-or-later
"""Feature rows on disk, read and written block by block: NumPy's ``.npy`` and HDF5."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from mdsieve.io.replacing import replacing

__all__ = ["BLOCK_BYTES", "FeatureFile", "row_blocks", "write_features"]

#: Size of a block of rows in memory.
BLOCK_BYTES = 1 << 25

_HDF5 = (".h5", ".hdf5")
_DATASET = "features"


class FeatureFile:
    """Feature rows in a file; never more than a block of them is in memory.

    A context manager. Nothing in a file is executed: no pickle.

    Parameters
    ----------
    path : path
        ``.npy`` (any NumPy number, C order), or ``.h5`` and ``.hdf5`` with one matrix.
    dataset : str, optional
        Name of the matrix within an HDF5 file; default ``features``, or the only one there is.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it holds no matrix of numbers.
    """

    def __init__(self, path: str | os.PathLike, *, dataset: str | None = None) -> None:
        self.path = Path(path)
        self._file: Any = None
        if not self.path.is_file():
            raise FileNotFoundError(2, "there is no such file", str(self.path))
        if self.path.suffix in _HDF5:
            self._rows = self._open_hdf5(dataset)
        elif self.path.suffix == ".npy":
            self._rows = self._open_npy()
        else:
            raise ValueError(f"{self.path}: expected a name that ends in .npy, .h5 or .hdf5")
        rows = self._rows
        if rows.ndim != 2 or rows.dtype.kind not in "fiu" or not rows.shape[1]:
            what = f"an array of shape {rows.shape} and type {rows.dtype}"
            self.close()
            raise ValueError(f"{self.path}: {what}, expected rows of numbers")

    def _open_npy(self) -> Any:
        try:
            return np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(f"{self.path}: no array that NumPy can map ({error})") from None

    def _open_hdf5(self, dataset: str | None) -> Any:
        import h5py

        try:
            self._file = h5py.File(self.path, "r")
        except OSError as error:
            raise ValueError(f"{self.path}: no HDF5 file ({error})") from None
        names = [name for name, item in self._file.items() if isinstance(item, h5py.Dataset)]
        name = dataset or (_DATASET if _DATASET in names or len(names) != 1 else names[0])
        if name not in names:
            self.close()
            raise ValueError(f"{self.path}: no matrix '{name}', there is {', '.join(names) or 'none'}")
        return self._file[name]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self._rows.shape[0]), int(self._rows.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def description(self) -> dict[str, Any]:
        """What `write_features` was told of the rows; empty if nothing is known."""
        text = self._file[self._rows.name].attrs.get("description") if self._file is not None else None
        return json.loads(text) if isinstance(text, str) else {}

    def blocks(self, n_rows: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
        """The rows in their order.

        Parameters
        ----------
        n_rows : int, optional
            Rows a block; default as many as `BLOCK_BYTES` hold.

        Yields
        ------
        int
            Number of the block's first row.
        ndarray of float64, shape (n, n_features)

        Raises
        ------
        ValueError
            If a row is not finite.
        """
        step = n_rows or max(1, BLOCK_BYTES // (8 * self.shape[1]))
        for start in range(0, len(self), step):
            block = np.ascontiguousarray(self._rows[start : start + step], dtype=np.float64)
            _require_finite(block, start, str(self.path))
            yield start, block

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Some rows in the order asked for, shape (n, n_features)."""
        wanted, back = np.unique(np.asarray(indices, dtype=np.int64), return_inverse=True)
        return np.asarray(self._rows[wanted], dtype=np.float64)[back]

    def close(self) -> None:
        """Let go of the file."""
        self._rows = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> FeatureFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def row_blocks(rows: np.ndarray | FeatureFile, n_rows: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks of a matrix in memory, or of a file; see `FeatureFile.blocks`."""
    if isinstance(rows, FeatureFile):
        yield from rows.blocks(n_rows)
        return
    step = n_rows or max(1, BLOCK_BYTES // (8 * rows.shape[1]))
    for start in range(0, len(rows), step):
        yield start, rows[start : start + step]


def write_features(
    path: str | os.PathLike,
    blocks: Iterable[np.ndarray],
    description: dict[str, Any] | None = None,
    *,
    overwrite: bool = False,
) -> tuple[int, int]:
    """Write rows to HDF5 as they come; the file appears whole or not at all.

    Parameters
    ----------
    path : path
        Ends in ``.h5`` or ``.hdf5``.
    blocks : iterable of ndarray, shape (n, n_features)
        E.g. ``(encoder.encode(chunk) for chunk in chunks)``.
    description : dict, optional
        What the rows are, e.g. ``encoder.describe()``.
    overwrite : bool
        Replace a file that exists.

    Returns
    -------
    (int, int)
        Rows and columns written.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is not set.
    ValueError
        If there are no rows, blocks differ in width, or a row is not finite.
    """
    import h5py

    path = Path(path)
    if path.suffix not in _HDF5:
        raise ValueError(f"{path}: expected a name that ends in .h5 or .hdf5")
    if path.exists() and not overwrite:
        raise FileExistsError(17, "the file exists already; overwrite it explicitly", str(path))
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        rows = None
        for block in blocks:
            block = np.ascontiguousarray(block, dtype=np.float64)
            if block.ndim != 2:
                raise ValueError(f"{path}: a block of shape {block.shape}, expected rows")
            if rows is None:
                width = block.shape[1]
                chunk = (max(1, (1 << 20) // (8 * max(1, width))), width)
                rows = file.create_dataset(_DATASET, (0, width), "f8", maxshape=(None, width), chunks=chunk)
                rows.attrs["description"] = json.dumps(description or {})
            if block.shape[1] != rows.shape[1]:
                raise ValueError(f"{path}: rows of {block.shape[1]} numbers after rows of {rows.shape[1]}")
            n = len(rows)
            _require_finite(block, n, str(path))
            rows.resize(n + len(block), axis=0)
            rows[n:] = block
        if rows is None or not len(rows):
            raise ValueError(f"{path}: no rows to write")
        return int(rows.shape[0]), int(rows.shape[1])


def _require_finite(block: np.ndarray, start: int, name: str) -> None:
    wrong = np.flatnonzero(~np.isfinite(block).all(axis=1))
    if len(wrong):
        raise ValueError(f"{name}: row {start + int(wrong[0])} is not finite")
