# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames made of random fingerprints, for tests of scores."""

import numpy as np

from mdsieve.scores import Environments
from mdsieve.scores.columns import Columns


def frame_of(*matrices, step=0):
    """A frame of one matrix of fingerprints an element, elements in blocks."""
    widths = tuple(m.shape[1] for m in matrices)
    elements = np.repeat(np.arange(len(matrices)), [len(m) for m in matrices]).astype(np.int32)
    flat = np.concatenate([m.ravel() for m in matrices])
    ids = np.arange(1, len(elements) + 1, dtype=np.int64)
    symbols = ("Ni", "Al", "H")[: len(matrices)]
    return Environments(symbols, widths, elements, ids, flat, step=step)


def plain_columns(*widths):
    symbols = ("Ni", "Al", "H")[: len(widths)]
    return Columns(symbols, tuple(np.zeros(w) for w in widths), tuple(np.ones(w) for w in widths))


def cloud(n, width, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, width)) @ rng.normal(size=(width, width)) + rng.normal(size=width)
