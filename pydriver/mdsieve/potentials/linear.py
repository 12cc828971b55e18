# SPDX-License-Identifier: GPL-2.0-or-later
"""A linear potential on symmetry functions: seconds to fit, the honest and quick measure of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.derivatives import Derivatives
    from mdsieve.descriptors import SymmetryFunctions

__all__ = ["Errors", "LinearCalculator", "LinearPotential"]


@dataclass(frozen=True)
class Errors:
    """How far predictions lie from labels.

    Attributes
    ----------
    energy : float
        Root mean square over the structures [eV/atom]; NaN without labels.
    force : float
        Root mean square over all components [eV/Å]; NaN without labels.
    """

    energy: float
    force: float

    def __str__(self) -> str:
        return f"{1000 * self.energy:.2f} meV/atom, {1000 * self.force:.1f} meV/Å"


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the potential says of a structure.

    Attributes
    ----------
    energy : float
        eV.
    forces : ndarray of float, shape (n_atoms, 3)
        eV/Å.
    atomic_energies : ndarray of float, shape (n_atoms,)
        eV; their sum is `energy`.
    stress : ndarray of float, shape (3, 3)
        eV/Å³ in ASE's sign; NaN without a volume.
    """

    energy: float
    forces: np.ndarray
    atomic_energies: np.ndarray
    stress: np.ndarray


class LinearPotential:
    """E = Σ_i (c_s + w_s · x_i), with x the fingerprint of atom i of element s, fitted by ridge regression.

    Minimises  W_E² Σ_m [(E_m - Ê_m)/n_m]² + W_F² Σ |F - F̂|² / 3 + λ |w|², with columns scaled to a standard
    deviation of 1 on the training set, λ = `alpha` × the number of rows, the constants unpenalised. Columns
    that do not vary get no weight.

    Parameters
    ----------
    functions : SymmetryFunctions
    alpha : float
        Strength of the ridge.
    energy_weight : float
        W_E, relative to an energy per atom [1/eV].
    force_weight : float
        W_F [Å/eV]; 0: fit energies only.
    n_jobs : int
        Threads for fingerprints.

    Attributes
    ----------
    weights_ : dict of str to ndarray of float, shape (n_features,)
        w of each element, of unscaled fingerprints [eV].
    constants_ : dict of str to float
        c of each element [eV].

    Raises
    ------
    ValueError
        If a weight is negative, or `alpha` is not above 0.

    Notes
    -----
    The equations are reduced to a triangle (QR) as they come: memory does not grow with the data set, and no
    digits are lost to normal equations.
    """

    def __init__(
        self,
        functions: SymmetryFunctions,
        *,
        alpha: float = 1e-8,
        energy_weight: float = 30.0,
        force_weight: float = 1.0,
        n_jobs: int = 1,
    ) -> None:
        if not (np.isfinite(alpha) and alpha > 0):
            raise ValueError(f"alpha is {alpha!r}: expected a number above 0")
        if energy_weight < 0 or force_weight < 0 or energy_weight + force_weight == 0:
            raise ValueError(
                f"energy_weight {energy_weight}, force_weight {force_weight}: expected 0 or more, not both 0"
            )
        self.functions = functions
        self.alpha = alpha
        self.energy_weight = energy_weight
        self.force_weight = force_weight
        self.n_jobs = n_jobs

    def fit(self, frames: Sequence[Atoms]) -> LinearPotential:
        """Fit to the energies and forces that the structures carry.

        Parameters
        ----------
        frames : sequence of ase.Atoms
            With energies, and forces where there are any, in their calculators.

        Raises
        ------
        ValueError
            If there is no structure, or one has neither energy nor forces that are wanted.
        """
        scale = self._column_scales(frames)
        # R of the QR factorisation of all rows, the labels as last column: what decides the solution
        waiting: list[np.ndarray] = []
        n_waiting, n_rows = 0, 0
        for number, atoms in enumerate(frames):
            rows, labels = self._equations(atoms, number)
            waiting.append(np.column_stack([rows * scale, labels]))
            n_waiting += len(rows)
            n_rows += len(rows)
            if n_waiting > 4 * len(scale):
                triangle = np.asarray(np.linalg.qr(np.concatenate(waiting), mode="r"))
                waiting, n_waiting = [triangle], 0
        return self.solve(np.concatenate(waiting), scale, n_rows)

    def solve(self, equations: np.ndarray, scale: np.ndarray, n_rows: int) -> LinearPotential:
        """Take the coefficients that solve weighted equations best.

        Parameters
        ----------
        equations : ndarray of float, shape (n, n_coefficients + 1)
            Rows of the design matrix times `scale`, labels as last column; or the triangle they reduce to.
        scale : ndarray of float, shape (n_coefficients,)
            Factor of each column.
        n_rows : int
            Equations there were before they were reduced, for the ridge.
        """
        ridge = np.full(len(scale), np.sqrt(self.alpha * n_rows))
        ridge[self._constants()] = 0.0
        stacked = np.concatenate([equations, np.column_stack([np.diag(ridge), np.zeros(len(scale))])])
        # elements that never occur leave columns of zeros: the smallest solution gives them nothing
        solution, *_ = np.linalg.lstsq(stacked[:, :-1], stacked[:, -1], rcond=1e-15)
        self._set(solution * scale)
        return self

    def predict(self, atoms: Atoms) -> Prediction:
        """Energy, forces and stress of a structure.

        Raises
        ------
        ValueError
            If the potential is not fitted, or an element is not its own.
        """
        weights, constants = self._fitted()
        atomic_energies, forces = np.empty(len(atoms)), np.zeros((len(atoms), 3))
        strain = np.zeros((3, 3))
        fingerprints = self.functions.create_by_element(atoms, n_jobs=self.n_jobs)
        derivatives = self.functions.derivatives_by_element(atoms, n_jobs=self.n_jobs)
        for symbol, (indices, rows) in fingerprints.items():
            atomic_energies[indices] = constants[symbol] + rows @ weights[symbol]
            gradient = derivatives[symbol]
            pulls = np.broadcast_to(weights[symbol], (len(gradient.centres), len(weights[symbol])))
            forces -= gradient.position_gradient(pulls)
            strain += gradient.strain_gradient(pulls)
        volume = atoms.cell.volume
        stress = (strain + strain.T) / (2.0 * volume) if volume > 0 else np.full((3, 3), np.nan)
        return Prediction(float(atomic_energies.sum()), forces, atomic_energies, stress)

    def errors(self, frames: Iterable[Atoms]) -> Errors:
        """Root mean square errors on structures with labels."""
        energies: list[float] = []
        forces: list[np.ndarray] = []
        for atoms in frames:
            said = self.predict(atoms)
            energy, force = _label(atoms, "energy"), _label(atoms, "forces")
            if energy is not None:
                energies.append((said.energy - float(energy)) / len(atoms))
            if force is not None:
                forces.append((said.forces - force).ravel())
        return Errors(_rms(energies), _rms(np.concatenate(forces) if forces else []))

    @property
    def coefficients(self) -> np.ndarray:
        """Constant and weights of each element, one after the other, shape (n_coefficients,)."""
        weights, constants = self._fitted()
        return np.concatenate([np.append(constants[s], weights[s]) for s in self.functions.elements])

    def calculator(self) -> LinearCalculator:
        """The potential for ASE."""
        return LinearCalculator(self)

    # within: one vector of coefficients, for each element its constant, then its columns

    def _starts(self) -> dict[str, int]:
        sizes = [1 + self.functions.n_features[symbol] for symbol in self.functions.elements]
        return dict(zip(self.functions.elements, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))

    def _constants(self) -> list[int]:
        return list(self._starts().values())

    def _size(self) -> int:
        return sum(1 + n for n in self.functions.n_features.values())

    def _column_scales(self, frames: Sequence[Atoms]) -> np.ndarray:
        """Factor of each column that makes its standard deviation over the environments 1."""
        if not len(frames):
            raise ValueError("no structures to fit to")
        widths = [self.functions.n_features[symbol] for symbol in self.functions.elements]
        means = [np.zeros(w) for w in widths]
        squares = [np.zeros(w) for w in widths]
        counts = [0] * len(widths)
        for atoms in frames:
            for number, (_, rows) in enumerate(self.functions.create_by_element(atoms).values()):
                if not len(rows):
                    continue
                n, m = counts[number], len(rows)
                shift = rows.mean(axis=0) - means[number]
                squares[number] += ((rows - rows.mean(axis=0)) ** 2).sum(axis=0) + shift**2 * n * m / (n + m)
                means[number] += shift * m / (n + m)
                counts[number] += m
        parts: list[np.ndarray] = []
        for mean, square, count in zip(means, squares, counts, strict=True):
            parts.append(self.scales_of(mean, square, max(count, 1)))
        return np.concatenate(parts)

    @staticmethod
    def scales_of(mean: np.ndarray, square: np.ndarray, count: int) -> np.ndarray:
        """Factors of an element's constant and columns, from means and summed squared deviations of these."""
        spread = np.sqrt(square / count)
        varies = spread > 1e-10 * np.abs(mean)
        return np.append(1.0, np.where(varies, 1.0 / np.where(varies, spread, 1.0), 0.0))

    def _equations(self, atoms: Atoms, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Weighted rows of the design matrix and labels of one structure."""
        energy, forces = _label(atoms, "energy"), _label(atoms, "forces")
        rows, labels = [], []
        if energy is not None and self.energy_weight:
            factor = self.energy_weight / len(atoms)
            rows.append(factor * self.energy_row(atoms)[None])
            labels.append([factor * float(energy)])
        if forces is not None and self.force_weight:
            factor = self.force_weight / np.sqrt(3.0)
            rows.append(factor * self.force_rows(atoms))
            labels.append(factor * forces.ravel())
        if not rows:
            raise ValueError(f"structure {number}: neither energy nor forces to fit to")
        return np.concatenate(rows), np.concatenate(labels)

    def energy_row(self, atoms: Atoms) -> np.ndarray:
        """Row of the design matrix for the energy of a structure, shape (n_coefficients,)."""
        row = np.zeros(self._size())
        starts = self._starts()
        for symbol, (indices, values) in self.functions.create_by_element(atoms, n_jobs=self.n_jobs).items():
            start = starts[symbol]
            row[start] = len(indices)
            row[start + 1 : start + 1 + values.shape[1]] = values.sum(axis=0)
        return row

    def force_rows(self, atoms: Atoms) -> np.ndarray:
        """Rows of the design matrix for its forces, atom by atom, shape (3 n_atoms, n_coefficients)."""
        rows = np.zeros((len(atoms), 3, self._size()))
        starts = self._starts()
        for symbol, found in self.functions.derivatives_by_element(atoms, n_jobs=self.n_jobs).items():
            start = starts[symbol]
            rows[:, :, start + 1 : start + 1 + found.values.shape[2]] = -_summed(found)
        return rows.reshape(3 * len(atoms), -1)

    def _set(self, coefficients: np.ndarray) -> None:
        self.weights_: dict[str, np.ndarray] = {}
        self.constants_: dict[str, float] = {}
        for symbol, start in self._starts().items():
            self.constants_[symbol] = float(coefficients[start])
            self.weights_[symbol] = coefficients[start + 1 : start + 1 + self.functions.n_features[symbol]]

    def _fitted(self) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        if not hasattr(self, "weights_"):
            raise ValueError("the potential is not fitted yet: call fit(frames) first")
        return self.weights_, self.constants_


class LinearCalculator(Calculator):
    """A `LinearPotential` as ASE takes it.

    Parameters
    ----------
    potential : LinearPotential
        Fitted.
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]  # noqa: RUF012

    def __init__(self, potential: LinearPotential) -> None:
        super().__init__()
        self.potential = potential

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """What ASE calls."""
        super().calculate(atoms, properties, system_changes)
        said = self.potential.predict(self.atoms)
        self.results = {
            "energy": said.energy,
            "free_energy": said.energy,
            "energies": said.atomic_energies,
            "forces": said.forces,
        }
        if np.isfinite(said.stress).all():
            self.results["stress"] = said.stress.ravel()[[0, 4, 8, 5, 2, 1]]


def _summed(derivatives: Derivatives) -> np.ndarray:
    """Derivatives of the sum of all fingerprints, shape (n_atoms, 3, n_features)."""
    total = np.zeros((derivatives.n_atoms, *derivatives.values.shape[1:]))
    order = np.argsort(derivatives.pairs[:, 1], kind="stable")
    atoms, begins = np.unique(derivatives.pairs[order, 1], return_index=True)
    if len(atoms):
        total[atoms] = np.add.reduceat(derivatives.values[order], begins, axis=0)
    return total


def labels_of(atoms: Atoms) -> tuple[float | None, np.ndarray | None]:
    """Energy and forces that a structure carries, None where it has none."""
    return _label(atoms, "energy"), _label(atoms, "forces")


def _label(atoms: Atoms, name: str):
    return None if atoms.calc is None else atoms.calc.results.get(name)


def _rms(values) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else float("nan")
