# SPDX-License-Identifier: GPL-2.0-or-later
"""Choose frames of stored trajectories with a bank of local environments."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mdsieve import _core
from mdsieve.bank import BankUpdate, EnvironmentBank, check_thresholds
from mdsieve.io.replacing import replacing
from mdsieve.io.trajectories import RawFrame, iterate_raw_frames
from mdsieve.samplers.described_frames import FingerprintSpool, describe_frames, naming
from mdsieve.samplers.progress import ShareDone, showing_progress
from mdsieve.samplers.stream_record import StreamRecord

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.descriptors import LengthUnit, Precision, SymmetryFunctions
    from mdsieve.io.n2p2_data import DataUnits


@dataclass(frozen=True)
class BankSelection:
    """What `select_bank` did.

    Attributes
    ----------
    n_frames, n_environments : int
        What was seen.
    n_kept, n_new : int
        Frames kept, environments added to the bank.
    bank_sizes : dict of str to int
        Entries of the bank now, by element.
    """

    n_frames: int
    n_environments: int
    n_kept: int
    n_new: int
    bank_sizes: dict[str, int] = field(default_factory=dict)


def select_bank(
    paths: Iterable[str | os.PathLike],
    functions_path: str | os.PathLike | None,
    thresholds: float | Mapping[str, float] | None,
    output: str | os.PathLike,
    *,
    scaling: str | os.PathLike | None = "minmax",
    bank: str | os.PathLike | None = None,
    save_bank: str | os.PathLike | None = None,
    earlier: Iterable[str | os.PathLike] = (),
    report: str | os.PathLike | None = None,
    types: Sequence[str] | None = None,
    n2p2_units: DataUnits = "metal",
    precision: Precision = "double",
    length_unit: LengthUnit = "angstrom",
    n_jobs: int = 1,
    overwrite: bool = False,
    progress: bool = True,
) -> BankSelection:
    """Write those frames of some trajectories that show a new environment, as extended XYZ.

    Memory does not grow with the length of the trajectories, only with the bank.

    Parameters
    ----------
    paths : iterable of paths
        Trajectories, read in this order; anything ASE reads.
    functions_path : path or None
        ``input.nn`` of the symmetry functions; None: those of the bank to begin with.
    thresholds : float, dict of str to float, or None
        For all elements or for each; None: those of the bank to begin with.
    output : path
        Extended XYZ. Each frame says in ``info``: ``frame`` (place in its file), ``source``, ``novelty``
        (largest), ``trigger_atom`` (ID of the atom with it), ``new_environments`` (number added to the bank);
        each atom has a ``novelty``. Novelties refer to the bank before the frame. The file appears whole or
        not at all.
    scaling : {"minmax", "std", "none", None} or path
        Fitted on all these trajectories, whose fingerprints then wait on disk beside `output` (8 bytes a
        number; at most half of what is free there, the rest is computed twice); none; or the name of a
        ``scaling.data`` file (min-max). Ignored with `bank`, whose scaling is frozen.
    bank : path, optional
        A stored bank to begin with.
    save_bank : path, optional
        Where to write the bank at the end.
    earlier : iterable of paths
        Frames that are there already: they go through the rule first and are not written. The scaling is
        not fitted on them.
    report : path, optional
        A page about the selection.
    types : sequence of str, optional
        Element symbols of LAMMPS' atom types.
    n2p2_units : {"metal", "atomic"}
        Of n2p2's data files.
    n_jobs : int
        Threads that read and compute fingerprints. The picks do not depend on it.
    overwrite : bool
        Replace files that exist.
    progress : bool
        Show progress if the error stream is a terminal.

    Raises
    ------
    FileExistsError
        If an output exists and `overwrite` is not set.
    ValueError
        If anything given does not fit together, naming it.
    OSError
        If a file cannot be read or written.
    """
    paths, earlier = [Path(path) for path in paths], [Path(path) for path in earlier]
    if not paths:
        raise ValueError("no trajectory was given")
    for path in (output, save_bank, report):
        if path is not None and Path(path).exists() and not overwrite:
            raise FileExistsError(17, "the file exists already; overwrite it explicitly", str(path))
    if n_jobs < 1:
        raise ValueError(f"{n_jobs} threads: expected at least 1")
    with ExitStack() as stack:
        show = stack.enter_context(showing_progress(progress))
        spool = stack.enter_context(FingerprintSpool(Path(output).absolute().parent))
        environments = bank_to_begin_with(
            paths,
            functions_path,
            thresholds,
            scaling,
            bank,
            types,
            n2p2_units,
            precision,
            length_unit,
            n_jobs,
            spool,
            show,
        )
        known = iterate_raw_frames(earlier, types, n2p2_units)
        _learn(known, environments, n_jobs, Path(output).absolute().parent, show)
        record = StreamRecord()
        selection = _select(paths, types, n2p2_units, environments, output, n_jobs, spool, show, record)
    if save_bank is not None:
        environments.save(save_bank)
    if report is not None:
        configuration = {
            "sampler": "LE bank",
            "thresholds": environments.thresholds,
            "functions": str(functions_path),
            "scaling": str(scaling),
            "files": [str(path) for path in paths],
            "earlier_files": [str(path) for path in earlier],
            "bank": selection.bank_sizes,
        }
        record.write_report(report, configuration)
    return selection


def _learn(
    frames: Iterator[RawFrame], bank: EnvironmentBank, n_jobs: int, folder: Path, show: Callable
) -> None:
    """Let frames go through the rule that are not to be kept."""
    line = show("the earlier set")
    with FingerprintSpool(folder) as spool:
        spool.rewind()  # nothing of these is needed again
        for number, (frame, described) in enumerate(describe_frames(frames, bank.functions, n_jobs, spool)):
            with naming(frame):
                bank.update_from_fingerprints(*described.environments, step=number)
            line(number + 1, None)


def _select(
    paths,
    types,
    n2p2_units,
    bank: EnvironmentBank,
    output,
    n_jobs: int,
    spool: FingerprintSpool,
    show: Callable,
    record: StreamRecord,
) -> BankSelection:
    from ase.io import write

    n_frames = n_environments = n_kept = n_new = 0
    report = show("choosing")
    done = ShareDone(paths)
    spool.rewind()
    with replacing(output) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for frame, described in describe_frames(
            iterate_raw_frames(paths, types, n2p2_units), bank.functions, n_jobs, spool
        ):
            environments = described.environments
            record.see(frame)
            with naming(frame):
                is_worth_keeping = bank.has_new(*environments[:2])
            if is_worth_keeping:
                step = n_frames if described.step is None else described.step
                update = bank.update_from_fingerprints(*environments, step=step)
                n_kept += 1
                n_new += len(update.new)
                atoms = _marked(frame, update, described.ids)
                write(file, atoms, format="extxyz")
                words = f"{len(update.new)} new, farthest atom {atoms.info['trigger_atom']}"
                record.keep(atoms.info["novelty"], words)
            n_frames += 1
            n_environments += len(described.elements)
            report(n_frames, n_kept, done.after(frame))
    sizes = {symbol: bank.size(symbol) for symbol in bank.functions.elements}
    return BankSelection(n_frames, n_environments, n_kept, n_new, sizes)


def bank_to_begin_with(
    paths,
    functions_path,
    thresholds,
    scaling,
    bank,
    types,
    n2p2_units,
    precision,
    length_unit,
    n_jobs,
    spool,
    show,
) -> EnvironmentBank:
    """The bank that the options of a selection describe, its scaling known."""
    from mdsieve.descriptors import SymmetryFunctions

    given: SymmetryFunctions | None = None
    if functions_path is not None:
        given = SymmetryFunctions.from_file(functions_path, precision=precision, length_unit=length_unit)
    if bank is not None:
        return _stored_bank(bank, given, functions_path, thresholds, precision)
    if given is None:
        raise ValueError("no symmetry functions: give an input.nn file or a bank to begin with")
    functions = given
    if thresholds is None:
        raise ValueError("no threshold: give one, or a bank to begin with")
    if scaling in (None, "none"):
        return EnvironmentBank(functions, thresholds, None)
    if scaling not in ("minmax", "std"):
        if not Path(scaling).is_file():
            raise ValueError(
                f"scaling {str(scaling)!r}: expected minmax, std, none or the name of a scaling.data file"
            )
        return EnvironmentBank(functions, thresholds, "minmax").from_scaling_data(scaling)
    result = EnvironmentBank(functions, thresholds, scaling)
    statistics = _core.ColumnStatistics([functions.n_features[symbol] for symbol in functions.elements])
    report = show("fitting the scaling")
    frames = describe_frames(iterate_raw_frames(paths, types, n2p2_units), functions, n_jobs, spool)
    done = ShareDone(paths)
    for n_frames, (frame, described) in enumerate(frames, start=1):
        with naming(frame):
            statistics.add(described.elements, described.fingerprints)
        report(n_frames, None, done.after(frame))
    return result.set_scaling(statistics.scaling(scaling, functions.elements))


def _stored_bank(path, functions, functions_path, thresholds, precision) -> EnvironmentBank:
    bank = EnvironmentBank.load(path, precision=precision)
    if functions is not None and functions.hash != bank.functions.hash:
        raise ValueError(f"{path}: made with other symmetry functions than {functions_path}")
    if thresholds is not None and check_thresholds(thresholds, bank.functions.elements) != bank.thresholds:
        listed = ", ".join(f"{symbol} {value:g}" for symbol, value in bank.thresholds.items())
        raise ValueError(
            f"{path}: its thresholds are {listed}; rethreshold the bank first, or leave thresholds out"
        )
    return bank


def _marked(frame: RawFrame, update: BankUpdate, ids: np.ndarray) -> Atoms:
    atoms = frame.atoms()
    if len(atoms) != len(ids):
        raise ValueError(f"{frame.source}: frame {frame.index}: the file has changed while it was read")
    trigger = int(np.argmax(update.novelty))
    atoms.info["frame"] = frame.index
    atoms.info["source"] = frame.source
    atoms.info["novelty"] = float(update.novelty[trigger])
    atoms.info["trigger_atom"] = int(ids[trigger])
    atoms.info["new_environments"] = len(update.new)
    atoms.arrays["novelty"] = update.novelty
    return atoms
