# SPDX-License-Identifier: GPL-2.0-or-later
"""Rounds of a generation: kept frames that are labelled and learnt together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.labels.files import failed_path, write_unlabelled
from mdsieve.learn.records import read_json, write_json

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Round", "n_waiting", "rounds_of", "stores_of", "take_round"]

_RECORD = "round.json"


@dataclass(frozen=True)
class Round:
    """A round's folder; it is there when its frames are.

    Attributes
    ----------
    folder : path
    store : str
        Name of the generation's store that they come from.
    last : int
        The last of them, as the store counts.
    """

    folder: Path
    store: str
    last: int

    @property
    def kept(self) -> Path:
        """The frames as they were kept."""
        return self.folder / "kept.extxyz"

    @property
    def labelled(self) -> Path:
        """Those of them that have been labelled."""
        return self.folder / "labelled.extxyz"

    @property
    def n_failed(self) -> int:
        """Frames that could not be labelled."""
        failed = failed_path(self.labelled)
        return len(frames_of(failed)) if failed.exists() else 0


def rounds_of(generation: Path) -> list[Round]:
    """The rounds of a generation's folder, in their order."""
    found = []
    for path in sorted(generation.glob(f"round-*/{_RECORD}")):
        told = read_json(path)
        found.append(Round(path.parent, told["store"], told["last"]))
    return found


def stores_of(generation: Path) -> list[Path]:
    """The stores of a generation, in their order: one of each time that its MD was begun."""
    return sorted(generation.glob("store-*.db"), key=lambda path: int(path.stem.removeprefix("store-")))


def n_waiting(store: Path, rounds: list[Round]) -> int:
    """Kept frames of a store that are in no round yet; 0 as long as it is being made.

    Raises
    ------
    StoreError
        If the store cannot be read.
    """
    from mdsieve.driver.store import BlankStoreError, FrameStore

    if not store.exists():
        return 0
    try:
        with FrameStore.read(store) as opened:
            return opened.n_frames - _taken(store, rounds)
    except BlankStoreError:
        return 0


def take_round(store: Path, number: int, rounds: list[Round]) -> Round | None:
    """Make a round of all frames of a store that are in none yet.

    Parameters
    ----------
    store : path
    number : int
        Of the generation, for the frames.
    rounds : list of Round
        Those of the generation so far.

    Returns
    -------
    Round or None
        None if there is no such frame.

    Raises
    ------
    StoreError, OSError
        If the store cannot be read, or the frames cannot be written.
    """
    if not n_waiting(store, rounds):
        return None
    folder = store.parent / f"round-{len(rounds):03d}"
    folder.mkdir(exist_ok=True)
    taken = _taken(store, rounds)
    n_frames = write_unlabelled(_kept_after(store, taken, number), folder / "kept.extxyz")
    found = Round(folder, store.name, taken + n_frames)
    write_json(folder / _RECORD, {"store": found.store, "first": taken + 1, "last": found.last})
    return found


def frames_of(path: Path) -> list[Atoms]:
    """All frames of a file of ours, which may be empty."""
    from mdsieve.io.trajectories import iterate_frames

    return [frame.atoms for frame in iterate_frames([path])] if path.stat().st_size else []


def _taken(store: Path, rounds: list[Round]) -> int:
    return max((one.last for one in rounds if one.store == store.name), default=0)


def _kept_after(store: Path, taken: int, number: int) -> Iterator[Atoms]:
    from mdsieve.driver.store import FrameStore
    from mdsieve.io.kept import LABELS

    with FrameStore.read(store) as opened:
        for row in opened.frames()[taken:]:
            atoms, data = opened.atoms(row["frame"])
            atoms.calc = None
            atoms.info.clear()
            atoms.info.update({key: row[key] for key in LABELS if row[key] is not None})
            atoms.info["generation"] = number
            atoms.set_array("id", np.asarray(data["atom_ids"]))
            yield atoms
