# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of ``fix momt`` share: systems, weights as files, numbers out of the log."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness import Finished

NI32 = """
units metal
atom_modify map yes
lattice fcc 3.6
region box {box}
{triclinic}
create_box 1 box
create_atoms 1 box
pair_style eam
pair_coeff * * Ni_u3.eam
velocity all create 4000 4711 mom yes dist gaussian loop geom
timestep 0.001
thermo_modify format float %.17g
"""
CUBE = NI32.format(box="block 0 2 0 2 0 2", triclinic="")
SKEWED = NI32.format(box="prism 0 2 0 2 0 2 0.1 -0.15 0.05", triclinic="")

MOMT = "fix m all momt 2000 1 fcc 2 2 2 weight weight.txt"


@dataclass(frozen=True)
class Window:
    """Axes of a weight; enthalpies in eV an atom."""

    enthalpy: tuple[float, float, int] = (-4.4, -3.9, 12)
    order: tuple[float, float, int] = (-2.0, 34.0, 9)
    tails: tuple[float, float] = (1500.0, 2600.0)


def write_weight(
    path: Path,
    *,
    height: float = 0.0,
    window: Window | None = None,
    seed: int = 7,
    temperature: float = 2000.0,
    pressure: float = 1.0,
) -> None:
    """A weight for 32 atoms: coefficients drawn from -height to height (eV), or all zero and flat tails."""
    if window is None:
        window = Window() if height else Window(tails=(temperature, temperature))
    rows, columns = window.enthalpy[2] + 3, window.order[2] + 3
    coefficients = np.random.default_rng(seed).uniform(-height, height, (rows, columns))
    lines = [
        "mdsieve momt weight 1",
        "units metal",
        f"temperature {temperature}",
        f"pressure {pressure}",
        "atoms 32",
        "lattice fcc 2 2 2",
        "enthalpy {} {} {}".format(*window.enthalpy),
        "order {} {} {}".format(*window.order),
        "tails {} {}".format(*window.tails),
        "cap 12",
        "samples 0",
        "deposits 0",
        "passages 0",
        "side 0",
        f"coefficients {rows} {columns}",
        *(" ".join(map(repr, map(float, row))) for row in coefficients),
        f"visits {rows - 3} {columns - 3}",
        *(" ".join("0" for _ in range(columns - 3)) for _ in range(rows - 3)),
    ]
    path.write_text("\n".join(lines) + "\n")


def thermo(finished: Finished) -> np.ndarray:
    """Rows of all runs of a log, columns as `thermo_style` names them."""
    rows = [
        list(map(float, line.split()))
        for line in finished.stdout.splitlines()
        if re.fullmatch(r"\s*\d+(\s+-?[\d.]+(e[+-]?\d+)?)+\s*", line)
    ]
    widths = {len(row) for row in rows}
    assert len(widths) == 1, f"rows of {widths} columns"
    return np.array(rows)


def printed(finished: Finished, word: str) -> np.ndarray:
    """Numbers of the lines that a script prints as ``word a b c``."""
    lines = [line.split()[1:] for line in finished.stdout.splitlines() if line.startswith(word + " ")]
    return np.array(lines, dtype=float)


def errors(finished: Finished) -> list[str]:
    """Lines in which LAMMPS tells an error."""
    return re.findall(r"^ERROR.*", finished.stdout, flags=re.MULTILINE)
