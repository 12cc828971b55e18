# SPDX-License-Identifier: GPL-2.0-or-later
"""Energies, forces and stresses for frames that have none: by LAMMPS, by a calculator, by a command."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mdsieve.labels.bounded import BoundedLabeller
    from mdsieve.labels.by_calculator import CalculatorLabeller
    from mdsieve.labels.by_command import CommandLabeller
    from mdsieve.labels.by_pair_style import PairStyleLabeller
    from mdsieve.labels.contract import Labelled, Labeller

_HOME = {
    "BoundedLabeller": "mdsieve.labels.bounded",
    "CalculatorLabeller": "mdsieve.labels.by_calculator",
    "CommandLabeller": "mdsieve.labels.by_command",
    "Labelled": "mdsieve.labels.contract",
    "Labeller": "mdsieve.labels.contract",
    "PairStyleLabeller": "mdsieve.labels.by_pair_style",
}

__all__ = [
    "BoundedLabeller",
    "CalculatorLabeller",
    "CommandLabeller",
    "Labelled",
    "Labeller",
    "PairStyleLabeller",
]


if not TYPE_CHECKING:  # a type checker reads the imports above

    def __getattr__(name: str) -> Any:
        """Import a public name from the module it lives in (PEP 562)."""
        if name not in _HOME:
            raise AttributeError(f"module 'mdsieve.labels' has no attribute '{name}'")
        return getattr(import_module(_HOME[name]), name)
