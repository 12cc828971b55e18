# SPDX-License-Identifier: GPL-2.0-or-later
"""What an epoch of training costs, and what the ways of computing its gradient cost beside each other.

Nickel, 32 atoms a frame, 40 symmetry functions of 6.5 Å, networks of two hidden layers. "written out": what
`EnsembleTrainer` does, all members at once, the second derivatives as products; "autograd": all members at
once, PyTorch differentiates twice; "loop": the same member by member, as programs do that train one network.
All three take the same blocks and give the same gradient, which is checked. Seconds are processor time of an
epoch of 2000 frames on `--threads` cores, from `--frames` frames; without validation and the optimiser's
step, which cost the same. Usage:

    python benchmarks/bench_training.py [--frames 160] [--members 5] [--hidden 32,32] [--threads 1]
"""

import argparse
import time

import numpy as np
import torch
from _record import shown, spread, store
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from mdsieve import SymmetryFunctions
from mdsieve.describe import describe
from mdsieve.potentials import (
    Architecture,
    ElementNetworks,
    EnsembleTrainer,
    TrainingFrames,
    TrainingSettings,
    new_ensemble,
)

REPEATS = 3
EPOCH = 2000


def frames(number: int) -> list:
    """Rattled crystals with labels that mean nothing: time does not depend on them."""
    rng = np.random.default_rng(0)
    made = []
    for k in range(number):
        atoms = bulk("Ni", a=3.5 + 0.3 * rng.random(), cubic=True) * (2, 2, 2)
        atoms.rattle(0.2, seed=k)
        atoms.calc = SinglePointCalculator(atoms, energy=rng.normal(), forces=rng.normal(size=(32, 3)))
        made.append(atoms)
    return made


def of_autograd(trainer, data, targets, weights, members) -> torch.Tensor:
    """Gradient of some members' losses on all blocks by differentiating twice."""
    networks = trainer.networks
    layers = networks.layers("Ni")
    values = networks.values[members].clone().requires_grad_()
    parts, end = [], 0
    for weight in layers.weights:
        n_in, n_out = weight.shape[1:]
        middle = end + n_in * n_out
        bias = values[:, middle : middle + n_out, None].mT
        parts.append((values[:, end:middle].view(-1, n_in, n_out), bias))
        end = middle + n_out
    scale = layers.scale[members]
    to_raw = networks.raw_basis("Ni").T
    total = torch.zeros_like(values)
    settings = trainer.settings
    for block in data.blocks:
        n_frames, content = len(block.frames), block.load()
        x = networks.inputs("Ni", content.fingerprints["Ni"])
        x = x.expand(len(values), -1, -1).clone().requires_grad_()
        out = x
        for k, (weight, bias) in enumerate(parts):
            out = torch.baddbmm(bias, out, weight)
            out = torch.tanh(out) if k + 1 < len(parts) else out * scale
        (slopes,) = torch.autograd.grad(out.sum(), x, create_graph=True)
        rows = content.slopes["Ni"].rows(slopes @ to_raw)
        rows = rows - torch.as_tensor(block.targets)[:, None].float()
        energies = out.reshape(len(values), n_frames, -1).sum(dim=2) / block.n_atoms
        force = (rows**2).mean(dim=2).T
        off = energies - targets[members][:, block.frames]
        loss = settings.energy_weight * off**2 + settings.force_weight * force
        (gradient,) = torch.autograd.grad((loss * weights[members][:, block.frames]).sum(), values)
        total += gradient
    return total


def timed(work, n_frames: int) -> dict:
    """Seconds of processor time an epoch, each time as often as REPEATS says."""
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        seconds.append((time.process_time() - start) * EPOCH / n_frames)
    return spread(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=160)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--hidden", default="32,32")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    functions = SymmetryFunctions.from_text(describe(["Ni"], 6.5))
    start = time.process_time()
    data = TrainingFrames.from_atoms(functions, frames(options.frames), n_jobs=options.threads)
    described = (time.process_time() - start) / options.frames
    hidden = [int(word) for word in options.hidden.split(",")]
    shape = Architecture.uniform(["Ni"], hidden=hidden, n_members=options.members)
    ensemble = new_ensemble(data, ElementNetworks(shape, functions.n_features))
    trainer = EnsembleTrainer(ensemble, data, TrainingSettings())
    trains = torch.as_tensor(trainer.trains)
    weights = (trains / trains.sum(dim=1, keepdim=True)).float()
    targets = torch.as_tensor(trainer.energies_without_offsets()).float()
    members = list(range(options.members))

    def loop() -> torch.Tensor:
        return torch.cat([of_autograd(trainer, data, targets, weights, [k]) for k in members])

    ways = {
        "written out": trainer.gradient,
        "autograd": lambda: of_autograd(trainer, data, targets, weights, members),
        "loop": loop,
    }
    expected = trainer.gradient().clone()
    rows = {}
    for name, work in ways.items():
        off = float((work() - expected).abs().max() / expected.abs().max())
        rows[name] = timed(work, options.frames) | {"off": off}
        print(f"{name:12} {shown(rows[name])} s an epoch of {EPOCH} frames; off by {off:.1e}")
    print(
        f"describing   {1000 * described:.1f} ms a frame, once; {data.n_bytes / options.frames / 1e6:.2f} MB"
    )
    path = store(
        "training",
        {"options": vars(options), "seconds_an_epoch": rows, "seconds_to_describe_a_frame": described},
        ("torch",),
    )
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
