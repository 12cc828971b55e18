# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured of a potential, and how two measurements are put side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from mdsieve.validate.subject import Subject

__all__ = ["Curve", "Measured", "Number", "Property", "Row"]


@dataclass(frozen=True)
class Number:
    """One number of a measurement.

    Attributes
    ----------
    name, unit : str
    value : float
    """

    name: str
    unit: str
    value: float


@dataclass(frozen=True, eq=False)
class Curve:
    """Columns over one axis.

    Attributes
    ----------
    name : str
        A part of a file's name.
    x_label, y_label : str
        With units.
    x : ndarray of float, shape (n,)
    columns : dict of str to ndarray of float, shape (n,)
    ticks : sequence of (float, str)
        Marks on the axis; empty: the usual ones.
    is_cloud : bool
        Points in no order, to be drawn against the diagonal.
    is_drawn : bool
        Whether there is a picture of it, besides the file.
    """

    name: str
    x_label: str
    y_label: str
    x: np.ndarray
    columns: Mapping[str, np.ndarray]
    ticks: Sequence[tuple[float, str]] = ()
    is_cloud: bool = False
    is_drawn: bool = True


@dataclass(frozen=True, eq=False)
class Measured:
    """What a property found of one potential.

    Attributes
    ----------
    numbers : tuple of Number
    facts : dict of str to str
        What is not a number, such as an order.
    curves : tuple of Curve
    """

    numbers: tuple[Number, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    curves: tuple[Curve, ...] = ()

    def __getitem__(self, name: str) -> float:
        """The value of a number.

        Raises
        ------
        KeyError
            If there is none of that name.
        """
        for number in self.numbers:
            if number.name == name:
                return number.value
        raise KeyError(name)


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes
    ----------
    measured_by, quantity, unit : str
        The name of the property first.
    value : float or str or None
        Of the potential; None if it could not be found.
    reference : float or str or None
    """

    measured_by: str
    quantity: str
    unit: str
    value: float | str | None
    reference: float | str | None

    @property
    def difference(self) -> float | None:
        """Value - reference, where both are numbers."""
        if isinstance(self.value, str) or isinstance(self.reference, str):
            return None
        if self.value is None or self.reference is None:
            return None
        return self.value - self.reference


class Property(ABC):
    """Something that is measured of a potential."""

    #: As the command names it.
    name: ClassVar[str]

    #: Whether the reference is measured too.
    has_reference: ClassVar[bool] = True

    @abstractmethod
    def measure(self, subject: Subject) -> Measured:
        """Measure it.

        Raises
        ------
        ValueError
            If the potential has no such property: one line that says why.
        """

    def compare(self, measured: Measured | None, reference: Measured | None) -> list[Row]:
        """Lines of the table: numbers and facts of the same name side by side."""
        rows: list[Row] = []
        given = [one for one in (measured, reference) if one is not None]
        for name, unit in dict.fromkeys((n.name, n.unit) for one in given for n in one.numbers):
            rows.append(Row(self.name, name, unit, _value(measured, name), _value(reference, name)))
        for name in dict.fromkeys(name for one in given for name in one.facts):
            said = [one.facts.get(name) if one is not None else None for one in (measured, reference)]
            rows.append(Row(self.name, name, "", *said))
        return rows


def _value(measured: Measured | None, name: str) -> float | None:
    if measured is None:
        return None
    return next((number.value for number in measured.numbers if number.name == name), None)
