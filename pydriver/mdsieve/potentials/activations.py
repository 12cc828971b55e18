# SPDX-License-Identifier: GPL-2.0-or-later
"""Activation functions with their first two derivatives: what training on forces needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from mdsieve.potentials.networks import torch

__all__ = ["Curve", "activate"]

#: Value, first and second derivative at some points; no derivative stands for a constant one: 1, and 0.
Curve: TypeAlias = "tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]"

_ROOT_OF_TWO_PI = math.sqrt(2.0 * math.pi)


def activate(letter: str, x: torch.Tensor) -> Curve:
    """An activation function with its derivatives.

    Parameters
    ----------
    letter : str
        One of `mdsieve.potentials.architecture.ACTIVATIONS`.
    x : torch.Tensor

    Returns
    -------
    Curve
    """
    return _CURVES[letter](x)


def _identity(x: torch.Tensor) -> Curve:
    return x, None, None


def _tanh(x: torch.Tensor) -> Curve:
    value = torch.tanh(x)
    slope = 1.0 - value * value
    return value, slope, -2.0 * value * slope


def _logistic(x: torch.Tensor) -> Curve:
    value = torch.sigmoid(x)
    slope = value * (1.0 - value)
    return value, slope, slope * (1.0 - 2.0 * value)


def _softplus(x: torch.Tensor) -> Curve:
    value, slope, _ = _logistic(x)
    return torch.nn.functional.softplus(x), value, slope


def _mirrored_logistic(x: torch.Tensor) -> Curve:
    value, slope, bend = _logistic(x)
    assert slope is not None
    assert bend is not None
    return 1.0 - value, -slope, -bend


def _rectifier(x: torch.Tensor) -> Curve:
    return torch.relu(x), (x > 0).to(x.dtype), torch.zeros_like(x)


def _gaussian(x: torch.Tensor) -> Curve:
    value = torch.exp(-0.5 * x * x)
    return value, -x * value, (x * x - 1.0) * value


def _cosine(x: torch.Tensor) -> Curve:
    value = torch.cos(x)
    return value, -torch.sin(x), -value


def _exponential(x: torch.Tensor) -> Curve:
    value = torch.exp(-x)
    return value, -value, value


def _square(x: torch.Tensor) -> Curve:
    return x * x, 2.0 * x, torch.full_like(x, 2.0)


def _gelu(x: torch.Tensor) -> Curve:
    density = torch.exp(-0.5 * x * x) / _ROOT_OF_TWO_PI
    share = 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))
    return x * share, share + x * density, (2.0 - x * x) * density


_CURVES: dict[str, Callable[[torch.Tensor], Curve]] = {
    "l": _identity,
    "t": _tanh,
    "s": _logistic,
    "p": _softplus,
    "r": _rectifier,
    "g": _gaussian,
    "c": _cosine,
    "S": _mirrored_logistic,
    "e": _exponential,
    "h": _square,
    "u": _gelu,
}
