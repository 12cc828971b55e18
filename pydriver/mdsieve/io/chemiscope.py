# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames and their properties as a file of chemiscope (chemiscope.org), written without its package."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve._version import __version__
from mdsieve.io.replacing import replacing

if TYPE_CHECKING:
    from ase import Atoms


def write_chemiscope(
    path: str | os.PathLike,
    frames: Iterable[Atoms],
    properties: Mapping[str, Sequence[Any]],
    *,
    name: str,
    axes: tuple[str, str] | None = None,
    colour: str | None = None,
) -> int:
    """Write structures and one value of each property for each.

    Parameters
    ----------
    path : path
        ``.json``, or ``.json.gz`` to compress it.
    frames : iterable of ase.Atoms
    properties : dict of str to sequence
        Numbers or texts, one a frame. What is not finite is left out as NaN is not JSON: the largest finite
        value stands for infinity, the mean of the finite ones for what is unknown.
    name : str
        Of the data set.
    axes, colour : str
        Properties that the map shows at first.

    Returns
    -------
    int
        Number of structures.

    Raises
    ------
    ValueError
        If a property has another number of values than there are frames, or the name's ending is another.
    """
    path = Path(path)
    if not path.name.endswith((".json", ".json.gz")):
        raise ValueError(f"{path}: expected a name that ends in .json or .json.gz")
    structures = [_structure(atoms) for atoms in frames]
    content: dict[str, Any] = {
        "meta": {"name": name, "description": f"written by mdsieve {__version__}"},
        "structures": structures,
        "properties": {},
    }
    for key, values in properties.items():
        if len(values) != len(structures):
            raise ValueError(f"property {key}: {len(values)} values for {len(structures)} structures")
        content["properties"][key] = {"target": "structure", "values": _plain(values)}
    if axes is not None:
        shown: dict[str, Any] = {"x": {"property": axes[0]}, "y": {"property": axes[1]}}
        if colour is not None:
            shown["color"] = {"property": colour}
        content["settings"] = {"map": shown}
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    with replacing(path) as temporary:
        if path.name.endswith(".gz"):
            temporary.write_bytes(gzip.compress(text.encode(), mtime=0))
        else:
            temporary.write_text(text, encoding="utf-8")
    return len(structures)


def _structure(atoms: Atoms) -> dict[str, Any]:
    x, y, z = np.round(atoms.positions, 6).T.tolist()
    result: dict[str, Any] = {
        "size": len(atoms),
        "names": atoms.get_chemical_symbols(),
        "x": x,
        "y": y,
        "z": z,
    }
    if atoms.cell.rank == 3:
        result["cell"] = np.round(atoms.cell.array, 6).ravel().tolist()
    return result


def _plain(values: Sequence[Any]) -> list[Any]:
    if any(isinstance(value, str) for value in values):
        return ["" if value is None else str(value) for value in values]
    numbers = np.array([np.nan if value is None else value for value in values], dtype=float)
    finite = numbers[np.isfinite(numbers)]
    largest, mean = (finite.max(), finite.mean()) if len(finite) else (0.0, 0.0)
    return np.where(np.isnan(numbers), mean, np.where(np.isinf(numbers), largest, numbers)).tolist()
