# SPDX-License-Identifier: GPL-2.0-or-later
"""A solid and a liquid whose densities of states are known, and samples of them under a bias.

H - E is the energy of F/2 harmonic oscillators in either phase, so that all means have a closed form; O and the
volume are normal and do not depend on H.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mdsieve.momt.records import Record, read_record
from mdsieve.momt.samples import Samples
from mdsieve.momt.weight import Weight

K = 8.617343e-05
NKTV2P = 1.6021765e6
N_ATOMS = 32
OSCILLATORS = 48.0  # half the degrees of freedom
MELTING = 2200.0
T0, P0 = 2000.0, 1.0
TAILS = (1400.0, 3000.0)
CAP = 12.0


@dataclass(frozen=True)
class Phase:
    energy: float
    order: tuple[float, float]
    volume: tuple[float, float]


SOLID = Phase(-156.0, (24.0, 1.5), (370.0, 6.0))
LIQUID = Phase(-152.0, (3.0, 1.0), (405.0, 9.0))
PHASES = (SOLID, LIQUID)
ENTROPY = (LIQUID.energy - SOLID.energy) / (K * MELTING)  # of melting, in k


def log_states(phase: Phase, enthalpy: np.ndarray) -> np.ndarray:
    """ln Omega(H) of a phase."""
    entropy = ENTROPY if phase is LIQUID else 0.0
    above = np.maximum(enthalpy - phase.energy, 1e-300)
    return np.where(enthalpy > phase.energy, (OSCILLATORS - 1.0) * np.log(above) + entropy, -np.inf)


def log_normal(x: np.ndarray, mean_and_width: tuple[float, float]) -> np.ndarray:
    mean, width = mean_and_width
    return -0.5 * ((x - mean) / width) ** 2 - np.log(width * np.sqrt(2.0 * np.pi))


def log_states_of_both(enthalpy: np.ndarray, order: np.ndarray) -> np.ndarray:
    """ln Omega(H, O)."""
    return np.logaddexp(*(log_states(phase, enthalpy) + log_normal(order, phase.order) for phase in PHASES))


def weight_text(v: np.ndarray, window, order) -> str:
    """A weight with these coefficients (inner rows and columns are near v in the middles)."""
    n, m = window[2], order[2]
    rows = [" ".join(map(repr, map(float, row))) for row in np.pad(v, ((1, 2), (1, 2)), mode="edge")]
    return "\n".join(
        [
            "mdsieve momt weight 1",
            "units metal",
            f"temperature {T0}",
            f"pressure {P0}",
            f"atoms {N_ATOMS}",
            "lattice fcc 2 2 2",
            "enthalpy {} {} {}".format(*window),
            "order {} {} {}".format(*order),
            "tails {} {}".format(*TAILS),
            f"cap {CAP}",
            *("samples 0", "deposits 0", "passages 0", "side 0"),
            f"coefficients {n + 3} {m + 3}",
            *rows,
            f"visits {n} {m}",
            *(" ".join("0" for _ in range(m)) for _ in range(n)),
        ]
    )


def flat_weight(n: int = 40, m: int = 40) -> Weight:
    """v = cap - F where F, the free energy at T0, is less than the cap, else 0."""
    window, order = (-4.75, -4.3125, n), (-2.0, 34.0, m)
    enthalpies = (window[0] + (np.arange(n) + 0.5) * (window[1] - window[0]) / n) * N_ATOMS
    orders = order[0] + (np.arange(m) + 0.5) * (order[1] - order[0]) / m
    h, o = np.meshgrid(enthalpies, orders, indexing="ij")
    free = h / (K * T0) - log_states_of_both(h, o)
    v = K * T0 * np.maximum(CAP - (free - free.min()), 0.0)
    return Weight.parse(weight_text(v, window, order))


@dataclass(frozen=True)
class Drawn:
    enthalpy: np.ndarray
    order: np.ndarray
    volume: np.ndarray
    is_liquid: np.ndarray


class Exact:
    """exp[-(H + v) / k T0] on a fine grid of H and O, for either phase."""

    def __init__(self, weight: Weight) -> None:
        self.enthalpy = np.linspace(-154.0, -134.0, 2001)
        self.order = np.linspace(-2.0, 34.0, 481)
        h, o = np.meshgrid(self._middles(self.enthalpy), self._middles(self.order), indexing="ij")
        v = weight.evaluate(h.ravel(), o.ravel()).value.reshape(h.shape)
        log = [log_states(p, h) + log_normal(o, p.order) - (h + v) / (K * T0) for p in PHASES]
        density = np.exp(np.array(log) - np.max(log))
        self.liquid = density[1].sum() / density.sum()
        self._cumulative = [np.cumsum(part) / part.sum() for part in density]

    @staticmethod
    def _middles(edges: np.ndarray) -> np.ndarray:
        return 0.5 * (edges[1:] + edges[:-1])

    def draw(self, is_liquid: np.ndarray, rng: np.random.Generator) -> Drawn:
        """A sample of the phase for each flag."""
        n = len(is_liquid)
        enthalpy, order, volume = np.empty(n), np.empty(n), np.empty(n)
        for phase, cumulative, mine in zip(PHASES, self._cumulative, (~is_liquid, is_liquid), strict=True):
            m = np.count_nonzero(mine)
            row, column = np.divmod(np.searchsorted(cumulative, rng.random(m)), len(self.order) - 1)
            for values, edges, k in ((enthalpy, self.enthalpy, row), (order, self.order, column)):
                values[mine] = edges[k] + rng.random(m) * (edges[1] - edges[0])
            volume[mine] = rng.normal(*phase.volume, m)
        return Drawn(enthalpy, order, volume, is_liquid)

    def independent(self, n: int, rng: np.random.Generator) -> Drawn:
        return self.draw(rng.random(n) < self.liquid, rng)

    def series(self, n: int, rng: np.random.Generator, *, stay: float) -> Drawn:
        """Samples as a run leaves them: the phase is drawn anew every `stay` samples on average."""
        anew = rng.random(n) < 1.0 / stay
        anew[0] = True
        last = np.maximum.accumulate(np.where(anew, np.arange(n), 0))
        return self.draw((rng.random(n) < self.liquid)[last], rng)


def write_record(path: Path, weight: Weight, drawn: Drawn, *, form: str = "%.10g") -> Path:
    """As `fix ave/time` does."""
    bias = weight.evaluate(drawn.enthalpy, drawn.order).value
    lines = ["# Time-averaged data for fix record", "# TimeStep f_m[1] f_m[2] f_m[3] v_vol v_twice"]
    for k, (h, o, v, volume) in enumerate(zip(drawn.enthalpy, drawn.order, bias, drawn.volume, strict=True)):
        lines.append(f"{20 * k} " + " ".join(form % x for x in (h, o, v, volume, 2.0 * volume)))
    path.write_text("\n".join(lines) + "\n")
    return path


def record_of(weight: Weight, drawn: Drawn, name: str = "record") -> Record:
    """The record that `write_record` leaves, without a file."""
    n = len(drawn.enthalpy)
    bias = weight.evaluate(drawn.enthalpy, drawn.order).value
    digits = np.full(n, 1e-9)
    return Record(
        name,
        "m",
        20 * np.arange(n),
        np.arange(3, n + 3),
        drawn.enthalpy,
        drawn.order,
        bias,
        drawn.volume,
        {"v_vol": drawn.volume, "v_twice": 2.0 * drawn.volume},
        dict.fromkeys(("enthalpy", "order", "bias"), digits),
    )


def samples_of(weight: Weight, *drawn: Drawn) -> Samples:
    return Samples(weight, tuple(record_of(weight, each, f"record {k}") for k, each in enumerate(drawn)))


def read_back(path: Path, weight: Weight) -> Samples:
    return Samples(weight, (read_record(path),))
