# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels of frames: what training fits to, looked at before hours are spent on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Labels", "read_labels"]


@dataclass(frozen=True, eq=False)
class Labels:
    """What a frame is to be predicted as.

    Attributes
    ----------
    energy : float
        eV; NaN without.
    forces : ndarray of float, shape (n_atoms, 3), or None
        eV/Å.
    virial : ndarray of float, shape (6,), or None
        Stress times volume an atom, xx yy zz yz xz xy in ASE's sign [eV].
    mask : ndarray of bool, shape (n_atoms,)
        Environments whose forces count.
    """

    energy: float
    forces: np.ndarray | None
    virial: np.ndarray | None
    mask: np.ndarray


def read_labels(atoms: Atoms, mask: np.ndarray | None, name: str) -> Labels:
    """Labels that a structure carries.

    Parameters
    ----------
    atoms : ase.Atoms
        With results in its calculator.
    mask : ndarray of bool, shape (n_atoms,), optional
        Default: all environments.
    name : str
        Of the frame, in messages.

    Raises
    ------
    ValueError
        If there is no atom, neither energy nor forces, or a label or mask has another shape or is not finite.
    """
    if not len(atoms):
        raise ValueError(f"{name}: no atom in it")
    results = {} if atoms.calc is None else atoms.calc.results
    energy, forces, stress = (results.get(word) for word in ("energy", "forces", "stress"))
    if energy is None and forces is None:
        raise ValueError(f"{name}: neither energy nor forces to train on")
    virial = None
    if stress is not None and atoms.cell.rank == 3:
        row = np.asarray(stress, dtype=float)
        row = row.ravel()[[0, 4, 8, 5, 2, 1]] if row.shape == (3, 3) else row
        virial = _sound(row, (6,), "stress", name) * atoms.cell.volume / len(atoms)
    chosen = np.ones(len(atoms), bool) if mask is None else np.asarray(mask)
    if chosen.shape != (len(atoms),) or chosen.dtype != bool:
        raise ValueError(f"{name}: mask of shape {chosen.shape}: expected {len(atoms)} times true or false")
    return Labels(
        float("nan") if energy is None else float(_sound(energy, (), "energy", name)),
        None if forces is None else _sound(forces, (len(atoms), 3), "forces", name),
        virial,
        chosen,
    )


def _sound(values: object, shape: tuple[int, ...], what: str, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.shape != shape:
        raise ValueError(f"{name}: {what} of shape {array.shape}, expected {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: {what} that is not finite")
    return array
