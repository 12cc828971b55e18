# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``fix momt`` adds to a step of EAM, in instructions (valgrind's callgrind): noise plays no part.

500 Ni atoms (Ni_u3.eam) in NVE, one rank. Plain; plain with the energy added up in each step, as the fix
needs it; with the fix and a flat weight. Of each the difference of a long and a short run, a step. Takes a
minute or two. Writes benchmarks/results/momt.json.

    python benchmarks/bench_momt.py [--cells 5] [--steps 100] [--json FILE]
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from _record import store

from mdsieve import lammps_package
from mdsieve.lammps_program import program_environment

BEGINS = 20  # steps of the short run
SCRIPT = """
units metal
atom_modify map yes
lattice fcc 3.6
region box block 0 {cells} 0 {cells} 0 {cells}
create_box 1 box
create_atoms 1 box
pair_style eam
pair_coeff * * Ni_u3.eam
velocity all create 4000 4711 mom yes dist gaussian
{fix}
fix md all nve
timestep 0.001
thermo {steps}
run {steps}
"""
CASES = {
    "plain": "",
    "energy in each step": "fix sum all ave/time 1 1 1 c_thermo_pe",
    "fix momt": "fix m all momt 2000 1 fcc {cells} {cells} {cells} enthalpy -4.4 -3.9 40 tails 2000 2000",
}


def instructions(folder: Path, options: argparse.Namespace, case: str, steps: int) -> int:
    """Of a whole run."""
    fix = CASES[case].format(cells=options.cells)
    (folder / "in.lammps").write_text(SCRIPT.format(cells=options.cells, fix=fix, steps=steps))
    environment = {**program_environment(), "OMP_NUM_THREADS": "1"}
    words = ["valgrind", "--tool=callgrind", "--callgrind-out-file=callgrind.out"]
    command = [*words, str(lammps_package.program()), "-in", "in.lammps", "-log", "none"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("\n".join((done.stdout + done.stderr).splitlines()[-10:]))
    return int(re.findall(r"Collected : (\d+)", done.stderr)[-1])


def main() -> None:
    """Measure, print a table, store it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=5, help="conventional cells along each edge (default 5)")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--json", type=Path, help="file to write instead of results/momt.json")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("valgrind is not installed: this benchmark counts instructions with it, and is left out")
        return
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for case in CASES:
            short = instructions(Path(name), options, case, BEGINS)
            long = instructions(Path(name), options, case, BEGINS + options.steps)
            rows.append({"case": case, "instructions_a_step": (long - short) / options.steps})
    plain = rows[0]["instructions_a_step"]
    print(f"{4 * options.cells**3} atoms")
    for row in rows:
        row["percent_more_than_plain"] = 100 * (row["instructions_a_step"] / plain - 1)
        print(
            f"{row['case']:24s}{row['instructions_a_step'] / 1e6:8.2f} million instructions a step"
            f"{row['percent_more_than_plain']:8.1f} % more than plain"
        )
    print("written:", store("momt", {"options": vars(options), "rows": rows}, ["lammps"], options.json))


if __name__ == "__main__":
    main()
