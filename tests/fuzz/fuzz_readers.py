# SPDX-License-Identifier: GPL-2.0-or-later
"""Show mutated inputs to the readers: ``fuzz_readers.py [--executions N] [--seed S] [TARGET ...]``.

What a reader cannot stand is left in ``crash-TARGET``; once mended, it goes to ``corpora/TARGET`` as a test.
"""

import argparse
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import targets
from mutation import limit_memory, run

CORPORA = Path(__file__).parent / "corpora"


def corpus_of(name: str) -> list[bytes]:
    """The committed inputs of a target."""
    return [file.read_bytes() for file in sorted((CORPORA / name).glob("*"))]


def main() -> int:
    """Exit code: number of targets with a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("targets", nargs="*", default=[], metavar="TARGET")
    words = parser.parse_args()
    found = 0
    for name in words.targets or targets.NAMES:
        target = targets.make(name)
        limit_memory()
        outcome = run(target, words.executions, words.seed, corpus_of(name))
        print(
            f"{name}: {outcome.executions} executions, {outcome.accepted} accepted, {outcome.seconds:.1f} s",
            flush=True,
        )
        if outcome.finding is not None:
            found += 1
            Path(f"crash-{name}").write_bytes(outcome.finding.data)
            traceback.print_exception(outcome.finding.error)
            print(f"{name}: the input is in crash-{name}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
