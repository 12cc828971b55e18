# SPDX-License-Identifier: GPL-2.0-or-later
"""Spreads of a trained ensemble against its errors, on the distillation paper's nickel frames."""

from pathlib import Path

import numpy as np
import pytest

from mdsieve import SymmetryFunctions
from mdsieve.describe import describe
from mdsieve.io.trajectories import iterate_frames
from mdsieve.potentials import (
    Architecture,
    ElementNetworks,
    EnsembleTrainer,
    TrainingFrames,
    TrainingSettings,
    new_ensemble,
)
from mdsieve.scores.reliability import conformal_factor, reliability_curve, spreads_and_errors

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def nickel(data_dir: Path):
    """Random frames in three parts (training, calibration, test), and those chosen by active learning."""
    file = data_dir / "ni_eam_distillation" / "Ni_ch1_validation.extxyz.gz"
    frames = [frame.atoms for frame in iterate_frames([file])]
    random = [atoms for atoms in frames if atoms.info["config_type"] == "Rd"]
    chosen = [atoms for atoms in frames if atoms.info["config_type"] != "Rd"]
    order = np.random.default_rng(0).permutation(len(random))
    parts = [[random[k] for k in part] for part in (order[:200], order[200:300], order[300:])]
    return *parts, chosen


@pytest.fixture(scope="module")
def trained(nickel):
    """A short training: what it errs by is not the point, whether it knows is."""
    functions = SymmetryFunctions.from_text(describe(["Ni"], 6.0))
    data = TrainingFrames.from_atoms(functions, nickel[0])
    shape = Architecture.uniform(["Ni"], hidden=(20, 20), n_members=5)
    ensemble = new_ensemble(data, ElementNetworks(shape, functions.n_features, seed=1))
    EnsembleTrainer(ensemble, data, TrainingSettings(epochs=30)).run()
    return ensemble


def whole_frames(found, factor: float) -> float:
    """Share of frames in which every atom is covered."""
    inside = found.error <= factor * found.spread
    return float(np.mean([inside[found.frame == frame].all() for frame in np.unique(found.frame)]))


@pytest.mark.parametrize("of", ["forces", "atomic", "energy"])
def test_a_conformal_factor_keeps_its_promise_on_new_frames(nickel, trained, of):
    _, calibration, test, chosen = nickel
    known, new, shifted = (spreads_and_errors(trained, frames, of) for frames in (calibration, test, chosen))
    factor = conformal_factor(known.spread, known.error, coverage=0.9, groups=known.frame)
    by_atoms = conformal_factor(known.spread, known.error, coverage=0.9)
    covered = whole_frames(new, factor)
    print(
        f"\n{of}: factor {factor:.3g}; frames covered {covered:.3f}, of the chosen {whole_frames(shifted, factor):.3f}"
    )
    print(f"factor by atoms {by_atoms:.3g}; frames covered {whole_frames(new, by_atoms):.3f}")
    print(reliability_curve(new.spread, new.error, n_bins=6))
    # both sets are finite: four standard deviations
    assert covered > 0.9 - 4 * np.sqrt(0.09 * (1 / len(calibration) + 1 / len(test)))
    if of != "energy":
        assert whole_frames(new, by_atoms) < 0.5, "atoms of a frame are no independent cases"


def test_the_largest_force_spreads_have_the_largest_errors(nickel, trained):
    found = spreads_and_errors(trained, nickel[2], "forces")
    curve = reliability_curve(found.spread, found.error, n_bins=6)
    assert curve.error[-1] > 2 * curve.error[:-1].max()
    assert curve.rank_correlation > 0.15
