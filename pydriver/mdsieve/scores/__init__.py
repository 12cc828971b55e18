# SPDX-License-Identifier: GPL-2.0-or-later
"""Scores: numbers that say how new or how odd a frame is. One file a score, one contract."""

from mdsieve.scores.contract import Environments, Score, Scorer
from mdsieve.scores.novelty import NoveltyScorer

__all__ = ["Environments", "NoveltyScorer", "Score", "Scorer"]
