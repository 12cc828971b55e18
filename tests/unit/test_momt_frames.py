# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames of runs of ``fix momt``: found by their steps, drawn evenly, counted into pair distributions."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read, write
from momt_ensemble import T0, Drawn, Exact, flat_weight, record_of

from mdsieve.momt.blocks import Bootstrap, time_blocks
from mdsieve.momt.draw import draw_evenly, draw_frames, write_frames
from mdsieve.momt.frames import sampled_frames
from mdsieve.momt.pair_distribution import count_pairs, pair_distributions
from mdsieve.momt.reweighting import reweight
from mdsieve.momt.samples import Samples


def frame_of(volume: float, step: int, rng) -> Atoms:
    """32 atoms at random places."""
    length = volume ** (1 / 3)
    return Atoms("Ni32", rng.random((32, 3)) * length, cell=[length] * 3, pbc=True, info={"step": step})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two walkers of 300 samples every 20 steps; frames every 40 steps of the one, of 60 the other."""
    folder, weight, rng = tmp_path_factory.mktemp("frames"), flat_weight(), np.random.default_rng(4)
    exact, records, paths = Exact(weight), [], []
    for k, every in enumerate((2, 3)):
        drawn = exact.series(300, rng, stay=10.0)
        records.append(record_of(weight, drawn, f"record {k}"))
        frames = [frame_of(drawn.volume[i], 20 * i, rng) for i in range(0, 300, every)]
        paths.append(folder / f"frames{k}.extxyz")
        write(paths[-1], frames)
    return Samples(weight, tuple(records)), paths


def test_frames_are_found_by_their_steps(run):
    samples, paths = run
    found = list(sampled_frames(samples, paths))
    expected = [*range(0, 300, 2), *range(300, 600, 3)]
    assert [each.sample for each in found] == expected
    volumes = [each.structure.get_volume() for each in found]
    np.testing.assert_allclose(volumes, samples.volume[expected], rtol=1e-5)


def test_frames_before_the_record_are_left_out(run):
    samples, paths = run
    later = Samples(samples.weight, tuple(record.since(3000) for record in samples.records))
    found = list(sampled_frames(later, paths))
    assert len(found) == 75 + 50
    np.testing.assert_allclose(
        [each.structure.get_volume() for each in found],
        later.volume[[each.sample for each in found]],
        rtol=1e-5,
    )


def test_a_frame_that_comes_twice_counts_once(run, tmp_path):
    samples, paths = run
    twice = tmp_path / "twice.extxyz"
    twice.write_text(paths[0].read_text() * 2)
    assert len(list(sampled_frames(samples, [twice, paths[1]]))) == 150 + 100


def test_frames_of_another_run_are_refused(run, tmp_path):
    samples, paths = run
    with pytest.raises(ValueError, match="1 trajectories and 2 records"):
        list(sampled_frames(samples, paths[:1]))
    with pytest.raises(ValueError, match="expected trajectories in the order of their records"):
        list(sampled_frames(samples, paths[::-1]))
    rng = np.random.default_rng(0)
    for change, words in (
        ({"info": {}}, "no time step"),
        ({"numbers": None}, "31 atoms: expected 32"),
        ({"info": {"step": 7}}, "no frame at a recorded step"),
    ):
        atoms = frame_of(370.0, 0, rng)
        if "info" in change:
            atoms.info = change["info"]
        else:
            del atoms[3]
        other = tmp_path / "other.extxyz"
        write(other, atoms)
        with pytest.raises(ValueError, match=words) as caught:
            list(sampled_frames(Samples(samples.weight, samples.records[:1]), [other]))
        assert "other.extxyz" in str(caught.value)


def test_drawing_takes_from_each_cell_in_turn():
    cells = np.repeat([5, 9, 2, 7], [100, 3, 10, 40])
    drawn = draw_evenly(cells, 30, seed=1)
    assert len(set(drawn)) == 30
    assert np.bincount(cells[drawn], minlength=10)[[5, 9, 2, 7]].tolist() == [9, 3, 9, 9]
    for k in (4, 8, 12):
        counts = np.bincount(cells[drawn[:k]], minlength=10)[[5, 9, 2, 7]]
        assert set(counts) == {k // 4}
    np.testing.assert_array_equal(draw_evenly(cells, 30, seed=1), drawn)
    assert not np.array_equal(draw_evenly(cells, 30, seed=2), drawn)
    np.testing.assert_array_equal(np.sort(draw_evenly(cells, 1000)), np.arange(153))


def test_within_a_cell_all_are_alike():
    cells = np.repeat([0, 1], [10, 2])
    counts = np.zeros(12)
    for seed in range(600):
        counts[draw_evenly(cells, 4, seed)] += 1
    assert np.all(counts[10:] == 600)
    assert counts[:10].mean() == 120
    assert counts[:10].std() < 3 * np.sqrt(600 * 0.2 * 0.8)


def test_drawn_frames_are_written_with_their_sample(run, tmp_path):
    samples, paths = run
    drawing = draw_frames(samples, paths, 60, grid=(8, 8), seed=3)
    assert (len(drawing), drawing.n_candidates, drawing.shortfall) == (60, 250, 0)
    write_frames(tmp_path / "drawn.extxyz", drawing, samples, paths, temperature=1800.0)
    frames = read(tmp_path / "drawn.extxyz", ":")
    assert len(frames) == 60
    logs = samples.log_weights(1800.0)
    places, originals = set(), [read(path, ":") for path in paths]
    for atoms in frames:
        walker = int(atoms.info["source"].endswith("frames1.extxyz"))
        sample = 300 * walker + atoms.info["step"] // 20
        assert atoms.info["enthalpy"] == samples.enthalpy[sample]
        assert atoms.info["order"] == samples.order[sample]
        assert atoms.info["bias"] == samples.bias[sample]
        assert atoms.info["log_weight"] == logs[sample]
        original = originals[walker][atoms.info["frame"]]
        np.testing.assert_allclose(atoms.positions, original.positions, atol=1e-7)
        places.add(sample)
    assert len(places) == 60
    assert places == set(drawing.sample.tolist())


def test_drawn_frames_are_spread_more_evenly_than_all(run):
    samples, paths = run
    drawing = draw_frames(samples, paths, 60, grid=(8, 8), seed=3)
    assert drawing.n_cells_drawn == min(60, drawing.n_cells)
    candidates = [*range(0, 300, 2), *range(300, 600, 3)]
    cells, *_ = np.histogram2d(samples.enthalpy[candidates], samples.order[candidates], 8)
    assert drawing.n_cells == np.count_nonzero(cells)


def test_too_few_frames_are_a_shortfall(run):
    samples, paths = run
    drawing = draw_frames(samples, paths, 300)
    assert (len(drawing), drawing.shortfall) == (250, 50)
    for n, grid in ((0, (2, 2)), (5, (0, 2))):
        with pytest.raises(ValueError, match="expected numbers > 0"):
            draw_frames(samples, paths, n, grid=grid)


def ensemble(n: int, volume: float = 350.0) -> tuple[Samples, Bootstrap]:
    weight = flat_weight()
    drawn = Exact(weight).independent(n, np.random.default_rng(1))
    drawn = Drawn(drawn.enthalpy, drawn.order, np.full(n, volume), drawn.is_liquid)
    samples = Samples(weight, (record_of(weight, drawn),))
    return samples, Bootstrap(time_blocks(samples, 10), 100)


def test_distances_of_an_ideal_gas_are_even(tmp_path):
    samples, bootstrap = ensemble(150)
    rng = np.random.default_rng(2)
    write(tmp_path / "gas.extxyz", [frame_of(350.0, 20 * k, rng) for k in range(150)])
    pairs = count_pairs(sampled_frames(samples, [tmp_path / "gas.extxyz"]), cutoff=7.5, n_bins=5)
    weighed = reweight(samples, T0, bootstrap=bootstrap, least=5.0)
    found = pair_distributions(pairs, weighed, bootstrap, {"all": np.ones(150, bool)}, least=5.0)["all"]
    assert found.n_frames == 150
    # 31/32 of an ideal gas of other atoms, and images of the atom itself from the length of the cell on
    inside = found.distance.edges[1:] < 350.0 ** (1 / 3)
    deviations = (found.value - 31 / 32)[inside] / found.error[inside]
    assert np.abs(deviations).max() < 4.0
    assert found.error[inside][2:].max() < 0.1


def test_distances_of_a_crystal_are_its_shells(tmp_path):
    samples, bootstrap = ensemble(50, volume=3.57**3 * 8)
    crystal = bulk("Ni", "fcc", 3.57, cubic=True) * 2
    frames = []
    for k in range(50):
        atoms = crystal.copy()
        atoms.info["step"] = 20 * k
        frames.append(atoms)
    write(tmp_path / "crystal.extxyz", frames)
    pairs = count_pairs(sampled_frames(samples, [tmp_path / "crystal.extxyz"]), cutoff=7.7, n_bins=77)
    weighed = reweight(samples, T0, bootstrap=bootstrap, least=1.0)
    found = pair_distributions(pairs, weighed, bootstrap, {"all": np.ones(50, bool)}, least=1.0)["all"]
    edges = found.distance.edges
    neighbours = found.value * 32 / (3.57**3 * 8) * 4 / 3 * np.pi * np.diff(edges**3)
    shells = 3.57 * np.sqrt(np.arange(1, 10) / 2)  # up to 7.57: beyond the cell's edge of 7.14
    expected = [12, 6, 24, 12, 24, 8, 48, 6, 36]
    for radius, n in zip(shells, expected, strict=True):
        assert neighbours[np.searchsorted(edges, radius) - 1] == pytest.approx(n)
    assert neighbours.sum() == pytest.approx(sum(expected))


def test_pairs_are_those_of_the_phase_and_the_weights(tmp_path):
    """Frames of two cells, one for each phase: g(r) of a phase is that of its frames alone."""
    samples, bootstrap = ensemble(200)
    small, large = bulk("Ni", "fcc", 3.4, cubic=True) * 2, bulk("Ni", "fcc", 3.8, cubic=True) * 2
    sides = samples.order > 13
    frames = []
    for k, is_solid in enumerate(sides):
        atoms = (small if is_solid else large).copy()
        atoms.info["step"] = 20 * k
        frames.append(atoms)
    volumes = np.array([atoms.get_volume() for atoms in frames])
    record = samples.records[0]
    record = type(record)(**{**record.__dict__, "volume": volumes})
    samples = Samples(samples.weight, (record,))
    write(tmp_path / "both.extxyz", frames)
    pairs = count_pairs(sampled_frames(samples, [tmp_path / "both.extxyz"]), cutoff=3.0, n_bins=60)
    weighed = reweight(samples, 2200.0, bootstrap=bootstrap, least=5.0)
    parts = {"all": np.ones(200, bool), "solid": sides, "liquid": ~sides}
    found = pair_distributions(pairs, weighed, bootstrap, parts, least=5.0)
    at = {a: int(a / np.sqrt(2) / 0.05) for a in (3.4, 3.8)}
    assert found["solid"].value[at[3.8]] == 0.0
    assert found["liquid"].value[at[3.4]] == 0.0
    share = weighed.weights[sides].sum()
    assert found["all"].value[at[3.4]] == pytest.approx(share * found["solid"].value[at[3.4]])
    with pytest.raises(ValueError, match="fewer than 1000 effective frames"):
        pair_distributions(pairs, weighed, bootstrap, parts, least=1000.0)
    with pytest.raises(ValueError, match="expected a number > 0"):
        count_pairs([], cutoff=-1.0)
