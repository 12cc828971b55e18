# SPDX-License-Identifier: GPL-2.0-or-later
"""HDF5 files that others may have written: whatever h5py raises becomes one line that names the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from mdsieve.io.wording import shown_error

__all__ = ["reading"]


@contextmanager
def reading(path: str | os.PathLike, what: str) -> Iterator[h5py.File]:
    """An HDF5 file, open for reading.

    Parameters
    ----------
    path : path
    what : str
        What it should be, in messages: "bank".

    Raises
    ------
    ValueError
        "path: ..." for what goes wrong while it is open: the file is damaged, or the reader refuses it.
    FileNotFoundError
        If there is no such file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(2, f"no such {what}", str(path))
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (AttributeError, LookupError, MemoryError, OSError, OverflowError, RuntimeError) as error:
        raise ValueError(f"{path}: the {what} is damaged: {shown_error(error)}") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {shown_error(error)}") from None
