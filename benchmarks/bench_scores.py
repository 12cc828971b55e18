# SPDX-License-Identifier: GPL-2.0-or-later
"""What each score costs an environment, beside the fingerprint that all of them need.

Nickel, 40 symmetry functions, frames between a rattled crystal and a melt-like one; every scorer has learnt
the first half and scores the second, on one core. novelty: the bank; extrapolation: one product with a matrix
of 41 columns; density: grows with the environments learnt, so it stands there for two sizes; filters: the
shortest distance of a frame; spread: two EMT calculators (the user's own cost anything). The first columns
are processor time, since the machine may have other work. Usage:

    python benchmarks/bench_scores.py [--atoms 500] [--frames 40] [--device cpu]
"""

import argparse
import time

import numpy as np
from _record import shown, spread, store
from ase.build import bulk
from ase.calculators.emt import EMT

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.describe import describe
from mdsieve.filters import SanityFilters
from mdsieve.scores import DensityScorer, Environments, ExtrapolationScorer, NoveltyScorer, SpreadScorer

REPEATS = 3


def trajectory(n_atoms: int, n_frames: int) -> list:
    """Frames of growing disorder, in an order that mixes it."""
    edge = max(2, round((n_atoms / 4) ** (1 / 3)))
    frames = []
    for number, amount in enumerate(np.random.default_rng(0).permutation(np.linspace(0.05, 0.4, n_frames))):
        atoms = bulk("Ni", a=3.52 * (1 + 0.1 * amount), cubic=True) * (edge, edge, edge)
        atoms.rattle(amount, seed=number)
        frames.append(atoms)
    return frames


def timed(work, per: int) -> dict:
    """Microseconds of processor time, each time as often as REPEATS says."""
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        seconds.append(1e6 * (time.process_time() - start) / per)
    return spread(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--atoms", type=int, default=500)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    functions = SymmetryFunctions.from_text(describe(["Ni"], 6.0))
    frames = trajectory(options.atoms, options.frames)
    known, new = frames[: len(frames) // 2], frames[len(frames) // 2 :]
    seen, unseen = (
        [Environments.from_atoms(functions, a, step=n) for n, a in enumerate(part)] for part in (known, new)
    )
    n = sum(map(len, unseen))
    bank = EnvironmentBank(functions, options.threshold, "std").fit_scaling(known)
    for atoms in known:
        bank.update(atoms)
    few = max(1, len(seen) // 4)
    scorers = {
        f"novelty, bank of {len(bank)}": NoveltyScorer(bank),
        "extrapolation": ExtrapolationScorer.for_bank(bank, device=options.device).fit(seen),
    }
    for part in (seen[:few], seen):
        scorer = DensityScorer.for_bank(bank, device=options.device).fit(part)
        scorers[f"density, {len(scorer)} learnt"] = scorer
    filters = SanityFilters(shortest=1.0)
    spread_of = SpreadScorer([EMT(), EMT()])
    work = {"fingerprint": lambda: [functions.create(a) for a in new]}
    work |= {
        name: lambda scorer=scorer: [scorer.score(e) for e in unseen] for name, scorer in scorers.items()
    }
    work["learning: extrapolation"] = lambda: [
        scorer.learn(e)
        for scorer in [ExtrapolationScorer.for_bank(bank, device=options.device)]
        for e in unseen
    ]
    work["filters, distances"] = lambda: [filters.check(a) for a in new]
    work["spread, two EMT"] = lambda: [spread_of.score(e) for e in unseen[:2]]
    rows = {}
    for name, job in work.items():
        per = sum(map(len, unseen[:2])) if name.startswith("spread") else n
        rows[name] = timed(job, per)
        print(f"{name:32s} {shown(rows[name]):>32s} µs an environment")
    content = {"environments": n, "atoms": len(frames[0]), "device": options.device, "rows": rows}
    print(store("scores", content, ("numpy", "torch", "ase")))


if __name__ == "__main__":
    main()
