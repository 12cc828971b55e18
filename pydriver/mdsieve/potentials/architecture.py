# SPDX-License-Identifier: GPL-2.0-or-later
"""Shape of a network ensemble: layers and activations of each element, and the number of members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

__all__ = ["ACTIVATIONS", "Architecture", "Layers"]

#: Activation functions by the letters of n2p2's ``global_activation_short``; ``u`` is this package's own.
ACTIVATIONS: dict[str, str] = {
    "l": "x",
    "t": "tanh x",
    "s": "1 / (1 + exp(-x))",
    "p": "ln(1 + exp x)",
    "r": "max(0, x)",
    "g": "exp(-x²/2)",
    "c": "cos x",
    "S": "1 - 1 / (1 + exp(-x))",
    "e": "exp(-x)",
    "h": "x²",
    "u": "x Φ(x), Φ the normal distribution's cumulative function (GELU)",
}


@dataclass(frozen=True)
class Layers:
    """Layers of one element's network.

    Attributes
    ----------
    hidden : tuple of int
        Neurons of each hidden layer.
    activations : tuple of str
        Letters of `ACTIVATIONS`, one for each hidden layer and one for the output; any iterable of letters
        (``"ttl"``) will do. A single letter stands for all hidden layers, with a linear output.

    Raises
    ------
    ValueError
        If a layer has no neuron, a letter is unknown, or they are not as many as the layers.
    """

    hidden: tuple[int, ...] = (25, 25)
    activations: tuple[str, ...] = ("t",)

    def __post_init__(self) -> None:
        hidden = tuple(int(n) for n in self.hidden)
        activations = tuple(self.activations)
        if len(activations) == 1 and hidden:
            activations = activations * len(hidden) + ("l",)
        if min(hidden, default=1) < 1:
            raise ValueError(f"hidden layers of {list(hidden)} neurons: expected at least 1 in each")
        unknown = [letter for letter in activations if letter not in ACTIVATIONS]
        if unknown:
            raise ValueError(f"activation {unknown[0]!r}: expected one of {' '.join(ACTIVATIONS)}")
        if len(activations) != len(hidden) + 1:
            raise ValueError(
                f"{len(activations)} activations ({' '.join(activations)}) for {len(hidden)} hidden layers "
                "and the output: expected one each"
            )
        object.__setattr__(self, "hidden", hidden)
        object.__setattr__(self, "activations", activations)

    def sizes(self, n_inputs: int) -> tuple[int, ...]:
        """Neurons of all layers, from the inputs to the one output."""
        return (n_inputs, *self.hidden, 1)


@dataclass(frozen=True)
class Architecture:
    """Shape of all networks of an ensemble.

    Attributes
    ----------
    layers : dict of str to Layers
        For each element.
    n_members : int
        Networks of each element.

    Raises
    ------
    ValueError
        If there is no element or no member.
    """

    layers: Mapping[str, Layers]
    n_members: int = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", dict(self.layers))
        if not self.layers:
            raise ValueError("an architecture without elements")
        if self.n_members < 1:
            raise ValueError(f"n_members is {self.n_members}: expected at least 1")

    @classmethod
    def uniform(
        cls,
        elements: Iterable[str],
        *,
        hidden: Sequence[int] = (25, 25),
        activations: Sequence[str] = ("t",),
        n_members: int = 5,
    ) -> Architecture:
        """The same layers for every element (see `Layers`)."""
        layers = Layers(tuple(hidden), tuple(activations))
        return cls(dict.fromkeys(elements, layers), n_members)

    def with_members(self, n_members: int) -> Architecture:
        """The same layers with another number of members."""
        return replace(self, n_members=n_members)

    def __hash__(self) -> int:
        return hash((tuple(self.layers.items()), self.n_members))
