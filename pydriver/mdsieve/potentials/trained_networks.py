# SPDX-License-Identifier: GPL-2.0-or-later
"""An ensemble's weights as one array of members, in the basis in which they are trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.potentials.backward import BatchedLayers
from mdsieve.potentials.networks import ElementNetworks, torch

if TYPE_CHECKING:
    from mdsieve.potentials.ensemble import NetworkEnsemble
    from mdsieve.potentials.training_data import TrainingFrames

__all__ = ["TrainedNetworks", "bases", "new_ensemble"]

_LEAST_VARIANCE = 1e-6  # times the largest: what is below is not blown up further
_LEAST_DEVIATION = 1e-4  # times an element's largest: columns that hardly vary yet may vary a lot later


def new_ensemble(
    frames: TrainingFrames, networks: ElementNetworks, *, whitening: float = 0.35
) -> NetworkEnsemble:
    """Networks with random weights made fit for training on some frames.

    Each column is standardised by its mean and standard deviation over the environments, at least 10⁻⁴ of the
    element's largest, or 1 where it does not vary; an element's offset is its share of the energy by least
    squares, the networks' scale the deviation of an atom's energy that is left (of E/n, times √n), or 1 eV.
    Random weights of first layers are taken as those of the basis of training.

    Parameters
    ----------
    frames : TrainingFrames
    networks : ElementNetworks
        As drawn; are changed.
    whitening : float
        See `TrainingSettings`.

    Raises
    ------
    ValueError
        If there is no frame.
    """
    from mdsieve.potentials.ensemble import NetworkEnsemble

    if not len(frames):
        raise ValueError("no frames to train on")
    scaling = {}
    for symbol, width in frames.functions.n_features.items():
        rows = frames.fingerprints(symbol)
        if not len(rows):
            scaling[symbol] = np.zeros(width), np.ones(width)
            continue
        deviations = rows.std(axis=0)
        varies = np.ptp(rows, axis=0) > 0  # a deviation of rounding errors may be above 0
        least = _LEAST_DEVIATION * deviations[varies].max(initial=0.0)
        scaling[symbol] = rows.mean(axis=0), 1.0 / np.where(varies, np.maximum(deviations, least), 1.0)
    offsets, scale = _offsets(frames)
    networks.set_standardisation(scaling, scale)
    ensemble = NetworkEnsemble(frames.functions, networks, offsets)
    with torch.no_grad():
        for symbol, basis in bases(ensemble, frames, whitening).items():
            first = networks.network(symbol).weights[0]
            first.copy_(torch.as_tensor(basis).to(first) @ first)
    return ensemble


def _offsets(frames: TrainingFrames) -> tuple[dict[str, float], float]:
    """Energy of each element, and the deviation of an atom's energy from it."""
    known = np.isfinite(frames.energies)
    symbols = frames.functions.elements
    if not known.any():
        return dict.fromkeys(symbols, 0.0), 1.0
    n_atoms = frames.n_atoms[known]
    shares = frames.composition[known] / n_atoms[:, None]
    labels = frames.energies[known] / n_atoms
    # rcond: elements always in the same proportion share their energy
    solution, *_ = np.linalg.lstsq(shares, labels, rcond=1e-6)
    left = (labels - shares @ solution) * np.sqrt(n_atoms)
    scale = float(np.sqrt(np.mean(left**2)))
    return dict(zip(symbols, solution.tolist(), strict=True)), scale if scale > 1e-6 else 1.0


def bases(ensemble: NetworkEnsemble, frames: TrainingFrames, whitening: float) -> dict[str, np.ndarray]:
    """For each element the matrix from its standardised fingerprints to what first layers are trained on.

    Symmetry functions overlap: their principal variances span ten orders of magnitude, which gradients see
    and adaptive steps of single weights cannot mend. In the basis of principal components, each times
    variance^-whitening, they hardly do. No component is left out, so the networks that can be reached are
    the same.

    Returns
    -------
    dict of str to ndarray of float, shape (n_features, n_features)

    Raises
    ------
    ValueError
        If members have standardisations of their own.
    """
    found = {}
    for symbol in ensemble.elements:
        network = ensemble.networks.network(symbol)
        if network.shift.shape[0] != 1:
            raise ValueError(
                f"members with standardisations of their own ({symbol}) cannot be trained together"
            )
        shift, factor = (part.double().cpu().numpy()[0, 0] for part in (network.shift, network.factor))
        rows = (frames.fingerprints(symbol) - shift) * factor
        if not len(rows):
            found[symbol] = np.eye(len(shift))
            continue
        rows -= rows.mean(axis=0)
        variances, axes = np.linalg.eigh(rows.T @ rows / len(rows))
        least = _LEAST_VARIANCE * max(variances[-1], 0.0)
        found[symbol] = axes * np.maximum(variances, least if least > 0 else 1.0) ** -whitening
    return found


@dataclass(frozen=True)
class _Place:
    """Where a layer's numbers are in the row of a member."""

    start: int
    n_in: int
    n_out: int

    @property
    def middle(self) -> int:
        return self.start + self.n_in * self.n_out

    @property
    def end(self) -> int:
        return self.middle + self.n_out


class TrainedNetworks:
    """Weights and biases of all members and elements, one row a member.

    Parameters
    ----------
    ensemble : NetworkEnsemble
        What is trained; only `give_back` changes it.
    basis : dict of str to ndarray of float, shape (n_features, n_features)
        From `bases`.
    device : str
    dtype : torch.dtype

    Attributes
    ----------
    values : torch.Tensor, shape (M, P)
        Parameters.
    gradient : torch.Tensor, shape (M, P)
    decays : torch.Tensor, shape (1, P)
        1 for weights, 0 for biases.
    """

    def __init__(
        self,
        ensemble: NetworkEnsemble,
        basis: Mapping[str, np.ndarray],
        device: str,
        dtype: torch.dtype,
    ) -> None:
        self._ensemble = ensemble
        self._basis = dict(basis)
        self._places: dict[str, list[_Place]] = {}
        end = 0
        for symbol in ensemble.elements:
            network = ensemble.networks.network(symbol)
            places = []
            for pair in pairwise(network.layers.sizes(network.n_features)):
                places.append(_Place(end, *pair))
                end = places[-1].end
            self._places[symbol] = places
        self.values = torch.zeros(ensemble.n_members, end, device=device, dtype=dtype)
        self.gradient = torch.zeros_like(self.values)
        self.decays = torch.zeros(1, end, device=device, dtype=dtype)
        self._layers: dict[str, BatchedLayers] = {}
        self._gradients: dict[str, BatchedLayers] = {}
        self._to_basis: dict[str, torch.Tensor] = {}
        for symbol, places in self._places.items():
            network = ensemble.networks.network(symbol)
            letters = "".join(network.layers.activations)
            scale = network.scale.to(device, dtype).unsqueeze(-1)
            self._layers[symbol] = BatchedLayers(*self._views(self.values, places), letters, scale)
            self._gradients[symbol] = BatchedLayers(*self._views(self.gradient, places), letters, scale)
            factor = network.factor[0, 0].double().cpu().numpy()
            matrix = factor[:, None] * self._basis[symbol]
            self._to_basis[symbol] = torch.as_tensor(matrix).to(device, dtype)
            for place in places:
                self.decays[:, place.start : place.middle] = 1.0
        self._take()

    @property
    def elements(self) -> list[str]:
        """Element symbols."""
        return list(self._places)

    def inputs(self, symbol: str, fingerprints: np.ndarray) -> torch.Tensor:
        """Raw fingerprints as the first layer is trained on them, shape (n, n_features)."""
        network = self._ensemble.networks.network(symbol)
        shift, factor = (part.double().cpu().numpy()[0, 0] for part in (network.shift, network.factor))
        rows = ((fingerprints - shift) * factor) @ self._basis[symbol]
        return torch.as_tensor(rows).to(self.values)

    def layers(self, symbol: str) -> BatchedLayers:
        """An element's layers, in the basis of training."""
        return self._layers[symbol]

    def gradients(self, symbol: str) -> BatchedLayers:
        """Where the gradient of an element's parameters is added."""
        return self._gradients[symbol]

    def raw_basis(self, symbol: str) -> torch.Tensor:
        """Matrix from raw fingerprints, less their shift, to `inputs`, shape (n_features, n_features)."""
        return self._to_basis[symbol]

    def first_weight(self, symbol: str) -> torch.Tensor:
        """Weights of the first layer for raw fingerprints, shape (M, n_features, n_out)."""
        return torch.matmul(self._to_basis[symbol], self._layers[symbol].weights[0])

    def add_first_gradient(self, symbol: str, gradient: torch.Tensor) -> None:
        """Add a gradient with respect to `first_weight` to that of the parameters."""
        self._gradients[symbol].weights[0].add_(torch.matmul(self._to_basis[symbol].T, gradient))

    def give_back(self, values: torch.Tensor) -> None:
        """Put parameters, shape (M, P), into the ensemble."""
        with torch.no_grad():
            for symbol, places in self._places.items():
                network = self._ensemble.networks.network(symbol)
                weights, biases = self._views(values.double().cpu(), places)
                for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
                    full = torch.as_tensor(self._basis[symbol]) @ weight if k == 0 else weight
                    network.weights[k].copy_(full)
                    network.biases[k].copy_(bias)

    def _take(self) -> None:
        """Take the parameters from the ensemble."""
        with torch.no_grad():
            for symbol in self._places:
                network = self._ensemble.networks.network(symbol)
                mine = self._layers[symbol]
                for k, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
                    full = weight.double().cpu()
                    if k == 0:
                        inverse = np.linalg.inv(self._basis[symbol])
                        full = torch.as_tensor(inverse) @ full
                    mine.weights[k].copy_(full)
                    mine.biases[k].copy_(bias)

    @staticmethod
    def _views(values: torch.Tensor, places: list[_Place]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Weights and biases of layers as parts of a row, without copies."""
        n_members = values.shape[0]
        weights = [values[:, p.start : p.middle].view(n_members, p.n_in, p.n_out) for p in places]
        biases = [values[:, p.middle : p.end].view(n_members, 1, p.n_out) for p in places]
        return weights, biases
