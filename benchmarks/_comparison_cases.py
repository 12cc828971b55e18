# SPDX-License-Identifier: GPL-2.0-or-later
"""Pools of labelled frames, ways of choosing from them, and the errors of the potential that they make.

Used by `bench_comparison.py` and by the test of its main statement.
"""

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.calibrate import Pilot
from mdsieve.describe import describe
from mdsieve.encoders.soap import Soap
from mdsieve.maps import mean_fingerprints
from mdsieve.potentials import LinearPotential
from mdsieve.potentials.equations import FrameEquations
from mdsieve.samplers.clusters import ClusterSampler
from mdsieve.samplers.cur import CUR
from mdsieve.samplers.entropy import EntropySampler
from mdsieve.samplers.farthest_on_kernel import KernelFPS
from mdsieve.samplers.farthest_point import FPS
from mdsieve.samplers.random_frames import RandomSampler
from mdsieve.similarity.average_kernel import AverageKernel
from mdsieve.similarity.rematch import REMatchKernel

#: Ridge of all fits: subsets of a few small cells leave directions open that a weaker one lets run away.
ALPHA = 1e-6

#: Ways of choosing: name -> what it is.
METHODS = {
    "bank": "LE bank, frames in random order, threshold for as many",
    "fps": "farthest points on mean fingerprints, random start",
    "fps-soap": "farthest points on the average SOAP kernel, random start",
    "rematch": "farthest points on the REMatch kernel of SOAP, random start",
    "cluster": "agglomerative (Ward) on mean fingerprints, random member",
    "cur": "CUR on mean fingerprints, random by leverage",
    "entropy": "minimum set cover by entropy",
    "random": "random",
    "random-atoms": "random, until there are as many atoms as in the bank's frames",
}


def frames_of(path: Path) -> list[Atoms]:
    with gzip.open(path, "rt") as file:
        return read(file, ":", format="extxyz")


def bound(frames: Sequence[Atoms], energy: float, force: float) -> list[Atoms]:
    """Frames below an energy per atom [eV] and without larger forces [eV/Å]."""
    return [
        atoms
        for atoms in frames
        if atoms.get_potential_energy() < energy * len(atoms) and np.abs(atoms.get_forces()).max() < force
    ]


def silicon_crystals(data: Path) -> tuple[SymmetryFunctions, list[Atoms]]:
    """Random crystals of silicon that hold together, every third."""
    frames = [a for n in (4, 6, 8, 16) for a in frames_of(data / f"pyxtal_Si/Si{n}.extxyz.gz")]
    return SymmetryFunctions.from_text(describe(["Si"], 5.0)), bound(frames, -3.5, 10.0)[::3]


def germanium(data: Path) -> tuple[SymmetryFunctions, list[Atoms]]:
    """AIMD, strained and defective cells of germanium, training and test set together."""
    frames = [a for part in ("train", "test") for a in frames_of(data / f"mlearn/Ge_{part}.extxyz.gz")]
    return SymmetryFunctions.from_text(describe(["Ge"], 5.0)), frames


def molybdenum_tantalum(data: Path) -> tuple[SymmetryFunctions, list[Atoms]]:
    """Solid solutions of Mo and Ta."""
    functions = SymmetryFunctions.from_text(describe(["Mo", "Ta"], 5.0))
    return functions, frames_of(data / "MoNbTaW/MoTa_SS.extxyz.gz")


POOLS = {"Si crystals": silicon_crystals, "Ge": germanium, "Mo-Ta": molybdenum_tantalum}


class Chooser:
    """All ways of choosing from one pool; what they share is computed once.

    Parameters
    ----------
    functions : SymmetryFunctions
    pool : sequence of Atoms
    seed : int
    """

    def __init__(self, functions: SymmetryFunctions, pool: Sequence[Atoms], seed: int) -> None:
        self.functions, self.seed = functions, seed
        self.pool = list(pool)
        self.pilot = Pilot(functions, self.pool, "minmax")
        self.means = mean_fingerprints(functions, self.pilot.scaling, self.pool)
        self._soap: list[np.ndarray] | None = None

    @property
    def soap(self) -> list[np.ndarray]:
        if self._soap is None:
            self._soap = Soap(self.functions.elements, r_cut=5.0).encode_atoms(self.pool)
        return self._soap

    def bank(self, n: int) -> tuple[np.ndarray, dict[str, float]]:
        """Frames that the bank keeps with thresholds for n (or the next fewer), and these."""
        thresholds = self.pilot.afford(n).thresholds
        bank = EnvironmentBank.empty(self.functions, thresholds, self.pilot.scaling)
        return np.array([i for i, a in enumerate(self.pool) if bank.update(a).is_kept]), thresholds

    def choose(self, method: str, kept: np.ndarray) -> np.ndarray:
        """As many frames as the bank kept, picked by another method."""
        n = len(kept)
        if method == "random-atoms":
            sizes = np.array([len(atoms) for atoms in self.pool])
            order = np.random.default_rng(self.seed).permutation(len(sizes))
            return order[: 1 + np.searchsorted(np.cumsum(sizes[order]), sizes[kept].sum())]
        if method == "entropy":
            rows, groups, scaled = [], [], self.pilot.scaling
            for number, atoms in enumerate(self.pool):
                for e, (_, x) in enumerate(self.functions.create_by_element(atoms).values()):
                    x = (x - np.array(scaled.shift[e])) * np.array(scaled.factor[e])
                    rows.append(np.column_stack([x, np.full(len(x), 1e6 * e)]))
                    groups += [number] * len(x)
            return EntropySampler(n, bandwidth=0.1).fit(np.concatenate(rows), groups=groups).selected_idx_
        if method == "fps-soap":
            vectors = AverageKernel(self.soap).vectors
            return FPS(n, start="random", random_state=self.seed).fit(vectors).selected_idx_
        if method == "rematch":
            kernel = REMatchKernel(self.soap)
            return KernelFPS(n, start="random", random_state=self.seed).fit(kernel).selected_idx_
        sampler = {
            "fps": FPS(n, start="random", random_state=self.seed),
            "cluster": ClusterSampler(n, random_state=self.seed),
            "cur": CUR(n, rule="random", random_state=self.seed),
            "random": RandomSampler(n, random_state=self.seed),
        }[method]
        return sampler.fit(self.means).selected_idx_


def split(n: int, n_pool: int, n_test: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A random pool and a random test set of n frames that share none."""
    order = np.random.default_rng(seed).permutation(n)
    return order[:n_pool], order[n_pool : n_pool + n_test]


def equations_of(functions: SymmetryFunctions, frames: Sequence[Atoms]) -> FrameEquations:
    """All fits and errors of the linear potential on these frames."""
    return FrameEquations(LinearPotential(functions, alpha=ALPHA), frames)
