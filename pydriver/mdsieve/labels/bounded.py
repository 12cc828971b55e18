# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels that are taken only where forces are small enough to be learnt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.labels.contract import Labelled, Labeller, without_labels

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["BoundedLabeller"]


class BoundedLabeller(Labeller):
    """Another labeller, whose frames with a larger force than a bound lose their labels.

    Parameters
    ----------
    labeller : Labeller
    largest_force : float
        eV/Å.

    Attributes
    ----------
    n_beyond : int
        Frames so far that had labels and lost them.
    """

    def __init__(self, labeller: Labeller, largest_force: float) -> None:
        self.n_beyond = 0
        self._labeller = labeller
        self._largest_force = largest_force

    @property
    def description(self) -> str:
        """That of the other."""
        return self._labeller.description

    def label(self, frames: Iterable[Atoms]) -> Iterator[Labelled]:
        """Label frames as the other does; a frame beyond the bound comes back with the reason."""
        for frame in self._labeller.label(frames):
            if not frame.problem:
                force = float(np.linalg.norm(frame.atoms.get_forces(), axis=1).max(initial=0.0))
                if force > self._largest_force:
                    self.n_beyond += 1
                    words = f"a force of {force:.4g} eV/Å, more than {self._largest_force:g}"
                    yield Labelled(frame.index, without_labels(frame.atoms), words)
                    continue
            yield frame
