# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors of one potential trained on subsets of equal size, chosen in the ways of the LE paper's comparison.

For each seed a random pool and a random test set are drawn from the real data (MDSIEVE_DATA). The bank takes
its threshold so that it keeps as many frames as asked for, or the next fewer it can; every other method picks
exactly as many as the bank kept. The linear potential is trained on the picks and tested on the test set;
"all" is trained on the whole pool. Energies in meV/atom, forces in meV/Å: mean over the seeds ± standard
deviation.

Usage: python benchmarks/bench_comparison.py [--cases "Si crystals" Ge Mo-Ta] [--sizes 25 50 100] [--seeds 5]
"""

import argparse
import os
import statistics
import time
from pathlib import Path

import numpy as np
from _comparison_cases import METHODS, POOLS, Chooser, equations_of, split
from _record import store

DATA = Path(os.environ.get("MDSIEVE_DATA", Path(__file__).resolve().parents[1] / "../shared/data"))


def compare(
    case: str, sizes: list[int], seeds: range, n_pool: int, n_test: int, methods: list[str]
) -> list[dict]:
    """One row a method, size and seed."""
    functions, frames = POOLS[case](DATA)
    n_test = min(n_test, len(frames) // 5)
    n_pool = min(n_pool, len(frames) - n_test)
    splits = [split(len(frames), n_pool, n_test, seed) for seed in seeds]
    needed = np.unique(np.concatenate([np.concatenate(each) for each in splits]))
    place = np.full(len(frames), -1)
    place[needed] = np.arange(len(needed))
    equations = equations_of(functions, [frames[i] for i in needed])
    n_atoms = np.array([len(atoms) for atoms in frames])
    rows = []
    for seed, (pool, test) in zip(seeds, splits, strict=True):

        def errors(picked: np.ndarray, pool=pool, test=test):
            return equations.errors(equations.fit(place[pool[picked]]), place[test])

        def add(
            method: str, picked: np.ndarray, seconds: float, size: int | None = None, seed=seed, pool=pool
        ):
            row = {"case": case, "method": method, "size": size, "n": len(picked), "seed": seed}
            found = errors(picked)
            row |= {"energy": 1000 * found.energy, "force": 1000 * found.force, "seconds": seconds}
            rows.append(row | {"atoms": int(n_atoms[pool[picked]].sum())})

        chooser = Chooser(functions, [frames[i] for i in pool], seed)
        add("all", np.arange(n_pool), 0.0)
        for size in sizes:
            began = time.process_time()
            kept, thresholds = chooser.bank(size)
            seconds = time.process_time() - began
            add("bank", kept, seconds, size)
            rows[-1]["thresholds"] = thresholds
            for method in methods:
                if method == "bank":
                    continue
                began = time.process_time()
                picked = chooser.choose(method, kept)
                seconds = time.process_time() - began
                add(method, picked, seconds, size)
        print(f"{case}: seed {seed} done", flush=True)
    return rows


def table(rows: list[dict]) -> list[str]:
    """Markdown: one line a case, size and method."""
    lines = [
        "| data | frames | method | atoms | energy / meV/atom | force / meV/Å |",
        "|---|---|---|---|---|---|",
    ]
    keys = dict.fromkeys((r["case"], r["size"], r["method"]) for r in rows)
    for case, size, method in sorted(keys, key=lambda k: (k[0], k[1] is not None, k[1] or 0)):
        mine = [r for r in rows if (r["case"], r["size"], r["method"]) == (case, size, method)]
        n, atoms = (statistics.mean(r[what] for r in mine) for what in ("n", "atoms"))
        shown = [plus_minus([r[what] for r in mine]) for what in ("energy", "force")]
        lines.append(f"| {case} | {n:.0f} | {method} | {atoms:.0f} | {shown[0]} | {shown[1]} |")
    return lines


def plus_minus(values: list[float]) -> str:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.1f} ± {spread:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", default=list(POOLS), choices=list(POOLS))
    parser.add_argument("--sizes", nargs="+", type=int, default=[25, 50, 100])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pool", type=int, default=1000)
    parser.add_argument("--test", type=int, default=400)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument(
        "--json", type=Path, help="where to write [default: benchmarks/results/comparison.json]"
    )
    options = parser.parse_args()
    rows = []
    for case in options.cases:
        rows += compare(
            case, options.sizes, range(options.seeds), options.pool, options.test, options.methods
        )
    print("\n".join(table(rows)))
    packages = ("numpy", "scikit-learn", "scipy", "dscribe", "torch")
    print(store("comparison", {"methods": METHODS, "rows": rows}, packages, options.json))


if __name__ == "__main__":
    main()
