# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of call patterns: the ways in which LAMMPS scripts use a fix, one `Pattern` each.

A script holds three words that whoever runs it fills in: ``{fix}`` (the ``fix select`` command), ``{watch}`` (dumps
and thermo output that tell what the fix should have seen and what it said) and ``{look}`` (one more frame for the
dump, where none is written by itself).
"""

from dataclasses import dataclass

from select_cases import NI, NI_AL_NN, NI_NN

EVERY = 5  # N of every pattern

TA_NN = NI_NN.replace("Ni", "Ta")


@dataclass(frozen=True)
class System:
    """What the fix is told of the atoms: descriptor, element of each type (None: NULL), threshold of each element."""

    descriptor: str
    types: tuple[str | None, ...]
    thresholds: dict[str, float]


NICKEL = System(NI_NN, ("Ni",), {"Ni": 0.3})
TANTALUM = System(TA_NN, ("Ta",), {"Ta": 0.5})
ALLOY = System(NI_AL_NN, ("Ni", "Al"), {"Ni": 0.3, "Al": 0.2})
ALLOY_WITHOUT_AL = System(NI_NN, ("Ni", None), {"Ni": 0.5})


@dataclass(frozen=True)
class Pattern:
    """One way of calling the fix.

    Parameters
    ----------
    script
        LAMMPS input with the words ``{fix}``, ``{watch}`` and ``{look}``.
    runs
        For every run command (and every part of ``run … every``) the steps that must be evaluated, in order.
    definitions
        Numbers, from 0, of the runs before which the fix was defined anew and counts from 0 again.
    group
        Whose environments count.
    warnings
        Regular expressions of warnings that the log must show; any other warning is a failure.
    lammps_words
        Command-line words for LAMMPS.
    after_dumps
        Steps that are evaluated when LAMMPS has written its dumps of them.
    """

    name: str
    script: str
    runs: tuple[tuple[int, ...], ...]
    system: System = NICKEL
    definitions: tuple[int, ...] = (0,)
    group: str = "all"
    warnings: tuple[str, ...] = ()
    lammps_words: tuple[str, ...] = ()
    after_dumps: tuple[int, ...] = ()

    @property
    def restarts(self) -> bool:
        """Whether the last part goes on where a restart file ends."""
        return "read_restart" in self.script

    def __str__(self) -> str:
        return self.name


def steps(first: int, last: int) -> tuple[int, ...]:
    """Multiples of N from one step to another, both included."""
    return tuple(step for step in range(first, last + 1) if step % EVERY == 0)


HOT = "velocity all create 3000 4711\ntimestep 0.002\n"
NVE = f"{NI}{HOT}fix md all nve\n"
TAIL = "{fix}{watch}run 40\n"
ONE_RUN = (steps(0, 40),)
UNWATCH = "undump frames\nundump kept\nthermo_style one\n"

# LAMMPS' own warnings, where they are in order
NEW_THERMO = "New thermo_style command"
NO_INTEGRATION = "No fixes with time integration"
IMAGE_FLAGS = "Inconsistent image flags"

# a layer of atoms in the lower third of the box, vacuum above
LAYER = NI.replace("create_atoms 1 box", "region low block INF INF INF INF 0 1.3\ncreate_atoms 1 region low")

NI_AL = """
units metal
lattice fcc 3.57
region box block 0 3 0 3 0 3
create_box 2 box
create_atoms 1 box basis 1 2
pair_style eam/alloy
pair_coeff * * NiAlH_jea.eam.alloy Ni Al
"""

BONDED = NI.replace(
    "create_box 1 box", "create_box 1 box bond/types 1 extra/bond/per/atom 12 extra/special/per/atom 50"
)
BONDS = "create_bonds many all all 1 2.0 2.6\nbond_style harmonic\nbond_coeff 1 0.1 2.5\n"

TA_MLIAP = """
units metal
lattice bcc 3.316
region box block 0 3 0 3 0 3
create_box 1 box
create_atoms 1 box
mass 1 180.95
pair_style hybrid/overlay zbl 4 4.8 mliap model linear Ta06A.mliap.model descriptor sna Ta06A.mliap.descriptor
pair_coeff 1 1 zbl 73 73
pair_coeff * * mliap Ta
"""

AGAIN = "pair_style eam\npair_coeff * * Ni_u3.eam\ntimestep 0.002\nfix md all nve\n"

DYNAMICS = [
    Pattern("nve", NVE + TAIL, ONE_RUN),
    Pattern("nvt", NI + HOT + "fix md all nvt temp 3000 3000 0.1\n" + TAIL, ONE_RUN),
    Pattern("npt", NI + HOT + "fix md all npt temp 3000 3000 0.1 aniso 0 0 0.5\n" + TAIL, ONE_RUN),
    Pattern(
        "npt triclinic",
        NI
        + HOT
        + "change_box all triclinic xy final 1.5 yz final -1 remap units box\n"
        + "fix md all npt temp 3000 3000 0.1 tri 0 0 0.5\n"
        + TAIL,
        ONE_RUN,
    ),
    Pattern(
        "deforming box that flips",
        NVE
        + "change_box all triclinic xy final 5.1 remap units box\n"
        + "fix def all deform 1 xy erate 3 xz erate 1 y trate 0.5 remap x\n"
        + TAIL,
        ONE_RUN,
    ),
    Pattern("newton off", "newton off\n" + NVE + TAIL, ONE_RUN),
    Pattern("sorted often", NVE + "atom_modify sort 3 2.0\n" + TAIL, ONE_RUN),
    Pattern(
        "omp with two threads", NVE + TAIL, ONE_RUN, lammps_words=("-sf", "omp", "-pk", "omp", "2")
    ),
]  # fmt: skip

ATOMS = [
    Pattern("atom_style charge", "atom_style charge\n" + NVE + "set type 1 charge 0.1\n" + TAIL, ONE_RUN),
    Pattern(
        "atom_style full with bonds",
        "atom_style full\n" + BONDED + BONDS + "special_bonds lj/coul 1e-50 1e-50 1e-50\n" + HOT
        + "fix md all nve\n" + TAIL,
        ONE_RUN,
        warnings=(IMAGE_FLAGS,),
    ),
    Pattern(
        "group",
        NVE + "region ball sphere 5 5 5 4 units box\ngroup some region ball\n" + TAIL,
        ONE_RUN,
        group="some",
    ),
    Pattern(
        "dynamic group",
        NVE + "region ball sphere 5 5 5 4 units box\ngroup some dynamic all region ball every 5\n" + TAIL,
        ONE_RUN,
        group="some",
    ),
    Pattern("NULL type", NI_AL + HOT + "fix md all nve\n" + TAIL, ONE_RUN, system=ALLOY_WITHOUT_AL),
]  # fmt: skip

PIECES = [
    Pattern("consecutive runs, begun off the beat", NVE + "run 3\n{fix}{watch}run 9\nrun 0\nrun 13\nrun 0\nrun 15\n",
            (steps(5, 12), (), steps(15, 25), (), steps(30, 40))),
    Pattern("run pre no", NVE + "{fix}{watch}run 15\nrun 10 pre no\nrun 15 pre no post no\n",
            (steps(0, 15), steps(20, 25), steps(30, 40))),
    Pattern("run every", NVE + "{fix}{watch}run 40 every 20 'velocity all scale 2000'\n",
            (steps(0, 20), steps(25, 40))),
    Pattern(
        "minimize",
        NI + "displace_atoms all random 0.1 0.1 0.1 17\n{fix}{watch}minimize 0 0 7 70\n{look}"
        + "minimize 0 0 5 70\n{look}" + HOT + "fix md all nve\nrun 8\n",
        ((0, 7), (12,), (15, 20)),
        after_dumps=(7, 12),
    ),
    Pattern(
        "rerun",
        NVE + "dump traj all custom 1 traj.dump id type xu yu zu vx vy vz\n"
        "dump_modify traj sort id format float %.17g\nrun 30\nundump traj\nunfix md\n"
        "{fix}{watch}rerun traj.dump dump x y z vx vy vz box yes wrapped no\n",
        (steps(0, 30),),
        warnings=(NO_INTEGRATION,),
    ),
    Pattern("unfix and redefinition", NVE + "{fix}{watch}run 20\n" + UNWATCH + "unfix sel\nrun 5\n{fix}{watch}run 25\n",
            (steps(0, 20), steps(25, 50)), definitions=(0, 1), warnings=(NEW_THERMO,)),
    Pattern("clear", NVE + "{fix}{watch}run 20\nclear\n" + NVE.replace("4711", "4712") + "{fix}{watch}run 20\n",
            (steps(0, 20), steps(0, 20)), definitions=(0, 1)),
    Pattern(
        "restart off the beat",
        NVE + "{fix}{watch}restart 12 half.restart\nrun 12\nclear\nread_restart half.restart.12\n" + AGAIN
        + "{fix}{watch}run 18\n",
        (steps(0, 12), steps(15, 30)),
    ),
    Pattern(
        "reset_timestep",
        NVE + "{fix}{watch}run 20\n" + UNWATCH + "reset_timestep 0\n{watch}run 12\n" + UNWATCH
        + "reset_timestep 10\n{watch}run 12\n",
        (steps(0, 20), steps(0, 12), steps(10, 22)),
        warnings=(NEW_THERMO,),
    ),
    Pattern(
        "halt",
        NVE + "variable s equal step\nfix ends all halt 1 v_s > 16 error continue message no\n"
        "{fix}{watch}run 40\nunfix ends\nrun 13\n",
        (steps(0, 17), steps(20, 30)),
    ),
]  # fmt: skip

CHANGES = [
    Pattern(
        "deposit",
        LAYER + HOT + "fix md all nve\nregion top block 0 3 0 3 1.9 2.4\n"
        "fix new all deposit 4 1 7 99 region top near 0.5 vz -20 -20\n" + TAIL,
        ONE_RUN,
    ),
    Pattern("evaporate", NVE + "fix less all evaporate 6 3 box 99\n" + TAIL, ONE_RUN),
    Pattern(
        "atoms that are lost",
        "boundary p p f\n" + LAYER + HOT + "velocity all scale 60000\nfix md all nve\n{fix}{watch}"
        + "thermo_modify lost ignore\nrun 40\n",
        ONE_RUN,
    ),
    Pattern(
        "types that are swapped",
        NI_AL + HOT + "fix md all nve\nfix swap all atom/swap 4 6 99 2000 ke no types 1 2\n" + TAIL,
        ONE_RUN,
        system=ALLOY,
    ),
    Pattern(
        "delete_atoms",
        NVE + "{fix}{watch}run 20\nregion hole sphere 5 5 5 2 units box\ndelete_atoms region hole compress no\n"
        "run 0\n{look}run 20\n",
        (steps(0, 20), (20,), steps(25, 40)),
    ),
]  # fmt: skip

DECOMPOSITIONS = [
    Pattern("ranks without atoms", "processors 1 1 *\n" + LAYER + HOT + "fix md all nve\n" + TAIL, ONE_RUN),
    Pattern(
        "balance",
        "processors 1 1 *\n" + LAYER + HOT + "fix md all nve\nbalance 1.0 shift z 5 1.01\n"
        "fix even all balance 4 1.0 shift z 5 1.01\n" + TAIL,
        ONE_RUN,
    ),
]  # fmt: skip

POTENTIALS = [
    Pattern(
        "hybrid/overlay",
        NVE.replace("pair_style eam", "pair_style hybrid/overlay eam zbl 2.0 2.5").replace(
            "pair_coeff * * Ni_u3.eam", "pair_coeff * * eam Ni_u3.eam\npair_coeff 1 1 zbl 28 28"
        )
        + TAIL,
        ONE_RUN,
    ),
    Pattern(
        "SNAP",
        NI.replace("pair_style eam", "mass 1 58.69\npair_style snap").replace(
            "Ni_u3.eam", "Ni_Zuo_JPCA2020.snapcoeff Ni_Zuo_JPCA2020.snapparam Ni"
        )
        + "comm_modify cutoff 6.5\n" + HOT + "fix md all nve\n{fix}{watch}run 20\n",
        (steps(0, 20),),
    ),
    Pattern("ML-IAP", TA_MLIAP + HOT + "fix md all nve\n{fix}{watch}run 20\n", (steps(0, 20),), system=TANTALUM),
]  # fmt: skip

OUTPUTS = [
    Pattern(
        "outputs at any interval",
        NVE + "{fix}{watch}thermo 1\nvariable all equal f_sel[1]+f_sel+f_sel[10]\n"
        "fix ave all ave/time 7 3 21 f_sel f_sel[5] v_all file ave.txt\n"
        "dump odd all custom 3 odd.dump id\ndump_modify odd skip v_all\nrun 40\n",
        ONE_RUN,
    ),
]  # fmt: skip

# further forms of these, which need not meet every number of ranks and every launch in `make test`
VARIANTS = [
    Pattern("respa", NVE + "run_style respa 2 2 pair 2\n" + TAIL, ONE_RUN),
    Pattern("multi neighbours", NVE + "neighbor 1.0 multi\nneigh_modify delay 0 every 1\n" + TAIL, ONE_RUN),
    Pattern("free surfaces", "boundary p s f\n" + NVE + TAIL, ONE_RUN),
    Pattern(
        "deforming box, velocities remapped",
        NVE + "change_box all triclinic\nfix def all deform 1 xy erate 2 xz erate 1 y trate 0.5 remap v\n" + TAIL,
        ONE_RUN,
    ),
    Pattern("suffix omp", NVE + TAIL, ONE_RUN, lammps_words=("-sf", "omp")),
    Pattern("atom_style full without bonds", "atom_style full\n" + NVE + TAIL, ONE_RUN),
    Pattern(
        "empty group",
        NVE + "group some empty\n" + TAIL,
        ONE_RUN,
        group="some",
    ),
    Pattern(
        "restart",
        NVE + "{fix}{watch}run 20\nwrite_restart half.restart\nclear\nread_restart half.restart\n" + AGAIN
        + "{fix}{watch}run 20\n",
        (steps(0, 20), steps(25, 40)),
    ),
    Pattern(
        "rerun off the beat",
        NVE + "dump traj all custom 3 traj.dump id type xu yu zu vx vy vz\n"
        "dump_modify traj sort id format float %.17g\nrun 36\nundump traj\nunfix md\n"
        "{fix}{watch}rerun traj.dump first 3 dump x y z vx vy vz box yes wrapped no\n",
        ((15, 30),),
        warnings=(NO_INTEGRATION,),
    ),
    Pattern("displace_atoms", NVE + "{fix}{watch}run 20\ndisplace_atoms all random 0.1 0.1 0.1 5\nrun 0\n{look}run 20\n",
            (steps(0, 20), (20,), steps(25, 40))),
    Pattern(
        "balance by bisection",
        "comm_style tiled\n" + LAYER + HOT + "fix md all nve\nbalance 1.0 rcb\nfix even all balance 4 1.0 rcb\n" + TAIL,
        ONE_RUN,
    ),
    Pattern("reset_timestep to just before", NVE + "{fix}{watch}run 20\n" + UNWATCH + "reset_timestep 18\n{watch}run 22\n",
            (steps(0, 20), steps(20, 40)), warnings=(NEW_THERMO,)),
    Pattern("reset_timestep back onto the beat", NVE + "{fix}{watch}run 22\n" + UNWATCH + "reset_timestep 20\n{watch}run 20\n",
            (steps(0, 22), steps(20, 40)), warnings=(NEW_THERMO,)),
]  # fmt: skip

PATTERNS = [*DYNAMICS, *ATOMS, *PIECES, *CHANGES, *DECOMPOSITIONS, *POTENTIALS, *OUTPUTS]
