# SPDX-License-Identifier: GPL-2.0-or-later
"""An ensemble of networks as an HDF5 file.

Layout: attributes ``format`` ("mdsieve-ensemble"), ``version``, ``program``, ``descriptor_hash``,
``length_unit``, ``precision``, ``elements``, ``n_members``, ``dtype`` ("float32" or "float64"); data sets
``descriptor`` (text of ``input.nn``) and ``provenance`` (JSON); for each element a group
``elements/SYMBOL`` with attributes ``hidden`` and ``activations``, data sets ``shift``, ``factor``
(1 or M, n_features), ``scale`` and ``offset`` (M) [eV], ``range`` (2, n_features) where it is known, and for
each layer ``weights/N`` (M, n_in, n_out) and ``biases/N`` (M, n_out).
"""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mdsieve._version import __version__
from mdsieve.descriptors import SymmetryFunctions
from mdsieve.io.hdf5_reading import reading
from mdsieve.io.replacing import replacing
from mdsieve.potentials.architecture import Architecture, Layers
from mdsieve.potentials.ensemble import NetworkEnsemble
from mdsieve.potentials.networks import ElementNetwork, ElementNetworks, torch

__all__ = ["read_ensemble", "write_ensemble"]

_FORMAT = "mdsieve-ensemble"
_VERSION = 1
_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def write_ensemble(ensemble: NetworkEnsemble, path: str | os.PathLike) -> None:
    """Write an ensemble to a new file, which appears whole or not at all.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    functions, networks = ensemble.functions, ensemble.networks
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["format"] = _FORMAT
        file.attrs["version"] = _VERSION
        file.attrs["program"] = f"mdsieve {__version__}"
        file.attrs["descriptor_hash"] = functions.hash
        file.attrs["length_unit"] = functions.length_unit
        file.attrs["precision"] = functions.precision
        file.attrs["elements"] = functions.elements
        file.attrs["n_members"] = ensemble.n_members
        file.attrs["dtype"] = str(networks.dtype).removeprefix("torch.")
        file["descriptor"] = functions.text
        file["provenance"] = json.dumps(ensemble.provenance)
        for symbol in functions.elements:
            network = networks.network(symbol)
            group = file.create_group(f"elements/{symbol}")
            group.attrs["hidden"] = np.array(network.layers.hidden, dtype=np.int64)
            group.attrs["activations"] = "".join(network.layers.activations)
            group["shift"] = _array(network.shift)[:, 0]
            group["factor"] = _array(network.factor)[:, 0]
            group["scale"] = _array(network.scale)[:, 0]
            group["offset"] = ensemble.offsets[symbol]
            if symbol in ensemble.ranges:
                group["range"] = ensemble.ranges[symbol]
            for number, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
                group[f"weights/{number}"] = _array(weight)
                group[f"biases/{number}"] = _array(bias)[:, 0]


def read_ensemble(path: str | os.PathLike) -> NetworkEnsemble:
    """Read an ensemble; its networks are on the CPU.

    Raises
    ------
    ValueError
        "path: ..." if it is no ensemble or not a whole one.
    OSError
        If the file cannot be read.
    """
    with reading(path, "ensemble") as file:
        return _read(file)


def _read(file: h5py.File) -> NetworkEnsemble:
    attrs = file.attrs
    if attrs.get("format") != _FORMAT:
        raise ValueError(f"no ensemble: expected an HDF5 file with attribute format = {_FORMAT}")
    if attrs["version"] != _VERSION:
        raise ValueError(f"ensemble format version {attrs['version']}: this program reads {_VERSION}")
    functions = SymmetryFunctions.from_text(
        file["descriptor"].asstr()[()],
        name=f"{Path(file.filename).name}: descriptor",
        precision=attrs["precision"],
        length_unit=attrs["length_unit"],
    )
    if functions.hash != attrs["descriptor_hash"]:
        raise ValueError("the ensemble is damaged: its descriptor is not the one that its networks are for")
    if attrs["dtype"] not in _DTYPES:
        raise ValueError(f"the ensemble is damaged: numbers of type {attrs['dtype']}")
    groups = {symbol: file[f"elements/{symbol}"] for symbol in functions.elements}
    layers = {
        symbol: Layers(tuple(group.attrs["hidden"]), tuple(str(group.attrs["activations"])))
        for symbol, group in groups.items()
    }
    n_members = _members(groups[functions.elements[0]], int(attrs["n_members"]))
    _require_sizes(groups, layers, functions.n_features, n_members)
    networks = ElementNetworks(Architecture(layers, n_members), functions.n_features)
    networks.to(_DTYPES[attrs["dtype"]])
    offsets, ranges = {}, {}
    for symbol, group in groups.items():
        networks.set_standardisation({symbol: (group["shift"][()], group["factor"][()])})
        network = networks.network(symbol)
        network.scale.copy_(torch.from_numpy(_finite(group, "scale")).reshape(-1, 1))
        _fill(network, group)
        offsets[symbol] = _finite(group, "offset")
        if "range" in group:
            ranges[symbol] = _finite(group, "range")
    provenance = json.loads(file["provenance"].asstr()[()])
    return NetworkEnsemble(functions, networks, offsets, provenance, ranges)


def _members(group: h5py.Group, announced: int) -> int:
    """Number of members, which no announcement decides alone: it allocates memory."""
    if group["offset"].shape != (announced,):
        raise ValueError(f"the ensemble is damaged: {announced} members, offsets {group['offset'].shape}")
    return announced


def _require_sizes(
    groups: dict[str, h5py.Group], layers: dict[str, Layers], n_features: dict[str, int], n_members: int
) -> None:
    """Refuse arrays that are not of the sizes announced, before anything of those sizes is made."""
    for symbol, group in groups.items():
        sizes = layers[symbol].sizes(n_features[symbol])
        n_rows = n_members if len(group["shift"]) == n_members else 1
        expected: dict[str, tuple[int, ...]] = {"scale": (n_members,), "offset": (n_members,)}
        expected |= {"shift": (n_rows, sizes[0]), "factor": (n_rows, sizes[0])}
        if "range" in group:
            expected["range"] = (2, sizes[0])
        for number, (n_in, n_out) in enumerate(pairwise(sizes)):
            expected[f"weights/{number}"] = (n_members, n_in, n_out)
            expected[f"biases/{number}"] = (n_members, n_out)
        for name, shape in expected.items():
            dataset = group[name]
            if dataset.shape != shape or dataset.dtype.kind != "f":
                raise ValueError(
                    f"the ensemble is damaged: {name} of {symbol} has the shape {dataset.shape}, "
                    f"expected {shape}"
                )
            if dataset.file != group.file or dataset.external is not None or dataset.is_virtual:
                raise ValueError(f"the ensemble is damaged: {name} of {symbol} refers to another file")
            if dataset.chunks is None and dataset.nbytes > dataset.id.get_storage_size():
                raise ValueError(f"the ensemble is damaged: {name} of {symbol} is not whole")


def _fill(network: ElementNetwork, group: h5py.Group) -> None:
    with torch.no_grad():
        for number, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
            weight.copy_(torch.from_numpy(_finite(group, f"weights/{number}")))
            bias.copy_(torch.from_numpy(_finite(group, f"biases/{number}"))[:, None])


def _finite(group: h5py.Group, name: str) -> np.ndarray:
    values = np.asarray(group[name][()], dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"the ensemble is damaged: {group.name}/{name} has a number that is not finite")
    return values


def _array(values: torch.Tensor) -> Any:
    return values.detach().cpu().numpy()
