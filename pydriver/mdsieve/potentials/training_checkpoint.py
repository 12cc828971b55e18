# SPDX-License-Identifier: GPL-2.0-or-later
"""State of a training in a file."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mdsieve.io.replacing import replacing

__all__ = ["TrainingCheckpoint", "read_checkpoint", "write_checkpoint"]

_BASIS, _ARRAY = "basis/", "array/"


@dataclass(frozen=True, eq=False)
class TrainingCheckpoint:
    """What a training had come to.

    Attributes
    ----------
    basis : dict of str to ndarray of float
        Of each element's first layers.
    arrays : dict of str to ndarray
    numbers : dict
    """

    basis: dict[str, np.ndarray]
    arrays: dict[str, np.ndarray]
    numbers: dict[str, Any]


def write_checkpoint(
    path: str | os.PathLike,
    identity: Mapping[str, Any],
    basis: Mapping[str, np.ndarray],
    arrays: Mapping[str, np.ndarray],
    numbers: Mapping[str, Any],
) -> None:
    """Write a state, whole or not at all.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    parts = {_BASIS + name: array for name, array in basis.items()}
    parts.update({_ARRAY + name: array for name, array in arrays.items()})
    words = json.dumps({"identity": identity, "numbers": numbers})
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, words=np.array(words), **parts)  # type: ignore[arg-type]
        file.flush()


def read_checkpoint(path: str | os.PathLike, identity: Mapping[str, Any]) -> TrainingCheckpoint:
    """Read what `write_checkpoint` wrote.

    Raises
    ------
    ValueError
        "path: ..." if it cannot be understood, or is of a training of another identity.
    OSError
        If the file cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            words = json.loads(str(file["words"]))
            arrays = {name: file[name] for name in file.files if name != "words"}
        found, numbers = words["identity"], words["numbers"]
    except (ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: no checkpoint of a training: {error}") from None
    expected = json.loads(json.dumps(identity))
    if found != expected:
        other = _first_difference(found, expected)
        raise ValueError(f"{path}: the checkpoint is of another training, which differs in {other}")
    return TrainingCheckpoint(
        {name.removeprefix(_BASIS): array for name, array in arrays.items() if name.startswith(_BASIS)},
        {name.removeprefix(_ARRAY): array for name, array in arrays.items() if name.startswith(_ARRAY)},
        numbers,
    )


def _first_difference(found: Any, expected: Any, name: str = "") -> str:
    """Name of the first entry in which two descriptions differ."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in expected:
            if found.get(key) != expected[key]:
                return _first_difference(found.get(key), expected[key], key)
    return f"its {name}" if name in ("frames", "functions", "layers") else name or "everything"
