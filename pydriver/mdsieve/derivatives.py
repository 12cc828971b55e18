# SPDX-License-Identifier: GPL-2.0-or-later
"""Derivatives of fingerprints with respect to the atoms' positions, stored where they are not zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Derivatives"]


@dataclass(frozen=True, eq=False)
class Derivatives:
    """Derivatives dG_i / dR_j of the fingerprints G_i of some atoms, the *centres*.

    One entry for each neighbour j of each centre i within the cutoff, periodic images on their own, and one
    for the centre itself (i = j, vector 0), which comes first and is minus the sum of the centre's others.

    Attributes
    ----------
    centres : numpy.ndarray of int64, shape (n_centres,)
        Atoms whose fingerprints are differentiated, ascending.
    pairs : numpy.ndarray of int64, shape (n_entries, 2)
        Atoms i and j of each entry, sorted by i.
    vectors : numpy.ndarray, shape (n_entries, 3)
        From i to (that image of) j [Å].
    values : numpy.ndarray, shape (n_entries, 3, n_features)
        dG_i / d(x, y, z)_j [1/Å for the dimensionless functions]. Moving atom j moves all its images: add up
        the entries that name it.
    n_atoms : int
        Number of atoms of the structure.
    """

    centres: np.ndarray
    pairs: np.ndarray
    vectors: np.ndarray
    values: np.ndarray
    n_atoms: int

    def dense(self) -> np.ndarray:
        """Derivatives of every centre with respect to every atom, for small structures.

        Returns
        -------
        numpy.ndarray, shape (n_centres, n_atoms, 3, n_features)
            The layout of DScribe's ``derivatives(..., attach=True)`` [1/Å].
        """
        full = np.zeros((len(self.centres), self.n_atoms, *self.values.shape[1:]))
        np.add.at(full, (np.searchsorted(self.centres, self.pairs[:, 0]), self.pairs[:, 1]), self.values)
        return full

    def position_gradient(self, weights: np.ndarray) -> np.ndarray:
        """Gradient of E(G) with respect to the positions by the chain rule; forces are its negative.

        Parameters
        ----------
        weights : numpy.ndarray, shape (..., n_centres, n_features)
            dE / dG_i of each centre [eV]; leading axes for several energies at once.

        Returns
        -------
        numpy.ndarray, shape (..., n_atoms, 3)
            dE / dR [eV/Å].
        """
        pulls = self._pulls(weights)
        gradient = np.zeros((self.n_atoms, *pulls.shape[1:]))
        order = np.argsort(self.pairs[:, 1], kind="stable")
        moved, begins = np.unique(self.pairs[order, 1], return_index=True)
        if len(moved):
            gradient[moved] = np.add.reduceat(pulls[order], begins, axis=0)
        return np.moveaxis(gradient, 0, -2)

    def strain_gradient(self, weights: np.ndarray) -> np.ndarray:
        """Gradient of E(G) with respect to a homogeneous strain of positions and cell.

        Parameters
        ----------
        weights : numpy.ndarray, shape (..., n_centres, n_features)
            dE / dG_i of each centre [eV]; leading axes for several energies at once.

        Returns
        -------
        numpy.ndarray, shape (..., 3, 3)
            dE / d(strain) [eV]; divided by the volume the stress in ASE's sign.
        """
        return np.einsum("ea,e...b->...ab", self.vectors, self._pulls(weights))

    def _pulls(self, weights: np.ndarray) -> np.ndarray:
        """What each entry adds to the gradient, shape (n_entries, ..., 3)."""
        weights = np.asarray(weights, dtype=float)
        n_features = self.values.shape[2]
        if weights.shape[-2:] != (len(self.centres), n_features):
            raise ValueError(
                f"weights have the shape {weights.shape}, expected (n_centres, n_features) "
                f"{(len(self.centres), n_features)}"
            )
        several = weights.shape[:-2]
        n_energies = int(np.prod(several))
        columns = np.moveaxis(weights.reshape(n_energies, *weights.shape[-2:]), 0, 2)
        pulls = np.empty((len(self.pairs), 3, n_energies))
        # a centre's entries stand together: one matrix product each, of which nothing is gathered
        begins = np.searchsorted(self.pairs[:, 0], self.centres)
        ends = np.searchsorted(self.pairs[:, 0], self.centres, side="right")
        for centre, (begin, end) in enumerate(zip(begins, ends, strict=True)):
            of_centre = self.values[begin:end].reshape(3 * (end - begin), n_features)
            pulls[begin:end] = (of_centre @ columns[centre]).reshape(end - begin, 3, n_energies)
        return np.moveaxis(pulls, 1, 2).reshape(len(pulls), *several, 3)
