# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of an n2p2 potential: what ``input.nn`` says of networks, ``scaling.data``, ``weights.ZZZ.data``.

Energies and lengths are those of the files, whatever their unit. n2p2: Singraber, Behler and Dellago,
J. Chem. Theory Comput. 15, 1827 (2019).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from mdsieve.io.wording import shown
from mdsieve.potentials.architecture import Layers

__all__ = [
    "NETWORK_WORDS",
    "ColumnSummaries",
    "EnergyUnit",
    "NetworkSettings",
    "read_network_settings",
    "read_scaling_data",
    "read_weights",
    "scaling_data",
    "weight_file_name",
    "weights_data",
]

EnergyUnit: TypeAlias = Literal["eV", "hartree"]

#: Words of ``input.nn`` that `read_network_settings` reads, and that an export writes anew.
NETWORK_WORDS = frozenset(
    {
        "global_hidden_layers_short",
        "global_nodes_short",
        "global_activation_short",
        "element_hidden_layers_short",
        "element_nodes_short",
        "element_activation_short",
        "normalize_nodes",
        "scale_symmetry_functions",
        "center_symmetry_functions",
        "scale_symmetry_functions_sigma",
        "scale_min_short",
        "scale_max_short",
        "mean_energy",
        "conv_energy",
        "conv_length",
        "atom_energy",
        "energy_unit",
    }
)

_GENERATIONS = ("nnp_type", "nnp_generation", "nnp_type_gen", "nnp_gen")
_NORMALISATION = ("mean_energy", "conv_energy", "conv_length")
_MOST_HIDDEN = 100
_MOST_NEURONS = 100_000


@dataclass(frozen=True)
class NetworkSettings:
    """What an ``input.nn`` says of networks.

    Attributes
    ----------
    layers : dict of str to Layers
        Of each element.
    normalise_nodes : bool
        Whether each neuron's sum is divided by the number of neurons before it.
    scaling : {"none", "range", "centre", "centred_range", "sigma"}
        How inputs are scaled (`ColumnSummaries.standardisation`).
    scale_min, scale_max : float
        Where the scaled range begins and ends.
    mean_energy, conv_energy : float
        E = output / conv_energy + mean_energy.
    atom_energy : dict of str to float
        What is added for each atom.
    energy_unit : str or None
        Of a line ``energy_unit`` (this package's own), None without.
    """

    layers: dict[str, Layers]
    normalise_nodes: bool = False
    scaling: str = "none"
    scale_min: float = 0.0
    scale_max: float = 1.0
    mean_energy: float = 0.0
    conv_energy: float = 1.0
    atom_energy: dict[str, float] = field(default_factory=dict)
    energy_unit: EnergyUnit | None = None


@dataclass(frozen=True, eq=False)
class ColumnSummaries:
    """What ``scaling.data`` says of one element's symmetry functions, each of shape (n_features,).

    Attributes
    ----------
    least, most, mean, sigma : ndarray of float
    """

    least: np.ndarray
    most: np.ndarray
    mean: np.ndarray
    sigma: np.ndarray

    def standardisation(self, settings: NetworkSettings) -> tuple[np.ndarray, np.ndarray]:
        """Shift and factor of each column: input = (G - shift) · factor.

        A column that does not vary gets the factor that a width of 1 would give.

        Raises
        ------
        ValueError
            If the inputs are to begin elsewhere than at 0 and the factor is 0, so that no shift can say it.
        """
        kind = settings.scaling
        width = settings.scale_max - settings.scale_min
        if kind in ("none", "centre"):
            factor = np.ones_like(self.mean)
        else:
            spread = self.sigma if kind == "sigma" else self.most - self.least
            factor = width / np.where(spread > 0.0, spread, 1.0)
        begin = {"none": np.zeros_like(self.mean), "range": self.least}.get(kind, self.mean)
        lowest = 0.0 if kind in ("none", "centre") else settings.scale_min
        if lowest == 0.0:
            return begin.copy(), factor
        if width == 0.0:
            raise ValueError("scale_min_short and scale_max_short are equal: all inputs would be")
        return begin - lowest / factor, factor


# --- input.nn -----------------------------------------------------------------------------------------------


def read_network_settings(text: str, name: str, elements: Sequence[str]) -> NetworkSettings:
    """Read what n2p2 needs for a network of the short range.

    Parameters
    ----------
    text : str
        Content of an ``input.nn``.
    name : str
        Its name in messages.
    elements : sequence of str
        Elements of its symmetry functions.

    Raises
    ------
    ValueError
        "name:line: ..." for what is malformed, missing, or not known here (charges, other generations).
    """
    return _SettingsReader(name, elements).read(text)


class _SettingsReader:
    """The lines of one ``input.nn``, by their first word."""

    def __init__(self, name: str, elements: Sequence[str]) -> None:
        self._name = name
        self._elements = elements
        self._found: dict[tuple[str, str], tuple[int, list[str]]] = {}  # (word, element): line, values
        self._line = 0

    def read(self, text: str) -> NetworkSettings:
        for self._line, words in _lines(text, "#!"):
            if words[0] in NETWORK_WORDS:
                self._take(words)
            elif words[0] in _GENERATIONS and words[1:] not in (["2G-HDNNP"], ["2"]):
                raise self._fail(
                    f"{words[0]} {shown(' '.join(words[1:]))}: only networks of the short range are known, "
                    "expected 2G-HDNNP or 2"
                )
        normalisation = {word: self._number(word) for word in _NORMALISATION}
        given = [word for word, value in normalisation.items() if value is not None]
        if given and len(given) < len(_NORMALISATION):
            self._line = max(self._found[word, ""][0] for word in given)
            raise self._fail("expected all of mean_energy, conv_energy and conv_length, or none")
        scale_min, scale_max = self._number("scale_min_short"), self._number("scale_max_short")
        return NetworkSettings(
            layers={symbol: self._layers(symbol) for symbol in self._elements},
            normalise_nodes=("normalize_nodes", "") in self._found,
            scaling=self._scaling(),
            scale_min=0.0 if scale_min is None else scale_min,
            scale_max=1.0 if scale_max is None else scale_max,
            mean_energy=normalisation["mean_energy"] or 0.0,
            conv_energy=1.0 if not given else self._positive("conv_energy"),
            atom_energy={s: self._number("atom_energy", s) or 0.0 for s in self._elements},
            energy_unit=self._unit(),
        )

    def _take(self, words: list[str]) -> None:
        word, element, values = words[0], "", words[1:]
        if word.startswith("element_") or word == "atom_energy":
            if not values or values[0] not in self._elements:
                found = shown(values[0]) if values else "the end of the line"
                raise self._fail(f"{word}: expected one of {' '.join(self._elements)}, found {found}")
            element, values = values[0], values[1:]
        if (word, element) in self._found:
            raise self._fail(f"second '{word}' line, the first is line {self._found[word, element][0]}")
        self._found[word, element] = (self._line, values)

    def _fail(self, problem: str) -> ValueError:
        return ValueError(f"{self._name}:{self._line}: {problem}")

    def _number(self, word: str, element: str = "") -> float | None:
        if (word, element) not in self._found:
            return None
        self._line, values = self._found[word, element]
        value = _finite(values[0]) if len(values) == 1 else None
        if value is None:
            raise self._fail(f"{word}: expected one finite number, found '{shown(' '.join(values))}'")
        return value

    def _positive(self, word: str) -> float:
        value = self._number(word)
        if value is None or not value > 0.0:
            raise self._fail(f"{word} is {value}, expected a number above 0")
        return value

    def _unit(self) -> EnergyUnit | None:
        if ("energy_unit", "") not in self._found:
            return None
        self._line, values = self._found["energy_unit", ""]
        if values == ["eV"]:
            return "eV"
        if values == ["hartree"]:
            return "hartree"
        raise self._fail(f"energy_unit '{shown(' '.join(values))}', expected eV or hartree")

    def _scaling(self) -> str:
        scale, centre, sigma = (
            (word, "") in self._found
            for word in (
                "scale_symmetry_functions",
                "center_symmetry_functions",
                "scale_symmetry_functions_sigma",
            )
        )
        if sigma and (scale or centre):
            self._line = self._found["scale_symmetry_functions_sigma", ""][0]
            raise self._fail("scale_symmetry_functions_sigma and another scaling: expected one of them")
        if sigma:
            return "sigma"
        if scale:
            return "centred_range" if centre else "range"
        return "centre" if centre else "none"

    def _layers(self, symbol: str) -> Layers:
        """The element's own lines where there are such, else the global ones."""
        n_hidden = self._whole(
            self._values("hidden_layers", symbol), "number of hidden layers", 0, _MOST_HIDDEN
        )
        if len(n_hidden) != 1:
            raise self._fail("expected one number of hidden layers")
        hidden = self._whole(self._values("nodes", symbol), "number of neurons", 1, _MOST_NEURONS)
        if len(hidden) != n_hidden[0]:
            raise self._fail(
                f"{len(hidden)} numbers of neurons for the {n_hidden[0]} hidden layers of {symbol}"
            )
        try:
            return Layers(tuple(hidden), tuple(self._values("activation", symbol, n_hidden[0] + 1)))
        except ValueError as error:
            raise self._fail(str(error)) from None

    def _values(self, what: str, symbol: str, expected: int | None = None) -> list[str]:
        for key in ((f"element_{what}_short", symbol), (f"global_{what}_short", "")):
            if key in self._found:
                self._line, values = self._found[key]
                if expected is not None and len(values) != expected:
                    raise self._fail(
                        f"{len(values)} activations of {symbol}: expected {expected}, one a layer"
                    )
                return values
        if what == "nodes":
            return []
        raise ValueError(f"{self._name}: no 'global_{what}_short' line, which {symbol} needs")

    def _whole(self, words: list[str], what: str, least: int, most: int) -> list[int]:
        for word in words:
            if not (word.isascii() and word.isdecimal() and len(word) < 9 and least <= int(word) <= most):
                raise self._fail(f"{what} is '{shown(word)}', expected a whole number from {least} to {most}")
        return [int(word) for word in words]


# --- scaling.data -------------------------------------------------------------------------------------------


def read_scaling_data(
    path: str | os.PathLike, orders: Mapping[str, np.ndarray], *, needs_sigma: bool = False
) -> dict[str, ColumnSummaries]:
    """Read n2p2's ``scaling.data``.

    Parameters
    ----------
    path : path
    orders : dict of str to ndarray of int
        For each element, ordered by atomic number, the rank of each of its columns in the file
        (`SymmetryFunctions.n2p2_order`).
    needs_sigma : bool
        Whether a line without the sixth number is refused.

    Returns
    -------
    dict of str to ColumnSummaries
        In the order of the fingerprint's columns.

    Raises
    ------
    ValueError
        "path:line: ..." for what is malformed, twice there or missing.
    OSError
        If the file cannot be read.
    """
    tables = {symbol: np.full((len(order), 4), np.nan) for symbol, order in orders.items()}
    symbols = list(orders)
    for line, words in _lines(_text(path), "#"):
        values = [_finite(word) for word in words[2:]]
        element, rank = ([_index(word) for word in words[:2]] + [0, 0])[:2]
        if len(words) not in (5, 6) or None in values or not element or not rank:
            raise ValueError(
                f"{path}:{line}: expected element index, function index, min, max, mean and sigma"
            )
        if len(words) == 5 and needs_sigma:
            raise ValueError(f"{path}:{line}: no sigma, which scale_symmetry_functions_sigma needs")
        if element > len(symbols) or rank > len(tables[symbols[element - 1]]):
            raise ValueError(f"{path}:{line}: there is no function {rank} of element {element}")
        row = tables[symbols[element - 1]][rank - 1]
        if not np.isnan(row[0]):
            raise ValueError(f"{path}:{line}: function {rank} of element {element} for the second time")
        row[:] = [*values, 0.0][:4]
    for symbol, table in tables.items():
        missing = np.flatnonzero(np.isnan(table[:, 0]))
        if len(missing):
            raise ValueError(f"{path}: function {missing[0] + 1} of {symbol} is missing")
    return {s: ColumnSummaries(*tables[s][order].T.copy()) for s, order in orders.items()}


def scaling_data(summaries: Mapping[str, ColumnSummaries], orders: Mapping[str, np.ndarray]) -> str:
    """The text of a ``scaling.data``; arguments as `read_scaling_data` has and returns them."""
    lines = [
        "# Symmetry function scaling data, functions in n2p2's order.",
        "# e_index sf_index                   sf_min                   sf_max                  sf_mean"
        "                 sf_sigma",
    ]
    for number, (symbol, order) in enumerate(orders.items(), 1):
        columns = summaries[symbol]
        table = np.column_stack([columns.least, columns.most, columns.mean, columns.sigma])
        for rank, column in enumerate(np.argsort(order), 1):
            values = " ".join(f"{value:24.16E}" for value in table[column])
            lines.append(f"{number:10d} {rank:10d} {values}")
    return "\n".join(lines) + "\n"


# --- weights.ZZZ.data ---------------------------------------------------------------------------------------


def weight_file_name(atomic_number: int) -> str:
    """Name of the file of an element's weights."""
    return f"weights.{atomic_number:03d}.data"


def read_weights(path: str | os.PathLike, sizes: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read the weights of one network.

    n2p2 takes the values in the order of the lines; what stands behind a value (its kind, layers and neurons)
    must agree with that.

    Parameters
    ----------
    path : path
    sizes : sequence of int
        Neurons of each layer, from the inputs to the output.

    Returns
    -------
    list of (ndarray of float, shape (n_in, n_out), ndarray of float, shape (n_out,))
        Weights and biases of each layer.

    Raises
    ------
    ValueError
        "path:line: ..." for what is malformed, of another network or missing.
    OSError
        If the file cannot be read.
    """
    expected = sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))
    values = np.empty(expected)
    count = 0
    places = _places(sizes)
    for line, words in _lines(_text(path), "#"):
        value = _finite(words[0])
        if value is None:
            raise ValueError(f"{path}:{line}: '{shown(words[0])}' is not a finite number")
        if count == expected:
            raise ValueError(f"{path}:{line}: more than the {expected} values of a {_shape(sizes)} network")
        place = next(places)
        if len(words) > 1 and [words[1], *words[3:]] != place:
            raise ValueError(
                f"{path}:{line}: '{shown(' '.join(words[1:]))}' after the value, expected '{place[0]} "
                f"{count + 1} {' '.join(place[1:])}' of a {_shape(sizes)} network"
            )
        values[count] = value
        count += 1
    if count < expected:
        raise ValueError(f"{path}: {count} values, expected the {expected} of a {_shape(sizes)} network")
    layers, at = [], 0
    for n_in, n_out in pairwise(sizes):
        weight = values[at : at + n_in * n_out].reshape(n_in, n_out)
        layers.append((weight, values[at + n_in * n_out : at + (n_in + 1) * n_out]))
        at += (n_in + 1) * n_out
    return layers


def weights_data(layers: Iterable[tuple[np.ndarray, np.ndarray]]) -> str:
    """The text of a ``weights.ZZZ.data``; `layers` as `read_weights` returns them."""
    layers = list(layers)
    sizes = [layers[0][0].shape[0], *(bias.shape[0] for _, bias in layers)]
    values = np.concatenate([np.concatenate([weight.ravel(), bias]) for weight, bias in layers])
    lines = [
        "# Neural network connection values (weights and biases).",
        "#                      1 2         3     4     5     6     7",
        "#             connection t     index   l_s   n_s   l_e   n_e",
    ]
    for count, (value, place) in enumerate(zip(values, _places(sizes), strict=True), 1):
        where = " ".join(f"{number:>5s}" for number in place[1:])
        lines.append(f"{value:24.16E} {place[0]} {count:9d} {where}")
    return "\n".join(lines) + "\n"


def _places(sizes: Sequence[int]) -> Iterator[list[str]]:
    """Kind, layers and neurons of each value, in n2p2's order."""
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), 1):
        for begin in range(1, n_in + 1):
            for end in range(1, n_out + 1):
                yield ["a", str(layer - 1), str(begin), str(layer), str(end)]
        for end in range(1, n_out + 1):
            yield ["b", str(layer), str(end)]


def _shape(sizes: Sequence[int]) -> str:
    return "-".join(map(str, sizes))


def _text(path: str | os.PathLike) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")


def _lines(text: str, comments: str) -> Iterator[tuple[int, list[str]]]:
    """Numbers and words of the lines that say something."""
    for number, line in enumerate(text.splitlines(), 1):
        for comment in comments:
            line = line.partition(comment)[0]
        if words := line.split():
            yield number, words


def _finite(word: str) -> float | None:
    try:
        value = float(word) if "_" not in word else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _index(word: str) -> int:
    """A number from 1; 0 if it is none."""
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 9 else 0
