# SPDX-License-Identifier: GPL-2.0-or-later
"""Spread: how much the members of the user's committee of potentials disagree."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np

from mdsieve.factories import made_by
from mdsieve.scores.contract import ATOMS, Environments, Score, Scorer
from mdsieve.scores.deltas import pack

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["SpreadScorer", "calculators_from", "ids_of", "sound_factor", "spread_header"]

logger = logging.getLogger("mdsieve.scores")

Quantity: TypeAlias = Literal["forces", "energy"]
_MOST_LOGGED = 5  # failures of one member that the log tells of


class SpreadScorer(Scorer):
    """Disagreement of a committee.

    Of the forces (the default): for each atom s_i = √(⟨|F_i - ⟨F_i⟩|²⟩) over the members [eV/Å]; the frame's
    number is the largest. Of the energy: the standard deviation of E/n_atoms over the members [eV/atom].
    Both divide by the number of members.

    A member that fails, or says something that is not a finite number, is left out of that frame, and the log
    and the score's reason say so; with fewer than two members left there is no number.

    Parameters
    ----------
    committee : list of ase.calculators.calculator.Calculator, or callable
        Calculators, one after the other; or a function that takes an ``ase.Atoms`` and returns forces of all
        members, shape (n_members, n_atoms, 3), or for the energy their energies, shape (n_members,).
    of : {"forces", "energy"}
    factor : float
        What spreads are multiplied by (`mdsieve.scores.reliability`).

    Raises
    ------
    ValueError
        If there are fewer than two calculators, `of` is unknown, or the factor not above 0.

    Notes
    -----
    The force's is the model deviation of Zhang et al., Phys. Rev. Mater. 3, 023804 (2019).
    """

    name: ClassVar[str] = "spread"
    needs: frozenset[str] = frozenset({ATOMS})

    def __init__(
        self,
        committee: Sequence[Any] | Callable[[Atoms], np.ndarray],
        of: Quantity = "forces",
        *,
        factor: float = 1.0,
    ) -> None:
        if of not in ("forces", "energy"):
            raise ValueError(f"spread of {of!r}: expected 'forces' or 'energy'")
        if not callable(committee) and len(committee) < 2:
            raise ValueError(f"a committee of {len(committee)}: expected at least 2 calculators")
        self._committee = committee
        self._of = of
        self._factor = sound_factor(factor)
        self._n_failures: dict[str, int] = {}

    def score(self, environments: Environments) -> Score:
        """The committee's disagreement about the frame.

        Raises
        ------
        ValueError
            If the environments come without atoms.
        """
        atoms = environments.atoms
        if atoms is None:
            raise ValueError("the score spread needs the frame's atoms")
        said, failed = self._ask(atoms)
        if len(said) < 2:
            fewer = "; ".join(failed) or "the committee has fewer than 2 members"
            return Score.none(f"no spread: {fewer}")
        reason = "; ".join(failed)
        if not len(atoms):
            return Score(0.0, reason=reason)
        values = np.stack(said)
        if self._of == "energy":
            return Score(float(values.std(axis=0)) / len(atoms), reason=reason).times(self._factor)
        deviations = values - values.mean(axis=0)
        per_atom = np.sqrt((deviations**2).sum(axis=2).mean(axis=0))
        ids = ids_of(atoms)
        worst = int(np.argmax(per_atom))
        order = np.argsort(ids, kind="stable")
        of_environments = per_atom[order[np.searchsorted(ids[order], environments.atom_ids)]]
        score = Score(float(per_atom[worst]), of_environments, int(ids[worst]), reason)
        return score.times(self._factor)

    def propose(self, environments: Environments) -> None:
        """Nothing: a committee does not learn."""
        return

    def restore(self, delta: bytes) -> None:
        """Refuse any delta: there can be none."""
        raise ValueError("a delta of spread: a committee learns nothing")

    def header(self) -> bytes:
        """What the spread is of; the committee itself is the user's."""
        return spread_header(self._of, self._factor)

    def _ask(self, atoms: Atoms) -> tuple[list[np.ndarray], list[str]]:
        """What the members say that can be used, and why the others cannot."""
        said: list[np.ndarray] = []
        failed: list[str] = []
        for name, ask in self._members(atoms, failed):
            try:
                said.append(self._sound(np.asarray(ask(), dtype=float), atoms))
            except Exception as error:  # whatever the user's code raises must not end MD
                failed.append(self._note(name, error))
        return said, failed

    def _members(self, atoms: Atoms, failed: list[str]) -> list[tuple[str, Callable[[], Any]]]:
        """Names of the members and how to ask each."""
        if not callable(self._committee):
            return [
                (f"calculator {k}", partial(self._of_calculator, calculator, atoms))
                for k, calculator in enumerate(self._committee, 1)
            ]
        try:
            rows = list(self._committee(_bare(atoms)))
        except Exception as error:  # whatever the user's code raises must not end MD
            failed.append(self._note("the committee", error))
            return []
        return [(f"member {k}", partial(np.asarray, row)) for k, row in enumerate(rows, 1)]

    def _of_calculator(self, calculator: Any, atoms: Atoms) -> Any:
        copy = _bare(atoms)
        copy.calc = calculator
        return copy.get_forces() if self._of == "forces" else copy.get_potential_energy()

    def _sound(self, values: np.ndarray, atoms: Atoms) -> np.ndarray:
        expected = (len(atoms), 3) if self._of == "forces" else ()
        if values.shape != expected:
            raise ValueError(f"{self._of} of shape {values.shape}, expected {expected}")
        if not np.isfinite(values).all():
            raise ValueError(f"{self._of} that are not finite")
        return values

    def _note(self, name: str, error: Exception) -> str:
        text = f"{name} failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        count = self._n_failures[name] = self._n_failures.get(name, 0) + 1
        if count <= _MOST_LOGGED:
            last = " (no more of it will be told here)" if count == _MOST_LOGGED else ""
            logger.warning("spread: %s%s", text, last)
        return text


def calculators_from(factory: str) -> Any:
    """The committee that a user's function makes.

    This imports and runs the user's own Python code with the rights of the driver: a configuration with a
    factory is as trustworthy as that code.

    Parameters
    ----------
    factory : str
        ``module:function``; the module is looked for like any other, and in the current folder. The function
        takes nothing and returns what `SpreadScorer` takes.

    Raises
    ------
    ValueError
        One line: the module cannot be imported, it has no such function, or the function fails.
    """
    made = made_by(factory)
    try:
        return made if callable(made) else list(made)
    except TypeError as error:
        raise ValueError(f"factory {factory}: TypeError: {error}") from None


def _bare(atoms: Atoms) -> Atoms:
    """A copy without results, which a committee must not see."""
    copy = atoms.copy()
    copy.calc = None
    return copy


def sound_factor(factor: float) -> float:
    """A factor of spreads, or a ValueError."""
    if not (math.isfinite(factor) and factor > 0.0):
        raise ValueError(f"factor is {factor}: expected a finite number above 0")
    return float(factor)


def spread_header(of: str, factor: float) -> bytes:
    """What decides a spread besides the committee; as stores have it that know no factor, where it is 1."""
    return pack({"of": of} if factor == 1.0 else {"of": of, "factor": factor})


def ids_of(atoms: Atoms) -> np.ndarray:
    """Atom IDs of a frame: as it has them, or from 1, shape (n_atoms,)."""
    return atoms.arrays["id"] if "id" in atoms.arrays else np.arange(1, len(atoms) + 1)
