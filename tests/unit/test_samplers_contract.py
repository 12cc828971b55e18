# SPDX-License-Identifier: GPL-2.0-or-later
"""What every sampler does alike: scikit-learn's manners, counts, seeds, warm starts, results."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from mdsieve.samplers.contract import Picks, Sampler
from mdsieve.samplers.farthest_point import FPS
from mdsieve.samplers.selection import Selection


@parametrize_with_checks([FPS()])
def test_it_keeps_scikit_learns_conventions(estimator, check):
    check(estimator)


class FirstRows(Sampler):
    """The least a sampler can be."""

    def __init__(self, n_to_select=None, random_state=0):
        self.n_to_select = n_to_select
        self.random_state = random_state

    def _pick(self, X, X_selected, n_wanted):
        self.rows_seen = X
        self.draw_ = self._rng().random()
        return Picks(range(n_wanted), [np.nan] * n_wanted, ["among the first"] * n_wanted)


@pytest.fixture
def rows():
    return np.random.default_rng(5).normal(size=(40, 3))


@pytest.fixture
def frames():
    made = []
    for i in range(40):
        atoms = Atoms("Ni2", positions=[[0, 0, 0], [2.2, 0, 0.01 * i]], cell=[9, 9, 9], pbc=True)
        atoms.calc = SinglePointCalculator(atoms, energy=-float(i))
        made.append(atoms)
    return made


@pytest.mark.parametrize(
    ("given", "expected"), [(None, 20), (7, 7), (40, 40), (0.1, 4), (1.0, 40), (0.001, 1)]
)
def test_a_number_a_share_or_none_says_how_many(given, expected, rows):
    assert len(FirstRows(given).fit(rows).selected_idx_) == expected


@pytest.mark.parametrize("wrong", [0, -1, 41, 0.0, 1.5, float("nan"), "all", True])
def test_a_count_that_cannot_be_met_is_refused_with_what_was_expected(wrong, rows):
    with pytest.raises(ValueError, match=r"n_to_select=.*expected a"):
        FirstRows(wrong).fit(rows)


def test_the_mask_and_the_indices_say_the_same(rows):
    sampler = FPS(9).fit(rows)
    np.testing.assert_array_equal(np.sort(sampler.selected_idx_), sampler.get_support(indices=True))
    np.testing.assert_array_equal(np.flatnonzero(sampler.get_support()), sampler.get_support(indices=True))


def test_pick_takes_from_arrays_and_from_lists_in_pick_order(rows, frames):
    sampler = FPS(6).fit(rows)
    np.testing.assert_array_equal(sampler.pick(rows), rows[sampler.selected_idx_])
    assert [frames.index(a) for a in sampler.pick(frames)] == sampler.selected_idx_.tolist()
    with pytest.raises(ValueError, match="39 candidates: expected 40"):
        sampler.pick(frames[1:])


def test_a_seed_can_be_given_in_every_manner_of_numpy_and_is_remembered(rows):
    assert FirstRows(random_state=7).fit(rows).seed_ == 7
    for make in (np.random.RandomState, np.random.default_rng):
        first, second = (FirstRows(random_state=make(3)).fit(rows) for _ in range(2))
        assert first.seed_ == second.seed_
        assert FirstRows(random_state=first.seed_).fit(rows).draw_ == first.draw_
    fresh = FirstRows(random_state=None).fit(rows)
    assert FirstRows(random_state=fresh.seed_).fit(rows).draw_ == fresh.draw_
    assert FirstRows(random_state=None).fit(rows).seed_ != fresh.seed_
    with pytest.raises(ValueError, match="random_state='x'"):
        FirstRows(random_state="x").fit(rows)


def test_an_earlier_set_must_have_as_many_columns(rows):
    with pytest.raises(ValueError, match="X_selected has 2 columns: expected 3"):
        FPS(2).fit(rows, X_selected=rows[:, :2])


def test_an_empty_earlier_set_is_none(rows):
    np.testing.assert_array_equal(
        FPS(5).fit(rows, X_selected=rows[:0]).selected_idx_, FPS(5).fit(rows).selected_idx_
    )


def test_memory_mapped_rows_are_not_copied(rows, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    sampler = FirstRows(3).fit(mapped)
    assert np.shares_memory(sampler.rows_seen, mapped)


def test_rows_that_are_not_finite_are_refused(rows):
    rows[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        FPS(2).fit(rows)


def test_a_clone_picks_the_same(rows):
    sampler = FPS(0.2, start="random", random_state=11).fit(rows)
    np.testing.assert_array_equal(clone(sampler).fit(rows).selected_idx_, sampler.selected_idx_)


def test_a_selection_survives_json(rows):
    written = FPS(5).fit(rows).selection([f"run.extxyz:{i}" for i in range(40)])
    text = written.to_json()
    found = Selection.from_json(text)
    assert found.to_json() == text
    np.testing.assert_array_equal(found.indices, written.indices)
    np.testing.assert_array_equal(found.score, written.score)
    assert found.score[0] == np.inf
    assert found.source == tuple(f"run.extxyz:{i}" for i in written.indices)
    assert found.configuration == {
        "sampler": "FPS",
        "n_to_select": 5,
        "distance": None,
        "start": "central",
        "random_state": 0,
    }
    assert {"mdsieve", "numpy", "scikit-learn"} <= set(found.versions)


def test_a_score_that_is_missing_stays_missing(rows):
    found = Selection.from_json(FirstRows(2).fit(rows).selection().to_json())
    assert np.isnan(found.score).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format="x"), 'expected "format": "mdsieve selection"'),
        (lambda c: c.update(version=2), "version 2: expected 1"),
        (lambda c: c.pop("rank"), "'rank' is missing"),
        (lambda c: c.update(rank=[0]), "one rank, score, reason, source and novelty for each index"),
        (lambda c: c["indices"].__setitem__(0, 40), "an index is out of its range"),
        (lambda c: c["indices"].__setitem__(0, 1.5), "expected a list of whole numbers"),
        (lambda c: c.update(score=3), "not iterable"),
    ],
)
def test_a_damaged_selection_says_what_is_wrong(change, message, rows):
    content = json.loads(FPS(3).fit(rows).selection().to_json())
    change(content)
    with pytest.raises(ValueError, match=message):
        Selection.from_json(json.dumps(content))
    with pytest.raises(ValueError, match="no JSON"):
        Selection.from_json("[")


def test_picked_frames_are_written_in_pick_order_with_labels_and_marks(rows, frames, tmp_path):
    sampler = FPS(4).fit(rows)
    sampler.selection([f"a.xyz:{i}" for i in range(40)]).write_extxyz(iter(frames), tmp_path / "kept.extxyz")
    found = read(tmp_path / "kept.extxyz", ":")
    assert [-a.get_potential_energy() for a in found] == sampler.selected_idx_.tolist()
    assert [a.info["select_rank"] for a in found] == [0, 1, 2, 3]
    np.testing.assert_allclose(
        [float(a.info["select_score"]) for a in found], sampler.select_distance_, rtol=1e-6
    )
    assert found[0].info["select_reason"] == "start: closest on average to all"
    assert found[1].info["source"] == f"a.xyz:{sampler.selected_idx_[1]}"
    assert "select_rank" not in frames[sampler.selected_idx_[0]].info


def test_numbers_of_atoms_become_an_array_of_the_frames(frames, tmp_path):
    selection = Selection(
        np.array([3]),
        np.array([0]),
        np.array([2.0]),
        ("new",),
        {},
        None,
        {},
        40,
        novelty=(np.array([2.0, 0.5]),),
    )
    selection.write_extxyz(frames, tmp_path / "kept.extxyz")
    np.testing.assert_array_equal(read(tmp_path / "kept.extxyz").arrays["novelty"], [2.0, 0.5])


def test_files_are_replaced_only_if_asked_for_and_only_by_whole_ones(rows, frames, tmp_path):
    selection = FPS(4).fit(rows).selection()
    selection.write_json(tmp_path / "s.json")
    with pytest.raises(FileExistsError):
        selection.write_json(tmp_path / "s.json")
    (tmp_path / "kept.extxyz").write_text("mine")
    with pytest.raises(FileExistsError):
        selection.write_extxyz(frames, tmp_path / "kept.extxyz")
    with pytest.raises(ValueError, match="39 frames: expected 40"):
        selection.write_extxyz(frames[:39], tmp_path / "kept.extxyz", overwrite=True)
    assert (tmp_path / "kept.extxyz").read_text() == "mine"
    selection.write_extxyz(frames, tmp_path / "kept.extxyz", overwrite=True)
    assert len(read(tmp_path / "kept.extxyz", ":")) == 4
