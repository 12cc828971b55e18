# SPDX-License-Identifier: GPL-2.0-or-later
"""The scores that only a driver computes: what each needs by its settings, known before there is a bank."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from mdsieve.driver.score_settings import make_density, make_extrapolation, make_spread

if TYPE_CHECKING:
    from mdsieve import _core
    from mdsieve.scores.contract import Scorer

__all__ = ["PLANNERS", "Planner", "ScorerPlan"]


@dataclass(frozen=True)
class ScorerPlan:
    """A score as its settings want it.

    Attributes
    ----------
    needs : frozenset of str
        What of a frame, `mdsieve.scores.contract.FINGERPRINTS`, `ATOMS`, or both.
    make : callable
        The campaign's bank → `Scorer`. Raises a ValueError that names the setting.
    after : str
        A condition on scores that are computed before; without it the score is not computed. Empty: always.
        A setting ``after`` replaces it.
    """

    needs: frozenset[str]
    make: Callable[[_core.EnvironmentBank], Scorer]
    after: str = ""


#: Settings (the table ``[scores.NAME]`` of ``select.toml``) and the hash of the campaign's symmetry functions
#: → `ScorerPlan`. Raises a ValueError that names the setting.
Planner: TypeAlias = Callable[[Mapping[str, Any], str], ScorerPlan]


def plan_extrapolation(settings: Mapping[str, Any], descriptor_hash: str) -> ScorerPlan:
    """The extrapolation grade: fingerprints in the bank's scaling."""
    from mdsieve.scores.extrapolation import ExtrapolationScorer

    return ScorerPlan(ExtrapolationScorer.needs, partial(make_extrapolation, settings))


def plan_density(settings: Mapping[str, Any], descriptor_hash: str) -> ScorerPlan:
    """The density: fingerprints in the bank's scaling."""
    from mdsieve.scores.density import DensityScorer

    return ScorerPlan(DensityScorer.needs, partial(make_density, settings))


def plan_spread(settings: Mapping[str, Any], descriptor_hash: str) -> ScorerPlan:
    """A committee's or an ensemble's disagreement: what it needs is known once it has been made.

    What is computed from streamed fingerprints costs little, so every frame is scored; a committee that needs
    positions sees new frames only.
    """
    from mdsieve.scores.contract import ATOMS

    scorer = make_spread(settings, descriptor_hash)
    return ScorerPlan(scorer.needs, lambda _: scorer, "novelty > 1" if ATOMS in scorer.needs else "")


#: By the rule's word, in the order in which they are computed: what costs most comes last.
PLANNERS: dict[str, Planner] = {
    "extrapolation": plan_extrapolation,
    "density": plan_density,
    "spread": plan_spread,
}
