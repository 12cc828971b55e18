# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``fix select`` adds to a LAMMPS run, as a share of the time of its loop.

eam
    LAMMPS' own EAM benchmark, 32 000 Cu atoms, an evaluation every 100 steps; functions up to the potential's
    cutoff + 1 Å.
snap
    4000 Ni atoms with a SNAP potential, an evaluation every 10 steps; functions up to 6 Å.

24 radial and 16 angular functions. Runs without and with the fix alternate, with the same ``comm_modify
cutoff``; the ratio is taken pair by pair. Without a driver the processor time of the loop is compared, with
one (``--driver``, a rank more) the time on the wall. Beside it the share that the fix counts itself, seconds
in fingerprints over seconds of the loop: on a busy machine it says more. Writes benchmarks/results/fix.json.

    python benchmarks/bench_fix.py [--systems eam snap] [--pairs 3] [--ranks 1] [--driver] [--json FILE]
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from _record import spread, store

from mdsieve import lammps_package
from mdsieve.describe import write_description
from mdsieve.plugin import plugin_path


@dataclass(frozen=True)
class System:
    """A crystal to run and when to look at it."""

    element: str
    constant: float  # Å
    cells: int
    temperature: float
    pair: str
    cutoff: float  # of the functions [Å]
    every: int
    steps: int
    timestep: float  # ps


SYSTEMS = {
    "eam": System(
        element="Cu",
        constant=3.615,
        cells=20,
        temperature=1600.0,
        pair="pair_style eam\npair_coeff 1 1 Cu_u3.eam",
        cutoff=4.95 + 1.0,
        every=100,
        steps=400,
        timestep=0.005,
    ),
    "snap": System(
        element="Ni",
        constant=3.52,
        cells=10,
        temperature=600.0,
        pair="pair_style snap\nmass 1 58.69\n"
        "pair_coeff * * Ni_Zuo_JPCA2020.snapcoeff Ni_Zuo_JPCA2020.snapparam Ni",
        cutoff=6.0,
        every=10,
        steps=30,
        timestep=0.002,
    ),
}
SCRIPT = """
units metal
lattice fcc {system.constant}
region box block 0 {system.cells} 0 {system.cells} 0 {system.cells}
create_box 1 box
create_atoms 1 box
{system.pair}
velocity all create {system.temperature} 376847 loop geom
neighbor 1.0 bin
neigh_modify every 1 delay 5 check yes
comm_modify cutoff 7.05
fix 1 all nve
{select}
timestep {system.timestep}
thermo {system.every}
run {system.every}
run {steps}
"""
SELECT = "fix sel all select {every} sf.nn {element} threshold {threshold} scaling file {scaling} {words}"


def run(folder: Path, options: argparse.Namespace, system: System, select: str) -> tuple[float, float]:
    """Time of the second run of the script: of the processor if there is no driver, else on the wall.

    Then the share of the time on the wall that the fix says it spent in fingerprints [%].
    """
    script = SCRIPT.format(system=system, select=select, steps=options.steps or system.steps)
    (folder / "in.lammps").write_text(script)
    command = [str(Path(sys.executable).parent / "lmp"), "-in", "in.lammps", "-log", "none"]
    launcher = str(Path(sys.executable).parent / "mpiexec")
    with_driver = "driver yes" in select
    if with_driver:
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
    seconds = float(re.findall(r"^Loop time of (\S+)", output.stdout, flags=re.MULTILINE)[-1])
    own = re.findall(r"^Fix select sel: \d.* (\S+) s in fingerprints", output.stdout, flags=re.MULTILINE)
    share = 100 * float(own[-1]) / seconds if own else 0.0
    if not options.driver:
        seconds *= float(re.findall(r"^(\S+)% CPU use", output.stdout, flags=re.MULTILINE)[-1]) / 100
    return seconds, share


def overhead(
    folder: Path, options: argparse.Namespace, system: System, words: str
) -> tuple[list[float], list[float], list[float]]:
    """Per cent that the fix adds, per cent that it counts itself, seconds without it; one value a pair."""
    _, scaling = write_description([system.element], system.cutoff, folder / "sf.nn")
    select = SELECT.format(
        every=system.every,
        element=system.element,
        threshold=options.threshold,
        scaling=scaling.name,
        words=words,
    )
    added, counted, without = [], [], []
    for _ in range(options.pairs):
        plain, _ = run(folder, options, system, "")
        seconds, share = run(folder, options, system, select)
        added.append(100 * (seconds / plain - 1))
        counted.append(share)
        without.append(plain)
        print(
            f"{words}: {plain:.2f} s without, {added[-1]:.1f} % more with the fix, {share:.2f} % counted",
            flush=True,
        )
    return added, counted, without


def main() -> None:
    """Measure, print a table, store it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--pairs", type=int, default=3, help="pairs of runs (default 3)")
    parser.add_argument("--steps", type=int, help="instead of a system's own (eam 400, snap 30)")
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--driver", action="store_true", help="stream to a driver on one more rank")
    parser.add_argument("--json", type=Path, help="file to write instead of results/fix.json")
    options = parser.parse_args()

    link = "driver yes mode stream 4" if options.driver else "driver no"
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for system in options.systems:
            for precision in ("mixed", "double"):
                words = f"precision {precision} {link}"
                added, counted, without = overhead(Path(name), options, SYSTEMS[system], words)
                row = {"overhead_percent": spread(added), "counted_percent": spread(counted)}
                steps = (options.steps or SYSTEMS[system].steps) * 4 * SYSTEMS[system].cells ** 3
                row |= {
                    "every": SYSTEMS[system].every,
                    "microseconds_an_atom_and_step": spread([1e6 * s / steps for s in without]),
                }
                rows.append({"system": system, "words": words, **row})
    print(f"\n{'overhead of fix select':44s}{'median':>8s}{'least':>8s}{'most':>8s}{'counted':>9s}")
    for row in rows:
        values = row["overhead_percent"]
        shown = "".join(f"{values[key]:7.1f}%" for key in ("median", "least", "most"))
        counted = row["counted_percent"]["median"]
        print(f"{row['system'] + ', ' + row['words']:44s}{shown}{counted:8.2f}%")
    print("written:", store("fix", {"options": vars(options), "rows": rows}, ["lammps"], options.json))


if __name__ == "__main__":
    main()
