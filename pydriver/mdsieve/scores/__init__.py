# SPDX-License-Identifier: GPL-2.0-or-later
"""Scores: numbers that say how new or how odd a frame is. One file a score, one contract."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mdsieve.scores.contract import Environments, Score, Scorer
    from mdsieve.scores.density import DensityScorer
    from mdsieve.scores.ensemble_spread import EnsembleSpreadScorer
    from mdsieve.scores.extrapolation import ExtrapolationScorer
    from mdsieve.scores.novelty import NoveltyScorer
    from mdsieve.scores.spread import SpreadScorer

_HOME = {
    "DensityScorer": "mdsieve.scores.density",
    "EnsembleSpreadScorer": "mdsieve.scores.ensemble_spread",
    "Environments": "mdsieve.scores.contract",
    "ExtrapolationScorer": "mdsieve.scores.extrapolation",
    "NoveltyScorer": "mdsieve.scores.novelty",
    "Score": "mdsieve.scores.contract",
    "Scorer": "mdsieve.scores.contract",
    "SpreadScorer": "mdsieve.scores.spread",
}

__all__ = [
    "DensityScorer",
    "EnsembleSpreadScorer",
    "Environments",
    "ExtrapolationScorer",
    "NoveltyScorer",
    "Score",
    "Scorer",
    "SpreadScorer",
]


if not TYPE_CHECKING:  # a type checker reads the imports above

    def __getattr__(name: str) -> Any:
        """Import a public name from the module it lives in (PEP 562)."""
        if name not in _HOME:
            raise AttributeError(f"module 'mdsieve.scores' has no attribute '{name}'")
        return getattr(import_module(_HOME[name]), name)
