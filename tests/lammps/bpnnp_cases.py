# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of ``pair_style bpnnp`` share: folders of random networks, structures, numbers out of LAMMPS."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from harness import run_lmp
from momt_cases import printed
from network_cases import nickel_aluminium, random_ensemble

from mdsieve.potentials import NetworkEnsemble, write_n2p2

#: Elements of LAMMPS' types.
ELEMENTS = ("Ni", "Al")


def write_members(folder: Path, n_members: int = 3, **settings) -> NetworkEnsemble:
    """An ensemble of random networks, its members in the folders ``member0``, ``member1``, ..."""
    ensemble = random_ensemble(n_members, own_scaling=True, **settings)
    for member in range(n_members):
        write_n2p2(ensemble, folder / f"member{member}", member)
    return ensemble


def skewed_cell(seed: int = 1) -> Atoms:
    """32 atoms without symmetry in a triclinic cell, as LAMMPS has it."""
    atoms = nickel_aluminium(seed) * (1, 1, 2)
    cell = np.array(atoms.cell)
    cell[1, 0], cell[2, 0], cell[2, 1] = 0.7, -0.5, 0.4
    atoms.set_cell(cell, scale_atoms=True)
    atoms.rattle(0.08, seed=seed + 1)
    atoms.wrap()
    return atoms


def write_data(path: Path, atoms: Atoms, elements: Sequence[str] = ELEMENTS) -> None:
    """A LAMMPS data file with every digit."""
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = atoms.cell.tolist()
    lines = ["atoms of a test", "", f"{len(atoms)} atoms", f"{len(elements)} atom types", ""]
    lines += [f"0 {length!r} {axis}lo {axis}hi" for axis, length in zip("xyz", (lx, ly, lz), strict=True)]
    lines += [f"{xy!r} {xz!r} {yz!r} xy xz yz", "", "Masses", ""]
    lines += [f"{k} {atomic_masses[atomic_numbers[s]]}" for k, s in enumerate(elements, 1)]
    lines += ["", "Atoms", ""]
    rows = zip(atoms.symbols, atoms.positions.tolist(), strict=True)
    lines += [f"{i} {elements.index(s) + 1} {x!r} {y!r} {z!r}" for i, (s, (x, y, z)) in enumerate(rows, 1)]
    path.write_text("\n".join(lines) + "\n")


def system(
    *, n_members: int = 1, style: str = "bpnnp", coeff: str | None = None, units: str = "metal", data="data"
) -> str:
    """Script that reads ``data`` and takes the first members."""
    members = " ".join(f"member{m}" for m in range(n_members))
    return f"""
units {units}
atom_modify map yes
read_data {data}
pair_style {style}
pair_coeff * * {coeff or members + " Ni Al"}
"""


OBSERVE = """
compute e all pe/atom
compute s all stress/atom NULL
compute p all pair bpnnp
fix spread all pair 1 bpnnp spread 0
compute total all reduce sum c_s[*]
thermo_style custom step pe press c_p[*] c_total[*]
dump atoms all custom 1 atoms.dump id fx fy fz c_e f_spread
dump_modify atoms sort id format float %.17g
run 0
variable v equal vol
print "state $(pe:%.17g) $(c_p[1]:%.17g) $(c_p[2]:%.17g) $(c_p[3]:%.17g) $(v_v:%.17g)"
print "pressure $(pxx:%.17g) $(pyy:%.17g) $(pzz:%.17g) $(pyz:%.17g) $(pxz:%.17g) $(pxy:%.17g)"
print "stresses $(c_total[1]:%.17g) $(c_total[2]:%.17g) $(c_total[3]:%.17g) &
$(c_total[6]:%.17g) $(c_total[5]:%.17g) $(c_total[4]:%.17g)"
"""


@dataclass(frozen=True)
class Observed:
    """What LAMMPS says of one structure, in its units; components xx, yy, zz, yz, xz, xy."""

    energy: float
    largest_spread: float
    total_spread: float
    n_outside: float
    volume: float
    pressure: np.ndarray
    atomic_stresses: np.ndarray  # their sum over the atoms
    forces: np.ndarray
    energies: np.ndarray
    spread: np.ndarray


def observe(script: str, folder: Path, ranks: int = 1) -> Observed:
    """Run a script of `system` and ask for everything that the pair style tells."""
    finished = run_lmp(script + OBSERVE, folder, ranks=ranks).check()
    table = np.loadtxt(folder / "atoms.dump", skiprows=9)
    return Observed(
        *printed(finished, "state")[0],
        printed(finished, "pressure")[0],
        printed(finished, "stresses")[0],
        table[:, 1:4],
        table[:, 4],
        table[:, 5],
    )
