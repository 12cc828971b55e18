# SPDX-License-Identifier: GPL-2.0-or-later
"""Microseconds per atom of the fingerprints, ours against DScribe's ACSF, in one run on one thread.

    python benchmarks/fingerprints.py

Rattled fcc, 78 neighbours inside 6 Å; 24 radial functions with 16 narrow (G4) or 16 wide (G5) angular
functions: zeta 1, 2, 4, 16, both signs of lambda, two widths, the kind of set that the local-environment
papers use. Processor time of one thread; the programs take turns, so that a disturbed machine disturbs
both. Rows: the kernel alone (neighbour list given) and the whole call (neighbour search included); DScribe
offers the whole call only. Writes benchmarks/results/fingerprints.json.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
from ase import Atoms  # noqa: E402
from ase.build import bulk  # noqa: E402
from dscribe.descriptors import ACSF  # noqa: E402

from mdsieve import SymmetryFunctions, __version__  # noqa: E402
from mdsieve.descriptors import neighbour_pairs  # noqa: E402

CUTOFF = 6.0
CENTRED = (0.003, 0.01, 0.02, 0.035, 0.06, 0.1, 0.2, 0.4)
RADIAL = [(eta, 0.0) for eta in CENTRED] + [(4.0, 1.5 + 0.28 * i) for i in range(16)]
ANGULAR = [(eta, zeta, sign) for eta in (0.01, 0.05) for zeta in (1, 2, 4, 16) for sign in (1, -1)]


def structure(repeat: int) -> Atoms:
    atoms = bulk("Ni", a=3.6, cubic=True) * (repeat, repeat, repeat)
    atoms.rattle(0.08, seed=1)
    return atoms


def description(kind: str) -> str:
    lines = ["elements Ni", "cutoff_type 1"]
    lines += [f"symfunction_short Ni 2 Ni {eta} {shift} {CUTOFF}" for eta, shift in RADIAL]
    angular_type = 3 if kind == "G4" else 9
    lines += [f"symfunction_short Ni {angular_type} Ni Ni {e} {s} {z} {CUTOFF}" for e, z, s in ANGULAR]
    return "\n".join(lines)


def contenders(kind: str, atoms: Atoms) -> dict[str, Callable[[], np.ndarray]]:
    """Name to a call that returns the fingerprints of all atoms."""
    acsf = ACSF(
        r_cut=CUTOFF,
        species=["Ni"],
        g2_params=[list(p) for p in RADIAL],
        periodic=True,
        **{f"{kind.lower()}_params": [list(p) for p in ANGULAR]},
    )
    calls: dict[str, Callable[[], np.ndarray]] = {
        "DScribe ACSF, whole call": lambda: acsf.create(atoms)[:, 1:]
    }
    pairs, vectors = neighbour_pairs(atoms, CUTOFF)
    elements = np.zeros(len(atoms), dtype=np.int32)
    for precision in ("double", "mixed"):
        functions = SymmetryFunctions.from_text(description(kind), precision=precision)
        calls[f"mdsieve {precision}, whole call"] = lambda f=functions: f.create(atoms)
        calls[f"mdsieve {precision}, kernel"] = lambda f=functions: f._core.compute(elements, pairs, vectors)[
            0
        ]
    return calls


def measure(calls: dict[str, Callable[[], np.ndarray]], n_atoms: int, repeats: int) -> dict[str, np.ndarray]:
    """Microseconds of processor time per atom, one value a repeat; the calls take turns."""
    times = {name: np.empty(repeats) for name in calls}
    for call in calls.values():
        call()
    for i in range(repeats):
        for name, call in calls.items():
            start = time.process_time()
            call()
            times[name][i] = (time.process_time() - start) / n_atoms * 1e6
    return times


def machine() -> dict[str, object]:
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "mdsieve": __version__,
        "date": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": " ".join(sys.argv),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--repeat", type=int, default=4, help="fcc cells along each edge (default 4: 256 atoms)"
    )
    parser.add_argument("--repeats", type=int, default=15, help="measurements of each call (default 15)")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results" / "fingerprints.json"
    )
    arguments = parser.parse_args()

    atoms = structure(arguments.repeat)
    n_neighbours = len(neighbour_pairs(atoms, CUTOFF)[0]) / len(atoms)
    instruction_set = SymmetryFunctions.from_text(description("G4")).instruction_set
    print(f"{len(atoms)} atoms, {n_neighbours:.1f} neighbours inside {CUTOFF} Å, kernels: {instruction_set}")
    print(f"{'':36}{'µs/atom':>9}{'min':>9}{'max':>9}   DScribe ÷ ours: median (min - max)")
    report = {"machine": machine(), "instruction_set": instruction_set, "atoms": len(atoms), "rows": []}
    for kind in ("G4", "G5"):
        calls = contenders(kind, atoms)
        reference = calls["DScribe ACSF, whole call"]()
        times = measure(calls, len(atoms), arguments.repeats)
        for name, t in times.items():
            ratio = times["DScribe ACSF, whole call"] / t
            error = float(np.max(np.abs(calls[name]() - reference) / (np.abs(reference) + 1e-6)))
            row = {"set": f"24 G2 + 16 {kind}", "name": name, "largest_difference": error}
            row |= {"median": np.median(t), "min": t.min(), "max": t.max()}
            row |= {"ratio_median": np.median(ratio), "ratio_min": ratio.min(), "ratio_max": ratio.max()}
            report["rows"].append(row)
            print(
                f"16 {kind}  {name:29}{np.median(t):9.2f}{t.min():9.2f}{t.max():9.2f}"
                f"   {np.median(ratio):6.1f} ({ratio.min():.1f} - {ratio.max():.1f})"
            )
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=1) + "\n")
    print(f"written: {arguments.output}")


if __name__ == "__main__":
    main()
