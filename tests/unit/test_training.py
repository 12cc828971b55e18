# SPDX-License-Identifier: GPL-2.0-or-later
"""Training of ensembles: the gradient, splits, masks, resuming, files, the command."""

import json
import os
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from tests.unit.network_cases import FUNCTIONS
from tests.unit.training_cases import labelled, run

from mdsieve import SymmetryFunctions
from mdsieve.cli import USER_ERROR
from mdsieve.potentials import (
    Architecture,
    ElementNetworks,
    EnsembleTrainer,
    Layers,
    NetworkEnsemble,
    TrainingFrames,
    TrainingSettings,
    new_ensemble,
)
from mdsieve.potentials.activations import activate
from mdsieve.potentials.architecture import ACTIVATIONS
from mdsieve.potentials.networks import ElementNetwork
from mdsieve.potentials.training import split

DOUBLE = {"precision": "double"}


@pytest.fixture(scope="module")
def functions():
    return SymmetryFunctions.from_text(FUNCTIONS)


@pytest.fixture(scope="module")
def frames():
    """Cells of 4 and 8 atoms, of three compositions, and one that is large enough for lists."""
    small = [labelled(1, seed) for seed in range(8)] + [labelled(3, seed, (1, 1, 1)) for seed in range(4)]
    return [*small, labelled(0, 20), labelled(40, 21, (4, 3, 2))]


def fresh(data, n_members=3, seed=0, **layers):
    shape = Layers(**(layers or {"hidden": (6, 5), "activations": ("t",)}))
    architecture = Architecture(dict.fromkeys(data.functions.elements, shape), n_members)
    return new_ensemble(data, ElementNetworks(architecture, data.functions.n_features, seed=seed))


def loss_by_predictions(ensemble, frames, masks, settings, trains):
    """The members' mean losses on their training frames, from what the ensemble predicts."""
    total = np.zeros(ensemble.n_members)
    for k, (atoms, mask) in enumerate(zip(frames, masks, strict=True)):
        said = ensemble.predict(atoms, stress=True)
        off = (said.energy - atoms.get_potential_energy()) / len(atoms)
        pulls = ((said.forces - atoms.get_forces()) ** 2 * mask[:, None]).sum(axis=(1, 2)) / (3 * len(atoms))
        virial = (atoms.cell.volume / len(atoms) * (said.stress - atoms.get_stress())) ** 2
        loss = settings.energy_weight * off**2 + settings.force_weight * pulls
        total += (loss + settings.stress_weight * virial.mean(axis=1)) * trains[:, k]
    return total / trains.sum(axis=1)


def is_close(found, expected, rtol=1e-12, atol=1e-12):
    """Numbers of tensors agree; what PyTorch has for it imports five hundred modules."""
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=rtol, atol=atol)


@pytest.mark.parametrize("letter", sorted(ACTIVATIONS))
def test_slopes_and_bends_of_activations_are_their_derivatives(letter):
    x = torch.linspace(-2.0, 2.0, 8, dtype=torch.float64, requires_grad=True)
    value, slope, bend = activate(letter, x)
    one = ElementNetwork(1, Layers((), letter), 1).double()  # what predictions are made with
    torch.nn.init.ones_(one.weights[0])
    is_close(value, one(x[:, None])[0])
    (first,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    is_close(torch.ones_like(x) if slope is None else slope, first)
    expected = torch.zeros_like(x)
    if first.requires_grad:
        (second,) = torch.autograd.grad(first.sum(), x, allow_unused=True)
        expected = expected if second is None else second
    is_close(torch.zeros_like(x) if bend is None else bend, expected)


@pytest.mark.parametrize("layers", [((6, 5), "tul"), ((4,), "ps"), ((), "l"), ((3, 3), "lgt")])
def test_the_gradient_is_that_of_the_loss_of_predictions(functions, frames, layers):
    rng = np.random.default_rng(5)
    masks = [rng.random(len(atoms)) < 0.6 for atoms in frames]
    data = TrainingFrames.from_atoms(functions, frames, masks=masks, stress=True, storage="double")
    ensemble = fresh(data, hidden=layers[0], activations=layers[1])
    settings = TrainingSettings(
        energy_weight=2.0, force_weight=0.3, stress_weight=0.7, batch_size=99, **DOUBLE
    )
    trainer = EnsembleTrainer(ensemble, data, settings)
    networks, trains = trainer.networks, split(len(frames), 3, 0.2, 0)
    gradient = trainer.gradient().clone()
    direction = torch.as_tensor(rng.normal(size=gradient.shape))
    start, losses = networks.values.clone(), []
    for step in (1e-5, -1e-5):
        networks.give_back(start + step * direction)
        losses.append(loss_by_predictions(ensemble, frames, masks, settings, trains))
    slope = (losses[0] - losses[1]) / 2e-5
    np.testing.assert_allclose((gradient * direction).sum(dim=1).numpy(), slope, rtol=2e-6)


def test_columns_that_hardly_vary_are_not_blown_up(functions, frames):
    data = TrainingFrames.from_atoms(functions, frames[:4])
    for block in data.blocks:
        rows = block.load().fingerprints["Ni"]
        rows[:, 0] = 0.3  # does not vary at all
        rows[:, 1] = 0.3 + 1e-9 * np.arange(len(rows))
    rows = data.fingerprints("Ni")
    ensemble = fresh(data)
    network = ensemble.networks.network("Ni")
    np.testing.assert_allclose(network.shift[0, 0].numpy(), rows.mean(axis=0))
    deviations = rows.std(axis=0)
    expected = [1.0, 1e4 / deviations.max(), 1 / deviations[2], 1 / deviations[3]]
    np.testing.assert_allclose(network.factor[0, 0].numpy(), expected)


def test_offsets_are_the_elements_energies_and_the_scale_is_what_is_left(functions, frames):
    def ensemble_of(left):
        labelled_so = [atoms.copy() for atoms in frames[:12]]
        for k, atoms in enumerate(labelled_so):
            n_al = (atoms.symbols == "Al").sum()
            energy = -3.5 * n_al - 4.5 * (len(atoms) - n_al) + left * (-1) ** k * np.sqrt(len(atoms))
            atoms.calc = SinglePointCalculator(atoms, energy=energy)
        return fresh(TrainingFrames.from_atoms(functions, labelled_so))

    exact, scattered = ensemble_of(0.0), ensemble_of(0.2)
    np.testing.assert_allclose(exact.offsets["Al"], -3.5)
    np.testing.assert_allclose(exact.offsets["Ni"], -4.5)
    assert float(exact.networks.network("Ni").scale[0, 0]) == 1.0
    np.testing.assert_allclose(scattered.offsets["Ni"], -4.5, atol=0.1)
    assert float(scattered.networks.network("Al").scale[2, 0]) == pytest.approx(0.2, rel=0.1)


def test_steps_are_those_of_adamw_and_of_the_schedule(functions, frames):
    """Loshchilov and Hutter's algorithm 2 in NumPy, all frames in one batch; biases do not decay."""
    data = TrainingFrames.from_atoms(functions, frames[:6])
    settings = TrainingSettings(
        epochs=4, check_every=4, batch_size=99, weight_decay=20.0, validation_share=0.0, **DOUBLE
    )
    by_hand, trainer = (EnsembleTrainer(fresh(data), data, settings) for _ in range(2))
    networks = by_hand.networks
    sizes = [(a, b) for n in functions.n_features.values() for a, b in pairwise(Layers((6, 5)).sizes(n))]
    decays = np.concatenate([np.r_[np.ones(a * b), np.zeros(b)] for a, b in sizes])
    values, mean, square = networks.values.numpy().copy(), 0.0, 0.0
    for step in range(1, 5):
        networks.values.copy_(torch.as_tensor(values))
        gradient = by_hand.gradient().numpy()
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        rate = 1e-2 * step / 100 * (1e-3 + (1 - 1e-3) * (1 + np.cos(np.pi * (step - 1) / 4)) / 2)
        pull = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        values = values - rate * (pull + 20.0 * decays * values)
    trainer.run()
    np.testing.assert_allclose(trainer.networks.values.numpy(), values, rtol=1e-9, atol=1e-12)


def test_the_rate_of_a_member_falls_when_its_validation_loss_does_not(functions, frames):
    data = TrainingFrames.from_atoms(functions, frames[:8])
    # at such a rate nothing gets better
    settings = TrainingSettings(
        epochs=12, check_every=1, learning_rate=3.0, schedule="plateau", plateau_epochs=3, plateau_factor=0.25
    )
    record = EnsembleTrainer(fresh(data), data, settings).run()
    losses, rates = (
        np.array([entry[name] for entry in record.history]) for name in ("validation_loss", "learning_rate")
    )
    for loss, found in zip(losses.T, rates.T, strict=True):
        rate, best, since = 3.0, np.inf, 0
        for epoch in range(12):
            assert found[epoch] == rate
            best, since = (loss[epoch], 0) if loss[epoch] < best else (best, since + 1)
            if since == 3:
                rate, since = rate / 4, 0
        assert rate < 3.0


def test_training_lowers_the_errors_of_all_members(functions, frames):
    data = TrainingFrames.from_atoms(functions, frames)
    ensemble = fresh(data)
    before = ensemble.predict(frames[0])
    record = EnsembleTrainer(ensemble, data, TrainingSettings(epochs=60, check_every=20)).run()
    first, last = record.history[0], record.history[-1]
    assert [entry["epoch"] for entry in record.history] == [20, 40, 60]
    for name in ("train_energy", "train_force"):
        assert all(b < a for a, b in zip(first[name], last[name], strict=True))
    said = ensemble.predict(frames[0])
    target = frames[0].get_forces()
    misses = [np.abs(each.forces - target).mean(axis=(1, 2)) for each in (before, said)]
    assert (misses[1] < 0.75 * misses[0]).all(), misses
    assert len({row.tobytes() for row in said.forces}) == 3  # members remain themselves
    assert ensemble.provenance["training"]["n_frames"] == len(frames)
    # what the record says of the best weights is what the ensemble now does
    trains = split(len(frames), 3, 0.2, 0)
    misses = [(ensemble.predict(a, forces=False).energy - a.get_potential_energy()) / len(a) for a in frames]
    for member, best in enumerate(record.best):
        found = np.sqrt(np.mean(np.array(misses)[~trains[member], member] ** 2))
        assert found == pytest.approx(best["validation_energy"], rel=1e-3)


def test_a_member_does_not_see_the_frames_it_is_validated_on(functions, frames):
    small = frames[:8]
    changed = [atoms.copy() for atoms in small]
    for old, new in zip(small, changed, strict=True):
        new.calc = SinglePointCalculator(new, **old.calc.results)
    member, frame = 1, int(np.flatnonzero(~split(8, 3, 0.2, 0)[1])[0])
    changed[frame].calc.results["energy"] += 5.0
    gradients = []
    ensemble = fresh(TrainingFrames.from_atoms(functions, small))
    for each in (small, changed):
        gradients.append(
            EnsembleTrainer(ensemble, TrainingFrames.from_atoms(functions, each)).gradient().clone()
        )
    differs = (gradients[0] != gradients[1]).any(dim=1).tolist()
    assert differs == split(8, 3, 0.2, 0)[:, frame].tolist()
    assert not differs[member]


def test_masks_leave_environments_out_of_the_forces_only(functions, frames):
    atoms = frames[:2]
    masks = [np.arange(8) < 3, np.ones(8, bool)]
    wrong = [each.copy() for each in atoms]
    for old, new in zip(atoms, wrong, strict=True):
        new.calc = SinglePointCalculator(new, **{name: np.copy(v) for name, v in old.calc.results.items()})
    wrong[0].calc.results["forces"][3:] = 99.0
    settings = TrainingSettings(validation_share=0.0)
    ensemble = fresh(TrainingFrames.from_atoms(functions, atoms))
    gradients = [
        EnsembleTrainer(ensemble, TrainingFrames.from_atoms(functions, each, masks=m), settings)
        .gradient()
        .clone()
        for each, m in ((atoms, masks), (wrong, masks), (atoms, None))
    ]
    assert torch.equal(gradients[0], gradients[1])
    assert not torch.equal(gradients[0], gradients[2])


def test_splits_are_exact_differ_and_hardly_change_when_frames_are_added():
    few, many = split(100, 5, 0.2, 3), split(110, 5, 0.2, 3)
    assert (few.sum(axis=1) == 80).all()
    assert (many.sum(axis=1) == 88).all()
    assert len({row.tobytes() for row in few}) == 5
    assert (few != many[:, :100]).sum() <= 5 * 6
    assert (split(3, 2, 0.2, 0).sum(axis=1) == 2).all()
    assert split(3, 2, 0.0, 0).all()


class Killed(Exception):
    pass


@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
def test_a_killed_training_resumes_to_the_same_result(functions, frames, tmp_path, schedule):
    data = TrainingFrames.from_atoms(functions, frames[:12])
    settings = TrainingSettings(epochs=9, check_every=2, batch_size=4, schedule=schedule, plateau_epochs=2)

    def weights(**options):
        ensemble = fresh(data)
        record = EnsembleTrainer(ensemble, data, settings, **options).run()
        return ensemble, record

    def kill(entry):
        if entry["epoch"] == 6:
            raise Killed

    path = tmp_path / "state.npz"
    with pytest.raises(Killed):
        weights(checkpoint=path, checkpoint_seconds=0.0, report=kill)
    whole, whole_record = weights()
    again, again_record = weights()
    resumed, record = weights(checkpoint=path, resume=True)
    for name, value in whole.networks.state_dict().items():
        assert torch.equal(value, again.networks.state_dict()[name])
        is_close(resumed.networks.state_dict()[name], value, rtol=1e-6, atol=1e-9)
    assert record.history == whole_record.history == again_record.history
    assert [entry["epoch"] for entry in record.history] == [2, 4, 6, 8, 9]
    if schedule == "cosine":
        shares = np.array([2, 4, 6, 8, 9]) / 9
        expected = 1e-2 * (1e-3 + (1 - 1e-3) * (1 + np.cos(np.pi * shares)) / 2)
        rates = [entry["learning_rate"][0] for entry in record.history]
        np.testing.assert_allclose(rates, expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"state\.npz: .* differs in learning_rate"):
        EnsembleTrainer(fresh(data), data, replace(settings, learning_rate=1.0), checkpoint=path, resume=True)


def test_members_stop_when_validation_no_longer_gains(functions, frames):
    data = TrainingFrames.from_atoms(functions, frames[:8])
    # at such a rate nothing gets better
    settings = TrainingSettings(epochs=400, check_every=1, patience=3, learning_rate=3.0, schedule="plateau")
    ensemble = fresh(data)
    record = EnsembleTrainer(ensemble, data, settings).run()
    assert record.n_epochs < 400
    assert record.n_epochs - max(record.best_epoch) == 3
    assert record.ended == "no member's validation loss fell any more"
    losses = np.array([entry["validation_loss"] for entry in record.history])
    for member, epoch in enumerate(record.best_epoch):
        assert losses[: epoch + 3, member].argmin() + 1 == epoch
    # the ensemble has the weights of then, not the last
    said = [ensemble.predict(atoms, forces=False).energy for atoms in frames[:8]]
    for member, validates in enumerate(~split(8, 3, 0.2, 0)):
        misses = [
            (s[member] - a.get_potential_energy()) / len(a)
            for s, a, is_one in zip(said, frames[:8], validates, strict=True)
            if is_one
        ]
        found = np.sqrt(np.mean(np.square(misses)))
        assert found == pytest.approx(record.best[member]["validation_energy"], rel=1e-3)


def test_files_and_memory_train_alike_and_files_are_used_again(functions, frames, tmp_path, caplog):
    in_memory = TrainingFrames.from_atoms(functions, frames, stress=True)
    on_disk = TrainingFrames.from_atoms(functions, frames, stress=True, cache=tmp_path / "cache")
    beyond = TrainingFrames.from_atoms(functions, frames, stress=True, memory=0.0)
    ensemble, settings = fresh(in_memory), TrainingSettings(stress_weight=1.0)
    gradients = [
        EnsembleTrainer(ensemble, data, settings).gradient().clone() for data in (in_memory, on_disk, beyond)
    ]
    assert torch.equal(gradients[0], gradients[1])
    assert torch.equal(gradients[0], gradients[2])
    files = sorted((tmp_path / "cache").iterdir())
    assert len(files) == len(in_memory.blocks)
    written = [file.stat().st_mtime_ns for file in files]
    files[2].write_bytes(files[2].read_bytes()[:700])
    again = TrainingFrames.from_atoms(functions, frames, stress=True, cache=tmp_path / "cache", n_jobs=2)
    assert torch.equal(EnsembleTrainer(ensemble, again, settings).gradient(), gradients[0])
    assert "described again" in caplog.text
    assert [a != file.stat().st_mtime_ns for a, file in zip(written, files, strict=True)].count(True) == 1


def test_a_cache_tells_positions_stress_and_precision_apart(functions, frames, tmp_path):
    def described(atoms, **options):
        data = TrainingFrames.from_atoms(functions, [atoms], cache=tmp_path, **options)
        return data.fingerprints("Ni"), data.blocks[0].load().slopes["Ni"].values

    moved = frames[0].copy()
    moved.calc = frames[0].calc
    moved.positions[0] += 0.1
    rows, slopes = described(frames[0])
    assert not np.allclose(described(moved)[0], rows)
    assert slopes.shape[1] == 24
    assert described(frames[0], stress=True)[1].shape[1] == 30
    assert described(frames[0], storage="double")[1].dtype == torch.float64


def test_blocks_in_files_hold_no_file_open(functions, frames):
    data = TrainingFrames.from_atoms(functions, frames, stress=True, memory=0.0)
    before = len(os.listdir("/proc/self/fd"))
    EnsembleTrainer(fresh(data), data, TrainingSettings(stress_weight=1.0)).gradient()
    assert len(os.listdir("/proc/self/fd")) <= before < len(data.blocks) + before


def test_frames_added_later_are_trained_on_with_those_before(functions, frames):
    data = TrainingFrames.from_atoms(functions, frames[:5])
    ensemble = fresh(data)
    data.add(frames[5:9], masks=[None, np.zeros(8, bool), None, None])
    assert len(data) == 9
    assert data.n_environments == sum(len(atoms) for atoms in frames[:9])
    np.testing.assert_allclose(data.energies, [atoms.get_potential_energy() for atoms in frames[:9]])
    assert sorted(np.concatenate([block.frames for block in data.blocks])) == list(range(9))
    EnsembleTrainer(ensemble, data, TrainingSettings(epochs=1)).run()
    coinciding = frames[1].copy()
    coinciding.calc = frames[1].calc
    coinciding.positions[1] = coinciding.positions[0]
    n_blocks = len(data.blocks)
    with pytest.raises(ValueError, match="same place"):
        data.add([frames[0], coinciding])
    assert (len(data), len(data.blocks)) == (9, n_blocks)


def test_energies_alone_need_no_derivatives(functions, frames):
    data = TrainingFrames.from_atoms(functions, frames, forces=False)
    assert data.n_bytes == 0
    record = EnsembleTrainer(fresh(data), data, TrainingSettings(epochs=20, force_weight=0.0)).run()
    assert "validation_force" not in record.history[0]
    assert np.mean(record.history[-1]["train_energy"]) < np.mean(record.history[0]["train_energy"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.calc.results.update(energy=np.nan), "frame 1: energy that is not finite"),
        (lambda a: a.calc.results.update(forces=np.zeros((3, 3))), "frame 1: forces of shape"),
        (lambda a: setattr(a, "calc", None), "frame 1: neither energy nor forces to train on"),
        (lambda a: a.symbols.__setitem__(0, "Cu"), "frame 1: element Cu is not in the descriptor"),
    ],
)
def test_labels_that_make_no_sense_are_named(functions, frames, change, message):
    bad = frames[1].copy()
    bad.calc = SinglePointCalculator(bad, **frames[1].calc.results)
    change(bad)
    with pytest.raises(ValueError, match=message):
        TrainingFrames.from_atoms(functions, [frames[0], bad])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs is 0: expected at least 1"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0: expected a number above 0"),
        ({"energy_weight": 0.0, "force_weight": 0.0}, "all 0: nothing to train on"),
        ({"validation_share": 1.0}, "validation_share is 1.0"),
        ({"schedule": "linear"}, "expected 'cosine' or 'plateau'"),
    ],
)
def test_settings_that_make_no_sense_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        TrainingSettings(**options)


def test_a_loss_that_is_not_finite_ends_in_one_line(functions, frames):
    data = TrainingFrames.from_atoms(functions, frames[:4])
    settings = TrainingSettings(epochs=300, learning_rate=1e30, check_every=1)
    with pytest.raises(ValueError, match=r"epoch \d+: the loss of member \d is not finite"):
        EnsembleTrainer(fresh(data, hidden=(4,), activations="h"), data, settings).run()


def test_the_command_trains_resumes_and_starts_from_an_ensemble(frames, tmp_path, monkeypatch, capsys):
    pool, nn, out = tmp_path / "pool.extxyz", tmp_path / "ni.nn", tmp_path / "e.h5"
    write(pool, frames[:10])
    nn.write_text(FUNCTIONS)
    common = ("--epochs", 4, "-j", 1)
    words = ("train", pool, "-f", nn, "-o", out, "--members", 2, "--hidden", "5,4", *common)
    assert run(monkeypatch, *words, "--json", tmp_path / "r.json") == 0
    assert "2 members trained on 10 frames, 4 epochs" in capsys.readouterr().out
    ensemble = NetworkEnsemble.load(out)
    assert ensemble.predict(frames[0]).forces.shape == (2, 8, 3)
    assert ensemble.provenance["command"].startswith("mdsieve train")
    assert len(json.loads((tmp_path / "r.json").read_text())["history"]) == 1
    assert not out.with_name("e.h5.training.npz").exists()
    warm = tmp_path / "warm.h5"
    assert run(monkeypatch, "train", pool, "--start", out, "-o", warm, *common) == 0
    first, second = (NetworkEnsemble.load(path).provenance["training"]["best"] for path in (out, warm))
    assert np.mean([b["validation_loss"] for b in second]) < np.mean([b["validation_loss"] for b in first])
    capsys.readouterr()
    assert run(monkeypatch, "train", pool, "--start", out, "-o", warm, "--hidden", "9", *common) == USER_ERROR
    assert "--start and --hidden: expected one of them" in capsys.readouterr().err
    state = tmp_path / "killed.h5.training.npz"
    state.write_bytes(b"of a killed run")
    again = ("train", pool, "--start", out, "-o", tmp_path / "killed.h5", *common)
    assert run(monkeypatch, *again) == USER_ERROR
    assert "killed.h5.training.npz: the state of a training that was killed" in capsys.readouterr().err
    assert state.read_bytes() == b"of a killed run"
    assert run(monkeypatch, *words) == USER_ERROR
    assert "e.h5: the file exists already" in capsys.readouterr().err
    before_reading = ("train", tmp_path / "none.extxyz", *words[2:-8], "--hidden", "a")
    assert run(monkeypatch, *before_reading, *common, "--overwrite") == USER_ERROR
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "mdsieve: --hidden a: expected numbers with commas, as 32,32"
