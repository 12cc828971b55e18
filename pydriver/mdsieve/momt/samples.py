# SPDX-License-Identifier: GPL-2.0-or-later
"""Samples of a multiorder-multithermal ensemble: records of its walkers and the weight of all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mdsieve.momt.records import Record, read_record
from mdsieve.momt.weight import Weight

#: More rounding of H than this times k T0 is refused.
_COARSEST = 0.1


@dataclass(frozen=True, eq=False)
class Samples:
    """All samples of some records of one weight, one record after the other.

    Attributes
    ----------
    weight : Weight
    records : tuple of Record

    Raises
    ------
    ValueError
        If a record was not taken with this very weight, as when the weight was still being learnt.
    """

    weight: Weight
    records: tuple[Record, ...]

    def __post_init__(self) -> None:
        if not self.records:
            raise ValueError("no record: expected at least one")
        for record in self.records:
            _check_weight(self.weight, record)

    @classmethod
    def read(
        cls,
        weight: str | os.PathLike,
        records: Iterable[str | os.PathLike],
        *,
        fix: str | None = None,
        volume: str | None = None,
        first_step: int | None = None,
    ) -> Samples:
        """Read the files of a weight and of records.

        Parameters
        ----------
        weight : path
        records : iterable of paths
            One for each walker.
        fix, volume : str, optional
            See `read_record`.
        first_step : int, optional
            Leave out what lies before this step of each record.

        Raises
        ------
        OSError, ValueError
            As `Weight.load` and `read_record`; and if records and weight do not belong together.
        """
        found = [read_record(path, fix=fix, volume=volume) for path in records]
        if first_step is not None:
            found = [record.since(first_step) for record in found]
        return cls(Weight.load(weight), tuple(found))

    def __len__(self) -> int:
        return sum(map(len, self.records))

    @property
    def n_atoms(self) -> int:
        """Atoms in the cell."""
        return self.weight.n_atoms

    @cached_property
    def enthalpy(self) -> np.ndarray:
        """H of the cell at P0, float64[n]."""
        return np.concatenate([record.enthalpy for record in self.records])

    @cached_property
    def order(self) -> np.ndarray:
        """O, float64[n]."""
        return np.concatenate([record.order for record in self.records])

    @cached_property
    def bias(self) -> np.ndarray:
        """The bias v as the file of the weight tells it, float64[n]."""
        return self.weight.evaluate(self.enthalpy, self.order).value

    @cached_property
    def record(self) -> np.ndarray:
        """Number of the record of each sample, int64[n]."""
        return np.repeat(np.arange(len(self.records)), [len(record) for record in self.records])

    @cached_property
    def volume(self) -> np.ndarray | None:
        """Volume of the cell, float64[n]; None where a record has none."""
        parts = [record.volume for record in self.records if record.volume is not None]
        return np.concatenate(parts) if len(parts) == len(self.records) else None

    @cached_property
    def columns(self) -> dict[str, np.ndarray]:
        """Further columns that all records have."""
        first, *others = self.records
        names = [name for name in first.columns if all(name in other.columns for other in others)]
        return {name: np.concatenate([r.columns[name] for r in self.records]) for name in names}

    def enthalpy_at(self, pressure: float | None) -> np.ndarray:
        """H at another pressure, float64[n].

        Raises
        ------
        ValueError
            If the records have no volume, and it is not P0.
        """
        if pressure is None or pressure == self.weight.pressure:
            return self.enthalpy
        if self.volume is None:
            raise ValueError(
                f"pressure {pressure:g}: the records have no volume: expected a column `v_vol` (or say which)"
            )
        return self.enthalpy + (pressure - self.weight.pressure) * self.volume / self.weight.nktv2p

    def log_weights(self, temperature: float, pressure: float | None = None) -> np.ndarray:
        """Logarithms of the weights that make these samples those of NPT, float64[n].

        -(U + P V) / k T + (H + v) / k T0, less the largest (Torrie and Valleau, J. Comput. Phys. 23, 187,
        1977).
        """
        weight = self.weight
        log = (self.enthalpy + self.bias) / weight.thermal_energy
        log = log - self.enthalpy_at(pressure) / (weight.boltzmann * temperature)
        return log - log.max()


def _check_weight(weight: Weight, record: Record) -> None:
    """Whether v of the record is that of the weight at its H and O, within the digits that were written."""
    coarse = np.median(record.rounding["enthalpy"]) / weight.thermal_energy
    if coarse > _COARSEST:
        raise ValueError(
            f"{record.source}: H is written to {coarse:.2g} k T0: expected more digits "
            "(`format` of fix ave/time, `thermo_modify format`)"
        )
    here = weight.evaluate(record.enthalpy, record.order)
    rounding = record.rounding
    allowed = rounding["bias"] + 1e-9 * weight.thermal_energy
    allowed = allowed + (np.abs(here.d_enthalpy) + 1e-3) * rounding["enthalpy"]
    allowed = allowed + (np.abs(here.d_order) + 1e-3 * weight.thermal_energy) * rounding["order"]
    wrong = np.flatnonzero(np.abs(record.bias - here.value) > 2.0 * allowed)
    if len(wrong):
        at = wrong[0]
        raise ValueError(
            f"{record.source}:{record.line[at]}: v is {record.bias[at]:.6g}, but {weight.name} has "
            f"{here.value[at]:.6g} at H = {record.enthalpy[at]:.6g}, O = {record.order[at]:.6g} "
            f"({len(wrong)} of {len(record)} rows): expected a record of this weight, "
            "without `learn` and without averaging over steps"
        )


def effective_number(weights: np.ndarray | Sequence[float]) -> float:
    """(sum w)^2 / sum w^2 (Kish); 0 without weights."""
    squares = float(np.dot(weights, weights))
    return float(np.sum(weights)) ** 2 / squares if squares > 0.0 else 0.0
