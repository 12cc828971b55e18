# SPDX-License-Identifier: GPL-2.0-or-later
"""Extended XYZ from a store."""

from __future__ import annotations

import os

import numpy as np

from mdsieve.driver.store import FrameStore
from mdsieve.io.kept import LABELS, kept_frames
from mdsieve.io.replacing import replacing


def export_extxyz(store: FrameStore, path: str | os.PathLike) -> int:
    """Write the kept frames of a store as extended XYZ.

    The comment line has ``step``, ``run``, ``world``, ``time`` (ps), ``temperature``, ``verdict``,
    ``novelty``, ``reason``, ``trigger_atom`` and ``trigger_element``, and ``Origin`` where the cell's corner
    is not at 0; the columns are species, positions (Å), ``atom_ids``, and momenta and forces where the store
    has them.

    Returns
    -------
    int
        Number of frames written.
    """
    from ase.io.extxyz import write_extxyz

    n_frames = 0
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for row, atoms, data in kept_frames(store):
            atoms.info.clear()
            atoms.info.update({key: row[key] for key in LABELS if row[key] is not None}, verdict="kept")
            if np.any(data["origin"]):
                atoms.info["Origin"] = np.asarray(data["origin"])
            atoms.set_array("atom_ids", np.asarray(data["atom_ids"]))
            write_extxyz(file, [atoms])
            n_frames += 1
        file.flush()
    return n_frames
