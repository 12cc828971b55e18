# SPDX-License-Identifier: GPL-2.0-or-later
"""Work for the engine's tests: importable by workers, some of it deadly."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np


def squares(chunk):
    """Squares and sums of a chunk of numbers."""
    return np.asarray(chunk, float) ** 2, np.array([float(np.sum(chunk))])


def process_id(chunk):
    return np.array([os.getpid()])


def refuse_three(chunk):
    if 3 in chunk:
        raise ValueError("three is refused")
    return np.asarray(chunk)


def n_threads(chunk):
    """Threads of every numerical library of the worker."""
    from threadpoolctl import threadpool_info

    np.ones((8, 8)) @ np.ones((8, 8))
    return np.array([library["num_threads"] for library in threadpool_info()])


@dataclass(frozen=True)
class Counted:
    """Squares; leaves a line in a file for each chunk, and dies at some chunks the first n times."""

    folder: Path
    deadly: tuple = ()
    n_deaths: int = 1

    def __call__(self, chunk):
        name = f"{chunk[0]}"
        with open(self.folder / name, "a") as file:
            file.write("x")
        if chunk[0] in self.deadly and self.n_tries(name) <= self.n_deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.asarray(chunk, float) ** 2

    def n_tries(self, name):
        """Times that a chunk was begun."""
        path = self.folder / str(name)
        return path.stat().st_size if path.exists() else 0
