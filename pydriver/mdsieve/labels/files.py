# SPDX-License-Identifier: GPL-2.0-or-later
"""Labelled frames as files: the good ones in one, those that failed in another beside it; what is labelled is
never lost.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from mdsieve._version import __version__
from mdsieve.io.replacing import replacing
from mdsieve.labels.contract import Labelled, Labeller

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Written", "failed_path", "part_path", "write_labelled", "write_unlabelled"]

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


def part_path(output: str | os.PathLike) -> Path:
    """The file that grows until all frames are labelled."""
    output = Path(output)
    return output.with_name(f"{output.name}.part")


def write_labelled(
    labeller: Labeller, frames: Iterable[Atoms], output: str | os.PathLike, *, resume: bool = False
) -> Written:
    """Label frames and write them as extended XYZ.

    The comment line has ``labelled_by``, or in the file of those that failed ``label_problem`` and
    ``label_frame``. That file is there only if there are some; one of an earlier time is removed. Until the
    end both are called ``….part`` and hold what has been labelled so far, in whatever way the process ends.

    Parameters
    ----------
    labeller : Labeller
    frames : iterable of ase.Atoms
    output : path
    resume : bool
        Whether to go on with the ``….part`` files, if there are any; else they are replaced.

    Raises
    ------
    ValueError
        If the ``….part`` files are of other frames or another labeller, or as `Labeller.label`.
    OSError
        If a file cannot be written.
    """
    output = Path(output)
    parts = [part_path(output), part_path(failed_path(output))]
    frames = iter(frames)
    n_labelled = n_failed = 0
    if resume:
        if parts[0].exists() and not parts[1].exists() and failed_path(output).exists():
            os.replace(failed_path(output), parts[1])  # killed between the two renamings at the end
        n_labelled, n_failed = _take_up(parts, frames, labeller.description)
    else:
        for part in parts:
            part.unlink(missing_ok=True)
    n_before = n_labelled + n_failed
    with open(parts[0], "a", encoding="utf-8") as good, open(parts[1], "a", encoding="utf-8") as bad:
        for labelled in labeller.label(frames):
            if labelled.problem:
                n_failed += 1
                _write_failed(bad, labelled, n_before + labelled.index, n_failed)
            else:
                n_labelled += 1
                _write_good(good, labelled.atoms, labeller.description)
    failed = failed_path(output)
    if n_failed:
        _rename(parts[1], failed)
    else:
        failed.unlink(missing_ok=True)
        parts[1].unlink()
    _rename(parts[0], output)
    return Written(n_labelled, n_failed)


def _write_good(file: TextIO, atoms: Atoms, description: str) -> None:
    from ase.io.extxyz import write_extxyz

    atoms.info.pop("label_problem", None)
    atoms.info["labelled_by"] = _signed(description)
    write_extxyz(file, [atoms])
    file.flush()


def _write_failed(file: TextIO, labelled: Labelled, index: int, n_failed: int) -> None:
    from ase.io.extxyz import write_extxyz

    if n_failed <= _MOST_LOGGED:
        last = " (more are not told here)" if n_failed == _MOST_LOGGED else ""
        logger.warning("frame %d: %s%s", index, labelled.problem, last)
    labelled.atoms.info["label_problem"] = labelled.problem
    labelled.atoms.info["label_frame"] = index
    write_extxyz(file, [labelled.atoms])
    file.flush()


def _signed(description: str) -> str:
    return f"{description} (mdsieve {__version__})"


def _rename(part: Path, path: Path) -> None:
    with open(part, "rb") as file:
        os.fsync(file.fileno())
    os.replace(part, path)


def _take_up(parts: list[Path], frames: Iterable[Atoms], description: str) -> tuple[int, int]:
    """How many frames have been labelled and have failed; the same number is taken from the frames."""
    labelled, failed = map(_whole_frames, parts)
    other = next((one for one in labelled if one.info.get("labelled_by") != _signed(description)), None)
    if other is not None:
        raise ValueError(
            f"{parts[0]}: labels by {other.info.get('labelled_by')}, not by {_signed(description)}"
        )
    done = {int(one.info["label_frame"]): one for one in failed}
    good = iter(labelled)
    n_done = len(labelled) + len(failed)
    n_given = 0
    for index, atoms in enumerate(islice(frames, n_done)):
        n_given += 1
        before = done.get(index) or next(good, None)
        if before is None or not _same(before, atoms):
            raise ValueError(f"{parts[0]}: frame {index} is another than that to be labelled")
    if n_given < n_done:
        raise ValueError(f"{parts[0]}: {n_done} frames, to be continued for {n_given}")
    if n_done:
        logger.info("%d frames have been labelled before", n_done)
    return len(labelled), len(failed)


def _whole_frames(part: Path) -> list[Atoms]:
    """The frames of a file that a process was killed over; what stands behind them is cut off."""
    from ase.io import read

    from mdsieve.io.text_frames import split_xyz

    if not part.exists():
        return []
    frames: list[Atoms] = []
    end = 0
    with open(part, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        with suppress(ValueError):  # the last may have been cut short
            for text in split_xyz(file):
                if end + len(text.data) > size:  # its last line has no end
                    break
                frames.append(read(io.StringIO(text.data.decode()), format="extxyz"))  # type: ignore[arg-type]
                end += len(text.data)
        file.truncate(end)
    return frames


def _same(one: Atoms, other: Atoms) -> bool:
    """Whether frames are the same, but for the digits of a file."""
    if len(one) != len(other) or (one.numbers != other.numbers).any():
        return False
    return bool(np.abs(one.positions - other.positions).max(initial=0.0) < 1e-6)


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
