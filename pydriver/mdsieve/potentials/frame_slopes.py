# SPDX-License-Identifier: GPL-2.0-or-later
"""Derivatives of the fingerprints of whole frames, as products take them: from dE/dG to forces and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mdsieve.derivatives import Derivatives
from mdsieve.potentials.networks import torch

__all__ = ["DenseSlopes", "ListedSlopes", "Slopes", "dense_slopes", "listed_slopes"]

#: Atoms up to which a frame is stored densely whatever its neighbours.
DENSE_UP_TO = 64

_STRAINS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))  # ASE's order


@dataclass(frozen=True, eq=False)
class DenseSlopes:
    """Every centre with every atom, for small cells, in which nearly all are neighbours.

    Rows are what is predicted of a frame: forces atom by atom [eV/Å], then, where wanted, the virial an atom
    in ASE's order of components [eV].

    Attributes
    ----------
    values : torch.Tensor, shape (n_frames, n_rows, n_centres * n_features)
    """

    values: torch.Tensor

    def rows(self, slopes: torch.Tensor) -> torch.Tensor:
        """What slopes dE/dG, shape (M, n_frames * n_centres, n_features), give: (n_frames, M, n_rows)."""
        n_frames, _, width = self.values.shape
        by_frame = slopes.reshape(-1, n_frames, width).transpose(0, 1)
        return torch.bmm(by_frame, self.values.transpose(1, 2))

    def back(self, of_rows: torch.Tensor, n_features: int) -> torch.Tensor:
        """The transposed: of the derivative of a loss with respect to the rows that to the slopes."""
        by_frame = torch.bmm(of_rows, self.values)
        return by_frame.transpose(0, 1).reshape(of_rows.shape[1], -1, n_features)

    def arrays(self) -> dict[str, np.ndarray]:
        """What a file must hold."""
        return {"values": self.values.numpy()}

    def to(self, device: str | torch.device, dtype: torch.dtype) -> DenseSlopes:
        """A copy elsewhere; itself where nothing changes."""
        return DenseSlopes(self.values.to(device, dtype))


@dataclass(frozen=True, eq=False)
class ListedSlopes:
    """One frame, each centre with its neighbours: for cells in which most atoms are far from each other.

    Attributes
    ----------
    values : torch.Tensor, shape (n_centres, n_most * 3, n_features)
        Of each centre's neighbours, as many as the centre with most of them has; the rest are zeros.
    atoms : torch.Tensor of int64, shape (n_centres * n_most,)
        Which atoms these are; n_atoms where there is none.
    virial : torch.Tensor, shape (n_virial, n_centres * n_features)
        Rows of the virial an atom, as in `DenseSlopes`; n_virial is 6 or 0.
    n_atoms : int
    """

    values: torch.Tensor
    atoms: torch.Tensor
    virial: torch.Tensor
    n_atoms: int

    def rows(self, slopes: torch.Tensor) -> torch.Tensor:
        """As `DenseSlopes.rows`, with n_frames = 1."""
        n_members = slopes.shape[0]
        pulls = torch.bmm(self.values, slopes.permute(1, 2, 0))  # (n_centres, 3 n_most, M)
        forces = slopes.new_zeros(self.n_atoms + 1, 3, n_members)
        forces.index_add_(0, self.atoms, pulls.reshape(-1, 3, n_members))
        rows = forces[:-1].reshape(-1, n_members).T
        if len(self.virial):
            rows = torch.cat([rows, slopes.reshape(n_members, -1) @ self.virial.T], dim=1)
        return rows.unsqueeze(0)

    def back(self, of_rows: torch.Tensor, n_features: int) -> torch.Tensor:
        """As `DenseSlopes.back`."""
        n_members, n_centres = of_rows.shape[1], self.values.shape[0]
        of_forces = of_rows[0, :, : 3 * self.n_atoms].T.reshape(-1, 3, n_members)
        padded = torch.cat([of_forces, of_forces.new_zeros(1, 3, n_members)])
        pulls = padded[self.atoms].reshape(n_centres, -1, n_members)
        of_slopes = torch.bmm(self.values.transpose(1, 2), pulls).permute(2, 0, 1)
        if len(self.virial):
            of_virial = of_rows[0, :, 3 * self.n_atoms :] @ self.virial
            of_slopes = of_slopes + of_virial.reshape(n_members, n_centres, n_features)
        return of_slopes

    def arrays(self) -> dict[str, np.ndarray]:
        """What a file must hold."""
        return {
            "values": self.values.numpy(),
            "atoms": self.atoms.numpy(),
            "virial": self.virial.numpy(),
            "n_atoms": np.array(self.n_atoms),
        }

    def to(self, device: str | torch.device, dtype: torch.dtype) -> ListedSlopes:
        """A copy elsewhere; itself where nothing changes."""
        return ListedSlopes(
            self.values.to(device, dtype), self.atoms.to(device), self.virial.to(device, dtype), self.n_atoms
        )


Slopes: TypeAlias = "DenseSlopes | ListedSlopes"


def slopes_from(arrays: Mapping[str, np.ndarray]) -> Slopes:
    """What `arrays` gave."""
    values = torch.from_numpy(arrays["values"])
    if "atoms" not in arrays:
        return DenseSlopes(values)
    atoms, virial = torch.from_numpy(arrays["atoms"]), torch.from_numpy(arrays["virial"])
    return ListedSlopes(values, atoms, virial, int(arrays["n_atoms"]))


def dense_slopes(frames: Sequence[Derivatives], n_rows: int, dtype: np.dtype) -> DenseSlopes:
    """Derivatives of frames with as many atoms and centres each.

    Parameters
    ----------
    frames : sequence of Derivatives
        Of one element.
    n_rows : int
        3 n_atoms, or 3 n_atoms + 6 with the virial.
    dtype : numpy.dtype
    """
    n_centres, n_features = len(frames[0].centres), frames[0].values.shape[2]
    values = np.empty((len(frames), n_rows, n_centres * n_features), dtype)
    for number, derivatives in enumerate(frames):
        n_atoms = derivatives.n_atoms
        full = np.zeros((n_atoms, 3, n_centres, n_features), dtype)
        centre, atom, summed = _without_images(derivatives)
        full[atom, :, centre] = -summed
        values[number, : 3 * n_atoms] = full.reshape(3 * n_atoms, -1)
        if n_rows > 3 * n_atoms:
            values[number, 3 * n_atoms :] = _virial(derivatives)
    return DenseSlopes(torch.from_numpy(values))


def listed_slopes(derivatives: Derivatives, n_rows: int, dtype: np.dtype) -> ListedSlopes:
    """Derivatives of one frame; parameters as for `dense_slopes`."""
    n_centres, n_features = len(derivatives.centres), derivatives.values.shape[2]
    centre, atom, summed = _without_images(derivatives)
    n_of_centre = np.bincount(centre, minlength=n_centres)
    n_most = int(n_of_centre.max(initial=0))
    place = np.arange(len(centre)) - np.repeat(np.cumsum(n_of_centre) - n_of_centre, n_of_centre)
    values = np.zeros((n_centres, n_most, 3, n_features), dtype)
    values[centre, place] = -summed
    atoms = np.full((n_centres, n_most), derivatives.n_atoms, np.int64)
    atoms[centre, place] = atom
    has_virial = n_rows > 3 * derivatives.n_atoms
    virial = _virial(derivatives) if has_virial else np.zeros((0, n_centres * n_features))
    return ListedSlopes(
        torch.from_numpy(values.reshape(n_centres, 3 * n_most, n_features)),
        torch.from_numpy(atoms.ravel()),
        torch.from_numpy(virial.astype(dtype)),
        derivatives.n_atoms,
    )


def _without_images(derivatives: Derivatives) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number of the centre, atom, and derivative summed over its images, (n, 3, n_features), by centre."""
    centre = np.searchsorted(derivatives.centres, derivatives.pairs[:, 0])
    key = centre * derivatives.n_atoms + derivatives.pairs[:, 1]
    order = np.argsort(key, kind="stable")
    unique, begins = np.unique(key[order], return_index=True)
    if not len(unique):
        return unique, unique, np.zeros((0, *derivatives.values.shape[1:]))
    summed = np.add.reduceat(derivatives.values[order], begins, axis=0)
    return unique // derivatives.n_atoms, unique % derivatives.n_atoms, summed


def _virial(derivatives: Derivatives) -> np.ndarray:
    """Derivative of the centres' fingerprints with respect to strain, an atom, (6, n_centres n_features)."""
    n_centres, n_features = len(derivatives.centres), derivatives.values.shape[2]
    by_centre = np.zeros((6, n_centres, n_features))
    centre = np.searchsorted(derivatives.centres, derivatives.pairs[:, 0])
    present, begins = np.unique(centre, return_index=True)
    for row, (a, b) in enumerate(_STRAINS):
        moved = derivatives.vectors[:, a, None] * derivatives.values[:, b]
        if len(present):
            by_centre[row, present] = np.add.reduceat(moved, begins, axis=0)
    return by_centre.reshape(6, -1) / derivatives.n_atoms
