# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors of energies and forces on frames with labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mdsieve.potentials.linear import labels_of
from mdsieve.validate.contract import Curve, Measured, Number, Property

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.validate.subject import Subject

__all__ = ["LabelErrors"]

_MOST_POINTS = 5000  # of a cloud that is drawn


class LabelErrors(Property):
    """Mean absolute and root mean square errors and R² of energies an atom and of each element's forces.

    R² = 1 - Σ (value - label)² / Σ (label - mean label)². Energies are also compared after both have been
    shifted to mean 0, as the distillation paper does (arXiv:2311.05407): two potentials may count from
    different zeros.

    Parameters
    ----------
    frames : callable
        Gives the labelled frames, one after the other, each time it is called.
    seed : int
        Of the forces that are drawn, if there are many.
    """

    name: ClassVar[str] = "errors"
    has_reference: ClassVar[bool] = False

    def __init__(self, frames: Callable[[], Iterable[Atoms]], *, seed: int = 0) -> None:
        self.frames = frames
        self.seed = seed

    def measure(self, subject: Subject) -> Measured:
        """See `Property.measure`."""
        energies: list[tuple[float, float]] = []
        forces: dict[str, list[np.ndarray]] = {}
        for number, atoms in enumerate(self.frames()):
            energy, label = labels_of(atoms)
            if energy is None and label is None:
                raise ValueError(f"labelled frame {number}: neither energy nor forces")
            if energy is not None and len(atoms):
                energies.append((subject.energy(atoms) / len(atoms), energy / len(atoms)))
            if label is not None:
                pairs = np.stack([subject.forces(atoms), label], axis=-1)
                for symbol in set(atoms.get_chemical_symbols()):
                    forces.setdefault(symbol, []).append(pairs[atoms.symbols == symbol].reshape(-1, 2))
        numbers: list[Number] = []
        curves: list[Curve] = []
        if energies:
            values, labels = np.array(energies).T
            errors = 1000.0 * (values - labels)
            shifted = errors - errors.mean()
            numbers += [
                Number("energy MAE", "meV/atom", float(np.abs(errors).mean())),
                Number("energy RMSE", "meV/atom", float(np.sqrt((errors**2).mean()))),
                Number("energy mean offset", "meV/atom", float(errors.mean())),
                Number("energy MAE without offset", "meV/atom", float(np.abs(shifted).mean())),
                Number("energy RMSE without offset", "meV/atom", float(np.sqrt((shifted**2).mean()))),
                Number("energy R²", "", _r2(values, labels)),
            ]
            curves.append(_cloud("errors-energy", "energy, {} [eV/atom]", values, labels, self.seed))
        for symbol in sorted(forces):
            values, labels = np.concatenate(forces[symbol]).T
            errors = 1000.0 * (values - labels)
            numbers += [
                Number(f"{symbol} force MAE", "meV/Å", float(np.abs(errors).mean())),
                Number(f"{symbol} force RMSE", "meV/Å", float(np.sqrt((errors**2).mean()))),
                Number(f"{symbol} force R²", "", _r2(values, labels)),
            ]
            curves.append(_cloud(f"errors-force-{symbol}", "force, {} [eV/Å]", values, labels, self.seed))
        return Measured(tuple(numbers), curves=tuple(curves))


def _r2(values: np.ndarray, labels: np.ndarray) -> float:
    total = float(((labels - labels.mean()) ** 2).sum())
    return float(1.0 - ((values - labels) ** 2).sum() / total) if total > 0 else float("nan")


def _cloud(name: str, axis: str, values: np.ndarray, labels: np.ndarray, seed: int) -> Curve:
    chosen = np.arange(len(values))
    if len(values) > _MOST_POINTS:
        chosen = np.sort(np.random.default_rng(seed).choice(len(values), _MOST_POINTS, replace=False))
    return Curve(
        name,
        axis.format("label"),
        axis.format("potential"),
        labels[chosen],
        {"predicted": values[chosen]},
        is_cloud=True,
    )
