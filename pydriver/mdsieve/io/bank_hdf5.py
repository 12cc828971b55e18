# SPDX-License-Identifier: GPL-2.0-or-later
"""A bank as an HDF5 file, for other programs. The content is that of the native format.

Layout: attributes ``format`` ("mdsieve-bank"), ``version``, ``descriptor_hash``, ``scaling``, ``elements``;
data set ``descriptor`` (text); ``entries/element`` (n,), ``entries/origin`` (n, 3: run, step, atom ID); for
each element a group ``elements/SYMBOL`` with attributes ``threshold`` and ``cutoff`` and data sets ``shift``,
``factor`` and ``fingerprints`` (entries of this element, n_features; unscaled).
"""

from __future__ import annotations

import os

import h5py
import numpy as np

from mdsieve import _core
from mdsieve.io.hdf5_reading import reading

_FORMAT = "mdsieve-bank"
_VERSION = 1

#: Bytes that one byte in the file can stand for: no compression of HDF5's own is stronger.
_MOST_COMPRESSED = 1100


def write_bank_hdf5(bank: _core.EnvironmentBank, path: str | os.PathLike) -> None:
    """Write a native bank to a new HDF5 file."""
    elements, origins, flat = bank.entries_since(0)
    widths = np.take(bank.n_features, elements)
    begin = np.cumsum(widths) - widths
    scaling = bank.scaling
    with h5py.File(path, "w") as file:
        file.attrs["format"] = _FORMAT
        file.attrs["version"] = _VERSION
        file.attrs["descriptor_hash"] = bank.descriptor_hash
        file.attrs["scaling"] = scaling.kind
        file.attrs["elements"] = bank.elements
        file["descriptor"] = bank.descriptor_text
        file["entries/element"] = elements
        file["entries/origin"] = origins
        for number, symbol in enumerate(bank.elements):
            group = file.create_group(f"elements/{symbol}")
            group.attrs["threshold"] = bank.thresholds[number]
            group.attrs["cutoff"] = bank.cutoffs[number]
            group["shift"] = np.asarray(scaling.shift[number])
            group["factor"] = np.asarray(scaling.factor[number])
            rows = begin[elements == number][:, None] + np.arange(bank.n_features[number])
            group["fingerprints"] = flat[rows]


def read_bank_hdf5(path: str | os.PathLike) -> _core.EnvironmentBank:
    """Read a bank from HDF5.

    Raises
    ------
    ValueError
        "path: ..." if it is no bank or not a whole one.
    OSError
        If the file cannot be read.
    """
    with reading(path, "bank") as file:
        return _read(file)


def _read(file: h5py.File) -> _core.EnvironmentBank:
    if file.attrs.get("format") != _FORMAT:
        raise ValueError(f"not a bank: expected an HDF5 file with attribute format = {_FORMAT}")
    if file.attrs["version"] != _VERSION:
        raise ValueError(
            f"bank format version {file.attrs['version']}: this program reads version {_VERSION}"
        )
    symbols = [str(symbol) for symbol in file.attrs["elements"]]
    groups = [file[f"elements/{symbol}"] for symbol in symbols]
    n_features = [_dataset(group, "shift", 1).shape[0] for group in groups]
    bank = _core.EnvironmentBank(
        descriptor_text=_dataset(file, "descriptor", 0).asstr()[()],
        descriptor_hash=str(file.attrs["descriptor_hash"]),
        elements=symbols,
        n_features=n_features,
        cutoffs=[float(group.attrs["cutoff"]) for group in groups],
        thresholds=[float(group.attrs["threshold"]) for group in groups],
        scaling=_core.Scaling(
            str(file.attrs["scaling"]),
            [_dataset(group, "shift", 1)[()].tolist() for group in groups],
            [_dataset(group, "factor", 1)[()].tolist() for group in groups],
        ),
    )
    elements = _dataset(file, "entries/element", 1)[()]
    if elements.size and not 0 <= elements.min() <= elements.max() < len(symbols):
        raise ValueError("the bank is damaged: an entry has an unknown element")
    elements = elements.astype(np.int32)
    widths = np.take(n_features, elements)
    begin = np.cumsum(widths) - widths
    flat = np.empty(int(widths.sum()))
    for number, group in enumerate(groups):
        mine = begin[elements == number]
        fingerprints = _dataset(group, "fingerprints", 2)
        if fingerprints.shape != (len(mine), n_features[number]):
            raise ValueError(
                f"the bank is damaged: {len(mine)} entries of {symbols[number]}, but fingerprints of shape "
                f"{fingerprints.shape}"
            )
        flat[mine[:, None] + np.arange(n_features[number])] = fingerprints[()]
    origins = _dataset(file, "entries/origin", 2)[()]
    bank.add(elements, np.ascontiguousarray(origins, dtype=np.int64), flat)
    return bank


def _dataset(group: h5py.Group, name: str, n_dimensions: int) -> h5py.Dataset:
    """A data set whose size the bytes in this very file bear out.

    Raises
    ------
    ValueError
        If it is something else.
    """
    dataset = group[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None or dataset.ndim != n_dimensions:
        raise ValueError(f"the bank is damaged: {name} is no data set of {n_dimensions} dimensions")
    if dataset.file != group.file or dataset.external is not None or dataset.is_virtual:
        raise ValueError(f"the bank is damaged: {name} refers to another file")
    if dataset.size and dataset.nbytes > _MOST_COMPRESSED * (dataset.id.get_storage_size() + 64):
        raise ValueError(f"the bank is damaged: {name} says that it has {dataset.nbytes} bytes")
    return dataset
