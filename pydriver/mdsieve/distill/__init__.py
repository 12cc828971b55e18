# SPDX-License-Identifier: GPL-2.0-or-later
"""Distillation: the few frames of a large pool on which an ensemble becomes as good as on all of them.

The loop of Jung, Lee and Choi (arXiv:2311.05407); `docs/distill.md` says what was chosen where the paper
leaves it open.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mdsieve.distill.choice import Picks, uncertain
    from mdsieve.distill.evaluation import Errors, Evaluation
    from mdsieve.distill.loop import Distillation
    from mdsieve.distill.pool import Pool
    from mdsieve.distill.settings import DistillationSettings

_HOME = {
    "Distillation": "mdsieve.distill.loop",
    "DistillationSettings": "mdsieve.distill.settings",
    "Errors": "mdsieve.distill.evaluation",
    "Evaluation": "mdsieve.distill.evaluation",
    "Picks": "mdsieve.distill.choice",
    "Pool": "mdsieve.distill.pool",
    "uncertain": "mdsieve.distill.choice",
}

__all__ = ["Distillation", "DistillationSettings", "Errors", "Evaluation", "Picks", "Pool", "uncertain"]


if not TYPE_CHECKING:  # a type checker reads the imports above

    def __getattr__(name: str) -> Any:
        """Import a public name from the module it lives in (PEP 562)."""
        if name not in _HOME:
            raise AttributeError(f"module 'mdsieve.distill' has no attribute '{name}'")
        return getattr(import_module(_HOME[name]), name)
