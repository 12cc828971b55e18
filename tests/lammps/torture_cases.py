# SPDX-License-Identifier: GPL-2.0-or-later
"""The campaigns that `torture` disturbs: which trajectory or MD, how launched, decided and resumed."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from harness import MDSIEVE, descendants, lmp_arguments, mpiexec, run_lmp
from select_cases import NI, NI_NN, rerun

import mdsieve
from mdsieve import lammps_package

EVERY = 20  # steps between frames
REPLAYED = 1200  # last step of the trajectory that is played back
MD_STEPS = 500

# solid nickel is heated and melts: novelty comes all along
TRAJECTORY = f"""
{NI}
velocity all create 600 4711
timestep 0.002
fix md all npt temp 300 3000 0.1 aniso 0 0 1
dump traj all custom {EVERY} traj.dump id type xu yu zu
dump_modify traj sort id format float %.17g
run {REPLAYED}
"""

MD_BEGINS = f"""
{NI}
velocity all create 3500 4711
timestep 0.002
"""

MD_GOES_ON = """
read_restart {restart}
pair_style eam
pair_coeff * * Ni_u3.eam
timestep 0.002
"""

# two restart files at least: the last one may be cut
MD_RUNS = f"""
fix md all nve
restart 40 md.*.restart
dump md all custom {EVERY} md.{{number}}.dump id type xu yu zu fx fy fz
dump_modify md sort id flush yes format float %.17g
if "$(step) < 200" then "run 200 upto"
run {MD_STEPS - 60} upto
run {MD_STEPS} upto
"""

# what the fix has been told, written by LAMMPS itself and flushed line by line: step, verdict, kept so far;
# a fix that goes on from a restart file goes on with its counts
WITNESS = f"""
print "begin $(f_sel[6])" file acks.{{number}}.txt screen no
fix ack all print {EVERY} "$(step) $(f_sel) $(f_sel[6])" append acks.{{number}}.txt screen no title ""
"""
WITNESS_ENDS = 'print "end $(f_sel) $(f_sel[6])" append acks.{number}.txt screen no\n'

SCORES = "keep novelty > 1 junk frame > 2 junk extrapolation > 1e30"

CONFIG = """
store = "store.db"
resume = {resume}
flush = {flush}
progress = 0.2
grace = 20
{exports}
"""


@dataclass(frozen=True)
class Case:
    """One kind of campaign.

    Attributes
    ----------
    kind : {"rerun", "md"}
    launch : {"two programs", "one program", "embedded"}
    scaling : {"none", "pilot", "bank"}
        With ``bank`` it begins with a bank file, which the fix rewrites at the end of each run.
    rule : {"plain", "gap", "scores"}
        With ``scores`` two scorers learn from every kept frame; their conditions never hold.
    again : {"all", "rest"}
        How a replay is resumed: the whole trajectory once more, or from the last stored frame on.
    """

    kind: str
    launch: str
    ranks: int
    mode: str
    scaling: str
    rule: str
    again: str
    fields: str
    flush: float
    exports: bool

    def __str__(self) -> str:
        words = [self.kind, self.launch, f"{self.ranks} ranks", self.mode, f"scaling {self.scaling}"]
        return ", ".join([*words, self.rule, f"again {self.again}", *(["exports"] if self.exports else [])])

    @property
    def name(self) -> str:
        """Replays of the same name give the same picks."""
        return f"{self.kind} {self.scaling} {self.rule}"

    @property
    def evaluations(self) -> int:
        """Frames looked at in an undisturbed run."""
        return (REPLAYED if self.kind == "rerun" else MD_STEPS) // EVERY + 1

    @property
    def threshold(self) -> float:
        """In the units of the scaling; gives some twenty picks."""
        return 1.5 if self.scaling == "pilot" else 0.35

    @property
    def victims(self) -> list[str]:
        """Processes that may be killed, the interesting ones more often."""
        if self.launch == "embedded" and self.ranks == 1:
            return ["driver"]
        lmp = [f"rank {rank}" for rank in range(self.ranks)]
        drivers = [] if self.launch == "embedded" else ["driver", "driver"]
        return [*lmp, *drivers, "mpiexec", "proxy"]

    def prepare(self, folder: Path, inputs: Path) -> None:
        """Put everything into a fresh folder that a user would have there."""
        (folder / "sf.nn").write_text(NI_NN)
        if self.scaling == "bank":
            shutil.copy(inputs / "start.bank", folder / "ni.bank")
        if self.kind == "rerun":
            (folder / "traj.dump").symlink_to(inputs / "traj.dump")

    def command(self, folder: Path, number: int) -> list[str]:
        """How to launch it for the n-th time, from 0."""
        script = self._script(folder, number).replace("{number}", str(number))
        exports = 'export_extxyz = "kept.xyz"\nexport_h5md = "kept.h5md"' if self.exports else ""
        resume = "true" if number else "false"
        config = CONFIG.format(resume=resume, flush=self.flush, exports=exports)
        (folder / "select.toml").write_text(config)
        lmp = lmp_arguments(script, folder)
        if self.launch == "two programs":
            lammps = [str(lammps_package.program()), "-mpicolor", "1", *lmp]
            drive = [*MDSIEVE, "drive", "select.toml"]
            return [mpiexec(), "-n", str(self.ranks), *lammps, ":", "-n", "1", *drive]
        embedded = self.launch == "embedded"
        size = self.ranks + (0 if embedded else 1)
        words = ["run", "in.lammps", "--config", "select.toml", "--driver-ranks", "0" if embedded else "1"]
        return [*([mpiexec(), "-n", str(size)] if size > 1 else []), *MDSIEVE, *words]

    def find_victim(self, victim: str, process) -> int | None:
        """Process number of a victim in a job, None if it does not run (yet)."""
        if victim == "mpiexec" or (self.launch == "embedded" and self.ranks == 1):
            return process.pid
        rank = self.ranks if victim == "driver" else victim.removeprefix("rank ")
        wanted = b"hydra_pmi_proxy" if victim == "proxy" else f"PMI_RANK={rank}".encode()
        for pid in descendants(process.pid):
            try:
                words = Path(f"/proc/{pid}/{'cmdline' if victim == 'proxy' else 'environ'}").read_bytes()
            except OSError:
                continue
            if any(word.endswith(wanted) for word in words.split(b"\0")):
                return pid
        return None

    def _script(self, folder: Path, number: int) -> str:
        if self.kind == "md":
            restart = last_whole_restart(folder) if number else None
            begin = MD_GOES_ON.format(restart=restart) if restart else MD_BEGINS
            return begin + self._fix(folder) + WITNESS + MD_RUNS + WITNESS_ENDS
        first = max(last_stored_step(folder), 0) if number and self.again == "rest" else 0
        play = rerun(Path("traj.dump")).replace(" dump ", f" first {first} dump ", 1)
        return NI + "thermo 100\n" + self._fix(folder) + WITNESS + play + WITNESS_ENDS

    def _fix(self, folder: Path) -> str:
        scaling = {"none": "scaling none", "pilot": "scaling pilot 15 minmax", "bank": "bank ni.bank"}[
            self.scaling
        ]
        rule = {"plain": "", "gap": "keep novelty > 1 junk novelty > 4 gap 60", "scores": SCORES}[self.rule]
        words = f"threshold {self.threshold} {scaling} {rule} {self.mode} fields {self.fields}"
        return f"fix sel all select {EVERY} sf.nn Ni {words} driver yes\n"


def undisturbed(case: Case) -> Case:
    """The plainest campaign with the same picks: one process that waits for each verdict."""
    return replace(case, launch="embedded", ranks=1, mode="mode wait", fields="pe", exports=False)


def random_case(dice: random.Random) -> Case:
    """One of the kinds of campaign."""
    kind = dice.choice(["rerun", "rerun", "md"])
    launch = dice.choice(["two programs"] * 4 + ["one program", "embedded"])
    scaling = dice.choice(["none", "none", "pilot", "bank"])
    rule = dice.choice({"none": ["plain", "gap"], "pilot": ["plain", "scores"], "bank": ["plain"]}[scaling])
    return Case(
        kind=kind,
        launch=launch,
        ranks=dice.choice([1, 2]),
        mode=dice.choice(["mode wait", "mode stream 1", "mode stream 4", "mode stream 50"]),
        scaling=scaling,
        rule=rule,
        again="rest" if rule == "gap" else dice.choice(["all", "rest"]),
        fields=dice.choice(["pe", "f pe", "v f pe stress"]),
        flush=dice.choice([0.01, 5.0]),
        exports=dice.random() < 0.3,
    )


def make_inputs(folder: Path) -> None:
    """The trajectory to be played back, and a bank of its first frames."""
    from ase.io import read

    if not (folder / "traj.dump").exists():
        run_lmp(TRAJECTORY, folder).check()
    functions = mdsieve.SymmetryFunctions.from_text(NI_NN)
    bank = mdsieve.EnvironmentBank(functions, thresholds={"Ni": 0.35}, scaling=None)
    for atoms in read(folder / "traj.dump", index=":5", format="lammps-dump-text", specorder=["Ni"]):
        bank.update(atoms)
    bank.save(folder / "start.bank")


def last_stored_step(folder: Path) -> int:
    """Step of the last frame in the store, as a user would ask for it; -1 if there is none."""
    if not (folder / "store.db").exists():
        return -1
    with closing(sqlite3.connect(folder / "store.db")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
        if "mdsieve_frames" not in tables:
            return -1
        row = connection.execute("SELECT step FROM mdsieve_frames ORDER BY frame DESC LIMIT 1").fetchone()
    return row[0] if row else -1


def last_whole_restart(folder: Path) -> str | None:
    """The last restart file but one: LAMMPS may have been killed while it wrote the last."""
    files = sorted(folder.glob("md.*.restart"), key=lambda path: int(path.name.split(".")[1]))
    return files[-2].name if len(files) > 1 else None
