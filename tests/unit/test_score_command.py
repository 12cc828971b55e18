# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve score`` and what it computes: REP, distances, coverage, entropy."""

import json

import numpy as np
import pytest
from ase.io import read, write
from test_select_commands import complaint, mdsieve

from mdsieve import SymmetryFunctions
from mdsieve.describe import write_description
from mdsieve.encoders.mean import FingerprintSummaries, scaled_means
from mdsieve.samplers.entropy import entropy
from mdsieve.samplers.subset_quality import judge_subset, typical_distance


def test_all_frames_stand_for_all():
    rows = np.random.default_rng(0).normal(size=(50, 4))
    found = judge_subset(rows, rows, environments=rows, kept_environments=rows)
    assert (found.represented, found.farthest, found.mean) == (1.0, 0.0, 0.0)
    assert (found.component_coverage, found.joint_coverage) == (1.0, 1.0)
    assert found.entropy_all == found.entropy_kept == entropy(rows, found.bandwidth)


def test_numbers_of_a_row_of_points():
    rows = np.arange(10.0)[:, None]
    found = judge_subset(rows, np.array([[0.0], [5.0]]), reach=2.0, n_bins=10)
    # distances 0 1 2 2 1 0 1 2 3 4
    assert found.represented == 0.5
    assert found.farthest == 4.0
    assert found.mean == pytest.approx(1.6)
    assert found.component_coverage == pytest.approx(0.2)
    assert (found.n_all, found.n_kept, found.n_components) == (10, 2, 1)
    assert np.isnan(found.entropy_all)
    assert json.loads(found.to_json())["entropy_all"] is None


def test_kept_frames_need_not_be_among_all():
    found = judge_subset(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 0.05]]))
    assert found.represented == pytest.approx(1 / 3)
    assert found.farthest == pytest.approx(np.hypot(1, 0.05))


def test_the_typical_distance_passes_over_equal_environments():
    assert typical_distance(np.array([[0.0], [0.0], [0.0], [1.0], [3.0], [6.0]])) == 1.5
    assert typical_distance(np.zeros((4, 2))) == 1.0


def test_the_typical_distance_passes_over_copies_that_differ_by_rounding():
    rows = np.array([[0.1], [0.1 + 1e-15], [0.1 - 1e-15], [1.1], [3.1], [6.1]])
    assert typical_distance(rows) == pytest.approx(1.5)


def test_large_sets_are_thinned_out_the_same_way_each_time():
    rows = np.random.default_rng(1).normal(size=(300, 3))
    words = {"environments": rows, "kept_environments": rows[:40], "most_environments": 100, "bandwidth": 0.5}
    first, again = (judge_subset(rows, rows[:5], **words) for _ in range(2))
    assert (first.n_environments_all, first.n_environments_kept) == (100, 40)
    assert first == again
    assert first.entropy_kept == entropy(rows[:40], 0.5)


@pytest.mark.parametrize(
    ("kept", "words", "said"),
    [
        (np.empty((0, 2)), {}, "at least one of each"),
        (np.zeros((1, 3)), {}, "kept has 3 columns: expected 2"),
        (np.zeros((1, 2)), {"reach": 0.0}, "reach=0.0"),
    ],
)
def test_what_cannot_be_judged_is_refused(kept, words, said):
    with pytest.raises(ValueError, match=said):
        judge_subset(np.random.default_rng(0).normal(size=(5, 2)), kept, **words)


def test_the_command_says_what_the_library_says(binary_trajectory, tmp_path):
    frames = binary_trajectory[::3]
    write(tmp_path / "all.extxyz", frames)
    write(tmp_path / "kept.extxyz", frames[:6])
    write_description(["Ni", "Al"], 4.5, tmp_path / "sf.nn")
    said = mdsieve(tmp_path, "score", "all.extxyz", "kept.extxyz", "-f", "sf.nn", "-j", 1, "--reach", 0.3,
                   "--json", "score.json")  # fmt: skip
    functions = SymmetryFunctions.from_file(tmp_path / "sf.nn")
    means = scaled_means(FingerprintSummaries(functions).encode(read(tmp_path / "all.extxyz", ":")))
    expected = judge_subset(means, means[:6], reach=0.3)
    found = json.loads((tmp_path / "score.json").read_text())
    for name in ("represented", "farthest", "mean", "component_coverage", "joint_coverage"):
        assert found[name] == pytest.approx(getattr(expected, name))
    assert 0 < found["entropy_kept"] < found["entropy_most_kept"]
    assert found["entropy_kept"] < found["entropy_all"]
    assert (found["n_environments_all"], found["n_environments_kept"]) == (21 * 108, 6 * 108)
    lines = said.splitlines()
    assert lines[0].split() == ["frames", "6", "of", "21"]
    assert f"{100 * expected.represented:.1f} %" in lines[1]
    assert f"{expected.farthest:.4g}" in lines[2]
    assert "score.json: the file exists already" in complaint(
        tmp_path, "score", "all.extxyz", "kept.extxyz", "-f", "sf.nn", "--json", "score.json"
    )
