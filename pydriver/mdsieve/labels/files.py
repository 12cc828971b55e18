# SPDX-License-Identifier: GPL-2.0-or-later
"""Labelled frames as files: the good ones in one, those that failed in another beside it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mdsieve._version import __version__
from mdsieve.io.replacing import replacing
from mdsieve.labels.contract import Labelled

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Written", "failed_path", "write_labelled", "write_unlabelled"]

logger = logging.getLogger("mdsieve.labels")

_MOST_LOGGED = 5


@dataclass(frozen=True)
class Written:
    """How many frames there were.

    Attributes
    ----------
    n_labelled, n_failed : int
    """

    n_labelled: int
    n_failed: int


def failed_path(output: str | os.PathLike) -> Path:
    """The file for frames that failed, beside that of the others."""
    output = Path(output)
    return output.with_name(f"{output.stem}.failed{output.suffix}")


def write_labelled(frames: Iterable[Labelled], output: str | os.PathLike, description: str) -> Written:
    """Write frames as extended XYZ as they come.

    The comment line has ``labelled_by``, or in the file of those that failed ``label_problem``. That file is
    there only if there are some; one of an earlier time is removed.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    from ase.io.extxyz import write_extxyz

    n_labelled = n_failed = 0
    failed = failed_path(output)
    with ExitStack() as stack:
        good = stack.enter_context(open(stack.enter_context(replacing(output)), "w", encoding="utf-8"))
        bad = None
        for labelled in frames:
            atoms = labelled.atoms
            if labelled.problem:
                n_failed += 1
                if n_failed <= _MOST_LOGGED:
                    last = " (more are not told here)" if n_failed == _MOST_LOGGED else ""
                    logger.warning("frame %d: %s%s", labelled.index, labelled.problem, last)
                if bad is None:
                    bad = stack.enter_context(
                        open(stack.enter_context(replacing(failed)), "w", encoding="utf-8")
                    )
                atoms.info["label_problem"] = labelled.problem
                atoms.info["label_frame"] = labelled.index
                write_extxyz(bad, [atoms])
            else:
                n_labelled += 1
                atoms.info.pop("label_problem", None)
                atoms.info["labelled_by"] = f"{description} (mdsieve {__version__})"
                write_extxyz(good, [atoms])
    if not n_failed:
        failed.unlink(missing_ok=True)
    return Written(n_labelled, n_failed)


def write_unlabelled(frames: Iterable[Atoms], output: str | os.PathLike) -> int:
    """Write frames that wait for their labels as extended XYZ; how many there were.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    from ase.io.extxyz import write_extxyz

    n_frames = 0
    with replacing(output) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for atoms in frames:
            write_extxyz(file, [atoms])
            n_frames += 1
    return n_frames
