# SPDX-License-Identifier: GPL-2.0-or-later
"""Kept frames as they leave a store, for every export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mdsieve.driver.store import FrameStore

if TYPE_CHECKING:
    from ase import Atoms

#: What is said of each frame, in this order, where it is known.
LABELS = (
    "step",
    "run",
    "world",
    "time",
    "temperature",
    "novelty",
    "reason",
    "trigger_atom",
    "trigger_element",
)


def kept_frames(store: FrameStore) -> Iterator[tuple[dict, Atoms, dict]]:
    """All kept frames one after the other; only one is in memory.

    Yields
    ------
    dict
        The row of `FrameStore.frames`.
    ase.Atoms
        The frame with its results.
    dict
        ``atom_ids``, ``origin`` (Å) and ``units``.
    """
    for row in store.frames():
        yield row, *store.atoms(row["frame"])
