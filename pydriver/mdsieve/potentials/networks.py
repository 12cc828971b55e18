# SPDX-License-Identifier: GPL-2.0-or-later
"""Neural networks of all members of an ensemble as one PyTorch module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from mdsieve.extras import MissingPackageError
from mdsieve.potentials.architecture import Architecture, Layers

try:
    import torch
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise MissingPackageError("network potentials need torch: pip install 'mdsieve[potentials]'") from None

__all__ = ["ElementNetwork", "ElementNetworks", "Standardisation"]

_FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "l": lambda x: x,
    "t": torch.tanh,
    "s": torch.sigmoid,
    "p": torch.nn.functional.softplus,
    "r": torch.relu,
    "g": lambda x: torch.exp(-0.5 * x * x),
    "c": torch.cos,
    "S": lambda x: torch.sigmoid(-x),
    "e": lambda x: torch.exp(-x),
    "h": lambda x: x * x,
    "u": torch.nn.functional.gelu,
}

Seed: TypeAlias = int | Sequence[int]

#: Shift and factor of each element's inputs, each of shape (n_features,), or (M, n_features) for members that
#: have their own: standardised = (raw - shift) * factor.
Standardisation: TypeAlias = Mapping[str, tuple[np.ndarray, np.ndarray]]


class ElementNetwork(torch.nn.Module):
    """The networks of one element, of all M members at once.

    Parameters
    ----------
    n_features : int
        Inputs.
    layers : Layers
    n_members : int

    Attributes
    ----------
    weights, biases : torch.nn.ParameterList
        Of each layer, shapes (M, n_in, n_out) and (M, 1, n_out).
    shift, factor : torch.Tensor, shape (1, 1, n_features) or (M, 1, n_features)
        Standardisation of the inputs: (raw - shift) * factor. Buffers: no training changes them.
    scale : torch.Tensor, shape (M, 1)
        Factor of the output [eV]. A buffer.
    """

    shift: torch.Tensor
    factor: torch.Tensor
    scale: torch.Tensor

    def __init__(self, n_features: int, layers: Layers, n_members: int) -> None:
        super().__init__()
        self.layers = layers
        sizes = layers.sizes(n_features)
        pairs = list(pairwise(sizes))
        self.weights = torch.nn.ParameterList(torch.zeros(n_members, *pair) for pair in pairs)
        self.biases = torch.nn.ParameterList(torch.zeros(n_members, 1, pair[1]) for pair in pairs)
        self.register_buffer("shift", torch.zeros(1, 1, n_features))
        self.register_buffer("factor", torch.ones(1, 1, n_features))
        self.register_buffer("scale", torch.ones(n_members, 1))

    @property
    def n_members(self) -> int:
        """M."""
        return int(self.scale.shape[0])

    @property
    def n_features(self) -> int:
        """Number of inputs."""
        return int(self.shift.shape[2])

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs of all members.

        Parameters
        ----------
        inputs : torch.Tensor, shape (n, n_features) or (M, n, n_features)
            Raw fingerprints; of all members, or those of each member.

        Returns
        -------
        torch.Tensor, shape (M, n)
            eV.
        """
        values = (inputs - self.shift) * self.factor
        if values.shape[0] != self.n_members:
            values = values.expand(self.n_members, -1, -1)
        for letter, weight, bias in zip(self.layers.activations, self.weights, self.biases, strict=True):
            values = _FUNCTIONS[letter](torch.baddbmm(bias, values, weight))
        return values.squeeze(-1) * self.scale


class ElementNetworks(torch.nn.Module):
    """One network an element, M members of each batched: no loop over members, one product a layer.

    Parameters
    ----------
    architecture : Architecture
    n_features : dict of str to int
        Inputs of each element, `SymmetryFunctions.n_features`.
    seed : int or sequence of int
        Of the initial weights: normal with variance 1/n_in (Kaiming et al., arXiv:1502.01852, with the gain
        of a linear layer), biases 0. Member k is drawn from seed + k, or from the k-th of the seeds; so it
        does not depend on the number of members.

    Attributes
    ----------
    architecture : Architecture
    of : torch.nn.ModuleDict
        For each element its `ElementNetwork`.

    Raises
    ------
    ValueError
        If an element has no layers or no number of features, or the seeds are not one a member.

    Notes
    -----
    Made in double precision; ``.float()``, ``.double()`` and ``.to(device)`` are PyTorch's.
    """

    def __init__(self, architecture: Architecture, n_features: Mapping[str, int], *, seed: Seed = 0) -> None:
        super().__init__()
        if set(architecture.layers) != set(n_features):
            raise ValueError(
                f"layers of {' '.join(architecture.layers)}, but fingerprints of {' '.join(n_features)}"
            )
        self.architecture = architecture
        self.of = torch.nn.ModuleDict(
            {
                symbol: ElementNetwork(n, architecture.layers[symbol], architecture.n_members)
                for symbol, n in n_features.items()
            }
        ).double()
        self.initialise(seed)

    @property
    def n_members(self) -> int:
        """M."""
        return self.architecture.n_members

    @property
    def elements(self) -> list[str]:
        """Element symbols, in the order of the descriptor."""
        return list(self.of)

    @property
    def dtype(self) -> torch.dtype:
        """Of weights and outputs."""
        return next(self.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def network(self, symbol: str) -> ElementNetwork:
        """The networks of one element.

        Raises
        ------
        KeyError
            If there is no such element.
        """
        found = self.of[symbol]
        assert isinstance(found, ElementNetwork)
        return found

    def initialise(self, seed: Seed) -> None:
        """Draw new weights (see the class).

        Raises
        ------
        ValueError
            If the seeds are not one a member.
        """
        seeds = [seed + k for k in range(self.n_members)] if isinstance(seed, int) else list(seed)
        if len(seeds) != self.n_members:
            raise ValueError(f"{len(seeds)} seeds for {self.n_members} members: expected one each")
        with torch.no_grad():
            for member, number in enumerate(seeds):
                generator = torch.Generator().manual_seed(int(number))
                for symbol in self.of:
                    network = self.network(symbol)
                    for weight, bias in zip(network.weights, network.biases, strict=True):
                        n_in, n_out = weight.shape[1:]
                        drawn = torch.randn(n_in, n_out, generator=generator, dtype=torch.float64)
                        weight[member] = (drawn / max(n_in, 1) ** 0.5).to(weight)
                        bias[member] = 0.0

    def set_standardisation(
        self, standardisation: Standardisation, scale: float | np.ndarray | None = None
    ) -> None:
        """Freeze how inputs and outputs are scaled.

        Parameters
        ----------
        standardisation : dict
            See `Standardisation`.
        scale : float or ndarray of float, shape (M,), optional
            Factor of the outputs [eV]; default: as it is.

        Raises
        ------
        ValueError
            If shapes do not fit, or a number is not finite.
        """
        for symbol, (shift, factor) in standardisation.items():
            network = self.network(symbol)
            network.shift = self._row(symbol, "shift", shift)
            network.factor = self._row(symbol, "factor", factor)
        if scale is None:
            return
        column = np.broadcast_to(np.asarray(scale, float).reshape(-1, 1), (self.n_members, 1)).copy()
        if not np.isfinite(column).all():
            raise ValueError("a scale of the outputs is not finite")
        for symbol in self.of:
            self.network(symbol).scale = torch.as_tensor(column).to(self.device, self.dtype)

    def forward(self, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Atomic energies of all members, without the elements' offsets.

        Parameters
        ----------
        inputs : dict of str to torch.Tensor, shape (n, n_features) or (M, n, n_features)
            Raw fingerprints of each element's atoms, the same for all members or those of each.

        Returns
        -------
        dict of str to torch.Tensor, shape (M, n)
            eV.
        """
        return {symbol: self.of[symbol](values) for symbol, values in inputs.items()}

    def subset(self, members: Sequence[int]) -> ElementNetworks:
        """A copy with some of the members, in the order given.

        Raises
        ------
        IndexError
            If there is no such member.
        """
        numbers = [range(self.n_members)[member] for member in members]
        n_features = {symbol: self.network(symbol).n_features for symbol in self.of}
        chosen = ElementNetworks(self.architecture.with_members(len(numbers)), n_features)
        chosen.to(self.device, self.dtype)
        state = {
            name: value[numbers] if value.shape[0] == self.n_members else value
            for name, value in self.state_dict().items()
        }
        for symbol in self.of:
            for name in ("shift", "factor"):
                setattr(chosen.network(symbol), name, state[f"of.{symbol}.{name}"].clone())
        chosen.load_state_dict(state)
        return chosen

    def _row(self, symbol: str, what: str, values: np.ndarray) -> torch.Tensor:
        rows = np.atleast_2d(np.asarray(values, float))
        width = self.network(symbol).n_features
        if rows.shape not in ((1, width), (self.n_members, width)) or not np.isfinite(rows).all():
            raise ValueError(
                f"{what} of {symbol} of shape {np.shape(values)}: expected {width} finite numbers, or that "
                "many for each member"
            )
        return torch.tensor(rows[:, None, :]).to(self.device, self.dtype)
