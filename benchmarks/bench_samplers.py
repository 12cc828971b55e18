# SPDX-License-Identifier: GPL-2.0-or-later
"""Farthest point sampling beside scikit-matter and the plain algorithm in NumPy, REMatch beside DScribe.

Rows are of two kinds, since what can be left out depends on them: independent normal numbers and rows near a
five-dimensional surface, as fingerprints are. Picks are compared. The rounds of the programs alternate, each
on one thread; given are median and extremes of the processor time, since the machine may have other work, and
of the ratios of neighbouring rounds. scikit-matter pins scikit-learn: install it apart,

    pip install --no-deps --target DIR skmatter
    PYTHONPATH=DIR python benchmarks/bench_samplers.py [--rows 100000] [--columns 64] [--picks 1000]

REMatch: SOAP vectors (252 columns) of rattled Si, 64 atoms a frame, DScribe's own tolerance; agreement is
checked. Once with the threads that each program takes by itself, once with one thread each.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from _record import shown, spread, store
from ase.build import bulk
from threadpoolctl import threadpool_limits

from mdsieve.encoders.soap import Soap
from mdsieve.samplers.farthest_point import FPS
from mdsieve.similarity.kernel import unit_rows
from mdsieve.similarity.rematch import REMatchKernel


def normal_rows(n: int, n_columns: int, rng) -> np.ndarray:
    return rng.normal(size=(n, n_columns))


def surface_rows(n: int, n_columns: int, rng) -> np.ndarray:
    return np.tanh(rng.normal(size=(n, 5)) @ rng.normal(size=(5, n_columns)))


def numpy_picks(rows: np.ndarray, n: int) -> list[int]:
    """Squared distances through norms and one product of matrix and vector a pick."""
    norms = np.einsum("ij,ij->i", rows, rows)
    nearest = np.full(len(rows), np.inf)
    picked = [0]
    while len(picked) < n:
        last = picked[-1]
        np.minimum(nearest, norms + norms[last] - 2.0 * (rows @ rows[last]), out=nearest)
        nearest[last] = -1.0
        picked.append(int(np.argmax(nearest)))
    return picked


def skmatter_picks(rows: np.ndarray, n: int) -> list[int]:
    from skmatter.sample_selection import FPS as TheirFPS

    return TheirFPS(n_to_select=n, initialize=0).fit(rows).selected_idx_.tolist()


def our_picks(rows: np.ndarray, n: int) -> list[int]:
    return FPS(n, start=0).fit(rows).selected_idx_.tolist()


def timed(work) -> tuple[float, object]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def alternate(programs: dict, rounds: int) -> tuple[dict, dict]:
    """Processor time of each program in rounds that alternate, and what each returned."""
    seconds = {name: [] for name in programs}
    results = {}
    for _ in range(rounds):
        for name, work in programs.items():
            taken, results[name] = timed(work)
            seconds[name].append(taken)
    return seconds, results


def summary(seconds: dict) -> dict:
    """Spread of the seconds, and of every other program's time divided by ours in the same round."""
    ours = seconds["mdsieve"]
    return {
        name: {
            "seconds": spread(taken),
            "ratio": spread([other / own for other, own in zip(taken, ours, strict=True)]),
        }
        for name, taken in seconds.items()
    }


def show(title: str, found: dict) -> None:
    print(title, flush=True)
    for name, values in found.items():
        print(f"  {name:22s} {shown(values['seconds']):32s} s   {shown(values['ratio'])} × mdsieve")


def has_skmatter() -> bool:
    try:
        import skmatter.sample_selection  # noqa: F401
    except ImportError as error:
        print(f"without scikit-matter ({error})")
        return False
    return True


def bench_fps(options) -> dict:
    rng = np.random.default_rng(0)
    found = {}
    with_skmatter = has_skmatter()
    for kind, make in (("normal", normal_rows), ("surface", surface_rows)):
        rows = make(options.rows, options.columns, rng)
        programs = {
            "mdsieve": lambda rows=rows: our_picks(rows, options.picks),
            "NumPy": lambda rows=rows: numpy_picks(rows, options.picks),
        }
        if with_skmatter:
            programs["scikit-matter"] = lambda rows=rows: skmatter_picks(rows, options.picks)
        seconds, picks = alternate(programs, options.rounds)
        found[kind] = summary(seconds)
        found[kind]["same_picks"] = {name: picks[name] == picks["mdsieve"] for name in programs}
        same = found[kind].pop("same_picks")
        show(f"FPS, {kind} rows {rows.shape}, {options.picks} picks; same picks: {same}", found[kind])
        found[kind]["same_picks"] = same
    return found


def bench_rematch(options, n_jobs: int | None) -> dict:
    from dscribe.kernels import REMatchKernel as TheirKernel

    crystals = []
    for seed in range(options.frames):
        atoms = bulk("Si", cubic=True) * (2, 2, 2)
        atoms.rattle(0.05 + 0.4 * seed / options.frames, seed=seed)
        crystals.append(atoms)
    encoder = Soap(["Si"], r_cut=5.0, n_max=8, l_max=6)
    frames = [unit_rows(rows) for rows in encoder.encode_atoms(crystals)]
    programs = {
        "mdsieve": lambda: REMatchKernel(frames, device=options.device, n_jobs=n_jobs).matrix(),
        "DScribe": lambda: TheirKernel(metric="linear").create(frames),
    }
    programs["mdsieve"]()
    seconds, kernels = alternate(programs, options.rounds)
    n_pairs = options.frames * (options.frames + 1) // 2
    per_pair = {name: [1e3 * s / n_pairs for s in taken] for name, taken in seconds.items()}
    found = summary(per_pair)
    difference = float(np.abs(kernels["mdsieve"] - kernels["DScribe"]).max())
    words = "threads as they are" if n_jobs is None else "one thread"
    show(
        f"REMatch, {words}, {n_pairs} pairs of 64 atoms; ms a pair; K differs by {difference:.1e}",
        found,
    )
    return {**found, "largest_difference": difference, "n_pairs": n_pairs}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("which", nargs="*", default=["fps", "rematch"], help="fps, rematch; default: both")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=64)
    parser.add_argument("--picks", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="where the record goes instead of results/")
    options = parser.parse_args()
    content = {}
    if "rematch" in options.which:
        content["rematch"] = bench_rematch(options, None)
        with threadpool_limits(1):
            torch.set_num_threads(1)
            content["rematch_one_thread"] = bench_rematch(options, 1)
    if "fps" in options.which:
        with threadpool_limits(1):
            content["fps"] = bench_fps(options)
    store("samplers", content, ("scikit-learn", "skmatter", "dscribe", "torch", "numpy"), options.json)


if __name__ == "__main__":
    main()
