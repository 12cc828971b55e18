# SPDX-License-Identifier: GPL-2.0-or-later
"""Difference vectors on published data: the error against the distance from the training set (the DV-LAE paper's
figure 5), and what screening by them keeps.
"""

import gzip

import numpy as np
import pytest
from ase.io import read
from scipy.stats import spearmanr

from mdsieve import SymmetryFunctions
from mdsieve.describe import describe
from mdsieve.difference import DifferenceVectors, screen
from mdsieve.potentials import LinearPotential

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def frames_of(path, index=":"):
    with gzip.open(path, "rt") as file:
        return read(file, index, format="extxyz")


@pytest.fixture(scope="module")
def hydrogen(data_dir):
    """The authors' symmetry functions, solid P2₁/c and liquid frames."""
    folder = data_dir / "hydrogen_highP"
    functions = SymmetryFunctions.from_file(folder / "nnp_pbe_v2/input.nn", length_unit="bohr")
    solid = frames_of(folder / "all-rerun-P21c.extxyz.gz")
    return functions, solid, frames_of(folder / "rerun-H-highP-liquid.extxyz.gz", "::10")


def test_errors_of_a_potential_of_one_phase_grow_with_the_distance_from_its_training_set(hydrogen):
    functions, solid, liquid = hydrogen
    train, test = solid[::2], solid[1::8] + liquid[::2]
    potential = LinearPotential(functions).fit(train)
    vectors = DifferenceVectors(functions).fit(train)
    said = [potential.predict(atoms) for atoms in test]
    of_forces = [np.sqrt(np.mean((s.forces - a.get_forces()) ** 2)) for s, a in zip(said, test, strict=True)]
    of_energy = [abs(s.energy - a.get_potential_energy()) / len(a) for s, a in zip(said, test, strict=True)]
    print(f"\nhydrogen: trained on {len(train)} frames of P2₁/c, tested on {len(test)} of P2₁/c and liquid")
    print(f"linear potential: training {potential.errors(train)}; test {potential.errors(test)}")
    print("rank correlation with the error of  forces  energy")
    found = {}
    for name in ("distance_to_centre", "nearest", "never_seen"):
        values = getattr(vectors, name)(test)
        found[name] = spearmanr(values, of_forces)[0], spearmanr(values, of_energy)[0]
        print(f"{name:33s}  {found[name][0]:6.3f}  {found[name][1]:6.3f}")
    for of_force, of_energy_too in found.values():
        assert of_force > 0.5
        assert of_energy_too > 0.5


def assert_screening_keeps_diversity(name, functions, frames, smallest):
    """Print and check the share kept and how many of the bins that occur at all it still covers."""
    vectors = DifferenceVectors(functions).fit(frames)
    packed = vectors.training_vectors
    kept = screen(packed, vectors.n_bits, smallest)
    bits = vectors.unpack(packed)
    occurring = bits.any(axis=0).sum()
    share = bits[kept].any(axis=0).sum() / occurring
    random = [
        bits[np.random.default_rng(seed).choice(len(frames), len(kept), replace=False)].any(axis=0).sum()
        / occurring
        for seed in range(20)
    ]
    print(
        f"\n{name}: {len(kept)} of {len(frames)} frames kept ({100 * len(kept) / len(frames):.1f} %) at a smallest "
        f"distance of {smallest}; bins that still occur {share:.3f}, of random subsets {np.mean(random):.3f}"
    )
    nearest = vectors.distances(packed, packed[kept]).min(axis=1)
    assert nearest.max() <= smallest * (1 + 1e-9), "what was dropped is near something kept"
    assert 1 < len(kept) < len(frames)
    assert share > np.mean(random)


def test_screening_hydrogen_keeps_its_diversity(hydrogen):
    functions, solid, liquid = hydrogen
    assert_screening_keeps_diversity("hydrogen", functions, [*solid, *liquid], 0.05)


def test_screening_a_binary_alloy_keeps_its_diversity(data_dir):
    functions = SymmetryFunctions.from_text(describe(["Mo", "Ta"], 5.0))
    frames = frames_of(data_dir / "MoNbTaW/MoTa_SS.extxyz.gz", "::3")
    assert_screening_keeps_diversity("Mo-Ta", functions, frames, 0.15)
