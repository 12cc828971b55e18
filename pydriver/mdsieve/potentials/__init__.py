# SPDX-License-Identifier: GPL-2.0-or-later
"""Potentials that are fitted on fingerprints."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mdsieve.potentials.architecture import Architecture, Layers
    from mdsieve.potentials.calculator import EnsembleCalculator
    from mdsieve.potentials.ensemble import NetworkEnsemble
    from mdsieve.potentials.linear import LinearCalculator, LinearPotential
    from mdsieve.potentials.n2p2 import read_n2p2, write_n2p2
    from mdsieve.potentials.networks import ElementNetworks
    from mdsieve.potentials.trained_networks import new_ensemble
    from mdsieve.potentials.training import EnsembleTrainer, TrainingRecord
    from mdsieve.potentials.training_data import TrainingFrames
    from mdsieve.potentials.training_settings import TrainingSettings

_HOME = {
    "Architecture": "mdsieve.potentials.architecture",
    "ElementNetworks": "mdsieve.potentials.networks",
    "EnsembleCalculator": "mdsieve.potentials.calculator",
    "EnsembleTrainer": "mdsieve.potentials.training",
    "Layers": "mdsieve.potentials.architecture",
    "LinearCalculator": "mdsieve.potentials.linear",
    "LinearPotential": "mdsieve.potentials.linear",
    "NetworkEnsemble": "mdsieve.potentials.ensemble",
    "TrainingFrames": "mdsieve.potentials.training_data",
    "TrainingRecord": "mdsieve.potentials.training",
    "TrainingSettings": "mdsieve.potentials.training_settings",
    "new_ensemble": "mdsieve.potentials.trained_networks",
    "read_n2p2": "mdsieve.potentials.n2p2",
    "write_n2p2": "mdsieve.potentials.n2p2",
}

__all__ = [
    "Architecture",
    "ElementNetworks",
    "EnsembleCalculator",
    "EnsembleTrainer",
    "Layers",
    "LinearCalculator",
    "LinearPotential",
    "NetworkEnsemble",
    "TrainingFrames",
    "TrainingRecord",
    "TrainingSettings",
    "new_ensemble",
    "read_n2p2",
    "write_n2p2",
]


if not TYPE_CHECKING:  # a type checker reads the imports above

    def __getattr__(name: str) -> Any:
        """Import a public name from the module it lives in (PEP 562)."""
        if name not in _HOME:
            raise AttributeError(f"module 'mdsieve.potentials' has no attribute '{name}'")
        return getattr(import_module(_HOME[name]), name)
