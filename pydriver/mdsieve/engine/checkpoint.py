# SPDX-License-Identifier: GPL-2.0-or-later
"""Finished chunks in a folder, so that a killed job need not compute them again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from mdsieve._version import __version__
from mdsieve.io.replacing import replacing

logger = logging.getLogger("mdsieve.engine")

Result: TypeAlias = "np.ndarray | tuple[np.ndarray, ...]"

_ENDING = ".npz"


class Checkpoint:
    """A folder of finished chunks, one file each, named by a hash of what went in.

    What a chunk gives depends on its content and on the configuration alone, so a file is valid for every job
    in which both are the same, wherever the chunk stands in it. Files are written whole or not at all;
    one that cannot be read is computed again.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    configuration : mapping
        All that decides a result beside the chunk; as JSON. The version of mdsieve is added.
    content : callable
        Chunk -> its content as bytes, arrays or strings, one after the other; see `content_hash`.

    Attributes
    ----------
    n_found, n_stored : int
        Chunks taken from the folder, and put there.

    Raises
    ------
    OSError
        If the folder cannot be made.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        configuration: Mapping[str, Any],
        content: Callable[[Any], Any],
    ) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        words = json.dumps({"mdsieve": __version__, **configuration}, sort_keys=True, default=str)
        self._begin = hashlib.blake2b(words.encode(), digest_size=20)
        self._content = content
        self.n_found = 0
        self.n_stored = 0

    def key(self, chunk: Any) -> str:
        """Name of a chunk's result."""
        digest = self._begin.copy()
        for part in self._content(chunk):
            data = _bytes(part)
            digest.update(len(data).to_bytes(8, "little"))
            digest.update(data)
        return digest.hexdigest()

    def load(self, key: str) -> Result | None:
        """The result of that name; None if it is not here or damaged."""
        path = self.folder / (key + _ENDING)
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = tuple(file[f"part{i}"] for i in range(len(file.files) - 1))
                is_bare = bool(file["is_bare"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            logger.warning("%s: cannot be read (%s), its chunk is computed again", path, error)
            return None
        self.n_found += 1
        return arrays[0] if is_bare else arrays

    def store(self, key: str, result: Result) -> None:
        """Keep a result.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        is_bare = not isinstance(result, tuple)
        arrays = (result,) if not isinstance(result, tuple) else result
        parts = {f"part{i}": np.asarray(array) for i, array in enumerate(arrays)}
        with replacing(self.folder / (key + _ENDING)) as temporary, open(temporary, "wb") as file:
            np.savez(file, is_bare=np.array(is_bare), **parts)  # type: ignore[arg-type]
            file.flush()
        self.n_stored += 1


def _bytes(part: Any) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, str):
        return part.encode()
    array = np.ascontiguousarray(part)
    return f"{array.dtype.str} {array.shape}".encode() + array.tobytes()
