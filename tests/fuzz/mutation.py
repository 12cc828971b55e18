# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeded random mutations of bytes, and the loop that shows them to a target."""

import random
import resource
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LARGEST_INPUT = 1 << 14
POOL_SIZE = 400
#: What the process may take beyond what it has: a request that the input does not justify fails.
SPARE_MEMORY = 2 << 30

ODD_WORDS = [0, 1, 2, 3, 2**64 - 1, 2**63 - 1, 2**63, 2**61, 2**61 + 1, 2**60, 2**40, 2**32, 2**31, 2**31 - 1]
ODD_REALS = [float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 5e-324, -0.0]


class Mutator:
    """Makes new inputs from those that a target accepts.

    Parameters
    ----------
    corpus : sequence of bytes
        Sound inputs.
    words : sequence of bytes
        Pieces worth inserting.
    seed : int
    """

    def __init__(self, corpus: Sequence[bytes], words: Sequence[bytes], seed: int) -> None:
        self._random = random.Random(seed)
        self._pool = list(corpus)
        self._sound = len(self._pool)
        self._words = list(words) or [b""]

    def next(self) -> bytes:
        """One more input."""
        data = bytearray(self._random.choice(self._pool))
        for _ in range(1 + int(4 * self._random.random() ** 2)):
            self._change(data)
        return bytes(data[:LARGEST_INPUT])

    def keep(self, data: bytes) -> None:
        """Mutate this one further."""
        if len(self._pool) < POOL_SIZE:
            self._pool.append(data)
        else:
            self._pool[self._random.randrange(self._sound, POOL_SIZE)] = data

    def _change(self, data: bytearray) -> None:
        rng = self._random
        at = int(rng.random() * (len(data) + 1))
        length = 1 + int(rng.random() * (200 if rng.random() < 0.12 else 12))
        match int(rng.random() * 9):
            case 0 if at < len(data):
                data[at] ^= 1 << int(rng.random() * 8)
            case 1 if at < len(data):
                data[at] = int(rng.random() * 256)
            case 2:
                data[at:at] = bytes([int(rng.random() * 256)]) * (1 + int(rng.random() * 9))
            case 3:
                del data[at : at + length]
            case 4:
                to = int(rng.random() * (len(data) + 1))
                data[to:to] = data[at : at + length]
            case 5:
                other = rng.choice(self._pool)
                begin = int(rng.random() * (len(other) + 1))
                data[at : at + length] = other[begin : begin + 1 + int(rng.random() * 100)]
            case 6:
                data[at : at + (length if rng.random() < 0.5 else 0)] = rng.choice(self._words)
            case 7 if len(data) >= 8:
                at = 8 * int(rng.random() * (len(data) // 8))
                if rng.random() < 0.3:
                    data[at : at + 8] = struct.pack("<d", rng.choice(ODD_REALS))
                elif rng.random() < 0.5:
                    data[at : at + 8] = struct.pack("<Q", rng.choice(ODD_WORDS))
                else:
                    data[at : at + 8] = struct.pack("<q", int(rng.random() * 2 * len(data)))
            case 8:
                del data[at:]


@dataclass(frozen=True)
class Target:
    """A reader under test.

    Attributes
    ----------
    read : callable
        Reads bytes. True: accepted; False: refused as it should be; raises `Violation` or anything else: found.
    corpus : list of bytes
        Sound inputs: all are accepted.
    words : list of bytes
        Pieces worth inserting.
    seeds : list of bytes
        More inputs to start from.
    """

    read: Callable[[bytes], bool]
    corpus: list[bytes]
    words: list[bytes]
    seeds: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Finding:
    """An input that a target cannot stand."""

    data: bytes
    error: BaseException


@dataclass(frozen=True)
class Outcome:
    """What became of a number of executions."""

    executions: int
    accepted: int
    seconds: float
    finding: Finding | None


class Violation(AssertionError):
    """A property that must hold for every input does not."""


def require_line(message: str) -> None:
    """A refusal is one line without control characters, not as long as its input wishes."""
    if not message or len(message) > 1200 or any(ord(c) < 32 or ord(c) == 127 for c in message):
        raise Violation(f"not one printable line: {message[:300]!r}")


def limit_memory() -> None:
    """From now on a request far beyond what the process has is a `MemoryError`."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    now = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + SPARE_MEMORY, resource.RLIM_INFINITY))


def run(target: Target, executions: int, seed: int, corpus: Sequence[bytes] = ()) -> Outcome:
    """Show a target its corpus, some more inputs and mutations of both, until one is found that it cannot stand."""
    mutator = Mutator(target.corpus + target.seeds, target.words, seed)
    start, accepted, done, data = time.monotonic(), 0, 0, b""
    try:
        for data in target.corpus:
            if not target.read(data):
                raise Violation("the corpus is accepted")
        for data in corpus:
            if target.read(data):
                mutator.keep(data)
        for _ in range(executions):
            data = mutator.next()
            if target.read(data):
                accepted += 1
                mutator.keep(data)
            done += 1
    except Exception as error:
        return Outcome(done, accepted, time.monotonic() - start, Finding(data, error))
    return Outcome(done, accepted, time.monotonic() - start, None)
