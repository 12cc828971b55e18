# SPDX-License-Identifier: GPL-2.0-or-later
"""DIRECT covers real data better than as many frames drawn at random or spaced evenly."""

import gzip

import numpy as np
import pytest
from ase.io import read

from mdsieve import SymmetryFunctions
from mdsieve.describe import describe
from mdsieve.encoders.chgnet import ChgnetReadout
from mdsieve.encoders.pooled import PooledSymmetryFunctions
from mdsieve.samplers.direct import DIRECT
from mdsieve.samplers.direct_atoms import direct_atoms


def frames_of(path):
    with gzip.open(path, "rt") as file:
        return read(file, ":", format="extxyz")


def compare(rows, n, n_bins):
    """Mean and joint coverage by DIRECT, by the best of ten random draws, and evenly spaced."""
    sampler = DIRECT(n).fit(rows)
    assert sampler.shortfall_ == 0

    def both(picked):
        found = sampler.coverage(rows, picked, n_bins=n_bins)
        return np.array([found.mean, found.joint])

    drawn = [np.random.default_rng(seed).choice(len(rows), n, replace=False) for seed in range(10)]
    even = np.linspace(0, len(rows) - 1, n).round().astype(int)
    return both(sampler.selected_idx_), np.max([both(each) for each in drawn], axis=0), both(even)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "n"), [("pyxtal_Si/Si8", 100), ("mlearn/Ni_train", 40), ("fitsnap_Ta/Ta", 60)]
)
def test_direct_covers_more_than_random_and_evenly_spaced_frames(data_dir, name, n):
    frames = frames_of(data_dir / f"{name}.extxyz.gz")
    functions = SymmetryFunctions.from_text(describe([frames[0].symbols[0]], 6.0))
    direct, random, even = compare(PooledSymmetryFunctions(functions).encode(frames), n, n_bins=100)
    print(
        f"\n{name}: {n} of {len(frames)} frames, mean and joint coverage {direct}, random at best {random}, even {even}"
    )
    assert (direct > random).all()
    assert (direct > even).all()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_chgnets_readout_tells_real_configurations_apart_as_symmetry_functions_do(data_dir):
    frames = frames_of(data_dir / "mlearn/Ni_train.extxyz.gz")[::4]
    rows = ChgnetReadout().encode(frames)
    direct, random, even = compare(rows, 15, n_bins=50)
    print(f"\nCHGNet, {len(frames)} frames: {direct}, random at best {random}, even {even}")
    assert direct[0] > random[0]
    assert direct[0] > even[0]
    pooled = PooledSymmetryFunctions(SymmetryFunctions.from_text(describe(["Ni"], 6.0))).encode(frames)
    theirs, ours = (DIRECT(5).fit(x).labels_ for x in (rows, pooled))
    from sklearn.metrics import adjusted_mutual_info_score

    assert adjusted_mutual_info_score(theirs, ours) > 0.4


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_2direct_covers_the_environments_of_the_structures_it_picked(data_dir):
    frames = frames_of(data_dir / "fitsnap_Ta/Ta.extxyz.gz")
    encoder = PooledSymmetryFunctions(SymmetryFunctions.from_text(describe(["Ta"], 6.0)))
    found = direct_atoms(frames, encoder, encoder, 100, 200)
    chosen = np.sort(found.first.selected_idx_)
    rows = np.concatenate(encoder.encode_atoms([frames[i] for i in chosen]))
    atoms = found.elements["Ta"]
    drawn = [np.random.default_rng(seed).choice(len(rows), 200, replace=False) for seed in range(10)]
    random = max(atoms.coverage(rows, each, n_bins=100).mean for each in drawn)
    direct = atoms.coverage(rows, n_bins=100).mean
    print(f"\n2DIRECT: 200 of {len(rows)} atoms cover {direct:.3f}, random ones at best {random:.3f}")
    assert direct > 1.1 * random
