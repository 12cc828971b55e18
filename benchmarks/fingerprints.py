# SPDX-License-Identifier: GPL-2.0-or-later
"""Microseconds per atom of the fingerprints and their derivatives, ours against DScribe's ACSF.

    python benchmarks/fingerprints.py [--only sets alloys wide derivatives aev] [--json FILE]

sets
    Rattled fcc nickel, 78 neighbours inside 6 Å; 24 radial functions with 16 narrow (G4) or 16 wide (G5)
    angular ones: zeta 1, 2, 4, 16, both signs of lambda, two widths, the kind of set that the
    local-environment papers use.
alloys
    Binary and ternary sets as n2p2's users write them, 60 and 120 functions an element.
wide
    16 G5 of zeta 1 to 4 at 18 to about 300 neighbours: moment tensors, pairs, and the kernels' own choice.
derivatives
    dG/dr of 24 G2 + 16 G4. DScribe differentiates numerically; it is asked for a few atoms' displacements.
aev
    ANI's atomic environment vector of nickel, 22 radial and 32 angular components, and its derivatives.

Processor time of one thread; the programs take turns, so that a disturbed machine disturbs both. Rows: the
kernel alone (neighbour list given) and the whole call (neighbour search included); DScribe offers the whole
call only. Everything in one run, below two minutes. Writes benchmarks/results/fingerprints.json.
"""

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
from _record import spread, store  # noqa: E402
from ase import Atoms  # noqa: E402
from ase.build import bulk  # noqa: E402
from dscribe.descriptors import ACSF  # noqa: E402

from mdsieve import SymmetryFunctions, _core  # noqa: E402
from mdsieve.describe import AEV_CUTOFF, describe_aev  # noqa: E402
from mdsieve.descriptors import neighbour_pairs  # noqa: E402

Calls = dict[str, Callable[[], np.ndarray]]
Radial = list[tuple[float, float]]  # eta [1/Å²], r_s [Å]
Angular = list[tuple[float, int, int]]  # eta [1/Å²], zeta, lambda

RIVAL = "DScribe ACSF, whole call"
CUTOFF = 6.0
CENTRED = (0.003, 0.01, 0.02, 0.035, 0.06, 0.1, 0.2, 0.4)
RADIAL: Radial = [(eta, 0.0) for eta in CENTRED] + [(4.0, 1.5 + 0.28 * i) for i in range(16)]
ANGULAR: Angular = [(eta, zeta, sign) for eta in (0.01, 0.05) for zeta in (1, 2, 4, 16) for sign in (1, -1)]
WIDE: Angular = [(eta, zeta, sign) for eta in (0.01, 0.05) for zeta in (1, 2, 3, 4) for sign in (1, -1)]
NARROW_TYPE, WIDE_TYPE = 3, 9
# elements, radial functions a neighbour element, angular functions a pair of elements: 60 and 120 altogether
ALLOYS: dict[tuple[str, ...], tuple[Radial, Angular]] = {
    ("Al", "Ni"): (RADIAL[::2], [(e, z, s) for e in (0.01, 0.03, 0.08) for z in (1, 4) for s in (1, -1)]),
    ("Al", "Ni", "Pd"): (RADIAL[::3], ANGULAR),
}


def lattice(elements: tuple[str, ...], repeat: int) -> Atoms:
    """Rattled fcc, elements at random."""
    atoms = bulk("Ni", a=3.6, cubic=True) * (repeat, repeat, repeat)
    atoms.symbols[:] = np.random.default_rng(2).choice(elements, len(atoms))
    atoms.rattle(0.08, seed=1)
    return atoms


def description(
    elements: tuple[str, ...], radial: Radial, angular: Angular, angular_type: int, cutoff: float
) -> str:
    lines = [f"elements {' '.join(elements)}", "cutoff_type 1"]
    for centre in elements:
        for first, (eta, shift) in itertools.product(elements, radial):
            lines.append(f"symfunction_short {centre} 2 {first} {eta} {shift} {cutoff}")
        for pair in itertools.combinations_with_replacement(elements, 2):
            for eta, zeta, sign in angular:
                words = f"{centre} {angular_type} {' '.join(pair)} {eta} {sign} {zeta} {cutoff}"
                lines.append(f"symfunction_short {words}")
    return "\n".join(lines)


def rival(
    elements: tuple[str, ...], radial: Radial, angular: Angular, angular_type: int, cutoff: float
) -> ACSF:
    name = "g4_params" if angular_type == NARROW_TYPE else "g5_params"
    return ACSF(
        r_cut=cutoff,
        species=list(elements),
        g2_params=[list(p) for p in radial] or None,
        periodic=True,
        **{name: [list(p) for p in angular]},
    )


def contenders(atoms: Atoms, elements: tuple[str, ...], radial: Radial, angular: Angular, kind: int) -> Calls:
    """Name to a call that returns the fingerprints of all atoms."""
    acsf = rival(elements, radial, angular, kind, CUTOFF)
    calls: Calls = {RIVAL: lambda: acsf.create(atoms)}
    text = description(elements, radial, angular, kind, CUTOFF)
    for precision in ("double", "mixed"):
        functions = SymmetryFunctions.from_text(text, precision=precision)
        calls[f"mdsieve {precision}, whole call"] = lambda f=functions: f.create(atoms)
        calls[f"mdsieve {precision}, kernel"] = kernel_call(functions, atoms, CUTOFF)
    return calls


def kernel_call(functions: SymmetryFunctions, atoms: Atoms, cutoff: float) -> Callable[[], np.ndarray]:
    """The compiled core alone, neighbour list given."""
    pairs, vectors = neighbour_pairs(atoms, cutoff)
    elements = np.array([functions.elements.index(s) for s in atoms.symbols], dtype=np.int32)
    return lambda: functions._core.compute(elements, pairs, vectors)[0]


def measure(calls: Calls, n_atoms: int, repeats: int) -> dict[str, np.ndarray]:
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


def tabulate(title: str, times: dict[str, np.ndarray], rows: list[dict], **more: object) -> None:
    """Print what was measured and keep it; ratios are taken turn by turn."""
    for name, t in times.items():
        row: dict[str, object] = {"set": title, "name": name, "microseconds": spread(t.tolist()), **more}
        if RIVAL in times and name != RIVAL:
            row["ratio"] = ratio = spread((times[RIVAL] / t).tolist())
            shown = f"{ratio['median']:7.1f} ({ratio['least']:.1f} to {ratio['most']:.1f})"
        else:
            shown = ""
        rows.append(row)
        print(f"{title:28}{name:30}{np.median(t):10.2f}{t.min():10.2f}{t.max():10.2f}  {shown}", flush=True)


def check(calls: Calls, columns: slice, n_neighbours: float) -> float:
    """Largest relative difference between ours and DScribe's, to be sure that both compute the same."""
    ours = calls["mdsieve double, whole call"]()
    theirs = calls[RIVAL]()[:, columns]
    return float(np.max(np.abs(ours - theirs) / (np.abs(theirs) + 1e-6 * n_neighbours)))


def sets(options: argparse.Namespace, rows: list[dict]) -> None:
    atoms = lattice(("Ni",), options.repeat)
    for kind, letter in ((NARROW_TYPE, "G4"), (WIDE_TYPE, "G5")):
        calls = contenders(atoms, ("Ni",), RADIAL, ANGULAR, kind)
        difference = check(calls, slice(1, None), 78.0)  # DScribe's first column is the sum of the cutoff
        times = measure(calls, len(atoms), options.repeats)
        tabulate(f"24 G2 + 16 {letter}", times, rows, difference=difference)


def alloys(options: argparse.Namespace, rows: list[dict]) -> None:
    for elements, (radial, angular) in ALLOYS.items():
        atoms = lattice(elements, options.repeat)
        for kind, letter in ((NARROW_TYPE, "G4"), (WIDE_TYPE, "G5")):
            calls = contenders(atoms, elements, radial, angular, kind)
            n = calls["mdsieve double, whole call"]().shape[1]
            n_angular = n - len(radial) * len(elements)
            title = f"{'-'.join(elements)}: {n - n_angular} G2 + {n_angular} {letter}"
            tabulate(title, measure(calls, len(atoms), options.repeats), rows, functions=n)


def wide(options: argparse.Namespace, rows: list[dict]) -> None:
    """The cost against the number of neighbours, and its exponent over the upper half of the curve."""
    atoms = lattice(("Ni",), 3)
    curve: dict[str, list[tuple[float, float]]] = {}
    for cutoff in (4.1, 5.0, 6.0, 7.0, 8.0, 8.7, 9.4):
        n = len(neighbour_pairs(atoms, cutoff)[0]) / len(atoms)
        acsf = rival(("Ni",), [], WIDE, WIDE_TYPE, cutoff)
        calls: Calls = {RIVAL: lambda acsf=acsf: acsf.create(atoms)}
        text = description(("Ni",), [], WIDE, WIDE_TYPE, cutoff)
        for name, limit in (("pairs", 0), ("moments", 4), ("own choice", -1)):
            _core.fix_moment_limit(limit)
            functions = SymmetryFunctions.from_text(text)
            _core.fix_moment_limit(-1)
            calls[f"mdsieve double, {name}"] = kernel_call(functions, atoms, cutoff)
        times = measure(calls, len(atoms), max(3, options.repeats // 3))
        for name, t in times.items():
            curve.setdefault(name, []).append((n, float(np.median(t))))
        tabulate(f"16 G5, {n:.0f} neighbours", times, rows, neighbours=n)
    for name, points in curve.items():
        n, t = np.log(np.array(points[-4:])).T
        exponent = float(np.polyfit(n, t, 1)[0])
        rows.append({"set": "16 G5, growth", "name": name, "exponent": exponent})
        print(f"{'16 G5, growth':28}{name:30}  time ~ neighbours^{exponent:.2f} (the last four)")


def derivatives(options: argparse.Namespace, rows: list[dict]) -> None:
    atoms = lattice(("Ni",), 2)
    moved = list(range(2))
    acsf = rival(("Ni",), RADIAL, ANGULAR, NARROW_TYPE, CUTOFF)
    functions = SymmetryFunctions.from_text(description(("Ni",), RADIAL, ANGULAR, NARROW_TYPE, CUTOFF))

    def theirs() -> np.ndarray:
        return acsf.derivatives(
            atoms, include=moved, method="numerical", attach=True, return_descriptor=False
        )

    ours = functions.derivatives(atoms).dense()[:, moved]
    expected = theirs()[..., 1:]
    difference = float(np.max(np.abs(ours - expected)) / np.max(np.abs(expected)))
    times = measure({RIVAL: theirs}, len(moved), 3)  # per atom that is moved
    times |= measure({"mdsieve, whole call": lambda: functions.derivatives(atoms).values}, len(atoms), 3)
    tabulate("dG/dr, 24 G2 + 16 G4", times, rows, difference=difference)


def aev(options: argparse.Namespace, rows: list[dict]) -> None:
    atoms = lattice(("Ni",), options.repeat)
    text = describe_aev(["Ni"])
    calls: Calls = {}
    for precision in ("double", "mixed"):
        functions = SymmetryFunctions.from_text(text, precision=precision)
        calls[f"mdsieve {precision}, whole call"] = lambda f=functions: f.create(atoms)
        calls[f"mdsieve {precision}, kernel"] = kernel_call(functions, atoms, AEV_CUTOFF)
    tabulate("AEV 54, values", measure(calls, len(atoms), options.repeats), rows)
    pairs, vectors = neighbour_pairs(atoms, AEV_CUTOFF)
    elements = np.zeros(len(atoms), dtype=np.int32)
    calls = {
        "mdsieve, whole call": lambda: functions.derivatives(atoms).values,
        "mdsieve, kernel": lambda: functions._core.derivatives(elements, pairs, vectors)[0],
    }
    tabulate("AEV 54, derivatives", measure(calls, len(atoms), 3), rows)


SECTIONS = {"sets": sets, "alloys": alloys, "wide": wide, "derivatives": derivatives, "aev": aev}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION")
    parser.add_argument(
        "--repeat", type=int, default=4, help="fcc cells along each edge (default 4: 256 atoms)"
    )
    parser.add_argument("--repeats", type=int, default=9, help="measurements of each call (default 9)")
    parser.add_argument("--json", type=Path, help="file to write instead of results/fingerprints.json")
    options = parser.parse_args()

    instruction_set = _core.instruction_set()
    print(f"kernels: {instruction_set}; microseconds an atom; DScribe ÷ ours, median (least to most)")
    print(f"{'':58}{'median':>10}{'least':>10}{'most':>10}")
    rows: list[dict] = []
    for name in options.only:
        SECTIONS[name](options, rows)
    content = {"instruction_set": instruction_set, "rows": rows}
    print("written:", store("fingerprints", content, ["dscribe", "numpy", "ase"], options.json))


if __name__ == "__main__":
    sys.exit(main())
