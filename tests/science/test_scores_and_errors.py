# SPDX-License-Identifier: GPL-2.0-or-later
"""Do scores tell where a potential errs? A linear potential trained on one part of a data set, tested on
another, and the rank correlation of its true force errors with each score.
"""

import gzip
from itertools import pairwise

import numpy as np
import pytest
from ase.io import read
from scipy.stats import spearmanr

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.describe import describe
from mdsieve.potentials import LinearPotential
from mdsieve.scores import DensityScorer, Environments, ExtrapolationScorer, NoveltyScorer
from mdsieve.scores.columns import Columns


def frames_of(path, index=":"):
    with gzip.open(path, "rt") as file:
        return read(file, index, format="extxyz")


def force_errors(potential, frames):
    """Length of each atom's force error [eV/Å], one array a frame."""
    return [np.linalg.norm(potential.predict(a).forces - a.get_forces(), axis=1) for a in frames]


def scores_of(functions, train, test, threshold):
    """Per-atom scores of the test frames by scorers that have learnt the training frames."""
    known = [Environments.from_atoms(functions, a) for a in train]
    bank = EnvironmentBank(functions, threshold, "std").fit_scaling(train)
    scorers = [
        NoveltyScorer(bank),
        ExtrapolationScorer(Columns.fit(known)).fit(known),
        DensityScorer.for_bank(bank).fit(known),
    ]
    for environments in known:
        scorers[0].learn(environments)
    new = [Environments.from_atoms(functions, a) for a in test]
    return {s.name: [s.score(e).per_atom for e in new] for s in scorers}, len(bank)


def correlations(scores, errors):
    """Rank correlation with the error: over atoms, and over frames (largest score, root mean square error)."""
    of_frames = [np.sqrt(np.mean(e**2)) for e in errors]
    return {
        name: (
            spearmanr(np.concatenate(values), np.concatenate(errors))[0],
            spearmanr([v.max() for v in values], of_frames)[0],
        )
        for name, values in scores.items()
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_scores_rank_the_frames_by_the_error_of_a_potential_that_has_not_seen_them(data_dir):
    """Embedded-atom nickel of all phases (32 atoms): trained on the frames of lowest energy."""
    frames = frames_of(data_dir / "ni_eam_distillation/Ni_ch1_validation.extxyz.gz")
    energies = [a.get_potential_energy() / len(a) for a in frames]
    order = np.argsort(energies)
    train, test = [frames[i] for i in order[:150]], [frames[i] for i in order[150::3]]
    functions = SymmetryFunctions.from_text(describe(["Ni"], 6.0))
    potential = LinearPotential(functions).fit(train)
    errors = force_errors(potential, test)
    scores, n_entries = scores_of(functions, train, test, 0.5)
    found = correlations(scores, errors)
    print(f"\nNi, EAM labels: {len(train)} frames of low energy for training, {len(test)} others to test")
    print(f"linear potential: training {potential.errors(train)}; test {potential.errors(test)}")
    print(f"bank: {n_entries} entries; rank correlation with the true force error")
    print(f"{'score':15s} {'atoms':>7s} {'frames':>7s}")
    for name, (of_atoms, of_frames) in found.items():
        print(f"{name:15s} {of_atoms:7.3f} {of_frames:7.3f}")
    grades = np.concatenate(scores["extrapolation"])
    lengths = np.concatenate(errors)
    print("γ        atoms   rms force error [eV/Å]")
    edges = [0, 1, 2, 5, np.inf]
    by_grade = []
    for low, high in pairwise(edges):
        mine = (grades > low) & (grades <= high)
        by_grade.append(np.sqrt(np.mean(lengths[mine] ** 2)) if mine.any() else np.nan)
        print(f"{low} to {high:<4}  {mine.sum():6d}   {by_grade[-1]:.3f}")
    assert potential.errors(test).force > 1.5 * potential.errors(train).force, "the test must be a harder set"
    assert found["novelty"][1] > 0.4
    assert found["extrapolation"][1] > 0.4
    assert found["density"][1] > 0.4
    told = [value for value in by_grade if np.isfinite(value)]
    assert told[-1] > 1.2 * told[0], "beyond the active set errors are larger"
