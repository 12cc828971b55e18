# SPDX-License-Identifier: GPL-2.0-or-later
"""Choose frames of stored trajectories by a sampler of rows, and write all that is to be written."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from mdsieve.encoders.contract import AtomEncoder, Encoder
from mdsieve.encoders.mean import FingerprintSummaries, scaled_means
from mdsieve.engine import Engine
from mdsieve.samplers.contract import Sampler
from mdsieve.samplers.encoded_frames import EncodedFrames, Trajectories, encode_atoms, encode_frames
from mdsieve.samplers.farthest_on_kernel import KernelFPS
from mdsieve.samplers.grouped import GroupedSampler
from mdsieve.samplers.progress import showing_progress

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.samplers.selection import Selection
    from mdsieve.similarity.kernel import StructureKernel

logger = logging.getLogger("mdsieve.samplers")

Scale = Literal["none", "standard", "minmax", "unit"]

#: Rows of different elements are put this many units apart: nothing of one element is near another.
_APART = 1e6


@dataclass(frozen=True)
class Outputs:
    """Files that a selection writes.

    Attributes
    ----------
    frames : path
        The picked frames in pick order, extended XYZ.
    json : path, optional
        The `Selection`.
    report : path, optional
        An HTML page.
    overwrite : bool
        Replace files that exist.
    """

    frames: Path
    json: Path | None = None
    report: Path | None = None
    overwrite: bool = False

    def check(self) -> None:
        """Complain before the work is done, not after it.

        Raises
        ------
        OSError
            If a file exists and is not to be overwritten, or its folder does not.
        """
        for path in (self.frames, self.json, self.report):
            if path is None:
                continue
            if path.exists() and not self.overwrite:
                raise FileExistsError(17, "the file exists already; say --overwrite to replace it", str(path))
            if not path.absolute().parent.is_dir():
                raise FileNotFoundError(2, "the folder does not exist", str(path.parent))


@dataclass(frozen=True)
class Candidates:
    """The candidates and the frames that are there already.

    Attributes
    ----------
    encoded : EncodedFrames
    earlier : EncodedFrames or None
        The earlier set.
    """

    encoded: EncodedFrames
    earlier: EncodedFrames | None

    def changed(self, change: Callable[[EncodedFrames], np.ndarray]) -> Candidates:
        """The same with other rows."""
        earlier = None if self.earlier is None else replace(self.earlier, rows=change(self.earlier))
        return Candidates(replace(self.encoded, rows=change(self.encoded)), earlier)


def select_frames(
    frames: Trajectories,
    sampler: Sampler,
    encoder: Encoder | None,
    outputs: Outputs,
    *,
    earlier: Trajectories | None = None,
    strata: str | None = None,
    scale: Scale = "none",
    is_split_by_element: bool = False,
    kernel: Callable[[Sequence[np.ndarray]], StructureKernel] | None = None,
    executor: Executor | Engine | None = None,
    checkpoint: str | os.PathLike | None = None,
    progress: bool = True,
    command: str = "",
) -> Selection:
    """Pick frames and write them.

    Parameters
    ----------
    frames : Trajectories
        The candidates.
    sampler : Sampler
        A `GroupedSampler` is fitted on rows of atoms, any other on rows of frames.
    encoder : Encoder or None
        None for a sampler that does not look at the frames: rows are then their numbers.
        `FingerprintSummaries` become scaled mean fingerprints.
    outputs : Outputs
    earlier : Trajectories, optional
        An existing set: what is picked is picked in addition to it.
    strata : str, optional
        For a sampler that takes strata: ``"source"``, ``"composition"`` or a key of ``info``.
    scale : {"none", "standard", "minmax", "unit"}
        Columns as they are, brought to mean 0 and standard deviation 1, or to 0 … 1, over the candidates
        (where rows are atoms, over those of each element); or rows brought to length 1.
    is_split_by_element : bool
        Where rows are atoms: nothing of one element is near anything of another.
    kernel : callable, optional
        For `KernelFPS`: rows of the atoms of each frame -> the kernel.
    executor : Executor, Engine or None
        Who encodes.
    checkpoint : path, optional
        Folder of finished chunks.
    progress : bool
        Show progress if the error stream is a terminal.
    command : str
        For the record.

    Returns
    -------
    Selection

    Raises
    ------
    ValueError
        If anything given does not fit together, naming it.
    OSError
        If a file cannot be read or written.
    """
    outputs.check()
    began = time.monotonic()
    with showing_progress(progress) as show:
        candidates = _candidates(
            frames, sampler, encoder, earlier, executor=executor, checkpoint=checkpoint, show=show
        )
        if encoder is not None:
            candidates = scaled(candidates, scale)
        if is_split_by_element:
            candidates = split_by_element(candidates)
        encoded = candidates.encoded
        words = {} if strata is None else {"y": _strata(frames, strata)}
        show("choosing")(len(encoded.places), None)
        _fit(sampler, candidates, kernel, **words)
    selection = _of_candidates(sampler, encoded)
    selection = selection.with_configuration(
        encoder=None if encoder is None else encoder.describe(),
        scale=scale,
        files=[str(path) for path in frames.paths],
        earlier_files=None if earlier is None else [str(path) for path in earlier.paths],
        **({} if strata is None else {"strata": strata}),
        **({"command": command} if command else {}),
    )
    selection.write_extxyz(
        cast("Iterator[Atoms]", _picked(frames, encoded, selection)),
        outputs.frames,
        overwrite=outputs.overwrite,
    )
    if outputs.json is not None:
        selection.write_json(outputs.json, overwrite=outputs.overwrite)
    if outputs.report is not None:
        from mdsieve.report.selection import write_selection_report

        write_selection_report(
            selection,
            outputs.report,
            rows=frame_means(encoded),
            places=encoded.places,
            seconds=time.monotonic() - began,
        )
    return selection


def _fit(sampler: Sampler, candidates: Candidates, kernel, **words: Any) -> None:
    encoded, earlier = candidates.encoded, candidates.earlier
    if isinstance(sampler, KernelFPS):
        both = [*encoded.by_frame, *([] if earlier is None else earlier.by_frame)]
        sampler.fit(kernel(both), X_selected=range(len(encoded.places), len(both)))
        return
    if isinstance(sampler, GroupedSampler):
        words["groups"] = encoded.groups
    sampler.fit(encoded.rows, X_selected=None if earlier is None else earlier.rows, **words)


def _of_candidates(sampler: Sampler, encoded: EncodedFrames) -> Selection:
    """The selection among the candidates: a kernel holds the earlier frames after them."""
    sources = [source for source, _ in encoded.places]
    n = len(sources)
    selection = sampler.selection(sources + ["earlier"] * (len(sampler.support_) - n))
    return replace(selection, n_candidates=n)


def frame_means(encoded: EncodedFrames) -> np.ndarray:
    """One row a frame, the mean of its atoms' rows where rows are atoms."""
    if not len(encoded.numbers):
        return encoded.rows
    starts = np.concatenate([[0], np.cumsum(encoded.n_atoms)[:-1]])
    return np.add.reduceat(encoded.rows, starts, axis=0) / encoded.n_atoms[:, None]


def _candidates(
    frames: Trajectories,
    sampler: Sampler,
    encoder: Encoder | None,
    earlier: Trajectories | None,
    *,
    executor,
    checkpoint,
    show,
) -> Candidates:
    if encoder is None:
        places = [(frame.source, frame.index) for frame in frames]
        rows = np.arange(len(places), dtype=float)[:, None]
        return Candidates(EncodedFrames(rows, np.ones(len(places), int), np.empty(0, int), places), None)

    def encode(which: Trajectories, title: str) -> EncodedFrames:
        line = show(title)
        words: dict[str, Any] = {
            "checkpoint": checkpoint,
            "report": lambda n, share: line(n, None, share),
        }
        if not isinstance(sampler, GroupedSampler | KernelFPS):
            return encode_frames(which, encoder, executor, **words)
        if not isinstance(encoder, AtomEncoder):
            raise ValueError(f"encoder {encoder.name}: expected one that describes single atoms")
        return encode_atoms(which, encoder, executor, **words)

    encoded = encode(frames, "encoding")
    given = None if earlier is None else encode(earlier, "encoding the earlier set")
    if isinstance(encoder, FingerprintSummaries):
        return Candidates(encoded, given).changed(lambda e: scaled_means(e.rows, encoded.rows))
    return Candidates(encoded, given)


def scaled(candidates: Candidates, scale: Scale) -> Candidates:
    """Rows scaled over the candidates, those of atoms by element."""
    if scale not in ("none", "standard", "minmax", "unit"):
        raise ValueError(f"scale {scale!r}: expected none, standard, minmax or unit")
    if scale == "none":
        return candidates
    if scale == "unit":
        return candidates.changed(lambda e: _unit(e.rows))
    fitted = candidates.encoded

    def change(encoded: EncodedFrames) -> np.ndarray:
        if not len(fitted.numbers):
            return _scaled_rows(encoded.rows, fitted.rows, scale)
        rows = np.zeros_like(encoded.rows)
        for number in np.unique(fitted.numbers):
            mine = encoded.numbers == number
            rows[mine] = _scaled_rows(encoded.rows[mine], fitted.rows[fitted.numbers == number], scale)
        return rows

    return candidates.changed(change)


def _scaled_rows(rows: np.ndarray, fitted: np.ndarray, scale: Scale) -> np.ndarray:
    """Columns that do not vary become 0."""
    if scale == "standard":
        shift, width = fitted.mean(axis=0), fitted.std(axis=0)
    else:
        shift = fitted.min(axis=0)
        width = fitted.max(axis=0) - shift
    varies = width > 1e-12 * np.abs(shift)
    return np.where(varies, (rows - shift) / np.where(varies, width, 1.0), 0.0)


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)


def split_by_element(candidates: Candidates) -> Candidates:
    """A further column for each element but one, so that elements lie far apart."""
    sets = [candidates.encoded, *([] if candidates.earlier is None else [candidates.earlier])]
    elements = np.unique(np.concatenate([each.numbers for each in sets]))[1:]
    return candidates.changed(
        lambda e: np.column_stack([e.rows, _APART * (e.numbers[:, None] == elements[None, :])])
    )


def _strata(frames: Trajectories, by: str) -> np.ndarray:
    """Stratum of each frame, a word."""
    found = []
    for frame in frames:
        if by == "source":
            found.append(frame.source)
        elif by == "composition":
            found.append(frame.structure().get_chemical_formula())
        else:
            info = frame.atoms().info
            if by not in info:
                raise ValueError(f"{frame.source}: frame {frame.index} has no '{by}' in its comment")
            found.append(str(info[by]))
    return np.array(found)


def _picked(frames: Trajectories, encoded: EncodedFrames, selection: Selection) -> Iterator[Atoms | None]:
    """All frames; those that are not picked are not understood, and None."""
    wanted = set(selection.indices.tolist())
    places: Sequence[tuple[str, int]] = encoded.places
    for number, frame in enumerate(frames):
        if number >= len(places) or places[number] != (frame.source, frame.index):
            raise ValueError(f"{frame.source}: frame {frame.index}: the file has changed while it was read")
        if number not in wanted:
            yield None
            continue
        atoms = frame.atoms()
        atoms.info["frame"] = frame.index
        yield atoms
