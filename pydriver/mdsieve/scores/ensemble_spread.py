# SPDX-License-Identifier: GPL-2.0-or-later
"""Spread of an ensemble of networks, from fingerprints as they are streamed: no positions needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

import numpy as np

from mdsieve.scores.contract import ATOMS, FINGERPRINTS, Environments, Score, Scorer
from mdsieve.scores.spread import ids_of, sound_factor, spread_header

if TYPE_CHECKING:
    from mdsieve.potentials.ensemble import NetworkEnsemble

__all__ = ["EnsembleSpreadScorer"]

Quantity: TypeAlias = Literal["atomic", "energy"]


class EnsembleSpreadScorer(Scorer):
    """Disagreement of an ensemble of networks about energies.

    Of the atomic energies (the default): for each atom the standard deviation over the members, with n - 1
    [eV]; the frame's number is the largest (atomic uncertainty, arXiv:2311.05407). Of the energy: the
    standard deviation of E/n_atoms over the members, with n [eV/atom], as `SpreadScorer` has it. Of forces:
    `SpreadScorer`, which needs the atoms.

    Parameters
    ----------
    ensemble : NetworkEnsemble
        Of two members or more.
    of : {"atomic", "energy"}
    streamed : bool
        Whether the frame's fingerprints are those of the ensemble's symmetry functions. If not, they are
        computed here, which needs the frame's atoms.
    factor : float
        What spreads are multiplied by (`mdsieve.scores.reliability`).

    Raises
    ------
    ValueError
        If there are fewer than two members, `of` is unknown, or the factor not above 0.

    Notes
    -----
    With streamed fingerprints a frame is its environments: those of the group of atoms that LAMMPS sends.
    """

    name: ClassVar[str] = "spread"

    def __init__(
        self,
        ensemble: NetworkEnsemble,
        of: Quantity = "atomic",
        *,
        streamed: bool = True,
        factor: float = 1.0,
    ) -> None:
        if of not in ("atomic", "energy"):
            raise ValueError(f"spread of {of!r}: expected 'atomic' or 'energy'")
        if ensemble.n_members < 2:
            raise ValueError("an ensemble of 1 member: expected at least 2")
        self.needs = frozenset({FINGERPRINTS if streamed else ATOMS})
        self._ensemble = ensemble
        self._of = of
        self._streamed = streamed
        self._factor = sound_factor(factor)

    def score(self, environments: Environments) -> Score:
        """The ensemble's disagreement about the frame.

        Raises
        ------
        ValueError
            If the environments come without what is needed, or are of another descriptor.
        """
        return self._score(environments).times(self._factor)

    def _score(self, environments: Environments) -> Score:
        ids, rows, places = self._of_stream(environments) if self._streamed else self._of_atoms(environments)
        if not len(ids):
            return Score(0.0)
        if self._of == "energy":
            energies = self._ensemble.atomic_energies(rows)
            total = np.sum([part.sum(axis=1) for part in energies.values()], axis=0)
            spread = float(total.std()) / len(ids)
            return Score(spread) if np.isfinite(spread) else Score.none("no spread: an energy is not finite")
        found = self._ensemble.atomic_spread(rows)
        per_atom = np.empty(len(ids))
        for symbol, where in places.items():
            per_atom[where] = found[symbol]
        if not np.isfinite(per_atom).all():
            first = ids[np.flatnonzero(~np.isfinite(per_atom))[0]]
            return Score.none(f"no spread: the energy of atom {first} is not finite")
        if self._streamed:
            return Score.largest(per_atom, ids)
        worst = int(np.argmax(per_atom))
        of_environments = per_atom[np.searchsorted(ids, environments.atom_ids)]
        return Score(float(per_atom[worst]), of_environments, int(ids[worst]))

    def propose(self, environments: Environments) -> None:
        """Nothing: an ensemble learns elsewhere."""
        return

    def restore(self, delta: bytes) -> None:
        """Refuse any delta: there can be none."""
        raise ValueError("a delta of spread: a committee learns nothing")

    def header(self) -> bytes:
        """What the spread is of; the ensemble itself may be another when a campaign goes on."""
        return spread_header(self._of, self._factor)

    def _of_stream(
        self, environments: Environments
    ) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
        """IDs of the environments, fingerprints of each element, and where among the IDs these stand."""
        expected = self._ensemble.functions.n_features
        found = dict(zip(environments.symbols, environments.n_features, strict=True))
        if found != expected:
            raise ValueError(f"fingerprints of {found}, but the ensemble is for {expected}")
        by_element = dict(zip(environments.symbols, environments.by_element, strict=True))
        rows = {symbol: element.fingerprints for symbol, element in by_element.items()}
        return environments.atom_ids, rows, {symbol: e.places for symbol, e in by_element.items()}

    def _of_atoms(
        self, environments: Environments
    ) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The same of all atoms of the frame, by the ensemble's own symmetry functions."""
        atoms = environments.atoms
        if atoms is None:
            raise ValueError("the score spread needs the frame's atoms: its ensemble has other functions")
        ids = ids_of(atoms)
        order = np.argsort(ids, kind="stable")
        place = np.argsort(order, kind="stable")
        found = self._ensemble.functions.create_by_element(atoms)
        rows = {symbol: values for symbol, (_, values) in found.items()}
        return ids[order], rows, {symbol: place[indices] for symbol, (indices, _) in found.items()}
