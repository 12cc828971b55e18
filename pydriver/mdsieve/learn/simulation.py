# SPDX-License-Identifier: GPL-2.0-or-later
"""MD of a generation: the user's script with a driver, in a program of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mdsieve.io.wording import shown
from mdsieve.lammps_program import RunningProgram, running_program, split_command
from mdsieve.learn.config import LearnConfig

__all__ = ["Simulation", "n_evaluated_and_kept", "simulation"]


class Simulation:
    """MD that runs.

    Attributes
    ----------
    store : path
        Where the frames go that it keeps.
    """

    def __init__(self, program: RunningProgram, store: Path, log: Path, script: Path) -> None:
        self.store = store
        self._program = program
        self._log = log
        self._script = script

    def has_ended(self, patience: float) -> bool:
        """Whether it comes to its end within some seconds."""
        return self._program.has_ended(patience)

    def note(self) -> str:
        """When it has ended: why before its script did; empty if it did not.

        Raises
        ------
        ValueError
            If it has failed before it kept anything.
        """
        finished = self._program.finish()
        if not finished.returncode:
            return ""
        note = _last_words(finished.output, self._log) or finished.ending
        if not n_evaluated_and_kept(self.store)[1]:
            raise ValueError(f"{self._script}: MD has kept nothing and failed: {note}")
        return note


@contextmanager
def simulation(
    config: LearnConfig, number: int, place: Path, store: Path, potential: Path
) -> Iterator[Simulation]:
    """Begin MD of a generation; it is killed when the context is left before its end.

    Parameters
    ----------
    config : LearnConfig
    number : int
        Of the generation.
    place : path
        Its folder.
    store : path
        Must not be there yet.
    potential : path
        For the script's variable ``potential``.
    """
    log = place / "log.lammps"
    words = [*split_command(config.launcher)] if config.launcher else []
    words += [sys.executable, "-m", "mdsieve", "run", str(config.script), "--store", str(store)]
    if config.driver is not None:
        words += ["--config", str(config.driver)]
    words += ["-log", str(log), "-screen", "none"]
    variables = {
        **config.variables,
        "potential": potential,
        "generation": number,
        "seed": config.seed + number,
        "folder": place,
    }
    for name, value in variables.items():
        words += ["-var", name, str(value)]
    with running_program(words) as program:
        yield Simulation(program, store, log, config.script)


def n_evaluated_and_kept(store: Path) -> tuple[int, int]:
    """Frames seen and kept, by what a store says; none if there is no store."""
    from mdsieve.driver.store import FrameStore

    if not store.exists():
        return 0, 0
    with FrameStore.read(store) as opened:
        return sum(int(run["seen"]) for run in opened.runs()), opened.n_frames


def _last_words(output: str, log: Path) -> str:
    """Why LAMMPS or the driver has ended, in their words."""
    said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    for text, mark in ((said, "ERROR"), (output, "ERROR"), (output, "mdsieve: ")):
        found = [line for line in text.splitlines() if line.startswith(mark)]
        if found:
            return shown(found[-1].removeprefix("mdsieve: "), 200)
    return ""
