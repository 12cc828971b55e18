# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels by a calculator of ASE."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from mdsieve.factories import made_by
from mdsieve.io.wording import shown, shown_error
from mdsieve.labels.contract import Labelled, Labeller, with_labels, without_labels

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["CalculatorLabeller", "calculator_from"]


class CalculatorLabeller(Labeller):
    """Energy, forces and, if the calculator has it and the cell is periodic, stress.

    Parameters
    ----------
    calculator : ase.calculators.calculator.Calculator
    description : str, optional
        Default: the name of its class.

    Raises
    ------
    ValueError
        If it has no forces.
    """

    def __init__(self, calculator: Any, description: str | None = None) -> None:
        if not {"energy", "forces"} <= set(getattr(calculator, "implemented_properties", ())):
            raise ValueError(f"{type(calculator).__name__}: expected an ASE calculator of energy and forces")
        self._calculator = calculator
        self._description = description or type(calculator).__name__

    @classmethod
    def from_factory(cls, factory: str) -> CalculatorLabeller:
        """By what a user's function ``module:function`` returns.

        Raises
        ------
        ValueError
            One line: as `calculator_from`.
        """
        return cls(calculator_from(factory), factory)

    @property
    def description(self) -> str:
        """What was said of the calculator."""
        return self._description

    def label(self, frames: Iterable[Atoms]) -> Iterator[Labelled]:
        """See `Labeller.label`."""
        for index, atoms in enumerate(frames):
            try:
                labelled = self._label(atoms)
            except Exception as error:  # the user's code may raise anything
                words = f"{type(error).__name__}: {shown_error(error, 200)}"
                yield Labelled(index, without_labels(atoms), shown(words, 240))
            else:
                yield Labelled(index, labelled)

    def _label(self, atoms: Atoms) -> Atoms:
        copy = without_labels(atoms)
        copy.calc = self._calculator
        energy, forces, stress = copy.get_potential_energy(), copy.get_forces(), None
        if copy.pbc.all() and "stress" in self._calculator.implemented_properties:
            stress = copy.get_stress()
        return with_labels(atoms, energy, forces, stress)


def calculator_from(factory: str) -> Any:
    """The calculator that a user's function makes; see `mdsieve.factories.made_by`.

    Raises
    ------
    ValueError
        One line: the function cannot be called, or it makes no calculator.
    """
    made = made_by(factory)
    if not hasattr(made, "get_property"):
        raise ValueError(f"factory {factory}: returned a {type(made).__name__}, expected an ASE calculator")
    return made
