# SPDX-License-Identifier: GPL-2.0-or-later
"""The equations of a linear potential for a set of frames, made once: fits to any subset in milliseconds."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.potentials.linear import Errors, LinearPotential, labels_of

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["FrameEquations"]

_ROWS_AT_A_TIME = 8  # times the number of columns, before rows are reduced to a triangle


class FrameEquations:
    """Energy and force equations of labelled frames, each reduced to a triangle.

    A frame's force equations A w = f are kept as R of the QR factorisation of (A, f), which decides both the
    fit and its error, so a frame takes at most (p + 1)² numbers, p the columns of all elements together,
    and fingerprints and their derivatives are computed once.

    Parameters
    ----------
    potential : LinearPotential
        Functions, weights and ridge of all fits; is not changed.
    frames : sequence of ase.Atoms
        With energies, and forces where there are any, in their calculators.

    Raises
    ------
    ValueError
        If there is no frame, or one has neither energy nor forces.
    """

    def __init__(self, potential: LinearPotential, frames: Sequence[Atoms]) -> None:
        if not len(frames):
            raise ValueError("no structures to fit to")
        self._potential = potential
        self._energies: list[np.ndarray | None] = []  # (row, label) an atom
        self._forces: list[np.ndarray | None] = []  # triangles of (rows, labels)
        self._n_components: list[int] = []
        moments = [self._add(atoms, number) for number, atoms in enumerate(frames)]
        self._counts = np.array([m[0] for m in moments])
        self._means = np.array([m[1] for m in moments])
        self._squares = np.array([m[2] for m in moments])

    def __len__(self) -> int:
        return len(self._energies)

    def fit(self, which: Sequence[int] | np.ndarray) -> LinearPotential:
        """The potential fitted to some of the frames; as `LinearPotential.fit` of these does it, to rounding.

        Parameters
        ----------
        which : sequence of int
            Frames; one that is named twice counts twice.

        Raises
        ------
        ValueError
            If there is no frame, or one has nothing that the weights ask for.
        """
        chosen = np.asarray(which, dtype=np.int64)
        if not len(chosen):
            raise ValueError("no structures to fit to")
        fitted = copy.copy(self._potential)
        scale = np.append(self._column_scales(chosen), 1.0)
        energy_weight, force_weight = fitted.energy_weight, fitted.force_weight / np.sqrt(3.0)
        waiting: list[np.ndarray] = []
        n_waiting = n_rows = 0
        for frame in chosen:
            energy, forces = self._energies[frame], self._forces[frame]
            if not ((energy is not None and energy_weight) or (forces is not None and force_weight)):
                raise ValueError(f"structure {frame}: neither energy nor forces to fit to")
            if energy is not None and energy_weight:
                waiting.append(energy_weight * energy * scale)
                n_rows += 1
                n_waiting += 1
            if forces is not None and force_weight:
                waiting.append(force_weight * forces * scale)
                n_rows += self._n_components[frame]
                n_waiting += len(forces)
            if n_waiting > _ROWS_AT_A_TIME * len(scale):
                waiting = [_triangle(np.concatenate(waiting))]
                n_waiting = len(waiting[0])
        return fitted.solve(np.concatenate(waiting), scale[:-1], n_rows)

    def errors(self, potential: LinearPotential, which: Sequence[int] | np.ndarray | None = None) -> Errors:
        """Root mean square errors of a potential of the same functions on some of the frames.

        Parameters
        ----------
        potential : LinearPotential
            Fitted.
        which : sequence of int, optional
            Default: all frames.
        """
        weights = np.append(potential.coefficients, -1.0)
        chosen = range(len(self)) if which is None else np.asarray(which, dtype=np.int64)
        energy_squares, n_energies, force_squares, n_forces = 0.0, 0, 0.0, 0
        for frame in chosen:
            energy, forces = self._energies[frame], self._forces[frame]
            if energy is not None:
                energy_squares += float((energy @ weights)[0] ** 2)
                n_energies += 1
            if forces is not None:
                force_squares += float(((forces @ weights) ** 2).sum())
                n_forces += self._n_components[frame]
        return Errors(_root(energy_squares, n_energies), _root(force_squares, n_forces))

    # within

    def _add(self, atoms: Atoms, number: int) -> tuple[list[int], np.ndarray, np.ndarray]:
        """Take a frame in; count, means and squared deviations of the columns of each element."""
        energy, forces = labels_of(atoms)
        if energy is None and forces is None:
            raise ValueError(f"structure {number}: neither energy nor forces to fit to")
        self._energies.append(None)
        self._forces.append(None)
        self._n_components.append(0)
        if energy is not None:
            row = np.append(self._potential.energy_row(atoms), energy)
            self._energies[-1] = (row / len(atoms))[None]
        if forces is not None:
            rows = np.column_stack([self._potential.force_rows(atoms), forces.ravel()])
            self._forces[-1] = _triangle(rows)
            self._n_components[-1] = len(rows)
        counts, means, squares = [], [], []
        functions = self._potential.functions
        for _, rows in functions.create_by_element(atoms, n_jobs=self._potential.n_jobs).values():
            counts.append(len(rows))
            mean = rows.mean(axis=0) if len(rows) else np.zeros(rows.shape[1])
            means.append(mean)
            squares.append(((rows - mean) ** 2).sum(axis=0))
        return counts, np.concatenate(means), np.concatenate(squares)

    def _column_scales(self, chosen: np.ndarray) -> np.ndarray:
        widths = list(self._potential.functions.n_features.values())
        counts, means, squares = self._counts[chosen], self._means[chosen], self._squares[chosen]
        parts, begin = [], 0
        for number, width in enumerate(widths):
            n, columns = counts[:, number, None], slice(begin, begin + width)
            begin += width
            total = max(int(n.sum()), 1)
            mean = (n * means[:, columns]).sum(axis=0) / total
            square = (squares[:, columns] + n * (means[:, columns] - mean) ** 2).sum(axis=0)
            parts.append(LinearPotential.scales_of(mean, square, total))
        return np.concatenate(parts)


def _triangle(rows: np.ndarray) -> np.ndarray:
    """R of the QR factorisation, or the rows themselves if these are fewer."""
    return rows if len(rows) <= rows.shape[1] else np.asarray(np.linalg.qr(rows, mode="r"))


def _root(squares: float, n: int) -> float:
    return float(np.sqrt(squares / n)) if n else float("nan")
