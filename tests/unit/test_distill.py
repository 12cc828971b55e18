# SPDX-License-Identifier: GPL-2.0-or-later
"""Distillation: which environments are uncertain, the baselines, errors, the loop and its resuming."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from ase import units
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from tests.unit.network_cases import FUNCTIONS, random_ensemble
from tests.unit.training_cases import labelled, run

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.cli import USER_ERROR
from mdsieve.distill import Distillation, DistillationSettings, Evaluation, Pool, uncertain
from mdsieve.distill.choice import by_bank, by_grid, by_random, coordinates
from mdsieve.distill.order_parameter import fcc_order
from mdsieve.potentials import NetworkEnsemble, TrainingSettings

SETTINGS = DistillationSettings(
    start=8,
    batch=10,
    iterations=3,
    kappa=1.1,
    n_members=3,
    hidden=(5,),
    force_frames=6,
    grid_bins=3,
    baselines=("random", "grid", "bank"),
    training=TrainingSettings(epochs=4, check_every=2),
)


@pytest.fixture(scope="module")
def functions():
    return SymmetryFunctions.from_text(FUNCTIONS)


@pytest.fixture(scope="module")
def frames():
    return [labelled(1 + seed % 3, seed, (2, 1, 1) if seed % 4 else (1, 1, 1)) for seed in range(24)]


@pytest.fixture(scope="module")
def pool(functions, frames):
    return Pool(functions, frames)


@pytest.fixture(scope="module")
def ensemble():
    return random_ensemble(4)


@pytest.fixture(scope="module")
def whole(pool, tmp_path_factory):
    """A loop that nothing disturbed: its record and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return Distillation(pool, folder, SETTINGS).run(), folder


def spreads(ensemble, frames):
    return [ensemble.predict(atoms, forces=False).atomic.std(axis=0, ddof=1) for atoms in frames]


def test_uncertain_environments_of_a_frame_lie_above_its_mean_by_kappa_deviations(pool, frames, ensemble):
    numbers = np.arange(3, 20)
    picks = uncertain(pool, ensemble, numbers, kappa=1.1)
    expected = {}
    for number in numbers:
        (spread,) = spreads(ensemble, [frames[number]])
        mask = spread > spread.mean() + 1.1 * spread.std(ddof=1)
        if mask.any():
            expected[int(number)] = mask.tolist()
    assert 0 < len(expected) < len(numbers)
    assert {int(f): m.tolist() for f, m in zip(picks.frames, picks.masks, strict=True)} == expected
    assert picks.facts["environments_chosen"] == sum(map(sum, expected.values()))
    whole = uncertain(pool, ensemble, numbers, kappa=1.1, masked=False)
    assert whole.masks == [None] * len(expected)
    assert uncertain(pool, ensemble, numbers, kappa=1e3).frames.size == 0


def test_pooled_over_a_batch_each_element_has_one_threshold(pool, frames, ensemble):
    numbers = np.arange(24)
    picks = uncertain(pool, ensemble, numbers, kappa=1.0, pooling="batch")
    found = spreads(ensemble, frames)
    limits = {}
    for symbol in ("Al", "Ni"):
        mine = np.concatenate([s[a.symbols == symbol] for s, a in zip(found, frames, strict=True)])
        limits[symbol] = mine.mean() + mine.std(ddof=1)
    masks = [s > [limits[symbol] for symbol in a.symbols] for s, a in zip(found, frames, strict=True)]
    assert picks.frames.tolist() == [k for k, mask in enumerate(masks) if mask.any()]
    for frame, mask in zip(picks.frames, picks.masks, strict=True):
        np.testing.assert_array_equal(mask, masks[frame])
    few = uncertain(pool, ensemble, numbers, kappa=1.0, pooling="batch", most=3)
    largest = sorted(picks.frames.tolist(), key=lambda k: -found[k].max())[:3]
    assert few.frames.tolist() == sorted(largest)
    assert few.facts["n_found"] == len(picks.frames)


def test_the_grid_takes_as_many_frames_of_each_cell_as_it_can(pool):
    picks = by_grid(pool, 11, ("E", "V"), 3, seed=2)
    assert len(set(picks.frames.tolist())) == 11
    cells = np.zeros(len(pool), int)
    for name in ("E", "V"):
        values = coordinates(pool, name)
        edges = np.linspace(values.min(), values.max(), 4)[1:-1]
        cells = 3 * cells + np.searchsorted(edges, values, side="right")
    there, taken = np.bincount(cells, minlength=9), np.bincount(cells[picks.frames], minlength=9)
    most = taken.max()
    assert ((taken >= most - 1) | (taken == there)).all()
    assert picks.facts["cells"] == (there > 0).sum()
    assert not np.array_equal(picks.frames, by_grid(pool, 11, ("E", "V"), 3, seed=3).frames)


def test_the_enthalpy_of_an_axis_has_the_pressure_in_bar(pool, frames):
    found = coordinates(pool, "H", pressure=2e4)
    expected = [(a.get_potential_energy() + 2e4 * units.bar * a.get_volume()) / len(a) for a in frames]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_bank_takes_what_its_rule_keeps(pool, functions, frames):
    picks = by_bank(pool, 9, seed=1)
    assert len(set(picks.frames.tolist())) == 9
    bank = EnvironmentBank(functions, picks.facts["threshold"]).fit_scaling(frames)
    order = np.random.default_rng([1, 23]).permutation(len(frames))
    kept = [int(k) for k in order if bank.update(frames[k]).is_kept]
    assert len(kept) == picks.facts["by_the_rule"] >= 5
    assert set(kept) <= set(picks.frames.tolist())


def test_the_order_parameter_is_one_in_a_crystal_and_the_sum_over_the_shell_elsewhere():
    crystal = bulk("Ni", cubic=True) * (2, 2, 2)
    assert fcc_order(crystal) == pytest.approx(1.0)
    crystal.translate([0.3, 0.2, 0.1])
    crystal.rattle(0.3, seed=1)
    a = crystal.cell[0, 0] / 2
    shell = 2 * np.pi / a * np.array([[1, 1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    sums = [abs(np.exp(1j * crystal.positions @ g).sum()) ** 2 for g in shell]
    assert fcc_order(crystal) == pytest.approx(np.mean(sums) / 32**2)
    with pytest.raises(ValueError, match="4 m³ atoms"):
        fcc_order(crystal[:31])


def test_errors_are_those_of_predictions_without_their_mean_offset(pool, frames, ensemble):
    evaluation = Evaluation(pool, 5, seed=3)
    errors = evaluation.errors(ensemble)
    said = [ensemble.predict(atoms) for atoms in frames]
    misses = np.array(
        [(p.energy - a.get_potential_energy()) / len(a) for p, a in zip(said, frames, strict=True)]
    )
    centred = misses.mean(axis=1) - misses.mean()
    assert errors.energy_mae == pytest.approx(np.abs(centred).mean(), rel=1e-4)
    assert errors.energy_rmse == pytest.approx(np.sqrt((centred**2).mean()), rel=1e-4)
    assert errors.offset == pytest.approx(misses.mean(), rel=1e-4)
    assert len(evaluation.force_frames) == 5
    off = np.concatenate(
        [(said[k].forces - frames[k].get_forces()).reshape(4, -1) for k in evaluation.force_frames], axis=1
    )
    assert errors.force_mae == pytest.approx(np.abs(off.mean(axis=0)).mean(), rel=1e-4)
    assert errors.force_rmse == pytest.approx(np.sqrt((off.mean(axis=0) ** 2).mean()), rel=1e-4)
    best = np.abs(off).mean(axis=1).argmin()
    assert errors.best_member == best
    assert errors.best_force_mae == pytest.approx(np.abs(off[best]).mean(), rel=1e-4)
    own = np.abs(misses - misses.mean(axis=0)).mean(axis=0)
    assert errors.best_energy_mae == pytest.approx(own[best], rel=1e-4)


class Killed(Exception):
    pass


@pytest.mark.parametrize("is_warm", [False, True])
def test_a_killed_loop_goes_on_where_it_was_and_ends_as_if_it_had_not_been(pool, whole, tmp_path, is_warm):
    baselines = () if is_warm else SETTINGS.baselines
    iterations = 1 if is_warm else 3
    settings = replace(SETTINGS, warm=is_warm, warm_epochs=2, baselines=baselines, iterations=iterations)
    if is_warm:
        whole = Distillation(pool, tmp_path / "whole", settings).run(), tmp_path / "whole"
    whole, folder = whole
    deaths = ["training (1,", "judging on pool", *(f"training ({name}" for name in baselines[:1])]

    def report(title, done, of, words):
        if deaths and title.startswith(deaths[0]):
            deaths.pop(0)
            raise Killed

    while deaths:
        with pytest.raises(Killed):
            Distillation(pool, tmp_path / "killed", settings, resume=True, report=report).run()
    resumed = Distillation(pool, tmp_path / "killed", settings, resume=True, report=report).run()
    assert resumed["picks"] == whole["picks"]
    assert resumed["baselines"] == whole["baselines"]
    ended = "all iterations done" if is_warm else "the whole pool has been seen"
    assert resumed["ended"] == whole["ended"] == ended
    assert set(resumed["training"]) == set(whole["training"])
    assert whole["training"]["1"]["n_epochs"] == (2 if is_warm else 4)
    if not is_warm:
        last = np.sort(np.random.default_rng([0, 11]).permutation(24)[18:])
        before = NetworkEnsemble.load(folder / "ensemble-1.h5")
        picks = uncertain(pool, before, last, kappa=1.1)
        assert whole["picks"][2]["frames"] == picks.frames.tolist()
        assert whole["picks"][2]["facts"] == picks.facts
    assert [(r["method"], r["iteration"]) for r in whole["rows"]] == [
        *(("uncertain", k) for k in range(2 if is_warm else 3)),
        *((name, None) for name in baselines),
    ]
    for ours, theirs in zip(resumed["rows"], whole["rows"], strict=True):
        assert ours["frames"] == theirs["frames"]
        for name, value in theirs["errors"]["pool"].items():
            assert ours["errors"]["pool"][name] == pytest.approx(value, rel=1e-6)
    if is_warm:  # killed after the last row, before the table
        (tmp_path / "killed" / "table.csv").unlink()
        Distillation(pool, tmp_path / "killed", settings, resume=True).run()
    tables = [(each / "table.csv").read_text().splitlines() for each in (tmp_path / "killed", folder)]
    assert len(tables[0]) == len(tables[1]) == 1 + len(whole["rows"])
    with pytest.raises(ValueError, match=r"record\.json: .* differs in kappa"):
        Distillation(pool, tmp_path / "killed", replace(settings, kappa=2.0), resume=True)
    with pytest.raises(FileExistsError, match="--resume"):
        Distillation(pool, tmp_path / "killed", settings)


def test_forces_of_environments_that_were_not_taken_are_not_trained_on(whole, functions, frames, tmp_path):
    record, _ = whole
    taken = record["picks"][1]
    changed = list(frames)
    for number, environments in zip(taken["frames"], taken["environments"], strict=True):
        atoms = frames[number].copy()
        forces = np.full((len(atoms), 3), 99.0)
        forces[environments] = frames[number].get_forces()[environments]
        atoms.calc = SinglePointCalculator(atoms, energy=frames[number].get_potential_energy(), forces=forces)
        changed[number] = atoms
    assert taken["frames"]
    settings = replace(SETTINGS, iterations=1, baselines=())
    again = Distillation(Pool(functions, changed), tmp_path, settings).run()
    assert again["picks"] == record["picks"][:2]
    ours, theirs = (rows[1]["errors"]["pool"] for rows in (again["rows"], record["rows"]))
    for name in ("energy_mae", "energy_rmse", "offset", "members_energy_mae"):
        assert ours[name] == theirs[name]


@pytest.mark.parametrize("label", ["energy", "forces"])
def test_a_record_of_other_labels_or_sets_is_refused(whole, pool, functions, frames, label):
    _, folder = whole
    other = frames[3].copy()
    other.calc = SinglePointCalculator(other, **frames[3].calc.results)
    other.calc.results[label] = other.calc.results[label] + 1e-6
    changed = Pool(functions, [*frames[:3], other, *frames[4:]])
    with pytest.raises(ValueError, match="which differs in its pool"):
        Distillation(changed, folder, SETTINGS, resume=True)
    few = Pool(functions, frames[:2], "few")
    with pytest.raises(ValueError, match="which differs in the sets it is evaluated on"):
        Distillation(pool, folder, SETTINGS, others=[few], resume=True)


def test_the_command_distils_and_tells_what_it_did(frames, tmp_path, monkeypatch, capsys):
    pool, other, nn, out = (tmp_path / name for name in ("pool.extxyz", "o.extxyz", "a.nn", "out"))
    write(pool, frames)
    write(other, frames[:4])
    nn.write_text(FUNCTIONS)
    words = ["distill", pool, "-f", nn, "-o", out, "--start", 8, "--batch", 8, "--kappa", 1.5, "-j", 1]
    words += ["--members", 2, "--hidden", "4", "--epochs", 2, "--evaluate", other, "--baselines", "random"]
    assert run(monkeypatch, *words, "--iterations", 1) == 0
    said = capsys.readouterr().out
    assert "iteration 0: 8 frames (33.3 %), MAE on the pool" in said
    record = json.loads((out / "record.json").read_text())
    taken = [frame for entry in record["picks"] for frame in entry["frames"]]
    assert len(set(taken)) == len(taken) > 8
    distilled = read(out / "distilled.extxyz", ":")
    assert [atoms.info["pool_frame"] for atoms in distilled] == taken
    marks = [e for entry in record["picks"] for e in entry["environments"]]
    for atoms, mark in zip(distilled, marks, strict=True):
        expected = range(len(atoms)) if mark is None else mark
        assert np.flatnonzero(atoms.arrays["forces_used"]).tolist() == list(expected)
        np.testing.assert_allclose(
            atoms.get_forces(), frames[atoms.info["pool_frame"]].get_forces(), atol=1e-6
        )
    used = sum(int(atoms.arrays["forces_used"].sum()) for atoms in distilled)
    with open(out / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["uncertain", "uncertain", "random"]
    assert int(rows[1]["environments_with_forces"]) == used
    assert int(rows[2]["frames"]) == len(taken)
    assert float(rows[1]["o.extxyz:energy_mae_meV_per_atom"]) > 0
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert NetworkEnsemble.load(out / "ensemble-1.h5").n_members == 2
    assert run(monkeypatch, *words) == USER_ERROR
    assert "say --resume to go on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 1}, "start is 1: expected at least 2"),
        ({"kappa": -1.0}, "kappa is -1.0: expected 0 or more"),
        ({"baselines": ("best",)}, "baseline 'best': expected one of random, grid, bank"),
        ({"n_members": 1}, "n_members is 1: expected at least 2"),
        ({"warm_epochs": 0}, "warm_epochs is 0: expected at least 1"),
        ({"most": 0}, "most is 0: expected at least 1"),
        ({"hidden": (5, 0)}, "expected at least 1 in each"),
        ({"activation": "x"}, "activation 'x'"),
    ],
)
def test_settings_that_make_no_sense_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        DistillationSettings(**options)


def test_pools_that_make_no_sense_are_named(pool, functions, frames, tmp_path):
    bare = frames[0].copy()
    with pytest.raises(ValueError, match="set: frame 1 has no energy"):
        Pool(functions, [frames[1], bare], "set")
    with pytest.raises(ValueError, match="24 frames in the pool: fewer than the 99 to begin with"):
        Distillation(pool, tmp_path, replace(SETTINGS, start=99))
    with pytest.raises(ValueError, match="axis 'T': expected E, V, H, O or a key"):
        coordinates(pool, "T")
    with pytest.raises(ValueError, match="axis 'T'"):  # before anything is trained
        Distillation(pool, tmp_path / "grid", replace(SETTINGS, grid_axes=("E", "T")))
    assert not (tmp_path / "grid").exists()
    with pytest.raises(ValueError, match="two sets to judge ensembles on are called pool"):
        Distillation(pool, tmp_path / "twice", SETTINGS, others=[pool])
    assert len(by_random(pool, 5, seed=1).frames) == 5
