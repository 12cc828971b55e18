# SPDX-License-Identifier: GPL-2.0-or-later
"""How `fix select` and its driver grow with ranks and atoms: the tables of docs/scaling.md.

A model, not a measurement of large machines: times and rates measured on one core go in (`Measured`; those
that the other benchmarks left in a folder with --results), sizes of messages are those of docs/link.md.

    python benchmarks/scaling_model.py [--results benchmarks/results]
"""

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

ATOMS = tuple(10**k for k in range(3, 10))
RANKS = tuple(10**k for k in range(5))
FEWEST_ATOMS_A_RANK = 100  # below, MD itself does not grow any more


@dataclass(frozen=True)
class Measured:
    """What goes in; measured in November 2026 on one core of an AMD EPYC (Zen 3, AVX2), or assumed.

    Rates of the driver are per second of its processor time: what it takes in on a core of its own.
    """

    step_us: float = 1.6  # µs an atom and MD step: EAM of LAMMPS' benchmark, one rank
    fingerprint_us: float = 19.0  # µs an atom and evaluation: list, kernel, decision (double, 24 G2 + 16 G4)
    message_us: float = 420.0  # µs a frame in the driver, whatever its size
    positions_mb: float = 620.0  # MB/s of positions and forces
    candidates_mb: float = 730.0  # MB/s of fingerprints that the driver knows
    transaction_ms: float = 37.0  # ms a kept frame on disk, beside its bytes
    columns: int = 40
    every: int = 100  # steps between evaluations
    share_kept: float = 0.01  # of the frames, once the bank has settled: assumed
    candidates_in_kept: float = 5.0  # new or uncertain environments in a kept frame: assumed
    latency_us: float = 40.0  # a step's communication, and 5 more for each doubling of ranks: assumed
    network_mb: float = 10_000.0  # MB/s into one rank: assumed (100 Gbit/s)


@dataclass(frozen=True)
class Point:
    """What the model says of one run.

    Attributes
    ----------
    frames_a_second : float
        That MD and the fix could look at with a driver that takes no time.
    overhead : float
        Time of the fix on the ranks / time of MD.
    bytes_filtered, bytes_unfiltered : float
        A frame, on average, with and without the filter at the source.
    load_filtered, load_unfiltered : float
        Busy time of the driver / time between frames; above 1 it holds MD up.
    network_filtered, network_unfiltered : float
        Likewise of the network into the first rank and the driver.
    """

    atoms: int
    ranks: int
    frames_a_second: float
    overhead: float
    bytes_filtered: float
    bytes_unfiltered: float
    load_filtered: float
    load_unfiltered: float
    network_filtered: float
    network_unfiltered: float

    @property
    def limit(self) -> str:
        """What holds MD up first with the filter."""
        return _limit(self.load_filtered, self.network_filtered)

    @property
    def limit_unfiltered(self) -> str:
        """What would hold MD up without it."""
        return _limit(self.load_unfiltered, self.network_unfiltered)


def _limit(load: float, network: float) -> str:
    if max(load, network) <= 1.0:
        return "–"
    return "driver" if load >= network else "network"


def atoms_bytes(atoms: float) -> float:
    """IDs, elements, positions and forces of a frame."""
    return atoms * (36 + 24)


def candidates_bytes(candidates: float, columns: int) -> float:
    """IDs, elements and fingerprints of candidates."""
    return candidates * (12 + 8 * columns)


HEADER_BYTES = 32 + 32 * 8


def predict(m: Measured, atoms: int, ranks: int) -> Point:
    """One run."""
    step = m.step_us * atoms / ranks + (0 if ranks == 1 else m.latency_us + 5 * math.log2(ranks))
    own = m.fingerprint_us * atoms / ranks
    period = (m.every * step + own) * 1e-6
    few = candidates_bytes(m.candidates_in_kept, m.columns)
    filtered = HEADER_BYTES + m.share_kept * (atoms_bytes(atoms) + few)
    all_candidates = candidates_bytes(atoms, m.columns)
    unfiltered = HEADER_BYTES + atoms_bytes(atoms) + all_candidates
    stored = m.share_kept * (m.transaction_ms * 1e-3 + atoms_bytes(atoms) / (1e6 * m.positions_mb))
    busy = m.message_us * 1e-6 + stored
    candidates_busy = (
        m.share_kept * candidates_bytes(m.candidates_in_kept, m.columns) / (1e6 * m.candidates_mb)
    )
    everything = (atoms_bytes(atoms) / m.positions_mb + all_candidates / m.candidates_mb) * 1e-6
    return Point(
        atoms,
        ranks,
        1 / period,
        own / (m.every * step),
        filtered,
        unfiltered,
        (busy + candidates_busy) / period,
        (busy + everything) / period,
        filtered / (1e6 * m.network_mb) / period,
        unfiltered / (1e6 * m.network_mb) / period,
    )


def points(m: Measured) -> Iterator[Point]:
    """All sizes that make sense: enough atoms a rank, and not more than fit into its memory."""
    for atoms in ATOMS:
        for ranks in RANKS:
            if FEWEST_ATOMS_A_RANK <= atoms / ranks <= 10**7:
                yield predict(m, atoms, ranks)


def shortest_interval(m: Measured, atoms: int, ranks: int, *, is_filtered: bool) -> int:
    """Smallest number of steps between evaluations at which neither driver nor network holds MD up."""

    def is_enough(every: int) -> bool:
        point = predict(replace(m, every=every), atoms, ranks)
        limit = point.limit if is_filtered else point.limit_unfiltered
        return limit == "–"

    low, high = 0, 1
    while not is_enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def measured(folder: Path, m: Measured) -> Measured:
    """What the other benchmarks left in a folder, in place of the defaults."""

    def rows(name: str) -> list[dict]:
        path = folder / f"{name}.json"
        return json.loads(path.read_text())["rows"] if path.is_file() else []

    found: dict[str, float] = {}
    for row in rows("link"):
        seconds = row["driver_processor_seconds"] / row["frames"]
        size = row["bytes"] / row["frames"]
        if row["case"] == "positions":
            found["positions_mb"] = size / max(seconds - m.message_us * 1e-6, 0.1 * seconds) / 1e6
        elif row["case"] == "candidates":
            found["candidates_mb"] = size / max(seconds - m.message_us * 1e-6, 0.1 * seconds) / 1e6
        elif row["case"] == "stored":
            found["transaction_ms"] = 1e3 * row["seconds"] / row["frames"]
    for row in rows("fix"):
        if row["system"] == "eam" and "double" in row["words"] and "microseconds_an_atom_and_step" in row:
            found["step_us"] = row["microseconds_an_atom_and_step"]["median"]
            share = row["counted_percent"]["median"] / 100  # of a loop that holds the fix as well
            found["fingerprint_us"] = share / (1 - share) * row["every"] * found["step_us"]
    return replace(m, **found)


def table(m: Measured) -> str:
    """The tables of docs/scaling.md."""
    lines = [
        "| atoms | ranks | frames/s | fix, % of MD | bytes a frame | driver, % | held up by "
        "| unfiltered: bytes | driver, % | held up by |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for p in points(m):
        lines.append(
            f"| 10^{round(math.log10(p.atoms))} | {p.ranks} | {_short(p.frames_a_second)} "
            f"| {100 * p.overhead:.1f} | "
            f"{_bytes(p.bytes_filtered)} | {_short(100 * p.load_filtered)} | {p.limit} | "
            f"{_bytes(p.bytes_unfiltered)} | {_short(100 * p.load_unfiltered)} | {p.limit_unfiltered} |"
        )
    lines += [
        "",
        "| atoms a rank | ranks | smallest N | if every frame is kept | without filter |",
        "|---|---|---|---|---|",
    ]
    for a_rank in (1000, 100_000):
        for ranks in RANKS:
            usual = shortest_interval(m, a_rank * ranks, ranks, is_filtered=True)
            all_kept = shortest_interval(replace(m, share_kept=1.0), a_rank * ranks, ranks, is_filtered=True)
            unfiltered = shortest_interval(m, a_rank * ranks, ranks, is_filtered=False)
            lines.append(f"| {a_rank} | {ranks} | {usual} | {all_kept} | {unfiltered} |")
    return "\n".join(lines) + "\n"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def _bytes(value: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.3g} {unit}"
        value /= 1000
    raise AssertionError


def main() -> None:
    """Print the tables, store all numbers as JSON."""
    from _record import store

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, help="folder of JSON files; default: the stated numbers")
    parser.add_argument("--json", type=Path, help="file to write instead of results/scaling.json")
    options = parser.parse_args()
    m = Measured() if options.results is None else measured(options.results, Measured())
    print(", ".join(f"{field.name} {getattr(m, field.name):.4g}" for field in fields(m)) + "\n")
    print(table(m), end="")
    content = {"measured": asdict(m), "rows": [asdict(p) for p in points(m)]}
    print(f"all in {store('scaling', content, output=options.json)}")


if __name__ == "__main__":
    main()
