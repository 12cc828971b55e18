# SPDX-License-Identifier: GPL-2.0-or-later
"""The loss of all members on blocks of frames, and its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.potentials.networks import torch
from mdsieve.potentials.trained_networks import TrainedNetworks

if TYPE_CHECKING:
    from mdsieve.potentials.frame_slopes import Slopes
    from mdsieve.potentials.training_data import Block
    from mdsieve.potentials.training_settings import TrainingSettings

__all__ = ["BlockLoss", "FrameErrors"]


@dataclass(frozen=True, eq=False)
class FrameErrors:
    """Squared errors of all members on a block's frames.

    Attributes
    ----------
    energy : torch.Tensor, shape (M, n_frames)
        (ΔE/n)² [eV²]; 0 without a label.
    force : torch.Tensor, shape (M, n_frames)
        Sum of ΔF² over the components that count, divided by the number of all [(eV/Å)²].
    virial : torch.Tensor, shape (M, n_frames)
        Mean of the six squared errors of the virial an atom [eV²].
    """

    energy: torch.Tensor
    force: torch.Tensor
    virial: torch.Tensor

    def loss(self, settings: TrainingSettings) -> torch.Tensor:
        """Each frame's loss, shape (M, n_frames)."""
        return (
            settings.energy_weight * self.energy
            + settings.force_weight * self.force
            + settings.stress_weight * self.virial
        )


class BlockLoss:
    """A block, ready to be trained on.

    Parameters
    ----------
    block : Block
    networks : TrainedNetworks
    energies : ndarray of float, shape (M, n_frames)
        Labels an atom without the elements' offsets [eV]; NaN without a label.
    settings : TrainingSettings
    """

    def __init__(
        self, block: Block, networks: TrainedNetworks, energies: np.ndarray, settings: TrainingSettings
    ) -> None:
        values = networks.values
        self.frames = torch.as_tensor(block.frames).to(values.device)
        self._block = block
        self._networks = networks
        self._settings = settings
        content = block.load()
        self._inputs = {
            symbol: networks.inputs(symbol, rows) for symbol, rows in content.fingerprints.items()
        }
        known = np.isfinite(energies)
        self._energies = torch.as_tensor(np.where(known, energies, 0.0)).to(values)
        self._has_energy = torch.as_tensor(known).to(values)
        self._targets = torch.as_tensor(block.targets).to(values).unsqueeze(1)
        self._shares = torch.as_tensor(block.shares).to(values).unsqueeze(1)
        weights = np.full(block.targets.shape[1], settings.force_weight)
        weights[3 * block.n_atoms :] = settings.stress_weight
        self._uses_rows = bool((block.shares * weights).any())
        self._row_weights = self._shares * torch.as_tensor(weights).to(values)
        self._is_resident = values.device.type != "cpu"
        self._resident: dict[str, Slopes] = {}

    def errors(self) -> FrameErrors:
        """Errors of all frames, without a gradient."""
        return self._evaluated(None)

    def add_gradient(self, weights: torch.Tensor) -> FrameErrors:
        """Add the gradient of the members' weighted loss to that of the networks.

        Parameters
        ----------
        weights : torch.Tensor, shape (M, n_frames)
            Factor of each frame's loss.

        Returns
        -------
        FrameErrors
            At the present parameters.
        """
        return self._evaluated(weights)

    def _evaluated(self, weights: torch.Tensor | None) -> FrameErrors:
        networks, block, n_frames = self._networks, self._block, len(self._block.frames)
        passes = {symbol: networks.layers(symbol).run(rows) for symbol, rows in self._inputs.items()}
        n_members = networks.values.shape[0]
        energies = sum(each.energies.reshape(n_members, n_frames, -1).sum(dim=2) for each in passes.values())
        misses = (energies / block.n_atoms - self._energies) * self._has_energy
        of_slopes: dict[str, torch.Tensor] = {}
        firsts: dict[str, torch.Tensor] = {}
        force = virial = torch.zeros_like(misses)
        if self._uses_rows:
            slopes = self._slopes()
            rows = -self._targets
            for symbol, each in passes.items():
                firsts[symbol] = networks.first_weight(symbol)
                rows = rows + slopes[symbol].rows(each.slopes(firsts[symbol]))
            squares = rows * rows * self._shares
            force = squares[:, :, : 3 * block.n_atoms].sum(dim=2).T
            virial = squares[:, :, 3 * block.n_atoms :].sum(dim=2).T
            if weights is not None:
                of_rows = 2.0 * rows * self._row_weights * weights.T.unsqueeze(2)
                of_slopes = {
                    symbol: slopes[symbol].back(of_rows, first.shape[1]) for symbol, first in firsts.items()
                }
        if weights is not None:
            of_energy = (2.0 * self._settings.energy_weight / block.n_atoms) * misses * weights
            for symbol, each in passes.items():
                self._add(symbol, each, of_energy, of_slopes.get(symbol), firsts.get(symbol))
        return FrameErrors(misses * misses, force, virial)

    def _add(self, symbol, each, of_energy, of_slopes, first) -> None:
        n_centres = self._block.n_centres[symbol]
        target = self._networks.gradients(symbol)
        of_first = None if first is None else torch.zeros_like(first)
        of_atoms = of_energy.repeat_interleave(n_centres, dim=1)
        each.add_gradient(of_atoms, of_slopes, target.weights, target.biases, first, of_first)
        if of_first is not None:
            self._networks.add_first_gradient(symbol, of_first)

    def _slopes(self) -> dict[str, Slopes]:
        values = self._networks.values
        if self._is_resident and self._resident:
            return self._resident
        found = {
            symbol: each.to(values.device, values.dtype) for symbol, each in self._block.load().slopes.items()
        }
        if self._is_resident:
            self._resident = found
        return found
