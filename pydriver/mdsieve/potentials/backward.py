# SPDX-License-Identifier: GPL-2.0-or-later
"""Energies of batched networks, their slopes, and the gradient of any loss of both, written out in products.

PyTorch would differentiate twice for it and keep all that lies between; written out it is the same numbers
with about half the work (`benchmarks/bench_training.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mdsieve.potentials.activations import activate
from mdsieve.potentials.networks import torch

__all__ = ["BatchedLayers", "Pass"]


@dataclass(frozen=True, eq=False)
class BatchedLayers:
    """One element's networks, of M members.

    Attributes
    ----------
    weights : sequence of torch.Tensor, shape (M, n_in, n_out)
        Of each layer.
    biases : sequence of torch.Tensor, shape (M, 1, n_out)
    activations : str
        A letter for each layer.
    scale : torch.Tensor, shape (M, 1, 1)
        Factor of the output [eV].
    """

    weights: Sequence[torch.Tensor]
    biases: Sequence[torch.Tensor]
    activations: str
    scale: torch.Tensor

    def run(self, inputs: torch.Tensor) -> Pass:
        """Energies of n atoms; inputs of shape (n, n_in), the same for all members."""
        values = inputs.expand(self.scale.shape[0], -1, -1)
        layer_inputs, slopes, bends = [], [], []
        for letter, weight, bias in zip(self.activations, self.weights, self.biases, strict=True):
            layer_inputs.append(values)
            values, slope, bend = activate(letter, torch.baddbmm(bias, values, weight))
            slopes.append(slope)
            bends.append(bend)
        return Pass(self, (values * self.scale).squeeze(-1), layer_inputs, slopes, bends)


class Pass:
    """What one evaluation leaves behind, to differentiate it.

    Attributes
    ----------
    energies : torch.Tensor, shape (M, n)
        eV.
    """

    def __init__(
        self,
        layers: BatchedLayers,
        energies: torch.Tensor,
        inputs: Sequence[torch.Tensor],
        slopes: Sequence[torch.Tensor | None],
        bends: Sequence[torch.Tensor | None],
    ) -> None:
        self.energies = energies
        self._layers = layers
        self._inputs = inputs
        self._slopes = slopes
        self._bends = bends
        self._upstream: list[torch.Tensor] = []  # dE/d(output of a layer), from the first layer on
        self._before: list[torch.Tensor] = []  # dE/d(what goes into its activation)

    def slopes(self, first_weight: torch.Tensor | None = None) -> torch.Tensor:
        """DE / d(inputs) of each atom [eV], shape (M, n, n_in).

        Parameters
        ----------
        first_weight : torch.Tensor, shape (M, n_raw, n_out), optional
            Weights of the first layer for other inputs, of which the layer's own are a linear function: then
            dE / d(those), shape (M, n, n_raw).
        """
        weights = self._layers.weights
        depth = len(weights)
        upstream = self._layers.scale
        self._upstream, self._before = [upstream] * depth, [upstream] * depth
        for k in range(depth - 1, -1, -1):
            slope = self._slopes[k]
            before = upstream if slope is None else upstream * slope
            if before.shape[1] == 1:  # a linear output: the same for all atoms
                before = before.expand(-1, self.energies.shape[1], -1)
            self._upstream[k], self._before[k] = upstream, before
            if k:
                upstream = torch.bmm(before, weights[k].transpose(1, 2))
        first = weights[0] if first_weight is None else first_weight
        return torch.bmm(self._before[0], first.transpose(1, 2))

    def add_gradient(
        self,
        of_energies: torch.Tensor,
        of_slopes: torch.Tensor | None,
        weights: Sequence[torch.Tensor],
        biases: Sequence[torch.Tensor],
        first_weight: torch.Tensor | None = None,
        first_gradient: torch.Tensor | None = None,
    ) -> None:
        """Add the gradient of a loss with respect to the parameters.

        Parameters
        ----------
        of_energies : torch.Tensor, shape (M, n)
            Derivative of the loss with respect to `energies`.
        of_slopes : torch.Tensor, shape (M, n, n_in or n_raw), or None
            And to what `slopes`, called before, returned; None: the loss does not depend on it.
        weights, biases : sequence of torch.Tensor
            Where the gradient of each layer's parameters is added.
        first_weight, first_gradient : torch.Tensor, shape (M, n_raw, n_out), optional
            What `slopes` was given, and where the gradient with respect to that is added.
        """
        own, depth = self._layers.weights, len(self._layers.weights)
        extra: list[torch.Tensor | None] = [None] * depth
        if of_slopes is not None:
            first = own[0] if first_weight is None else first_weight
            target = weights[0] if first_gradient is None else first_gradient
            target.baddbmm_(of_slopes.transpose(1, 2), self._before[0])
            carried = torch.bmm(of_slopes, first)  # of dE/d(before the first activation)
            for k in range(depth):
                slope, bend = self._slopes[k], self._bends[k]
                if bend is not None:
                    extra[k] = carried * self._upstream[k] * bend
                if k + 1 < depth:
                    if slope is not None:
                        carried = carried * slope
                    weights[k + 1].baddbmm_(carried.transpose(1, 2), self._before[k + 1])
                    carried = torch.bmm(carried, own[k + 1])
        carried = of_energies.unsqueeze(-1) * self._layers.scale
        for k in range(depth - 1, -1, -1):
            slope, more = self._slopes[k], extra[k]
            before = carried if slope is None else carried * slope
            if more is not None:
                before = before + more
            weights[k].baddbmm_(self._inputs[k].transpose(1, 2), before)
            biases[k].add_(before.sum(dim=1, keepdim=True))
            if k:
                carried = torch.bmm(before, own[k].transpose(1, 2))
