# SPDX-License-Identifier: GPL-2.0-or-later
"""Potentials of n2p2 as ensembles, and members of ensembles as folders that n2p2 reads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mdsieve._version import __version__
from mdsieve.descriptors import LengthUnit, Precision, SymmetryFunctions
from mdsieve.io.n2p2_potential import (
    NETWORK_WORDS,
    ColumnSummaries,
    EnergyUnit,
    NetworkSettings,
    read_network_settings,
    read_scaling_data,
    read_weights,
    scaling_data,
    weight_file_name,
    weights_data,
)
from mdsieve.io.replacing import replacing
from mdsieve.potentials.architecture import Architecture, Layers
from mdsieve.potentials.ensemble import NetworkEnsemble
from mdsieve.potentials.networks import ElementNetwork, ElementNetworks, torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_n2p2", "write_n2p2"]

_HARTREE = 27.211386245988  # eV, CODATA 2018
_UNSEEN = 1e3  # standard deviations: range of a column whose range nobody knows


def read_n2p2(
    folders: str | os.PathLike | Sequence[str | os.PathLike],
    *,
    length_unit: LengthUnit = "angstrom",
    energy_unit: EnergyUnit = "eV",
    precision: Precision = "double",
) -> NetworkEnsemble:
    """An ensemble of one or several n2p2 potentials, a folder a member.

    Every folder has ``input.nn``, ``weights.ZZZ.data`` for each element and, if the inputs are scaled,
    ``scaling.data``. Scaling, normalisation and energy offsets may differ from member to member; symmetry
    functions and layers may not.

    Parameters
    ----------
    folders : path or sequence of path
    length_unit : {"angstrom", "bohr"}
        Of lengths in ``input.nn``; a ``length_unit`` line in the file wins.
    energy_unit : {"eV", "hartree"}
        Of the potential's energies; an ``energy_unit`` line in the file wins.
    precision : {"double", "mixed"}
        Of the fingerprints.

    Raises
    ------
    ValueError
        "file:line: ..." for what is malformed or missing, or which folders do not fit together.
    OSError
        If a file cannot be read.
    """
    paths = [Path(folders)] if isinstance(folders, str | os.PathLike) else [Path(f) for f in folders]
    if not paths:
        raise ValueError("no folder of an n2p2 potential")
    members = [_Member(path, length_unit, energy_unit, precision) for path in paths]
    first = members[0]
    for member in members[1:]:
        if member.functions.hash != first.functions.hash:
            raise ValueError(f"{first.path} and {member.path} have different symmetry functions")
        if member.settings.layers != first.settings.layers:
            raise ValueError(f"{first.path} and {member.path} have networks of different layers")
    functions = first.functions
    networks = ElementNetworks(Architecture(first.settings.layers, len(members)), functions.n_features)
    standardisations = {}
    for symbol in functions.elements:
        network = networks.network(symbol)
        for number, member in enumerate(members):
            member.fill(network, number, symbol)
        shift, factor = (np.array([m.standardisation(symbol)[k] for m in members]) for k in (0, 1))
        same = (shift == shift[0]).all() and (factor == factor[0]).all()
        standardisations[symbol] = (shift[:1], factor[:1]) if same else (shift, factor)
    networks.set_standardisation(standardisations, np.array([member.scale for member in members]))
    offsets = {s: np.array([member.offset(s) for member in members]) for s in functions.elements}
    ranges = {
        symbol: np.array(
            [
                np.min([m.columns[symbol].least for m in members], axis=0),
                np.max([m.columns[symbol].most for m in members], axis=0),
            ]
        )
        for symbol in functions.elements
        if all(m.columns for m in members)
    }
    provenance = {"n2p2": [str(member.path) for member in members]}
    return NetworkEnsemble(functions, networks, offsets, provenance, ranges)


class _Member:
    """One folder."""

    def __init__(
        self, path: Path, length_unit: LengthUnit, energy_unit: EnergyUnit, precision: Precision
    ) -> None:
        self.path = path
        file = path / "input.nn"
        self.functions = SymmetryFunctions.from_file(file, precision=precision, length_unit=length_unit)
        self.settings = read_network_settings(self.functions.text, str(file), self.functions.elements)
        self.columns = self._columns(self.settings)
        unit = _HARTREE if (self.settings.energy_unit or energy_unit) == "hartree" else 1.0
        self._unit = unit
        self.scale = unit / self.settings.conv_energy

    def _columns(self, settings: NetworkSettings) -> dict[str, ColumnSummaries]:
        """Empty if nothing is scaled and there is no ``scaling.data``."""
        file = self.path / "scaling.data"
        if settings.scaling == "none" and not file.is_file():
            return {}
        orders = _orders(self.functions)
        return read_scaling_data(file, orders, needs_sigma=settings.scaling == "sigma")

    def standardisation(self, symbol: str) -> tuple[np.ndarray, np.ndarray]:
        if not self.columns:
            n = self.functions.n_features[symbol]
            return np.zeros(n), np.ones(n)
        return self.columns[symbol].standardisation(self.settings)

    def offset(self, symbol: str) -> float:
        return self._unit * (self.settings.mean_energy + self.settings.atom_energy.get(symbol, 0.0))

    def fill(self, network: ElementNetwork, number: int, symbol: str) -> None:
        from ase.data import atomic_numbers

        file = self.path / weight_file_name(atomic_numbers[symbol])
        layers = read_weights(file, network.layers.sizes(network.n_features))
        first = layers[0][0][self.functions.n2p2_order(symbol)]
        layers[0] = (first, layers[0][1])
        with torch.no_grad():
            for (weight, bias), weights, biases in zip(layers, network.weights, network.biases, strict=True):
                divisor = len(weight) if self.settings.normalise_nodes else 1
                weights[number] = torch.from_numpy(weight / divisor)
                biases[number, 0] = torch.from_numpy(bias / divisor)


def write_n2p2(ensemble: NetworkEnsemble, folder: str | os.PathLike, member: int = 0) -> None:
    """Write one member as a folder that n2p2, LAMMPS' ``hdnnp`` and this package's ``bpnnp`` read.

    Energies are in eV. Lengths stay in the descriptor's unit; if that is not told by the file itself a line
    ``length_unit`` tells it. Standardisation becomes ``scale_symmetry_functions_sigma``, offsets become
    ``atom_energy``, the scale of the output goes into the last layer. What n2p2 does not have (activation
    ``u``, other functions and keywords of this package) can be read by this package only.

    Parameters
    ----------
    ensemble : NetworkEnsemble
    folder : path
        Is made if it is not there; files of these names are replaced.
    member : int

    Raises
    ------
    IndexError
        If there is no such member.
    ValueError
        If an output is not linear, or there is no hidden layer: n2p2 has no such networks.
    OSError
        If the folder cannot be written.
    """
    from ase.data import atomic_numbers

    member = range(ensemble.n_members)[member]
    layers = ensemble.networks.architecture.layers
    bent = [symbol for symbol, shape in layers.items() if shape.activations[-1] != "l"]
    if bent:
        raise ValueError(f"the output of {bent[0]} has an activation, n2p2's outputs are linear")
    if not all(shape.hidden for shape in layers.values()):
        raise ValueError("a network without a hidden layer, which n2p2 does not have")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    orders = _orders(ensemble.functions)
    texts = {"input.nn": _input_nn(ensemble, member)}
    summaries = {}
    for symbol, order in orders.items():
        network = ensemble.networks.network(symbol)
        summaries[symbol], values = _exported(network, member, ensemble.ranges.get(symbol))
        values[0] = (values[0][0][np.argsort(order)], values[0][1])
        texts[weight_file_name(atomic_numbers[symbol])] = weights_data(values)
    texts["scaling.data"] = scaling_data(summaries, orders)
    for name, text in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _exported(
    network: ElementNetwork, member: int, known: np.ndarray | None
) -> tuple[ColumnSummaries, list[tuple[NDArray, NDArray]]]:
    """Columns and layers of one member; its standardisation as mean and sigma, its scale in the weights."""
    shift, factor = (_array(row[member if len(row) > 1 else 0, 0]) for row in (network.shift, network.factor))
    layers = [
        (_array(weight[member]), _array(bias[member, 0]))
        for weight, bias in zip(network.weights, network.biases, strict=True)
    ]
    # sigma is positive: what is not goes into the weights
    layers[0] = (layers[0][0] * np.sign(factor)[:, None], layers[0][1])
    sigma = 1.0 / np.where(factor == 0.0, 1.0, np.abs(factor))
    scale = float(network.scale[member, 0])
    layers[-1] = (layers[-1][0] * scale, layers[-1][1] * scale)
    least, most = (shift - _UNSEEN * sigma, shift + _UNSEEN * sigma) if known is None else known
    return ColumnSummaries(least, most, shift, sigma), layers


def _input_nn(ensemble: NetworkEnsemble, member: int) -> str:
    """The descriptor's own lines, then what n2p2 must know of the networks."""
    functions, layers = ensemble.functions, ensemble.networks.architecture.layers
    lines = [
        f"# written by mdsieve {__version__}: member {member + 1} of {ensemble.n_members}; energies in eV"
    ]
    lines += [line for line in functions.text.splitlines() if (line.split() or [""])[0] not in NETWORK_WORDS]
    words = {line.split()[0] for line in lines if line.split()}
    if functions.length_unit == "bohr" and "length_unit" not in words:
        lines.append("length_unit bohr")
    if "number_of_elements" not in words:
        lines.append(f"number_of_elements {len(functions.elements)}")
    lines += ["scale_symmetry_functions_sigma", "scale_min_short 0.0", "scale_max_short 1.0"]
    lines += [f"atom_energy {symbol} {float(row[member])!r}" for symbol, row in ensemble.offsets.items()]
    common = layers[functions.elements[0]]
    lines += _layer_lines("global", "", common)
    for symbol, shape in layers.items():
        if shape != common:
            lines += _layer_lines("element", f"{symbol} ", shape)
    return "\n".join(lines) + "\n"


def _layer_lines(whose: str, symbol: str, layers: Layers) -> list[str]:
    return [
        f"{whose}_hidden_layers_short {symbol}{len(layers.hidden)}",
        f"{whose}_nodes_short {symbol}{' '.join(map(str, layers.hidden))}",
        f"{whose}_activation_short {symbol}{' '.join(layers.activations)}",
    ]


def _orders(functions: SymmetryFunctions) -> dict[str, np.ndarray]:
    return {symbol: functions.n2p2_order(symbol) for symbol in functions.elements}


def _array(values: torch.Tensor) -> NDArray:
    return values.detach().to("cpu", torch.float64).numpy().copy()
