# SPDX-License-Identifier: GPL-2.0-or-later
"""What a campaign remembers: a record of each generation, and one campaign at a time in a folder."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mdsieve._version import __version__
from mdsieve.io.replacing import replacing

__all__ = ["Generation", "alone_in", "read_generations", "read_json", "write_generations", "write_json"]

_NAME = "generations.json"


@dataclass(frozen=True)
class Generation:
    """One turn of the campaign; number 0 is the first training.

    Attributes
    ----------
    number : int
    n_evaluated, n_kept : int
        Frames that MD has shown, and that were kept; of MD that came to an end, not of such that was killed.
    n_rounds : int
        Times that the ensemble was trained.
    n_labelled, n_failed : int
        Kept frames with labels and without, in all rounds.
    n_training : int
        Frames that the ensemble was trained on in the end.
    validation : dict of str to float
        Errors of training, mean over the members.
    note : str
        Why MD ended before its script did; empty if it did not.
    """

    number: int
    n_evaluated: int = 0
    n_kept: int = 0
    n_rounds: int = 0
    n_labelled: int = 0
    n_failed: int = 0
    n_training: int = 0
    validation: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def kept_share(self) -> float:
        """Kept of evaluated frames; 1 if there were none."""
        return self.n_kept / self.n_evaluated if self.n_evaluated else 1.0


def read_generations(folder: Path) -> list[Generation]:
    """Those that are finished.

    Raises
    ------
    ValueError
        If the file makes no sense.
    """
    path = folder / _NAME
    if not path.exists():
        return []
    try:
        return [Generation(**entry) for entry in read_json(path)["generations"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: no record of generations: {error}") from None


def write_generations(folder: Path, generations: list[Generation], settings: Mapping[str, Any]) -> None:
    """Write all of them with the settings, whole or not at all."""
    content = {
        "version": __version__,
        "settings": dict(settings),
        "generations": [asdict(generation) for generation in generations],
    }
    write_json(folder / _NAME, content)


def read_json(path: Path) -> Any:
    """What a JSON file says."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep another campaign out of a folder; a killed one leaves nothing behind that does.

    Raises
    ------
    ValueError
        If one is at work there.
    """
    with open(folder / ".lock", "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"{folder}: another mdsieve learn is at work here") from None
        yield
