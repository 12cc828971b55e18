# SPDX-License-Identifier: GPL-2.0-or-later
"""How well kept frames of a file stand for all of another: `judge_subset` on files."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from mdsieve.encoders.contract import AtomEncoder, Encoder
from mdsieve.encoders.mean import FingerprintSummaries, scaled_means
from mdsieve.encoders.pooled import PooledSymmetryFunctions
from mdsieve.engine import Engine
from mdsieve.samplers.encoded_frames import EncodedFrames, Trajectories, encode_atoms, encode_frames
from mdsieve.samplers.progress import showing_progress
from mdsieve.samplers.select_frames import Candidates, Scale, scaled, split_by_element
from mdsieve.samplers.subset_quality import SubsetQuality, judge_subset


def score_frames(
    whole: Trajectories,
    kept: Trajectories,
    encoder: Encoder,
    *,
    scale: Scale = "none",
    executor: Executor | Engine | None = None,
    checkpoint: str | os.PathLike | None = None,
    progress: bool = True,
    **options: Any,
) -> SubsetQuality:
    """Encode both and judge.

    Parameters
    ----------
    whole, kept : Trajectories
    encoder : Encoder
        Entropies are those of its atoms' rows, scaled to 0 … 1 for symmetry functions; an encoder that
        describes no atoms gives none.
    scale : {"none", "standard", "minmax", "unit"}
        Of the rows of frames, see `select_frames`.
    executor, checkpoint, progress
        See `select_frames`.
    **options
        Of `judge_subset`.

    Raises
    ------
    ValueError, OSError
        As `select_frames`.
    """
    with showing_progress(progress) as show:

        def both(encode: Callable[..., EncodedFrames], by: Encoder, what: str) -> Candidates:
            found = []
            for trajectories, title in ((whole, f"{what} of all"), (kept, f"{what} of the kept")):
                line = show(title)
                found.append(
                    encode(
                        trajectories,
                        by,
                        executor,
                        checkpoint=checkpoint,
                        report=lambda n, share, line=line: line(n, None, share),
                    )
                )
            return Candidates(*found)

        frames = both(encode_frames, encoder, "frames")
        if isinstance(encoder, FingerprintSummaries):
            summaries = frames.encoded.rows
            frames = frames.changed(lambda e: scaled_means(e.rows, summaries))
        frames = scaled(frames, scale)
        atoms = None
        describes_atoms = _atom_encoder(encoder)
        if describes_atoms is not None:
            of_functions = isinstance(describes_atoms, PooledSymmetryFunctions)
            atoms = both(encode_atoms, describes_atoms, "atoms")
            atoms = split_by_element(scaled(atoms, "minmax" if of_functions else "none"))
        show("comparing")(len(frames.encoded.places), None)
        assert frames.earlier is not None
        return judge_subset(
            frames.encoded.rows,
            frames.earlier.rows,
            environments=None if atoms is None else atoms.encoded.rows,
            kept_environments=None if atoms is None or atoms.earlier is None else atoms.earlier.rows,
            **options,
        )


def _atom_encoder(encoder: Encoder) -> AtomEncoder | None:
    """What describes the atoms that an encoder of frames looks at."""
    if isinstance(encoder, FingerprintSummaries):
        return PooledSymmetryFunctions(encoder.functions)
    return encoder if isinstance(encoder, AtomEncoder) else None
