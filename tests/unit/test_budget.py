# SPDX-License-Identifier: GPL-2.0-or-later
"""Ask for N, get N: the doubling k-centre algorithm against the best choice that there is."""

from itertools import combinations

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write
from typer.testing import CliRunner

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.cli import build_app
from mdsieve.samplers.budget import BudgetSampler

TEXT = """number_of_elements 1
elements Ar
cutoff_type 1
symfunction_short Ar 2 Ar 0.3 0.0 6.0
symfunction_short Ar 2 Ar 1.0 2.0 6.0
symfunction_short Ar 2 Ar 1.0 3.5 6.0
"""
FUNCTIONS = SymmetryFunctions(TEXT)


def clusters(n_frames, seed, n_atoms=3):
    rng = np.random.default_rng(seed)
    return [Atoms(f"Ar{n_atoms}", rng.uniform(0, 2.5 + i % 3, (n_atoms, 3))) for i in range(n_frames)]


def rows_of(frames):
    return np.concatenate([FUNCTIONS.create(atoms) for atoms in frames])


def scaling_of(frames):
    return EnvironmentBank(FUNCTIONS, 1.0, "minmax").fit_scaling(frames).scaling


def cover(rows, centres):
    return np.linalg.norm(rows[:, None] - centres[None], axis=2).min(axis=1).max()


def best_cover(rows, n):
    """The smallest radius in which n of the rows cover all of them, by trying all."""
    return min(cover(rows, rows[list(chosen)]) for chosen in combinations(range(len(rows)), n))


def scaled(rows, scaling):
    return (rows - scaling.shift[0]) * scaling.factor[0]


@pytest.mark.parametrize("seed", range(12))
def test_environments_are_covered_within_eight_times_the_best_radius(seed):
    frames = clusters(6, seed)
    scaling = scaling_of(frames)
    rows = scaled(rows_of(frames), scaling)
    for n in (2, 3, 4):
        sampler = BudgetSampler(FUNCTIONS, n, scaling, of="environments").fit(frames)
        centres = scaled(sampler.bank_.entries("Ar")[1], scaling)
        assert len(centres) == n
        reached, best = cover(rows, centres), best_cover(rows, n)
        assert reached <= 2 * sampler.radius_
        assert reached <= 8 * best
        # any points of space as centres: never better than half of the best rows
        assert sampler.lower_bound_ <= best
        assert 2 * sampler.radius_ == pytest.approx(8 * sampler.lower_bound_)


@pytest.mark.parametrize("of", ["frames", "environments"])
@pytest.mark.parametrize("n", [1, 2, 7, 30, 59])
def test_who_asks_for_n_gets_n(of, n):
    frames = clusters(60, seed=5)
    scaling = scaling_of(frames)
    sampler = BudgetSampler(FUNCTIONS, n, scaling, of=of).fit(frames)
    selected = sampler.selected_indices_
    assert (len(selected) if of == "frames" else len(sampler.bank_)) == n
    centres = scaled(sampler.bank_.entries("Ar")[1], scaling)
    assert cover(scaled(rows_of(frames), scaling), centres) <= 2 * sampler.radius_
    origins = sampler.bank_.entries("Ar")[0]
    assert sorted(set(origins[:, 1].tolist())) == selected.tolist()
    for frame in selected:
        own = rows_of([frames[frame]])
        for atom in sampler.atoms_in_bank(frame):
            stored = sampler.bank_.entries("Ar")[1]
            assert np.any(np.all(stored == own[atom - 1], axis=1))


def test_the_bound_holds_after_every_single_frame():
    frames = clusters(40, seed=8)
    scaling = scaling_of(frames)
    sampler = BudgetSampler(FUNCTIONS, 5, scaling)
    for i, atoms in enumerate(frames, start=1):
        sampler.partial_fit(atoms)
        assert len(sampler.selected_indices_) <= 5
        centres = scaled(sampler.bank_.entries("Ar")[1], scaling)
        assert cover(scaled(rows_of(frames[:i]), scaling), centres) <= 2 * sampler.radius_
        apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)[np.triu_indices(len(centres), 1)]
        assert (apart > sampler.radius_).all()


def test_with_a_threshold_it_is_the_bank_as_long_as_the_budget_lasts():
    frames = clusters(30, seed=2)
    scaling = scaling_of(frames)
    bank = EnvironmentBank.empty(FUNCTIONS, 0.4, scaling)
    kept = [i for i, atoms in enumerate(frames) if bank.update(atoms).is_kept]
    sampler = BudgetSampler(FUNCTIONS, len(kept), scaling, start=0.4).fit(frames)
    assert sampler.selected_indices_.tolist() == kept
    assert (sampler.radius_, sampler.lower_bound_) == (0.4, 0.0)
    assert len(BudgetSampler(FUNCTIONS, len(kept) - 1, scaling, start=0.4).fit(frames).selected_indices_) == (
        len(kept) - 1
    )


def test_repeated_frames_are_not_taken_twice():
    frames = clusters(4, seed=1)
    scaling = scaling_of(frames)
    sampler = BudgetSampler(FUNCTIONS, 10, scaling).fit([*frames, *frames, *frames])
    assert sampler.selected_indices_.tolist() == [0, 1, 2, 3]


def test_the_command_writes_as_many_frames_as_asked_for(tmp_path):
    frames = clusters(50, seed=4)
    write(tmp_path / "all.extxyz", frames)
    (tmp_path / "ar.nn").write_text(TEXT)
    words = ["select", "bank", tmp_path / "all.extxyz", "-f", tmp_path / "ar.nn", "--budget", 12]
    words += ["-o", tmp_path / "kept.extxyz", "--save-bank", tmp_path / "ar.bank"]
    result = CliRunner().invoke(build_app(), list(map(str, words)), catch_exceptions=False)
    assert "12 of 50 frames kept" in result.output
    kept = read(tmp_path / "kept.extxyz", index=":")
    assert len(kept) == 12
    for atoms in kept:
        np.testing.assert_allclose(atoms.positions, frames[atoms.info["frame"]].positions, atol=1e-7)
        assert atoms.arrays["in_bank"].sum() == atoms.info["new_environments"] > 0
    assert len(EnvironmentBank.load(tmp_path / "ar.bank")) == sum(a.info["new_environments"] for a in kept)


def test_a_budget_that_makes_no_sense_is_refused():
    scaling = scaling_of(clusters(3, seed=0))
    with pytest.raises(ValueError, match="budget 0"):
        BudgetSampler(FUNCTIONS, 0, scaling)
    with pytest.raises(ValueError, match="of 'atoms'"):
        BudgetSampler(FUNCTIONS, 1, scaling, of="atoms")
    with pytest.raises(ValueError, match="start 0"):
        BudgetSampler(FUNCTIONS, 1, scaling, start=0.0)
