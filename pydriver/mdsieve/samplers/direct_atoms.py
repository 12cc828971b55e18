# SPDX-License-Identifier: GPL-2.0-or-later
"""2DIRECT: DIRECT on structures, then on the atoms of the structures picked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import clone

from mdsieve.samplers.direct import DIRECT

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.encoders.contract import AtomEncoder, Encoder

__all__ = ["AtomPicks", "direct_atoms", "share_out"]


@dataclass(frozen=True, eq=False)
class AtomPicks:
    """Atoms picked, and the structures that hold them.

    Attributes
    ----------
    frames, atoms : ndarray of int, shape (n_picked,)
        Structure (number in the input) and atom in it of each pick, element by element in the order of the
        picks.
    structures : ndarray of int
        Structures that hold a picked atom: those with many before those with few.
    counts : ndarray of int
        Picked atoms of each of these.
    first : DIRECT
        Fitted on the structures.
    elements : dict of str to DIRECT
        Fitted on the atoms of each element.
    """

    frames: np.ndarray
    atoms: np.ndarray
    structures: np.ndarray
    counts: np.ndarray
    first: DIRECT
    elements: dict[str, DIRECT]


def direct_atoms(
    frames: Sequence[Atoms],
    encoder: Encoder,
    atom_encoder: AtomEncoder,
    n_structures: int,
    n_atoms: int,
    sampler: DIRECT | None = None,
) -> AtomPicks:
    """Pick structures, then atoms of theirs whose environments cover what they hold.

    Elements are treated one by one: each has its own components and clusters, and a share of the atoms that
    goes with its number, at least one.

    Parameters
    ----------
    frames : sequence of ase.Atoms
    encoder : Encoder
        Of structures.
    atom_encoder : AtomEncoder
        Of atoms; may be the same.
    n_structures : int
        Picks of the first step.
    n_atoms : int
        Picks of the second.
    sampler : DIRECT, optional
        Parameters of both steps, but for the numbers.

    Raises
    ------
    ValueError
        If there are fewer frames or atoms than asked for.
    """
    template = clone(sampler) if sampler is not None else DIRECT()
    template.set_params(n_clusters=None)
    first = clone(template).set_params(n_to_select=n_structures).fit(encoder.encode(frames))
    chosen = np.sort(first.selected_idx_)
    rows = atom_encoder.encode_atoms([frames[i] for i in chosen])
    frame_of = np.repeat(chosen, [len(each) for each in rows])
    atom_of = np.concatenate([np.arange(len(each)) for each in rows])
    symbols = np.concatenate([frames[i].get_chemical_symbols() for i in chosen])
    values = np.concatenate(rows)
    if not 1 <= n_atoms <= len(values):
        raise ValueError(f"n_atoms={n_atoms}: expected a number from 1 to {len(values)}, the atoms there are")
    names, sizes = np.unique(symbols, return_counts=True)
    fitted: dict[str, DIRECT] = {}
    picked = []
    for name, n in zip(names.tolist(), share_out(n_atoms, sizes), strict=True):
        mine = np.flatnonzero(symbols == name)
        if n:
            fitted[name] = clone(template).set_params(n_to_select=int(n)).fit(values[mine])
            picked.append(mine[fitted[name].selected_idx_])
    all_picked = np.concatenate(picked)
    structures, counts = np.unique(frame_of[all_picked], return_counts=True)
    order = np.lexsort((structures, -counts))
    return AtomPicks(
        frame_of[all_picked], atom_of[all_picked], structures[order], counts[order], first, fitted
    )


def share_out(n: int, sizes: np.ndarray) -> np.ndarray:
    """Whole shares of n that go with sizes, at least 1 each where n allows, none above its size.

    Parameters
    ----------
    n : int
        At most the sum of the sizes.
    sizes : ndarray of int

    Returns
    -------
    ndarray of int
        Their sum is n.
    """
    sizes = np.asarray(sizes, dtype=np.int64)
    shares = np.zeros(len(sizes), dtype=np.int64)
    shares[np.argsort(-sizes, kind="stable")[: min(n, len(sizes))]] = 1
    while (left := n - int(shares.sum())) > 0:
        room = sizes - shares
        wanted = np.minimum(left * room / room.sum(), room)
        whole = np.floor(wanted).astype(np.int64)
        if not whole.any():
            whole[np.argsort(-(wanted - whole), kind="stable")[:left]] = 1
            whole = np.minimum(whole, room)
        shares += whole
    return shares
