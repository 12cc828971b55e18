# SPDX-License-Identifier: GPL-2.0-or-later
"""Labelled frames for tests of training, and the command in this process."""

import numpy as np
import torch
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from mdsieve.cli import main


def labelled(n_al: int, seed: int, repeat=(2, 1, 1)):
    """A rattled alloy with EMT's energy, forces and stress."""
    rng = np.random.default_rng(seed)
    atoms = bulk("Ni", a=3.6 + 0.2 * rng.random(), cubic=True) * repeat
    atoms.symbols[rng.permutation(len(atoms))[:n_al]] = "Al"
    atoms.rattle(0.15, seed=seed)
    atoms.calc = EMT()
    results = {name: atoms.calc.get_property(name, atoms) for name in ("energy", "forces", "stress")}
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def run(monkeypatch, *words):
    """Run the command in this process; its exit code."""
    monkeypatch.setattr("sys.argv", ["mdsieve", *map(str, words)])
    threads = torch.get_num_threads()
    try:
        main()
    except SystemExit as end:
        return end.code or 0
    finally:
        torch.set_num_threads(threads)
    return 0
