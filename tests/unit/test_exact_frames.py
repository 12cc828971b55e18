# SPDX-License-Identifier: GPL-2.0-or-later
"""Frame by frame, with data made to deceive every shortcut, the bank keeps what the plain rule keeps."""

import numpy as np
import pytest

from mdsieve import EnvironmentBank, SymmetryFunctions
from plain_bank import plain_selection

WIDTH = 8
N_FRAMES = 80
KINDS = ["ties", "duplicates", "constant", "outliers", "offset", "tiny", "nearly ties", "lines"]


def functions():
    """Two elements with eight columns each; what they compute is of no concern here."""
    lines = ["elements H Ni", "cutoff_type 1"]
    lines += [
        f"symfunction_short {e} 2 {o} {0.5 + i} {0.1 * i} 6.0"
        for e in ("H", "Ni")
        for o in ("H", "Ni")
        for i in range(WIDTH // 2)
    ]
    return SymmetryFunctions.from_text("\n".join(lines) + "\n")


def points(kind, random, n):
    """Fingerprints, and a threshold that is to be feared with them."""
    if kind == "ties":  # multiples of a power of two: distances are exact, many are the threshold
        return random.integers(0, 3, size=(n, WIDTH)) * 0.5, 0.5
    if kind == "duplicates":
        return random.normal(size=(12, WIDTH))[random.integers(0, 12, n)], 1e-12
    if kind == "constant":
        cloud = random.normal(size=(n, WIDTH))
        cloud[:, ::2] = 1e3 / 3
        return cloud, 0.9
    if kind == "outliers":
        cloud = random.normal(size=(n, WIDTH))
        cloud[::29] *= 10.0 ** random.integers(3, 30, size=(len(cloud[::29]), 1))
        return cloud, 2.0
    if kind == "offset":  # differences are in the last digits that single precision has not got
        return 1e7 + random.normal(size=(n, WIDTH)), 2.0
    if kind == "tiny":
        return 1e-30 * random.normal(size=(n, WIDTH)), 2e-30
    if kind == "nearly ties":  # at the threshold from a centre along one column, give or take a few roundings
        cloud = 3.0 * random.integers(0, 2, size=(n, WIDTH))
        steps = 0.75 + 2.0**-51 * random.integers(-3, 4, size=n)
        cloud[np.arange(n), random.integers(0, WIDTH, n)] += np.where(random.random(n) < 0.2, 0.0, steps)
        return cloud, 0.75
    return np.outer(np.arange(n), np.ones(WIDTH)) * 2.0**-6, 2.0**-4  # on a line, in ascending order


def frames_of(kind, seed):
    """Elements and fingerprints of frames of one atom and of a few."""
    random = np.random.default_rng(seed)
    sizes = random.choice([1, 1, 2, 5, 9], N_FRAMES)
    cloud, threshold = points(kind, random, sizes.sum())
    elements = random.integers(0, 2, sizes.sum()).astype(np.int32)
    ends = np.cumsum(sizes)
    return [(elements[e - n : e], cloud[e - n : e]) for e, n in zip(ends, sizes, strict=True)], threshold


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("device", "seed"), [(None, 0), (None, 1), ("cpu", 2)])
def test_frames_and_environments_are_those_of_the_plain_rule(kind, seed, device):
    frames, threshold = frames_of(kind, seed)
    plain = [[(str(e), x) for e, x in zip(*frame, strict=True)] for frame in frames]
    nothing = {str(e): (np.zeros(WIDTH), np.ones(WIDTH)) for e in (0, 1)}
    kept, stored = plain_selection(plain, dict.fromkeys(nothing, threshold), nothing)
    assert 0 < len(kept) < N_FRAMES or kind == "outliers"

    bank = EnvironmentBank(functions(), threshold, scaling=None).to(device)
    found_kept, found_stored = [], []
    for number, (elements, fingerprints) in enumerate(frames):
        ids = np.arange(1, len(elements) + 1)
        foreseen = bank.has_new(elements, fingerprints.ravel())
        size = len(bank)
        update = bank.update_from_fingerprints(elements, fingerprints.ravel(), ids - 1, ids, step=number)
        assert foreseen == update.is_kept == (len(bank) > size)
        assert bank.has_new(elements, fingerprints.ravel()) is False  # what is stored is known
        if update.is_kept:
            found_kept.append(number)
        found_stored += [(number, int(atom)) for atom in update.new]
    assert found_kept == kept
    assert found_stored == stored
