# SPDX-License-Identifier: GPL-2.0-or-later
"""Novelty: distance to the nearest environment in the bank over the threshold of its element."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np

from mdsieve import _core
from mdsieve.bank import EnvironmentBank
from mdsieve.scores.contract import FINGERPRINTS, Environments, Score, Scorer
from mdsieve.scores.deltas import pack, unpack

__all__ = ["NoveltyScorer"]


class NoveltyScorer(Scorer):
    """The bank's rule as a score; more than 1 means new.

    In a driver the bank itself does this work, and the store has a table of its own for its entries; this
    is the same for data sets that are at hand.

    Parameters
    ----------
    bank : EnvironmentBank
        Its scaling must be known. It grows with every frame learnt.

    Raises
    ------
    ValueError
        If the bank's scaling is not known yet.

    Notes
    -----
    Li et al., J. Chem. Phys. 160, 074109 (2024).
    """

    name: ClassVar[str] = "novelty"
    needs: frozenset[str] = frozenset({FINGERPRINTS})

    def __init__(self, bank: EnvironmentBank) -> None:
        self.bank = bank
        self._native = bank._require_native()
        self._started_with = _header(self._native)

    def score(self, environments: Environments) -> Score:
        """Distance to the nearest entry / threshold for each atom; infinite without an entry."""
        thresholds = np.take(self._native.thresholds, environments.elements)
        distances = self._native.distances(environments.elements, environments.fingerprints)
        return Score.largest(distances / thresholds, environments.atom_ids)

    def propose(self, environments: Environments) -> bytes | None:
        """The entries that the greedy rule takes from this frame."""
        taken = self._native.select_new(environments.elements, environments.fingerprints)
        if not len(taken):
            return None
        ids = environments.atom_ids[taken]
        origins = np.column_stack(
            [np.full_like(ids, environments.run), np.full_like(ids, environments.step), ids]
        )
        return pack(
            {},
            {
                "elements": environments.elements[taken].astype(np.int32),
                "origins": origins.astype(np.int64),
                "fingerprints": np.concatenate([environments.fingerprint(i) for i in taken]),
            },
        )

    def restore(self, delta: bytes) -> None:
        """Add the entries of a delta to the bank."""
        _, arrays = unpack(delta, "a delta of novelty")
        try:
            self._native.add(arrays["elements"], arrays["origins"], arrays["fingerprints"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"a delta of novelty: {error}") from None

    def header(self) -> bytes:
        """Descriptor, thresholds, scaling and entries that the bank began with."""
        return self._started_with


def _header(native: _core.EnvironmentBank) -> bytes:
    digest = hashlib.sha256(native.serialise()).hexdigest()
    return pack({"descriptor": native.descriptor_hash, "bank": digest, "entries": len(native)})
