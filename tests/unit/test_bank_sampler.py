# SPDX-License-Identifier: GPL-2.0-or-later
"""The bank's rule as a sampler: its picks are those of the bank, of `select bank` and of the paper."""

import numpy as np
import pytest
from ase.io import read, write
from sklearn.utils.estimator_checks import parametrize_with_checks

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.samplers.bank_sampler import EnvironmentBankSampler, environment_rows
from mdsieve.samplers.environment_bank import select_bank
from mdsieve.samplers.volumes import BOND_LENGTH_FACTORS, augment_volumes, scale_bond_lengths
from plain_bank import plain_scaling, plain_selection

FUNCTIONS = """
elements Ni Al
cutoff_type 2
symfunction_short Ni 2 Ni 0.1 0.0 4.5
symfunction_short Ni 2 Al 0.1 0.0 4.5
symfunction_short Ni 2 Ni 2.0 2.5 4.5
symfunction_short Ni 3 Ni Ni 0.02 1 1 4.5
symfunction_short Al 2 Ni 0.1 0.0 4.5
symfunction_short Al 3 Ni Ni 0.02 -1 1 4.5
"""


@parametrize_with_checks([EnvironmentBankSampler()])
def test_it_keeps_scikit_learns_conventions(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def functions():
    return SymmetryFunctions.from_text(FUNCTIONS)


@pytest.fixture(scope="module")
def frames(binary_trajectory):
    return binary_trajectory[::2]


@pytest.fixture(scope="module")
def rows(functions, frames):
    return environment_rows(functions, frames)


def fitted(rows, frames=slice(None), threshold=None, **more):
    X, groups, elements = rows
    sampler = EnvironmentBankSampler(threshold or {"Ni": 0.3, "Al": 0.2}, **more)
    return sampler.fit(X, groups=groups, elements=elements)


def test_rows_hold_each_atom_once_in_the_order_of_the_ids(functions, frames, rows):
    X, groups, elements = rows
    assert X.shape == (108 * len(frames), 4)
    atoms = frames[3]
    mine = groups == 3
    order = np.argsort(atoms.arrays["id"]) if "id" in atoms.arrays else np.arange(108)
    assert elements[mine].tolist() == np.array(atoms.get_chemical_symbols())[order].tolist()
    aluminium = functions.create_by_element(atoms)["Al"][1]
    np.testing.assert_array_equal(X[mine & (elements == "Al")][:, :2], aluminium)
    np.testing.assert_array_equal(X[mine & (elements == "Al")][:, 2:], 0.0)


def test_picks_are_those_of_the_bank_environment_by_environment(functions, frames, rows):
    bank = EnvironmentBank(functions, {"Ni": 0.3, "Al": 0.2}).fit_scaling(frames)
    updates = [bank.update(atoms) for atoms in frames]
    sampler = fitted(rows)
    kept = [i for i, update in enumerate(updates) if update.is_kept]
    assert 1 < len(kept) < len(frames)
    assert sampler.selected_idx_.tolist() == kept
    assert sampler.bank_sizes_ == {"Ni": bank.size("Ni"), "Al": bank.size("Al")}
    assert len(sampler.new_idx_) == sum(len(update.new) for update in updates)
    for place, frame in enumerate(kept):
        np.testing.assert_array_equal(np.sort(sampler.novelty_[place]), np.sort(updates[frame].novelty))
        assert sampler.select_distance_[place] == updates[frame].novelty.max() > 1


def test_picks_are_those_of_the_command(functions, frames, rows, tmp_path):
    write(tmp_path / "run.extxyz", frames)
    (tmp_path / "sf.nn").write_text(FUNCTIONS)
    select_bank(
        [tmp_path / "run.extxyz"], tmp_path / "sf.nn", {"Ni": 0.3, "Al": 0.2}, tmp_path / "kept.extxyz"
    )
    written = [atoms.info["frame"] for atoms in read(tmp_path / "kept.extxyz", ":")]
    again = environment_rows(functions, read(tmp_path / "run.extxyz", ":"))
    assert fitted(again).selected_idx_.tolist() == written


@pytest.mark.parametrize("n_columns", [1, 3, 8, 17])
def test_picks_are_those_of_the_paper(n_columns):
    rng = np.random.default_rng(n_columns)
    X = rng.normal(size=(600, n_columns)) * rng.random(n_columns)
    X[:, 0] = 1.5  # a constant column
    groups = np.sort(np.concatenate([np.arange(60), rng.integers(60, size=540)]))
    elements = rng.choice(["A", "B"], size=600)
    scaling = {e: plain_scaling(X[elements == e][:, None]) for e in "AB"}
    listed = [[(elements[i], X[i]) for i in np.flatnonzero(groups == g)] for g in range(60)]
    thresholds = {"A": 0.4, "B": 0.7}
    kept, picks = plain_selection(listed, thresholds, scaling)
    sampler = EnvironmentBankSampler(thresholds).fit(X, groups=groups, elements=elements)
    assert sampler.selected_idx_.tolist() == kept
    starts = np.searchsorted(groups, np.arange(60))
    assert sampler.new_idx_.tolist() == [starts[g] + i for g, i in picks]


def test_a_number_of_frames_ends_it_and_a_shortfall_is_told(rows, caplog):
    whole = fitted(rows)
    np.testing.assert_array_equal(fitted(rows, n_to_select=3).selected_idx_, whole.selected_idx_[:3])
    most = fitted(rows, n_to_select=1.0)
    assert most.shortfall_ == len(most.support_) - len(whole.selected_idx_) > 0
    assert "fewer than asked for" in caplog.text


def test_what_is_known_already_is_not_new(rows):
    X, groups, elements = rows
    sampler = EnvironmentBankSampler({"Ni": 0.3, "Al": 0.2}).fit(
        X, groups=groups, elements=elements, X_selected=X, elements_selected=elements
    )
    assert len(sampler.selected_idx_) == 0
    assert sampler.selection().novelty == ()


def test_a_random_order_follows_the_seed(rows):
    first, again, other = (fitted(rows, order="random", random_state=seed) for seed in (1, 1, 2))
    assert first.selected_idx_.tolist() == again.selected_idx_.tolist()
    assert first.selected_idx_.tolist() != other.selected_idx_.tolist()
    assert first.selected_idx_.tolist() != sorted(first.selected_idx_.tolist())


def test_written_frames_carry_the_novelty_of_each_atom(frames, rows, tmp_path):
    sampler = fitted(rows)
    sampler.selection().write_extxyz(frames, tmp_path / "kept.extxyz")
    kept = read(tmp_path / "kept.extxyz", ":")
    assert len(kept) == len(sampler.selected_idx_)
    np.testing.assert_allclose(kept[-1].arrays["novelty"], sampler.novelty_[-1], rtol=1e-6)
    assert kept[-1].info["select_reason"].endswith("of 108 environments new")


@pytest.mark.parametrize(
    ("parameters", "given", "message"),
    [
        ({"threshold": {"Ni": 0.3}}, {}, "no threshold for Al"),
        ({"threshold": 0.0}, {}, "expected a finite number above 0"),
        ({"scaling": "max"}, {}, "scaling='max'"),
        ({"order": "sorted"}, {}, "order='sorted'"),
        ({}, {"elements": ["Ni"]}, "1 elements: expected"),
        ({}, {"X_selected": np.ones((2, 4))}, "elements_selected: expected one for each row"),
        ({}, {"groups": [1, 0]}, "groups of shape"),
    ],
)
def test_what_does_not_fit_together_is_named(parameters, given, message, rows):
    X, groups, elements = rows
    with pytest.raises(ValueError, match=message):
        EnvironmentBankSampler(**{"threshold": 0.3, **parameters}).fit(
            X, **{"groups": groups, "elements": elements, **given}
        )


@pytest.mark.parametrize(
    ("scale", "name", "power"),
    [(scale_bond_lengths, "length_factor", 3), (augment_volumes, "volume_factor", 1)],
)
def test_lengths_or_volumes_are_scaled_and_labels_left_out(frames, scale, name, power):
    widened = list(scale(frames[:3], BOND_LENGTH_FACTORS))
    assert len(widened) == 3 * len(BOND_LENGTH_FACTORS)
    assert [a.info[name] for a in widened[:8]] == list(BOND_LENGTH_FACTORS)
    for atoms, origin in zip(widened[8:16], [frames[1]] * 8, strict=True):
        assert atoms.cell.volume == pytest.approx(atoms.info[name] ** power * origin.cell.volume)
        np.testing.assert_allclose(atoms.get_scaled_positions(), origin.get_scaled_positions(), atol=1e-9)
    assert name not in frames[1].info


def test_the_paper_scales_bond_lengths_from_0_8_to_1_5(frames):
    lengths = [
        atoms.cell.lengths()[0] / frames[0].cell.lengths()[0] for atoms in scale_bond_lengths(frames[:1])
    ]
    assert (min(lengths), max(lengths)) == (pytest.approx(0.8), pytest.approx(1.5))


def test_scaling_refuses_factors_and_frames_without_meaning(frames):
    with pytest.raises(ValueError, match="volume factor 0"):
        list(augment_volumes(frames[:1], [0]))
    molecule = frames[0].copy()
    molecule.cell = None
    with pytest.raises(ValueError, match="frame 0: it has no cell"):
        list(scale_bond_lengths([molecule]))
