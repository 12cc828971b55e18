# SPDX-License-Identifier: GPL-2.0-or-later
"""The contract of encoders: frames in, one row of numbers a frame out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import ArrayLike


class Encoder(ABC):
    """Turns frames into feature rows for samplers.

    A row depends on its frame alone, never on the frames beside it: encoding in chunks, in other processes
    and in another order gives the same rows. Encoders can be sent to other processes.
    """

    #: One word, e.g. ``"soap"``; what commands and selections call it.
    name: str

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """All that decides the numbers, as JSON can hold it; goes into selections and feature files."""

    def encode(self, frames: Sequence[Atoms]) -> np.ndarray:
        """Feature rows.

        Parameters
        ----------
        frames : sequence of ase.Atoms
            Positions in Å.

        Returns
        -------
        ndarray of float64, shape (n_frames, n_features)

        Raises
        ------
        ValueError
            If there is no frame, a frame cannot be encoded or its row is not finite; the message begins with
            the frame's number in the sequence, from 0.
        """
        if not len(frames):
            raise ValueError(f"{self.name}: no frames to encode")
        rows = np.ascontiguousarray(self._encode(frames), dtype=np.float64)
        if rows.ndim != 2 or len(rows) != len(frames):
            raise ValueError(
                f"{self.name}: features of shape {rows.shape} for {len(frames)} frames, "
                "expected one row a frame"
            )
        wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(wrong):
            raise ValueError(f"frame {wrong[0]}: its {self.name} features are not finite")
        return rows

    @abstractmethod
    def _encode(self, frames: Sequence[Atoms]) -> ArrayLike:
        """The rows of at least one frame; one frame at a time is best done through `of_each`."""


class AtomEncoder(Encoder):
    """An encoder that describes single atoms as well."""

    @abstractmethod
    def encode_atoms(self, frames: Sequence[Atoms]) -> list[np.ndarray]:
        """Feature rows of all atoms.

        Parameters
        ----------
        frames : sequence of ase.Atoms

        Returns
        -------
        list of ndarray of float64, shape (n_atoms, n_features)
            One array a frame, rows in the order of its atoms.

        Raises
        ------
        ValueError
            As for `encode`.
        """


class CallableEncoder(Encoder):
    """Any function of one frame.

    Parameters
    ----------
    function : callable
        Takes an ``ase.Atoms``, returns its row, always of the same length.
    name : str, optional
        Default: that of the function.
    """

    def __init__(self, function: Callable[[Atoms], ArrayLike], name: str | None = None) -> None:
        self.function = function
        self.name = name or str(getattr(function, "__name__", type(function).__name__))

    def describe(self) -> dict[str, Any]:
        """The name: of a function nothing else is known."""
        return {"encoder": self.name}

    def _encode(self, frames: Sequence[Atoms]) -> np.ndarray:
        return stacked(of_each(lambda atoms: np.asarray(self.function(atoms), float), frames), self.name)


class ArrayEncoder(Encoder):
    """Features that exist already: row i belongs to frame i.

    Parameters
    ----------
    rows : array_like, shape (n_frames, n_features)
    name : str
    """

    def __init__(self, rows: ArrayLike, name: str = "array") -> None:
        self.rows = np.asarray(rows, dtype=np.float64)
        self.name = name

    def describe(self) -> dict[str, Any]:
        """Name and shape."""
        return {"encoder": self.name, "shape": list(self.rows.shape)}

    def _encode(self, frames: Sequence[Atoms]) -> np.ndarray:
        return self.rows


def as_encoder(what: Encoder | Callable[[Atoms], ArrayLike] | ArrayLike) -> Encoder:
    """An encoder from an encoder, a function of one frame, or an array of features."""
    if isinstance(what, Encoder):
        return what
    if callable(what):
        return CallableEncoder(what)
    return ArrayEncoder(what)


def of_each(function: Callable[[Atoms], Any], frames: Sequence[Atoms]) -> list[Any]:
    """What a function makes of each frame; a ValueError is told with the frame's number."""
    found = []
    for number, atoms in enumerate(frames):
        try:
            found.append(function(atoms))
        except ValueError as error:
            raise ValueError(f"frame {number}: {error}") from error
    return found


def stacked(rows: list[np.ndarray], name: str) -> np.ndarray:
    """Rows of equal length as a matrix.

    Raises
    ------
    ValueError
        If a row is not one-dimensional, or differs in length from the first.
    """
    for number, row in enumerate(rows):
        if row.ndim != 1 or len(row) != len(rows[0]):
            raise ValueError(
                f"frame {number}: its {name} features have shape {row.shape}, expected {rows[0].shape}"
            )
    return np.array(rows)
