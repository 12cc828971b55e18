# SPDX-License-Identifier: GPL-2.0-or-later
"""A learning campaign: generations of MD, and rounds of labels and training while it runs and after."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from mdsieve.driver.store import StoreError
from mdsieve.learn.config import LearnConfig
from mdsieve.learn.learner import Learner
from mdsieve.learn.recorded_settings import require_same_settings
from mdsieve.learn.records import (
    Generation,
    alone_in,
    read_generations,
    read_json,
    write_generations,
    write_json,
)
from mdsieve.learn.rounds import Round, n_waiting, rounds_of, stores_of, take_round
from mdsieve.learn.simulation import Simulation, n_evaluated_and_kept, simulation

__all__ = ["Campaign"]

logger = logging.getLogger("mdsieve.learn")

#: Seconds between two looks at what running MD has kept.
_PATIENCE = 1.0


class Campaign:
    """All generations of a configuration.

    A campaign that was killed at any moment goes on when it is started again: what has been kept is labelled
    and learnt, what has been labelled is not labelled again, training goes on from its last checkpoint, and
    MD begins its script once more.

    Parameters
    ----------
    config : LearnConfig
    """

    def __init__(self, config: LearnConfig) -> None:
        self.config = config

    def run(self) -> list[Generation]:
        """Go on until too few frames are kept, or as many generations have been as are wanted.

        Returns
        -------
        list of Generation
            All, those of earlier starts too.

        Raises
        ------
        ValueError
            If a setting or an input file has changed since the campaign began, the labeller cannot be made,
            MD cannot be run, no frame could be labelled, or training fails.
        OSError
            If a file cannot be read or written.
        """
        folder = self.config.folder
        folder.mkdir(parents=True, exist_ok=True)
        with alone_in(folder):
            require_same_settings(self.config)
            done = read_generations(folder)
            learner = Learner(self.config)
            for generation in done:
                learner.recall(rounds_of(self._place(generation.number)))
            while not self._is_finished(done):
                done.append(self._generation(len(done), learner))
                write_generations(folder, done, self.config.model_dump(mode="json"))
                logger.info("%s", _told(done[-1]))
        return done

    def _is_finished(self, done: list[Generation]) -> bool:
        if len(done) > self.config.generations:
            return True
        last = done[-1] if done else None
        if last is None or last.number == 0 or last.note:
            return False
        return last.kept_share < self.config.least_kept

    def _place(self, number: int) -> Path:
        return self.config.folder / f"{number:03d}"

    def _generation(self, number: int, learner: Learner) -> Generation:
        place = self._place(number)
        place.mkdir(exist_ok=True)
        n_before = learner.n_frames
        if number == 0:
            errors = learner.begin(place)
            return Generation(0, n_training=learner.n_frames, validation=errors)
        rounds = _Rounds(place, number, learner)
        ending = place / "md.json"
        if not ending.exists():
            for store in stores_of(place):  # of MD that was killed
                rounds.take(store)
            store = place / f"store-{len(stores_of(place))}.db"
            logger.info("generation %d: MD", number)
            with simulation(self.config, number, place, store, learner.potential) as md:
                self._learn_meanwhile(md, rounds)
                write_json(ending, {"store": store.name, "note": md.note()})
        told = read_json(ending)
        store = place / told["store"]
        rounds.take(store)
        n_evaluated, n_kept = n_evaluated_and_kept(store)
        return Generation(
            number,
            n_evaluated=n_evaluated,
            n_kept=n_kept,
            n_rounds=len(rounds.all),
            n_labelled=learner.n_frames - n_before,
            n_failed=sum(one.n_failed for one in rounds.all),
            n_training=learner.n_frames,
            validation=rounds.errors,
            note=told["note"],
        )

    def _learn_meanwhile(self, md: Simulation, rounds: _Rounds) -> None:
        """Rounds while MD runs, as often as enough frames have been kept."""
        enough = self.config.retrain_after
        while not md.has_ended(_PATIENCE):
            waiting = 0
            with suppress(StoreError):  # being written; what is wrong with it is told when MD has ended
                waiting = n_waiting(md.store, rounds.all)
            if enough and waiting >= enough:
                rounds.take(md.store)


class _Rounds:
    """The rounds of a generation, learnt one after the other; first those that are there already."""

    def __init__(self, place: Path, number: int, learner: Learner) -> None:
        self.all: list[Round] = rounds_of(place)
        self.errors: Mapping[str, float] = {}
        self._number = number
        self._learner = learner
        for one in self.all:
            self._learn(one)

    def take(self, store: Path) -> None:
        """Learn what is new in a store."""
        found = take_round(store, self._number, self.all)
        if found is not None:
            self.all.append(found)
            self._learn(found)

    def _learn(self, one: Round) -> None:
        self.errors = self._learner.learn(one) or self.errors


def _told(generation: Generation) -> str:
    errors = ", ".join(f"{name} {value:.4g}" for name, value in generation.validation.items())
    if generation.number == 0:
        return f"generation 0: {generation.n_training} frames; {errors or 'the ensemble that was given'}"
    failed = f", {generation.n_failed} of them without labels" if generation.n_failed else ""
    ended = f"; MD ended early: {generation.note}" if generation.note else ""
    return (
        f"generation {generation.number}: kept {generation.n_kept} of {generation.n_evaluated} "
        f"({100 * generation.kept_share:.1f} %){failed}, learnt in {generation.n_rounds} rounds; "
        f"{generation.n_training} frames; {errors}{ended}"
    )
