# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of ``fix select`` share: descriptors, input scripts, expected picks."""

import re
from dataclasses import dataclass
from pathlib import Path

from plain_bank import plain_selection

NI_NN = """\
number_of_elements 1
elements Ni
cutoff_type 1
symfunction_short Ni 2 Ni 0.05 0.0 4.5
symfunction_short Ni 2 Ni 0.5 0.0 4.5
symfunction_short Ni 2 Ni 2.0 2.4 4.5
symfunction_short Ni 2 Ni 4.0 3.4 4.5
symfunction_short Ni 3 Ni Ni 0.05 1 1 4.5
symfunction_short Ni 3 Ni Ni 0.05 -1 1 4.5
symfunction_short Ni 3 Ni Ni 0.05 1 4 4.5
symfunction_short Ni 3 Ni Ni 0.05 -1 4 4.5
"""

NI_AL_NN = """\
number_of_elements 2
elements Ni Al
cutoff_type 1
symfunction_short Ni 2 Ni 0.5 0.0 4.5
symfunction_short Ni 2 Al 0.5 0.0 4.5
symfunction_short Ni 2 Ni 2.0 2.5 4.5
symfunction_short Ni 3 Ni Ni 0.05 1 2 4.5
symfunction_short Ni 3 Ni Al 0.05 -1 2 4.5
symfunction_short Al 2 Ni 0.5 0.0 4.5
symfunction_short Al 2 Al 0.5 0.0 4.5
symfunction_short Al 3 Ni Ni 0.05 1 2 4.5
symfunction_short Al 9 Ni Al 0.05 -1 2 4.5
"""

# 108 atoms of nickel, one type, EAM
NI = """
units metal
lattice fcc 3.52
region box block 0 3 0 3 0 3
create_box 1 box
create_atoms 1 box
pair_style eam
pair_coeff * * Ni_u3.eam
"""

NI_MD = f"""
{NI}
velocity all create 3000 4711
timestep 0.002
fix md all nve
"""

NI_RERUN = f"{NI}\nthermo 1\n"

NI_AL_RERUN = """
units metal
lattice fcc 3.57
region box prism 0 3 0 3 0 3 0 0 0
create_box 2 box
create_atoms 1 box basis 1 2
pair_style eam/alloy
pair_coeff * * NiAlH_jea.eam.alloy Ni Al
thermo 1
"""

# the verdict of a frame gates a native dump of the same step
GATED_DUMP = """
variable skip equal "f_sel != 1"
dump kept all custom 1 kept.dump id type x y z
dump_modify kept sort id skip v_skip
"""


def rerun(dump: Path, every: int = 1) -> str:
    """The command that plays a dump of unwrapped coordinates back, box included; frames at multiples of `every`."""
    return f"rerun {dump} every {every} dump x y z box yes wrapped no\n"


def kept_steps(dump: Path) -> list[int]:
    """Steps of the frames in a LAMMPS dump."""
    return [int(step) for step in re.findall(r"ITEM: TIMESTEP\n(\d+)", dump.read_text())]


@dataclass(frozen=True)
class Picks:
    """What the greedy rule keeps: steps of frames, and (step, atom ID) of each stored environment, sorted."""

    steps: list[int]
    environments: list[tuple[int, int]]


def paper_picks(
    fingerprints: list[dict], thresholds: dict[str, float], every: int, scaling: dict | None = None
) -> Picks:
    """The picks of the paper's algorithm in plain NumPy, for frames that are `every` steps apart.

    `fingerprints` holds one ``create_by_element`` result a frame, `scaling` (shift, factor) an element.
    """
    frames = [
        [
            (element, x)
            for _, element, x in sorted(
                (index, element, x)
                for element, (indices, rows) in frame.items()
                for index, x in zip(indices, rows, strict=True)
            )
        ]
        for frame in fingerprints
    ]
    unscaled = {element: (0.0 * rows[0], 1.0) for element, (_, rows) in fingerprints[0].items()}
    kept, picks = plain_selection(frames, thresholds, scaling or unscaled)
    return Picks(
        [every * frame for frame in kept], sorted((every * frame, atom + 1) for frame, atom in picks)
    )
