# SPDX-License-Identifier: GPL-2.0-or-later
"""Choose N frames of stored trajectories: `BudgetSampler` on files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.io.replacing import replacing
from mdsieve.io.trajectories import RawFrame, iterate_raw_frames
from mdsieve.samplers.budget import BudgetSampler, Of
from mdsieve.samplers.described_frames import FingerprintSpool, describe_frames, naming
from mdsieve.samplers.environment_bank import bank_to_begin_with
from mdsieve.samplers.progress import ShareDone, showing_progress

if TYPE_CHECKING:
    from mdsieve.descriptors import LengthUnit, Precision
    from mdsieve.io.n2p2_data import DataUnits


@dataclass(frozen=True)
class BudgetSelection:
    """What `select_budget` did.

    Attributes
    ----------
    n_frames, n_kept, n_new : int
        Frames seen and kept, environments in the bank.
    cover : float
        Every environment seen is nearer than this (times the ratio of its element) to one in the bank.
    lower_bound : float
        No choice of as many environments covers all within less.
    bank_sizes : dict of str to int
    """

    n_frames: int
    n_kept: int
    n_new: int
    cover: float
    lower_bound: float
    bank_sizes: dict[str, int]


def select_budget(
    paths: Iterable[str | os.PathLike],
    functions_path: str | os.PathLike,
    n_to_select: int,
    output: str | os.PathLike,
    *,
    of: Of = "frames",
    thresholds: float | Mapping[str, float] | None = None,
    scaling: str | os.PathLike = "minmax",
    save_bank: str | os.PathLike | None = None,
    types: Sequence[str] | None = None,
    n2p2_units: DataUnits = "metal",
    precision: Precision = "double",
    length_unit: LengthUnit = "angstrom",
    n_jobs: int = 1,
    overwrite: bool = False,
    progress: bool = True,
) -> BudgetSelection:
    """Write the N frames of some trajectories that cover their environments, as extended XYZ.

    Memory holds at most 2 N + 1 frames and the bank.

    Parameters
    ----------
    paths, functions_path, scaling, save_bank, types, n2p2_units, precision, length_unit
    n_jobs, overwrite, progress
        As for `mdsieve.samplers.environment_bank.select_bank`.
    n_to_select : int
        The budget.
    output : path
        Each frame says in ``info``: ``frame`` (place in its file), ``source``, ``new_environments`` (how many
        of its environments are in the bank at the end); atoms with such an environment have 1 in
        ``in_bank``.
    of : {"frames", "environments"}
        What is counted.
    thresholds : float, dict of str to float, or None
        Radius to begin with: the bank's usual rule as long as the budget lasts. None: begin with (almost) 0,
        all elements alike.

    Raises
    ------
    FileExistsError
        If an output exists and `overwrite` is not set.
    ValueError
        If anything given does not fit together, naming it.
    OSError
        If a file cannot be read or written.
    """
    from ase.io import write

    paths = [Path(path) for path in paths]
    if not paths:
        raise ValueError("no trajectory was given")
    for path in (output, save_bank):
        if path is not None and Path(path).exists() and not overwrite:
            raise FileExistsError(17, "the file exists already; overwrite it explicitly", str(path))
    with showing_progress(progress) as show, FingerprintSpool(Path(output).absolute().parent) as spool:
        bank = bank_to_begin_with(
            paths,
            functions_path,
            1.0 if thresholds is None else thresholds,
            scaling,
            None,
            types,
            n2p2_units,
            precision,
            length_unit,
            n_jobs,
            spool,
            show,
        )
        sampler = _sampler(bank, n_to_select, of, is_open=thresholds is None)
        held: dict[int, RawFrame] = {}
        report = show("choosing")
        done = ShareDone(paths)
        spool.rewind()
        raw_frames = iterate_raw_frames(paths, types, n2p2_units)
        for frame, described in describe_frames(raw_frames, bank.functions, n_jobs, spool):
            number, radius = sampler.n_frames_seen_, sampler.radius_
            with naming(frame):
                is_kept = sampler.partial_fit_fingerprints(*described.environments)
            if is_kept or sampler.radius_ != radius:
                held[number] = frame
            if sampler.radius_ != radius:
                needed = {*sampler.selected_indices_.tolist(), *sampler.waiting_indices_.tolist()}
                held = {i: kept for i, kept in held.items() if i in needed}
            report(sampler.n_frames_seen_, len(sampler.selected_indices_), done.after(frame))
        sampler.finish()
    selected = sampler.selected_indices_.tolist()
    with replacing(output) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for number in selected:
            write(file, _marked(held[number], sampler.atoms_in_bank(number)), format="extxyz")
    if save_bank is not None:
        sampler.bank_.save(save_bank)
    sizes = {symbol: sampler.bank_.size(symbol) for symbol in bank.functions.elements}
    return BudgetSelection(
        sampler.n_frames_seen_,
        len(selected),
        len(sampler.bank_),
        2 * sampler.radius_ if sampler.lower_bound_ else sampler.radius_,
        sampler.lower_bound_,
        sizes,
    )


def _sampler(bank, n_to_select: int, of: Of, *, is_open: bool) -> BudgetSampler:
    scaling = bank.scaling
    if is_open:
        return BudgetSampler(bank.functions, n_to_select, scaling, of=of)
    start = max(bank.thresholds.values())
    ratios = {symbol: value / start for symbol, value in bank.thresholds.items()}
    return BudgetSampler(bank.functions, n_to_select, scaling, of=of, ratios=ratios, start=start)


def _marked(frame: RawFrame, ids: list[int]):
    atoms = frame.atoms()
    atoms.info["frame"] = frame.index
    atoms.info["source"] = frame.source
    atoms.info["new_environments"] = len(ids)
    own = atoms.arrays["id"] if "id" in atoms.arrays else np.arange(1, len(atoms) + 1)
    atoms.arrays["in_bank"] = np.isin(own, ids).astype(int)
    return atoms
