# SPDX-License-Identifier: GPL-2.0-or-later
"""Kill a process of a real campaign at a random moment, look at what is left, go on, be killed again, finish.

    python tests/lammps/torture.py 1000 --seed 1      # as `make torture ROUNDS=1000` does

A round is a campaign in a folder of its own: LAMMPS plays a trajectory back (or runs MD), the driver decides and
stores, and one to three times a process dies (a rank of LAMMPS, the driver, or the launcher). Each time the files are
checked (`torture_checks`); then the campaign is resumed, and at its end the picks must be those of a run that
nobody disturbed. Everything random comes from the round's seed, so ``--seed S`` with 1 round does the same again,
as far as the operating system's scheduling allows.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

if __name__ == "__main__":
    for folder in ("lammps", "."):
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent / folder))

import torture_cases as cases
from harness import kill, start
from torture_checks import Reference, Witness, check_files, check_picks, has_bank, whole_steps

LIMIT = 120.0  # seconds after which a program counts as hung
PATIENCE = (
    15.0  # seconds before the harness ends a job that the launcher's helper does not look after any more
)
PARTING = 60.0  # seconds that the rest of a job gets to end after a process was killed


class Failure(AssertionError):
    """A round that went wrong: what was found, and the folder that shows it."""


@dataclass(frozen=True)
class Kill:
    """One killing: whom, with what, and when.

    `moment` is one of ``clock`` (a share of the time that an undisturbed run takes), ``acknowledged`` (so many
    frames have been evaluated, by the share of all) or ``transaction`` (the n-th time that the store's journal is
    seen); `delay` seconds are added.
    """

    victim: str
    signal: signal.Signals
    moment: str
    amount: float
    delay: float

    def __str__(self) -> str:
        return (
            f"{self.signal.name} {self.victim} ({self.moment} {self.amount:.3g} + {1e3 * self.delay:.1f} ms)"
        )


@dataclass
class Tally:
    """What happened in all rounds."""

    rounds: int = 0
    launches: int = 0
    missed: int = 0
    acknowledged: int = 0
    orphaned: int = 0
    hung: int = 0
    kills: Counter = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def table(self) -> str:
        """Kills by process and signal (rows) and by the phase in which the campaign was (columns)."""
        phases = sorted({phase for _, phase in self.kills})
        rows = sorted({who for who, _ in self.kills})
        lines = [" " * 26 + "".join(f"{phase:>16}" for phase in phases) + f"{'all':>8}"]
        for who in rows:
            numbers = [self.kills[who, phase] for phase in phases]
            lines.append(f"{who:<26}" + "".join(f"{n:>16}" for n in numbers) + f"{sum(numbers):>8}")
        totals = [sum(self.kills[who, phase] for who in rows) for phase in phases]
        lines.append(f"{'all':<26}" + "".join(f"{n:>16}" for n in totals) + f"{sum(totals):>8}")
        lines.append(
            f"{self.rounds} rounds, {self.launches} launches, {self.missed} kills came too late, "
            f"{self.acknowledged} frames acknowledged before a kill, {self.orphaned} jobs outlived their launcher, "
            f"{self.hung} had to be ended, "
            f"{len(self.failures)} failures"
        )
        return "\n".join(lines)


def random_kill(dice: random.Random, victims: list[str]) -> Kill:
    moment = dice.choice(["clock", "acknowledged", "acknowledged", "transaction", "transaction"])
    amount = {
        "clock": dice.uniform(0.05, 1.1),
        "acknowledged": dice.uniform(0.0, 1.0),
        "transaction": dice.randint(1, 20),
    }[moment]
    delay = dice.choice([0.0, dice.uniform(0, 0.003), dice.uniform(0, 0.03)])
    number = signal.SIGTERM if dice.random() < 0.2 else signal.SIGKILL
    return Kill(dice.choice(victims), number, moment, amount, delay)


class Torturer:
    """Plays rounds in a folder.

    Parameters
    ----------
    folder : path
        Trajectory, references and one folder a round are made in it.
    keep : bool
        Whether folders of good rounds stay.
    """

    def __init__(self, folder: Path, keep: bool = False) -> None:
        self.folder = folder
        self.keep = keep
        self.tally = Tally()
        self._references: dict[str, Reference] = {}
        cases.make_inputs(folder)

    def play(self, seed: int, most_kills: int = 3) -> str:
        """One round; the line that tells of it.

        Raises
        ------
        Failure
        """
        dice = random.Random(seed)
        case = cases.random_case(dice)
        kills = [random_kill(dice, case.victims) for _ in range(min(dice.choice([1, 1, 2, 3]), most_kills))]
        folder = self.folder / f"round-{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        told = []
        self.tally.rounds += 1
        try:
            reference = self._reference(case)
            case.prepare(folder, self.folder)
            for number, planned in enumerate(kills):
                told.append(self._killed_launch(case, folder, number, planned, reference))
            self._last_launch(case, folder, len(kills), reference)
        except (AssertionError, Exception) as error:
            line = f"seed {seed}: {case}; {'; '.join(told or map(str, kills))}: {type(error).__name__}: {error} [{folder}]"
            self.tally.failures.append(line)
            raise Failure(line) from error
        if not self.keep:
            shutil.rmtree(folder)
        return f"seed {seed}: {case}; {'; '.join(told)}"

    # ---- launches

    def _reference(self, case: cases.Case) -> Reference:
        """What the case gives when nobody disturbs it, and how long that takes."""
        case = replace(cases.undisturbed(case), kind="rerun")
        if case.name not in self._references:
            folder = self.folder / f"reference-{case.name.replace(' ', '-')}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            case.prepare(folder, self.folder)
            began = time.monotonic()
            self._run_to_the_end(case, folder, 0)
            self._references[case.name] = Reference.read(folder, time.monotonic() - began)
            check_files(folder, case, self.folder)
            assert 5 < len(self._references[case.name].steps) < case.evaluations // 2
        return self._references[case.name]

    def _run_to_the_end(self, case: cases.Case, folder: Path, number: int) -> None:
        self.tally.launches += 1
        with start(case.command(folder, number), folder) as process:
            try:
                stdout, stderr = process.communicate(timeout=LIMIT)
            except BaseException:
                kill(process)
                raise
        (folder / f"out.{number}.txt").write_text(stdout + stderr)
        assert process.returncode == 0, (
            f"launch {number}: exit code {process.returncode}: {_last_words(stdout + stderr)}"
        )

    def _last_launch(self, case: cases.Case, folder: Path, number: int, reference: Reference) -> None:
        before = whole_steps(folder)
        self._run_to_the_end(case, folder, number)
        check_files(folder, case, self.folder)
        Witness.read(folder, number).check(case, before, folder)
        check_picks(folder, case, reference)

    def _killed_launch(
        self, case: cases.Case, folder: Path, number: int, planned: Kill, reference: Reference
    ) -> str:
        before = whole_steps(folder)
        self.tally.launches += 1
        with open(folder / f"out.{number}.txt", "w") as out:
            mark = f"{folder.name}-{number}-{os.getpid()}"
            process = start(case.command(folder, number), folder, output=out, env={"MDSIEVE_TORTURE": mark})
        process.mark = f"MDSIEVE_TORTURE={mark}".encode()
        try:
            hit = self._kill(process, case, folder, number, planned, reference)
            orphans = self._await_end(process, planned.victim if hit else None)
        finally:
            kill(process)
            process.wait()
        phase = _phase(folder, number)
        if hit:
            self.tally.kills[f"{planned.victim} {planned.signal.name}", phase] += 1
            self.tally.orphaned += orphans
        else:
            self.tally.missed += 1
        check_files(folder, case, self.folder)
        witness = Witness.read(folder, number)
        witness.check(case, before, folder)
        check_picks(folder, case, reference, whole=False)
        self.tally.acknowledged += witness.kept
        stored = len(whole_steps(folder))
        return f"{planned if hit else 'too late'} -> {phase}, {witness.kept} acknowledged, {stored} stored"

    def _kill(self, process, case, folder, number, planned: Kill, reference: Reference) -> bool:
        """Wait for the moment, then kill; False if the job had ended."""
        began = time.monotonic()
        evaluations = planned.amount * case.evaluations
        transactions, in_one = 0, False
        victim = None
        while True:
            if process.poll() is not None:
                return False
            victim = victim or case.find_victim(planned.victim, process)
            if time.monotonic() - began > LIMIT:
                raise Failure(f"launch {number} hangs before the kill")
            if planned.moment == "clock":
                due = time.monotonic() - began >= planned.amount * reference.seconds
            elif planned.moment == "acknowledged":
                due = Witness.read(folder, number).evaluations > evaluations
            else:
                there = (folder / "store.db-journal").exists()
                transactions += there and not in_one
                in_one = there
                due = transactions >= planned.amount
            if due:
                break
            time.sleep(0.0002 if planned.moment == "transaction" else 0.002)
        time.sleep(planned.delay)
        if victim is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(victim, planned.signal)
            return True
        return False

    def _await_end(self, process, victim: str | None) -> bool:
        """Wait until every process of a job has ended; whether some outlived the launcher.

        Without its helper (`proxy`) MPICH cannot be relied upon to end the job: a batch system would, after a while.
        """
        deadline = time.monotonic() + {None: LIMIT, "proxy": PATIENCE}.get(victim, PARTING)
        orphaned = False
        while (ended := process.poll() is not None) is False or _marked(process):
            orphaned |= ended
            if time.monotonic() > deadline:
                if victim != "proxy":
                    raise Failure("the job goes on, or hangs, after one of its processes was killed")
                self.tally.hung += 1
                for pid in _marked(process):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        return orphaned


def _marked(process) -> list[int]:
    """Processes of a job that run, by the mark in their environment: the launcher may be gone."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if process.mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def _phase(folder: Path, number: int) -> str:
    """In which part of its life a launch was when it ended, by the files it left."""
    journal = folder / "store.db-journal"
    if journal.exists() and journal.stat().st_size > 0:
        return "transaction"
    witness = Witness.read(folder, number)
    if witness.ended or "end of the campaign" in (folder / f"out.{number}.txt").read_text(errors="replace"):
        return "ending"
    if not witness.lines:
        return "starting"
    return "running" if has_bank(folder) else "pilot"


def _last_words(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-6:])


def main() -> int:
    """The long form, as a program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", type=int)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first round; the next counts on")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no round after this time")
    parser.add_argument("--folder", type=Path, help="keep everything here [default: a temporary folder]")
    words = parser.parse_args()
    folder = words.folder or Path(tempfile.mkdtemp(prefix="mdsieve-torture-"))
    folder.mkdir(exist_ok=True)
    torturer = Torturer(folder, keep=words.folder is not None)
    began = time.monotonic()
    for seed in range(words.seed, words.seed + words.rounds):
        if time.monotonic() - began > 60 * words.minutes:
            break
        try:
            print(torturer.play(seed), flush=True)
        except Failure as failure:
            print(f"FAILURE {failure}", flush=True)
    print(torturer.tally.table())
    if not torturer.tally.failures and words.folder is None:
        shutil.rmtree(folder)
    return 1 if torturer.tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
