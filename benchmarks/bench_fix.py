# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``fix select`` adds to LAMMPS' own EAM benchmark: 32 000 Cu atoms, an evaluation every 100 steps.

Runs without and with the fix alternate; the ratio of their loop times is taken pair by pair. 24 radial and 16
angular functions at the potential's cutoff + 1 Å; the same ``comm_modify cutoff`` in all runs. Usage:

    python benchmarks/bench_fix.py [--pairs 3] [--steps 400] [--ranks 1] [--every 100] [--driver]
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from mdsieve import lammps_package
from mdsieve.describe import write_description
from mdsieve.plugin import plugin_path

CUTOFF = 4.95 + 1.0  # Å
SCRIPT = """
units metal
lattice fcc 3.615
region box block 0 20 0 20 0 20
create_box 1 box
create_atoms 1 box
pair_style eam
pair_coeff 1 1 Cu_u3.eam
velocity all create 1600.0 376847 loop geom
neighbor 1.0 bin
neigh_modify every 1 delay 5 check yes
comm_modify cutoff 7.0
fix 1 all nve
{select}
timestep 0.005
thermo 100
run 100
run {steps}
"""
SELECT = "fix sel all select {every} cu.nn Cu threshold {threshold} scaling file {scaling} {words}"


def loop_seconds(folder: Path, options, select: str) -> float:
    """Loop time of the second run of the script."""
    (folder / "in.lammps").write_text(SCRIPT.format(select=select, steps=options.steps))
    arguments = ["-in", "in.lammps", "-log", "none"]
    command = [str(Path(sys.executable).parent / "lmp"), *arguments]
    launcher = str(Path(sys.executable).parent / "mpiexec")
    if "driver yes" in select:
        command[1:1] = ["-mpicolor", "1"]
        drive = [sys.executable, "-m", "mdsieve", "drive", "--store", "store.db", "--overwrite"]
        command = [launcher, "-n", str(options.ranks), *command, ":", "-n", "1", *drive]
    elif options.ranks > 1:
        command = [launcher, "-n", str(options.ranks), *command]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "LAMMPS_PLUGIN_PATH": os.environ.get("MDSIEVE_PLUGIN_DIR", plugin_path()),
        "LAMMPS_POTENTIALS": str(lammps_package.potentials()),
    }
    output = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if output.returncode != 0:
        sys.exit("\n".join((output.stdout + output.stderr).splitlines()[-10:]))
    for line in re.findall(r"^Fix select sel: \d.*", output.stdout, flags=re.MULTILINE)[-1:]:
        print("   ", line)
    return float(re.findall(r"^Loop time of (\S+)", output.stdout, flags=re.MULTILINE)[-1])


def main() -> None:
    """Measure, print a table, store it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--driver", action="store_true", help="also stream to a driver on one more rank")
    options = parser.parse_args()

    cases = {
        "double, no driver": "precision double driver no",
        "mixed, no driver": "precision mixed driver no",
    }
    if options.driver:
        cases["mixed, streaming"] = "precision mixed driver yes mode stream 4"
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, scaling = write_description(["Cu"], CUTOFF, folder / "cu.nn")
        for case, words in cases.items():
            select = SELECT.format(
                every=options.every, threshold=options.threshold, scaling=scaling.name, words=words
            )
            ratios = []
            for _ in range(options.pairs):
                plain = loop_seconds(folder, options, "")
                ratios.append(loop_seconds(folder, options, select) / plain)
                print(
                    f"{case}: {plain:.2f} s without, {100 * (ratios[-1] - 1):.1f} % more with the fix",
                    flush=True,
                )
            rows.append({"case": case, "overhead_percent": [100 * (r - 1) for r in ratios]})
    print(f"\n{'overhead of fix select':24s} {'median':>8s} {'min':>8s} {'max':>8s}")
    for row in rows:
        values = row["overhead_percent"]
        print(f"{row['case']:24s} {statistics.median(values):7.1f}% {min(values):7.1f}% {max(values):7.1f}%")

    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    record = {
        "benchmark": "fix",
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "options": vars(options),
        "rows": rows,
    }
    (results / "fix.json").write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
