# SPDX-License-Identifier: GPL-2.0-or-later
"""Potentials that are fitted on fingerprints."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mdsieve.potentials.linear import LinearCalculator, LinearPotential

_HOME = {
    "LinearCalculator": "mdsieve.potentials.linear",
    "LinearPotential": "mdsieve.potentials.linear",
}

__all__ = ["LinearCalculator", "LinearPotential"]


if not TYPE_CHECKING:  # a type checker reads the imports above

    def __getattr__(name: str) -> Any:
        """Import a public name from the module it lives in (PEP 562)."""
        if name not in _HOME:
            raise AttributeError(f"module 'mdsieve.potentials' has no attribute '{name}'")
        return getattr(import_module(_HOME[name]), name)
