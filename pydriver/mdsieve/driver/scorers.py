# SPDX-License-Identifier: GPL-2.0-or-later
"""The scores that only a driver computes: those of a campaign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mdsieve import _core
from mdsieve.driver.frames import release, to_atoms
from mdsieve.driver.ledger import Ledger
from mdsieve.driver.messages import NEED_ATOMS, NEED_FINGERPRINTS, Frame
from mdsieve.driver.rule import FrameRule
from mdsieve.driver.score_plans import PLANNERS, Planner, ScorerPlan
from mdsieve.driver.units import UnitStyle

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.filters import Rejection, SanityFilters
    from mdsieve.scores.contract import Environments, Score, Scorer


class Scorers:
    """The scorers of a campaign beyond novelty, frame and range.

    Parameters
    ----------
    settings : dict
        For each score its settings.
    planners : dict, optional
        What there is, in the order in which it is computed; default `PLANNERS`.
    """

    def __init__(
        self, settings: Mapping[str, Mapping], planners: Mapping[str, Planner] | None = None
    ) -> None:
        self._settings = settings
        self._planners = PLANNERS if planners is None else planners
        self._plans: dict[str, ScorerPlan] = {}
        self._scorers: dict[str, Scorer] = {}
        self._after: dict[str, FrameRule] = {}

    def named(self, names: Iterable[str]) -> list[str]:
        """Those of the scores that need a driver, in the order in which they are computed.

        Raises
        ------
        ValueError
            If this driver cannot compute one.
        """
        wanted = [name for name in names if _core.needs_driver(name)]
        for name in wanted:
            if name not in self._planners:
                raise ValueError(f"score {name}: this driver does not compute it")
        return [name for name in self._planners if name in wanted]

    def plan(self, names: Iterable[str], descriptor_hash: str) -> None:
        """Find out what the scores need, where that is not known yet.

        Parameters
        ----------
        names : iterable of str
        descriptor_hash : str
            Of the campaign's symmetry functions.

        Raises
        ------
        ValueError
            If the settings make no sense.
        """
        for name in names:
            if name in self._plans:
                continue
            settings = dict(self._settings.get(name, {}))
            after = settings.pop("after", None)
            plan = self._planners[name](settings, descriptor_hash)
            self._plans[name] = plan if after is None else replace(plan, after=str(after))

    def needs(self, names: Iterable[str]) -> int:
        """What the fix must send with every frame for these scores, which have been planned."""
        needs = 0
        for name in names:
            needs |= self._needs(name)
        return needs

    def _needs(self, name: str) -> int:
        from mdsieve.scores.contract import ATOMS, FINGERPRINTS

        bits = {FINGERPRINTS: NEED_FINGERPRINTS, ATOMS: NEED_ATOMS}
        return sum(bits[need] for need in self._plans[name].needs)

    def begin(self, names: Iterable[str], bank: _core.EnvironmentBank, ledger: Ledger) -> None:
        """Make what has been planned and is not there yet, with the state that the store has of it.

        Raises
        ------
        ValueError
            If the settings make no sense, or are not those that the store was begun with.
        """
        for name in names:
            if name in self._scorers:
                continue
            plan = self._plans[name]
            scorer = plan.make(bank)
            stored = ledger.scorer_header(name)
            if stored is None:
                ledger.begin_scorer(name, scorer.header())
            elif stored != scorer.header():
                raise ValueError(f"score {name}: its settings are not those that the store was begun with")
            scorer.replay(ledger.scorer_deltas(name))
            self._scorers[name] = scorer
            if plan.after:
                self._after[name] = FrameRule(f"keep {plan.after}")

    def score(self, names: Iterable[str], view: FrameView, known: Mapping[str, float]) -> dict[str, Score]:
        """Scores of a frame; those that need its atoms are not computed if a filter turns it down.

        Parameters
        ----------
        names : iterable of str
        view : FrameView
        known : dict
            Scores that have been computed before, by name.
        """
        found: dict[str, Score] = {}
        values = dict(known)
        for name in names:
            gate = self._after.get(name)
            if gate is not None and not gate.decide(values, {}, 0, -1, 0).reason:
                continue
            needs = self._needs(name)
            if needs & NEED_ATOMS and view.rejection is not None:
                continue
            found[name] = self._scorers[name].score(view.environments(needs))
            values[name] = found[name].frame
        return found

    def propose(self, names: Iterable[str], view: FrameView) -> dict[str, bytes]:
        """What keeping a frame means for each of them; nothing changes."""
        deltas = {}
        for name in names:
            delta = self._scorers[name].propose(view.environments(self._needs(name)))
            if delta is not None:
                deltas[name] = delta
        return deltas

    def restore(self, deltas: Mapping[str, bytes]) -> None:
        """Take in what has been stored."""
        for name, delta in deltas.items():
            if name in self._scorers:
                self._scorers[name].restore(delta)


class FrameView:
    """A frame of the link as scorers want it, made only if one of them does.

    Parameters
    ----------
    frame : Frame
        With the fingerprints of all atoms, or the atoms, as they are asked for.
    bank : mdsieve._core.EnvironmentBank
        Its elements and their numbers of functions.
    units : UnitStyle
    run : int
    filters : SanityFilters, optional
    """

    def __init__(
        self, frame: Frame, bank, units: UnitStyle, run: int, filters: SanityFilters | None = None
    ) -> None:
        self._frame = frame
        self._bank = bank
        self._units = units
        self._run = run
        self._filters = filters
        self._made: dict[int, Environments] = {}

    @cached_property
    def atoms(self) -> Atoms:
        """The frame as ASE has it, with atom IDs.

        Raises
        ------
        LinkError
            If it carries no atoms.
        """
        atoms = to_atoms(self._frame, self._bank.elements, self._units)
        atoms.set_array("id", np.asarray(self._frame.ids, np.int64))
        return atoms

    @cached_property
    def rejection(self) -> Rejection | None:
        """Why the sanity filters turn the frame down; None if they do not, or it carries no atoms."""
        if self._filters is None or self._frame.positions is None:
            return None
        return self._filters.check(self.atoms)

    def release(self) -> None:
        """Let go of the atoms' results, which refer to themselves (see `frames.release`)."""
        if "atoms" in self.__dict__:
            release(self.atoms)

    def environments(self, needs: int) -> Environments:
        """What the frame offers; atoms only if they are needed."""
        from mdsieve.scores.contract import Environments

        needs &= NEED_ATOMS | NEED_FINGERPRINTS
        if needs not in self._made:
            frame = self._frame
            atoms = self.atoms if needs & NEED_ATOMS else None
            self._made[needs] = Environments(
                tuple(self._bank.elements),
                tuple(self._bank.n_features),
                np.ascontiguousarray(frame.candidate_elements, np.int32),
                np.asarray(frame.candidate_ids, np.int64),
                np.ascontiguousarray(frame.fingerprints, np.float64),
                atoms,
                self._run,
                frame.step,
            )
        return self._made[needs]
