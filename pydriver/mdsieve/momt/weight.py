# SPDX-License-Identifier: GPL-2.0-or-later
"""The weight of a multiorder-multithermal ensemble: the file that ``fix momt`` writes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mdsieve import _core
from mdsieve.io.replacing import replacing
from mdsieve.io.wording import shown, shown_error

#: LAMMPS' Boltzmann constant and its energy a volume in units of pressure, by the style of `units`.
LAMMPS_CONSTANTS = {
    "metal": (8.617343e-05, 1.6021765e6),
    "real": (0.0019872067, 68568.415),
    "lj": (1.0, 1.0),
    "si": (1.3806504e-23, 1.0),
    "cgs": (1.3806504e-16, 1.0),
    "electron": (3.16681534e-06, 2.94210108e13),
    "micro": (1.3806504e-08, 1.0),
    "nano": (0.013806504, 1.0),
}

_HDF5_NAMES = {".h5", ".hdf5"}
_FORMAT = "mdsieve momt weight"
_MOST_NUMBERS = 5_000_000  # more than the most bins of a weight
_HEAD = ("units", "temperature", "pressure", "atoms", "lattice", "enthalpy", "order", "tails", "cap")
_COUNTERS = ("samples", "deposits", "passages", "side")


class Bias(NamedTuple):
    """v and its derivatives, float64[n] each.

    Attributes
    ----------
    value : ndarray
        v, energy of the cell.
    d_enthalpy, d_order : ndarray
        dv/dH and dv/dO.
    """

    value: np.ndarray
    d_enthalpy: np.ndarray
    d_order: np.ndarray


class Axis(NamedTuple):
    """Equal intervals: lower and upper bound, and their number."""

    lower: float
    upper: float
    n: int

    @property
    def edges(self) -> np.ndarray:
        """Bounds of all intervals, float64[n + 1]."""
        return np.linspace(self.lower, self.upper, self.n + 1)

    @property
    def centres(self) -> np.ndarray:
        """Middles of the intervals, float64[n]."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    @property
    def spacing(self) -> float:
        """Width of an interval."""
        return (self.upper - self.lower) / self.n


class Weight:
    """exp[-(H + v(H, O)) / k T0], the weight of a configuration of enthalpy H and order parameter O.

    Parameters
    ----------
    core : _core.EnsembleWeight
    name : str
        Of the file, for messages.

    Notes
    -----
    Energies are those of the cell, in the units of the run (`units`); H has no kinetic energy.
    """

    def __init__(self, core: _core.EnsembleWeight, name: str = "weight") -> None:
        self._core = core
        self.name = name
        if core.units not in LAMMPS_CONSTANTS:
            raise ValueError(
                f"{name}: units {shown(core.units)}: expected one of {', '.join(LAMMPS_CONSTANTS)}"
            )

    @classmethod
    def parse(cls, text: str, name: str = "weight") -> Weight:
        """Read the text of a weight.

        Raises
        ------
        ValueError
            One line that names file and line.
        """
        return cls(_core.EnsembleWeight.parse(text, name), name)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Weight:
        """Read a weight: HDF5 if the name ends in ``.h5`` or ``.hdf5``, else text.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is no weight.
        """
        path = Path(path)
        if path.suffix in _HDF5_NAMES:
            text = _text_of_hdf5(path)
        else:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        return cls.parse(text, str(path))

    def save(self, path: str | os.PathLike) -> None:
        """Write the weight so that `load` reads it back exactly; HDF5 by the name's ending, as there.

        The text is that of ``fix momt``. HDF5 has the words of its head as attributes, and the datasets
        ``coefficients`` and ``visits``.
        """
        with replacing(path) as temporary:
            if Path(path).suffix in _HDF5_NAMES:
                self._write_hdf5(temporary)
            else:
                temporary.write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """The text that ``fix momt`` reads."""
        return self._core.text()

    @property
    def units(self) -> str:
        """LAMMPS' style of units."""
        return self._core.units

    @property
    def boltzmann(self) -> float:
        """LAMMPS' k in these units."""
        return LAMMPS_CONSTANTS[self.units][0]

    @property
    def nktv2p(self) -> float:
        """Pressure times volume in units of energy times this number."""
        return LAMMPS_CONSTANTS[self.units][1]

    @property
    def temperature(self) -> float:
        """T0."""
        return self._core.temperature

    @property
    def pressure(self) -> float:
        """P0."""
        return self._core.pressure

    @property
    def thermal_energy(self) -> float:
        """Thermal energy k T0."""
        return self.boltzmann * self.temperature

    @property
    def n_atoms(self) -> int:
        """Atoms in the cell."""
        return self._core.n_atoms

    @property
    def lattice(self) -> str:
        """The crystal: sc, bcc or fcc."""
        return self._core.lattice

    @property
    def repeats(self) -> tuple[int, int, int]:
        """Its conventional cells along each cell vector."""
        a, b, c = self._core.repeats
        return a, b, c

    @property
    def enthalpy(self) -> Axis:
        """The window of enthalpy of the cell, in which the weight was learnt."""
        return Axis(*self._core.enthalpy_axis)

    @property
    def order(self) -> Axis:
        """The axis of the order parameter."""
        return Axis(*self._core.order_axis)

    @property
    def tails(self) -> tuple[float, float]:
        """The temperatures of the weight below and above the window of enthalpy."""
        return self._core.tails

    @property
    def cap(self) -> float:
        """Depth to which the weight was learnt, in k T0."""
        return self._core.cap

    @property
    def passages(self) -> int:
        """Passages between the phases that ``fix momt`` has counted."""
        return self._core.passages

    @property
    def samples(self) -> int:
        """Samples that it has taken."""
        return self._core.samples

    @property
    def visits(self) -> np.ndarray:
        """Samples in each bin of enthalpy (rows) and order, int64[n, m]."""
        return self._core.visits

    @property
    def coefficients(self) -> np.ndarray:
        """Those of the spline, float64[n + 3, m + 3]."""
        return self._core.coefficients

    def evaluate(self, enthalpy: np.ndarray, order: np.ndarray) -> Bias:
        """v, dv/dH and dv/dO where a sample is, as ``fix momt`` computes them.

        Parameters
        ----------
        enthalpy, order : array_like of float, shape (n,)
            Enthalpy of the cell, order parameter.
        """
        return Bias(*self._core.evaluate(_row(enthalpy), _row(order)))

    def bins(self, enthalpy: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Number of the bin of each sample, row by row of enthalpy, int64[n]; -1 outside the window."""
        return self._core.bins(_row(enthalpy), _row(order))

    def on_grid(self) -> np.ndarray:
        """The bias v in the middle of each bin, float64[n, m]."""
        enthalpy, order = np.meshgrid(self.enthalpy.centres, self.order.centres, indexing="ij")
        return self.evaluate(enthalpy.ravel(), order.ravel()).value.reshape(enthalpy.shape)

    def _write_hdf5(self, path: Path) -> None:
        import h5py

        head = dict(line.split(maxsplit=1) for line in self.text().splitlines()[1:14])
        with h5py.File(path, "w") as file:
            file.attrs["format"] = _FORMAT
            file.attrs["version"] = 1
            for key, words in head.items():
                file.attrs[key] = words if key in ("units", "lattice") else _numbers(words)
            file["coefficients"] = self.coefficients
            file["visits"] = self.visits


def _row(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float64)


def _numbers(words: str) -> float | int | np.ndarray:
    reals = np.array(words.split(), dtype=float)
    if len(reals) > 1:
        return reals
    return int(words) if words.lstrip("-").isdecimal() else float(words)


def _text_of_hdf5(path: Path) -> str:
    """The text of the weight in an HDF5 file, for the one reader that there is."""
    import h5py

    with open(path, "rb"):  # what h5py says of a missing file is long
        pass
    try:
        with h5py.File(path, "r") as file:
            head = dict(file.attrs)
            tables = {key: file.get(key) for key in ("coefficients", "visits")}
            rows = {key: _rows(table, f"{path}: {key}") for key, table in tables.items()}
    except (OSError, KeyError, RuntimeError, TypeError) as error:  # what h5py raises of a damaged file
        raise ValueError(f"{path}: not the HDF5 file of a weight: {shown_error(error)}") from error
    if not (isinstance(head.get("format"), str) and head["format"] == _FORMAT):
        raise ValueError(f"{path}: not a weight: expected the format `{_FORMAT}`")
    words = {}
    for key in ("version", *_HEAD, *_COUNTERS):
        if key not in head:
            raise ValueError(f"{path}: expected the attribute `{key}`")
        words[key] = _words(head[key], f"{path}: {key}")
    lines = [f"{_FORMAT} {words.pop('version')}", *(f"{key} {value}" for key, value in words.items())]
    for key, values in rows.items():
        form = str if key == "visits" else _real
        lines.append(f"{key} {values.shape[0]} {values.shape[1]}")
        lines += (" ".join(map(form, row)) for row in values.tolist())
    return "\n".join(lines) + "\n"


def _rows(table: object, name: str) -> np.ndarray:
    """The numbers of a dataset, looked at before they are read."""
    import h5py

    if not isinstance(table, h5py.Dataset) or table.ndim != 2 or table.dtype.kind not in "iuf":
        raise ValueError(f"{name}: expected rows and columns of numbers")
    if table.size > _MOST_NUMBERS:
        raise ValueError(f"{name}: {table.shape[0]} x {table.shape[1]} numbers: expected a weight's")
    return table[()]


def _words(value: object, name: str) -> str:
    if isinstance(value, str):
        return " ".join(value.split())
    numbers = np.asarray(value) if np.isscalar(value) or isinstance(value, np.ndarray) else np.array("")
    if numbers.dtype.kind not in "iuf":
        raise ValueError(f"{name}: expected words or numbers")
    return " ".join(map(_real, numbers.ravel().tolist()))


def _real(value: float) -> str:
    """Digits that read back exactly; a whole number without a point, as counts are."""
    is_count = abs(value) < 1e15 and value == round(value)  # false for what is not finite
    return str(round(value)) if is_count else repr(value)
