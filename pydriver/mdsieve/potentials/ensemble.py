# SPDX-License-Identifier: GPL-2.0-or-later
"""An ensemble of Behler-Parrinello networks over the project's symmetry functions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from mdsieve.potentials.networks import ElementNetwork, ElementNetworks, torch

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import ByElement, SymmetryFunctions
    from mdsieve.potentials.calculator import EnsembleCalculator

__all__ = ["NetworkEnsemble", "Prediction"]

# of a layer's values of all members: as a processor's caches like it, and to keep a GPU busy
_NUMBERS_AT_A_TIME, _NUMBERS_ON_A_GPU = 1 << 20, 1 << 26
_VOIGT = ((0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1))  # xx yy zz yz xz xy


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the M members say of a structure.

    Attributes
    ----------
    energy : ndarray of float, shape (M,)
        eV.
    atomic : ndarray of float, shape (M, n_atoms)
        Energies of the atoms [eV], with their elements' offsets; their sum is `energy`.
    forces : ndarray of float, shape (M, n_atoms, 3), or None
        eV/Å; None if not asked for.
    stress : ndarray of float, shape (M, 6), or None
        xx, yy, zz, yz, xz, xy in ASE's sign [eV/Å³]; None if not asked for.
    """

    energy: np.ndarray
    atomic: np.ndarray
    forces: np.ndarray | None = None
    stress: np.ndarray | None = None


class NetworkEnsemble:
    """M networks an element, whose outputs are the atoms' energies: E = Σ_i (offset_s + network_s(G_i)).

    Behler and Parrinello, Phys. Rev. Lett. 98, 146401 (2007).

    Parameters
    ----------
    functions : SymmetryFunctions
        What the networks take.
    networks : ElementNetworks
        For its elements and numbers of functions.
    offsets : dict of str to float or ndarray of float, shape (M,), optional
        Energy of each element that is added to every one of its atoms [eV]; default 0.
    provenance : dict, optional
        How it came to be; anything that JSON can say. Travels with the file.
    ranges : dict of str to ndarray of float, shape (2, n_features), optional
        Smallest and largest value of each column in the training set, where they are known. n2p2 warns of
        what lies outside.

    Raises
    ------
    ValueError
        If networks, offsets or ranges are not those of the symmetry functions' elements.
    """

    def __init__(
        self,
        functions: SymmetryFunctions,
        networks: ElementNetworks,
        offsets: Mapping[str, float | np.ndarray] | None = None,
        provenance: Mapping[str, Any] | None = None,
        ranges: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        expected = functions.n_features
        found = {symbol: networks.network(symbol).n_features for symbol in networks.elements}
        if found != expected:
            raise ValueError(
                f"networks for {_listed(found)} inputs, but symmetry functions give {_listed(expected)}"
            )
        offsets = dict(offsets or {})
        unknown = [symbol for symbol in offsets if symbol not in expected]
        if unknown:
            raise ValueError(f"an offset of {unknown[0]}, which the symmetry functions do not know")
        self.functions = functions
        self.networks = networks
        self.offsets: dict[str, np.ndarray] = {
            symbol: self._offset(symbol, offsets.get(symbol, 0.0)) for symbol in expected
        }
        self.provenance: dict[str, Any] = dict(provenance or {})
        self.ranges: dict[str, np.ndarray] = {}
        for symbol, rows in (ranges or {}).items():
            if np.shape(rows) != (2, expected.get(symbol)) or not np.isfinite(rows).all():
                raise ValueError(f"ranges of {symbol}: expected two finite rows of {expected.get(symbol)}")
            self.ranges[symbol] = np.array(rows, dtype=float)

    def _offset(self, symbol: str, value: float | np.ndarray) -> np.ndarray:
        row = np.asarray(value, dtype=float)
        if row.shape not in ((), (self.n_members,)) or not np.isfinite(row).all():
            raise ValueError(f"offset of {symbol}: expected a finite number, or one for each member")
        return np.broadcast_to(row, (self.n_members,)).copy()

    @property
    def elements(self) -> list[str]:
        """Element symbols, ordered by atomic number."""
        return self.functions.elements

    @property
    def n_members(self) -> int:
        """M."""
        return self.networks.n_members

    def __len__(self) -> int:
        return self.n_members

    def __repr__(self) -> str:
        layers = self.networks.architecture.layers
        shapes = ", ".join(
            f"{symbol}: {'-'.join(map(str, layers[symbol].sizes(n)))}"
            for symbol, n in self.functions.n_features.items()
        )
        return f"NetworkEnsemble({self.n_members} members; {shapes})"

    def to(
        self, device: str | torch.device | None = None, dtype: torch.dtype | None = None
    ) -> NetworkEnsemble:
        """Move the networks to a device, or to another precision; this ensemble itself is returned."""
        self.networks.to(device=device, dtype=dtype)
        return self

    def subset(self, members: Sequence[int]) -> NetworkEnsemble:
        """A copy with some of the members, in the order given.

        Raises
        ------
        IndexError
            If there is no such member.
        """
        networks = self.networks.subset(members)
        offsets = {symbol: row[list(members)] for symbol, row in self.offsets.items()}
        return NetworkEnsemble(self.functions, networks, offsets, self.provenance, self.ranges)

    def widen_ranges(self, by_element: Mapping[str, np.ndarray]) -> None:
        """Take environments that the members were trained on into `ranges`.

        Parameters
        ----------
        by_element : dict of str to ndarray of float, shape (n, n_features)
        """
        for symbol, rows in by_element.items():
            if len(rows):
                known = self.ranges.get(symbol, rows[:1])
                least, most = (
                    np.minimum(known[0], rows.min(axis=0)),
                    np.maximum(known[-1], rows.max(axis=0)),
                )
                self.ranges[symbol] = np.array([least, most])

    # --- energies of fingerprints ---------------------------------------------------------------------------

    def atomic_energies(self, by_element: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Energies of environments, of which no positions are needed.

        Parameters
        ----------
        by_element : dict of str to ndarray of float, shape (n, n_features)
            Fingerprints of each element, unscaled.

        Returns
        -------
        dict of str to ndarray of float, shape (M, n)
            eV, with the elements' offsets.

        Raises
        ------
        ValueError
            If an element is unknown or has another number of functions.
        """
        return {
            symbol: np.concatenate(
                [self._with_offset(symbol, output) for output in self._outputs(symbol, rows)], axis=1
            )
            for symbol, rows in by_element.items()
        }

    def atomic_spread(self, by_element: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Atomic uncertainty: the standard deviation of the members' energies of an environment.

        arXiv:2311.05407. Computed on the device of the networks; only the result leaves it.

        Parameters
        ----------
        by_element : dict of str to ndarray of float, shape (n, n_features)
            Fingerprints of each element, unscaled.

        Returns
        -------
        dict of str to ndarray of float, shape (n,)
            eV, with n - 1; NaN for an ensemble of one.

        Raises
        ------
        ValueError
            As `atomic_energies`.
        """
        found = {}
        for symbol, rows in by_element.items():
            self._network(symbol, rows)
            # what the offsets have in common would only cost digits
            apart = torch.as_tensor(self.offsets[symbol] - self.offsets[symbol].mean())
            column = apart.to(self.networks.device, self.networks.dtype)[:, None]
            parts = [self._deviation(output + column) for output in self._outputs(symbol, rows)]
            found[symbol] = np.concatenate([_to_numpy(part) for part in parts])
        return found

    def _deviation(self, energies: torch.Tensor) -> torch.Tensor:
        """Sample standard deviation over the members, which come first; of no environments too."""
        apart = energies - energies.mean(dim=0)
        return ((apart * apart).sum(dim=0) / (self.n_members - 1)).sqrt()

    def _outputs(self, symbol: str, rows: np.ndarray) -> Iterator[torch.Tensor]:
        """Outputs of one element's networks, shape (M, some), batch by batch."""
        network = self._network(symbol, rows)
        widths = network.layers.sizes(network.n_features)
        most = _NUMBERS_AT_A_TIME if self.networks.device.type == "cpu" else _NUMBERS_ON_A_GPU
        step = max(1, most // (self.n_members * max(widths)))
        with torch.inference_mode():
            for start in range(0, max(1, len(rows)), step):
                inputs = {symbol: self._inputs(symbol, rows[start : start + step])}
                yield self.networks(inputs)[symbol]

    def energy_gradients(
        self, by_element: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Energies of environments and their derivatives with respect to the fingerprints.

        Parameters
        ----------
        by_element : dict of str to ndarray of float, shape (n, n_features)

        Returns
        -------
        dict of str to ndarray of float, shape (M, n)
            As `atomic_energies`.
        dict of str to ndarray of float, shape (M, n, n_features)
            dE_i / dG_i [eV].

        Raises
        ------
        ValueError
            As `atomic_energies`.
        """
        leaves = {}
        for symbol, rows in by_element.items():
            inputs = self._inputs(symbol, rows)
            leaves[symbol] = inputs.expand(self.n_members, -1, -1).clone().requires_grad_()
        outputs = self.networks(leaves)
        total = torch.stack([output.sum() for output in outputs.values()]).sum()
        slopes = torch.autograd.grad(total, list(leaves.values()))
        return (
            {symbol: self._with_offset(symbol, output.detach()) for symbol, output in outputs.items()},
            {symbol: _to_numpy(slope) for symbol, slope in zip(leaves, slopes, strict=True)},
        )

    def _network(self, symbol: str, rows: np.ndarray) -> ElementNetwork:
        """The networks for some fingerprints, or a ValueError."""
        if symbol not in self.offsets:
            raise ValueError(
                f"element {symbol} is not in the ensemble, which knows {' '.join(self.elements)}"
            )
        network = self.networks.network(symbol)
        if np.ndim(rows) != 2 or np.shape(rows)[1] != network.n_features:
            raise ValueError(
                f"fingerprints of {symbol} of shape {np.shape(rows)}: expected (n, {network.n_features})"
            )
        return network

    def _inputs(self, symbol: str, rows: np.ndarray) -> torch.Tensor:
        self._network(symbol, rows)
        # other precisions are made where the networks are
        return torch.as_tensor(np.ascontiguousarray(rows)).to(self.networks.device).to(self.networks.dtype)

    def _with_offset(self, symbol: str, output: torch.Tensor) -> np.ndarray:
        return _to_numpy(output) + self.offsets[symbol][:, None]

    # --- structures -----------------------------------------------------------------------------------------

    @overload
    def predict(
        self, atoms: Atoms, *, forces: bool = ..., stress: bool = ..., n_jobs: int = ...
    ) -> Prediction: ...

    @overload
    def predict(
        self, atoms: Iterable[Atoms], *, forces: bool = ..., stress: bool = ..., n_jobs: int = ...
    ) -> list[Prediction]: ...

    def predict(self, atoms, *, forces: bool = True, stress: bool = False, n_jobs: int = 1):
        """Energies, forces and stress of all members.

        Parameters
        ----------
        atoms : ase.Atoms or iterable of ase.Atoms
        forces, stress : bool
            What is wanted besides energies; it costs the fingerprints' derivatives.
        n_jobs : int
            Threads for fingerprints.

        Returns
        -------
        Prediction
            A list of them for an iterable.

        Raises
        ------
        ValueError
            If an element of the structure is unknown, two atoms lie at the same place, or a stress is wanted
            of a structure without a volume.
        """
        from ase import Atoms

        if not isinstance(atoms, Atoms):
            return [self.predict(one, forces=forces, stress=stress, n_jobs=n_jobs) for one in atoms]
        if stress and (atoms.cell.rank < 3 or atoms.cell.volume == 0.0):
            raise ValueError("a stress is wanted of a structure without a volume")
        found = self.functions.create_by_element(atoms, n_jobs=n_jobs)
        rows = {symbol: values for symbol, (_, values) in found.items()}
        if not (forces or stress):
            atomic = self._in_order(len(atoms), found, self.atomic_energies(rows))
            return Prediction(atomic.sum(axis=1), atomic)
        energies, slopes = self.energy_gradients(rows)
        atomic = self._in_order(len(atoms), found, energies)
        gradient = np.zeros((self.n_members, len(atoms), 3))
        strain = np.zeros((self.n_members, 3, 3))
        for symbol, derivatives in self.functions.derivatives_by_element(atoms, n_jobs=n_jobs).items():
            if forces:
                gradient += derivatives.position_gradient(slopes[symbol])
            if stress:
                strain += derivatives.strain_gradient(slopes[symbol])
        return Prediction(
            atomic.sum(axis=1),
            atomic,
            -gradient if forces else None,
            (strain / atoms.cell.volume)[:, _VOIGT[0], _VOIGT[1]] if stress else None,
        )

    def forces(self, atoms: Atoms) -> np.ndarray:
        """Forces of all members, shape (M, n_atoms, 3) [eV/Å]; see `predict`."""
        found = self.predict(atoms).forces
        assert found is not None
        return found

    def _in_order(self, n_atoms: int, found: ByElement, energies: Mapping[str, np.ndarray]) -> np.ndarray:
        """Energies of the atoms in their order, shape (M, n_atoms)."""
        atomic = np.zeros((self.n_members, n_atoms))
        for symbol, (indices, _) in found.items():
            atomic[:, indices] = energies[symbol]
        return atomic

    def calculator(self, member: int | None = None) -> EnsembleCalculator:
        """The ensemble for ASE: the mean of the members with their spread, or one of them."""
        from mdsieve.potentials.calculator import EnsembleCalculator

        return EnsembleCalculator(self, member=member)

    # --- files ----------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike) -> None:
        """Write descriptor, networks and all that belongs to them to one HDF5 file, whole or not at all.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        from mdsieve.io.ensemble_hdf5 import write_ensemble

        write_ensemble(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike) -> NetworkEnsemble:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            "path: ..." if it is no ensemble or not a whole one.
        OSError
            If the file cannot be read.
        """
        from mdsieve.io.ensemble_hdf5 import read_ensemble

        return read_ensemble(path)


def _to_numpy(values: torch.Tensor) -> np.ndarray:
    return values.to("cpu", torch.float64).numpy()


def _listed(widths: Mapping[str, int]) -> str:
    return ", ".join(f"{symbol} ({width})" for symbol, width in widths.items())
