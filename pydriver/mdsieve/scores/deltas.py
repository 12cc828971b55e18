# SPDX-License-Identifier: GPL-2.0-or-later
"""Arrays as bytes that say what they are: what scorers write into headers and deltas."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

import numpy as np

__all__ = ["pack", "unpack"]

_LENGTH = struct.Struct("<q")
_TYPES = ("<f8", "<i8", "<i4", "|u1")


def pack(words: Mapping, arrays: Mapping[str, np.ndarray] | None = None) -> bytes:
    """A JSON object and named arrays, little-endian, one after the other.

    Parameters
    ----------
    words : dict
        Anything that JSON can hold; floats keep all their digits.
    arrays : dict of str to ndarray
        Of float64, int64, int32 or uint8.

    Raises
    ------
    ValueError
        If an array is of another type.
    """
    shapes = {}
    parts = []
    for name, array in sorted((arrays or {}).items()):
        kind = array.dtype.newbyteorder("<").str
        if kind not in _TYPES:
            raise ValueError(f"array {name} of type {array.dtype}: expected one of {', '.join(_TYPES)}")
        shapes[name] = [kind, list(array.shape)]
        parts.append(np.ascontiguousarray(array, kind).tobytes())
    text = json.dumps({"words": dict(words), "arrays": shapes}, sort_keys=True).encode()
    return b"".join([_LENGTH.pack(len(text)), text, *parts])


def unpack(data: bytes, name: str) -> tuple[dict, dict[str, np.ndarray]]:
    """What `pack` made bytes of.

    Parameters
    ----------
    data : bytes
    name : str
        Whose bytes they are, for messages.

    Raises
    ------
    ValueError
        If they are not that, or not whole.
    """
    try:
        (length,) = _LENGTH.unpack_from(data)
        at = _LENGTH.size + length
        if not 0 <= length <= len(data) - _LENGTH.size:
            raise ValueError("its text is cut off")
        content = json.loads(data[_LENGTH.size : at])
        arrays = {}
        for key, (kind, shape) in content["arrays"].items():
            arrays[key], at = _array(data, at, kind, shape)
        if at != len(data):
            raise ValueError(f"{len(data) - at} bytes are left over")
        return dict(content["words"]), arrays
    except (struct.error, KeyError, TypeError, AttributeError, RecursionError, ValueError) as error:
        raise ValueError(f"{name}: damaged: {error}") from None


def _array(data: bytes, at: int, kind: str, shape: list) -> tuple[np.ndarray, int]:
    """The array that begins somewhere, and where it ends."""
    if kind not in _TYPES or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"an array of type {kind} and shape {shape}")
    count = 1
    for n in shape:
        count *= n
    end = at + count * np.dtype(kind).itemsize
    if end > len(data):
        raise ValueError("an array is cut off")
    return np.frombuffer(data, kind, count, at).reshape(shape).astype(np.dtype(kind).newbyteorder("=")), end
