# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's loop: one reply to every message, one transaction for every kept frame."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from mdsieve.driver.authority import Authority
from mdsieve.driver.config import DriverConfig
from mdsieve.driver.familiarity import SeenFrames
from mdsieve.driver.frames import release, row_data, to_atoms
from mdsieve.driver.identity import BankMismatch
from mdsieve.driver.ledger import Ledger
from mdsieve.driver.messages import (
    JUNK,
    KEPT,
    PARTINGS,
    PENDING,
    PROTOCOL_VERSION,
    Bye,
    Fatal,
    Frame,
    Goodbye,
    Hello,
    LinkError,
    Message,
    Present,
    RunEnd,
    Verdict,
    Welcome,
)
from mdsieve.driver.pilot import HeldFrames, Pilot
from mdsieve.driver.progress import Progress, Summary
from mdsieve.driver.rule import Decision, FrameRule
from mdsieve.driver.scorers import FrameView, Scorers
from mdsieve.driver.scoring import FrameScores, score_frame
from mdsieve.driver.soundness import require_sound_counts, require_sound_frame, require_sound_greeting
from mdsieve.driver.store import Evaluation, FrameStore, KeptFrame, StoreError
from mdsieve.driver.units import UnitStyle, unit_style

logger = logging.getLogger("mdsieve.driver")


class Refused(ValueError):
    """A fix that cannot take part in this campaign; one line that says why."""


@dataclass
class Channel:
    """One fix of one world, as the driver sees it."""

    world: int
    number: int
    fix: str
    run: int
    rule: FrameRule
    units: UnitStyle
    last_kept_step: int
    n_elements: int
    depth: int
    scorers: list[str]
    has_histograms: bool
    last_evaluation: int = -1
    kept: int = 0
    junk: int = 0
    stop_due: bool = False


@dataclass
class Outcome:
    """What became of one frame."""

    verdict: int
    stop: bool
    novelty: float
    atom: int
    scores: np.ndarray


class Service:
    """Answers the messages of any number of fixes; owns the bank and the store.

    Parameters
    ----------
    config : DriverConfig
    failure : str, optional
        Why there can be no driver: every fix is told.

    Notes
    -----
    A message that cannot be served ends in a FATAL for the fix that sent it. If what failed is the driver
    itself (the store cannot be written, a bug), `failure` is set, every later message is answered with it,
    and `fatals` gives the fixes that wait for none.
    """

    def __init__(self, config: DriverConfig, failure: str | None = None) -> None:
        self.config = config
        self.failure: str | None = None
        self.refused: list[str] = []
        self.summary = Summary()
        self._channels: dict[tuple[int, int], Channel] = {}
        self._untold: list[tuple[int, int]] = []
        self._bank: Authority | HeldFrames | None = None
        self._seen: SeenFrames | None = None
        self._asks_for_histograms: Hello | None = None
        self._scorers = Scorers(config.scores)
        self._filters = config.filters.make()
        self._ledger: Ledger | None = None
        self._progress = Progress(config.progress)
        if failure is not None:
            self._fail(failure)
            return
        try:
            FrameStore.check(config.store, resume=config.resume, overwrite=config.overwrite)
            if not config.overwrite:  # what is to be replaced stays until a fix has been accepted
                self._open_store()
        except StoreError as error:
            self._fail(str(error))

    # ---- what a link calls

    def handle(self, world: int, channel: int, message: Message) -> Message | None:
        """The reply to one message, or None where none is due."""
        wants_reply = isinstance(message, Hello | Frame)
        if self.failure is not None:
            return Fatal(self.failure) if wants_reply else None
        try:
            return self._answer(world, channel, message)
        except (Refused, BankMismatch, LinkError) as error:
            self._channels.pop((world, channel), None)
            text = str(error)
            self.refused.append(text)
            logger.error(text)
            return Fatal(text) if wants_reply else None
        except Exception as error:
            if not isinstance(error, StoreError):
                logger.exception("the driver failed")
            failure = self._fail(
                str(error) if isinstance(error, StoreError) else f"driver: {type(error).__name__}: {error}"
            )
            if wants_reply and (world, channel) in self._untold:
                self._untold.remove((world, channel))
            return Fatal(failure) if wants_reply else None

    def malformed(self, world: int, error: LinkError) -> Message:
        """The reply to bytes that are not a message."""
        text = f"world {world}: {error}"
        self.refused.append(text)
        logger.error(text)
        return Fatal(text)

    def tick(self) -> None:
        """To be called now and then: store what has waited long enough, show progress."""
        if self.failure is None and self._ledger is not None:
            try:
                self._ledger.flush_if_due()
            except StoreError as error:
                self._fail(str(error))
        self._progress.show(self.summary)

    def stop(self, text: str) -> None:
        """End the campaign: every fix is answered with this text from now on."""
        if self.failure is None:
            self._fail(text)

    @property
    def frames_ahead(self) -> int:
        """Frames that the fixes may have on their way to the driver at any time."""
        return sum(channel.depth for channel in self._channels.values())

    def fatals(self) -> list[tuple[int, int, Fatal]]:
        """World, channel and message for every fix that has not been told of the failure."""
        if self.failure is None:
            return []
        untold, self._untold = self._untold, []
        return [(world, channel, Fatal(self.failure)) for world, channel in untold]

    def close(self) -> int:
        """Decide what is still held, store what is still in memory, close the store.

        Returns
        -------
        int
            The exit code: 0, or 1 after a failure or a refusal.
        """
        held = self._bank if isinstance(self._bank, HeldFrames) and len(self._bank) else None
        if self.failure is None:
            try:
                if held:
                    logger.info(
                        "the campaign ended after %d frames of its pilot: scaling from these", len(held)
                    )
                    self._decide_held(held)
                for channel in list(self._channels.values()):
                    self._end_channel(channel, "goodbye")
            except Exception as error:
                logger.exception("the driver failed")
                self._fail(f"driver: {type(error).__name__}: {error}")
        elif held:
            logger.warning("%d frames of an unfinished pilot were held and are lost", len(held))
        if self.failure is not None and self._ledger is not None:
            self._record_failure(self.failure)
        if self._ledger is not None:
            self._close_ledger(self._ledger)
        self._progress.close()
        logger.info("end of the campaign: %s", self.summary.line())
        return 1 if self.failure is not None or self.refused else 0

    # ---- messages

    def _answer(self, world: int, number: int, message: Message) -> Message | None:
        if isinstance(message, Hello):
            return self._on_hello(world, number, message)
        if isinstance(message, Goodbye):
            for channel in [c for c in self._channels.values() if c.world == world]:
                self._end_channel(channel, "error" if message.barrier else "quit")
            return None
        if isinstance(message, Present):
            return None
        if (world, number) not in self._channels:
            if isinstance(message, Bye):
                return None
            raise LinkError(
                f"world {world}, channel {number}: {type(message).__name__} without a HELLO before it"
            )
        channel = self._channels[world, number]
        if isinstance(message, Frame):
            return self._on_frame(channel, message)
        if isinstance(message, RunEnd):
            require_sound_counts(message.info, world)
            self._open_ledger.add_run_command(channel.run, message.info)
            return None
        if isinstance(message, Bye):
            self._end_channel(channel, PARTINGS[message.parting])
            return None
        raise LinkError(f"world {world}, channel {number}: {type(message).__name__} is not for a driver")

    def _on_hello(self, world: int, number: int, hello: Hello) -> Welcome:
        info = hello.info
        if info.get("protocol") != PROTOCOL_VERSION:
            raise Refused(
                f"fix {info.get('fix')}: the plugin speaks version {info.get('protocol')} of the link, "
                f"this driver version {PROTOCOL_VERSION}: install both from the same mdsieve"
            )
        require_sound_greeting(info, world)
        fix = info["fix"]
        try:
            units = unit_style(info["units"])
            rule = FrameRule(info["rule"], self.config.rule)
            scorers = self._scorers.named([*rule.scores, *self.config.scores])
        except ValueError as error:
            raise Refused(f"fix {fix}: {error}") from None
        self._join(hello)
        self._plan_scorers(fix, scorers, info["descriptor_hash"])
        self._begin_scorers(fix, scorers)
        unsent = sorted(self._filters.fields - set(info.get("fields", [])))
        if unsent:
            logger.warning("fix %s: filters on energies or forces need `fields %s`", fix, " ".join(unsent))
        run, last = self._open_ledger.begin_run(world, number, info)
        depth = info.get("depth", 1) if info.get("mode") == "stream" else 1
        self._channels[world, number] = Channel(
            world,
            number,
            fix,
            run,
            rule,
            units,
            last,
            len(info["elements"]),
            depth,
            scorers,
            info.get("difference") is not None,
        )
        logger.info(
            "world %d: fix %s has come (%s ranks, %s, %s); run %d of %s",
            world,
            fix,
            info.get("world_ranks"),
            rule.text,
            info.get("mode"),
            run,
            self.config.store,
        )
        bank = self._bank.serialise() if isinstance(self._bank, Authority) else b""
        return Welcome(
            run,
            self._open_ledger.n_frames,
            last,
            bank,
            needs=self._scorers.needs(scorers),
            rule=rule.text,
            histogram=self._histogram_of(self._channels[world, number]),
        )

    def _on_frame(self, channel: Channel, frame: Frame) -> Verdict:
        require_sound_frame(frame, channel.n_elements, channel.last_evaluation)
        channel.last_evaluation = frame.evaluation
        self.summary.seen += 1
        bank = self._bank
        if isinstance(bank, HeldFrames):
            self._hold(bank, channel, frame)
            if not bank.is_complete:
                return Verdict(frame.step, frame.evaluation, PENDING, kept=channel.kept, junk=channel.junk)
            bank, outcome = self._decide_held(bank)
        elif bank is not None:
            outcome = self._decide(bank, channel, frame)
        else:
            raise LinkError(f"world {channel.world}: FRAME before there is a bank")
        stop = outcome.stop or channel.stop_due
        channel.stop_due = False
        news = bank.news(frame.revision)
        if "bank" in news:
            news["histogram"] = self._histogram_of(channel)
        return Verdict(
            frame.step,
            frame.evaluation,
            outcome.verdict,
            stop,
            outcome.novelty,
            outcome.atom,
            channel.kept,
            channel.junk,
            scores=outcome.scores,
            **news,
        )

    # ---- the campaign's bank

    def _join(self, hello: Hello) -> None:
        """Let a fix take part: create the bank or the pilot with the first, compare with the campaign's
        after that.
        """
        if self._ledger is None:
            self._open_store(replace=True)
        if self._asks_for_histograms is None and hello.info.get("difference") is not None:
            self._asks_for_histograms = hello
        if isinstance(self._bank, Authority):
            self._bank.require_same(hello, str(self.config.store))
            if self._seen is not None and hello.info.get("difference") is not None:
                self._seen.require_same(hello, str(self.config.store))
            self._begin_histograms(self._bank)
        elif self._bank is not None:
            self._bank.pilot.require_same(hello)
        else:
            pilot = Pilot.from_hello(hello)
            if pilot.frames:
                self._bank = HeldFrames(pilot, self.config.pilot_memory)
                logger.info("holding the first %d frames for the scaling", pilot.frames)
            else:
                self._create_bank(pilot.bank(hello), pilot.description)

    def _create_bank(self, authority: Authority, description: dict) -> None:
        self._open_ledger.create_bank(authority.header_bytes(), description, authority.environments())
        self._bank = authority
        self.summary.bank = authority.sizes()
        self._begin_histograms(authority)

    def _begin_histograms(self, authority: Authority) -> None:
        """As soon as a fix asks for difference vectors and their ranges are known."""
        if self._seen is not None or self._asks_for_histograms is None:
            return
        self._seen = SeenFrames.from_hello(self._asks_for_histograms, authority.bank)
        if self._seen is not None:
            self._open_ledger.begin_scorer(SeenFrames.NAME, self._seen.header())

    def _histogram_of(self, channel: Channel) -> bytes:
        """What a fix's histograms are to be; empty if there are none, or not yet."""
        return self._seen.layout() if self._seen is not None and channel.has_histograms else b""

    def _plan_scorers(self, fix: str, names: list[str], descriptor_hash: str) -> None:
        """Find out what the scores of a fix need, before it is told."""
        try:
            self._scorers.plan(names, descriptor_hash)
        except (ValueError, ImportError) as error:
            raise Refused(f"fix {fix}: {error}") from None

    def _begin_scorers(self, fix: str, names: list[str]) -> None:
        """Make the scorers that a fix's rule names, as soon as there is a bank."""
        if not isinstance(self._bank, Authority):
            return
        try:
            self._scorers.begin(names, self._bank.bank, self._open_ledger)
        except (ValueError, ImportError) as error:
            raise Refused(f"fix {fix}: {error}") from None

    def _open_store(self, replace: bool = False) -> None:
        store = FrameStore.open(self.config.store, resume=self.config.resume, overwrite=replace)
        self._ledger = Ledger(store, self.summary, self.config.flush)
        if store.bank_header() is not None:
            self._bank = authority = Authority.from_store(store)
            header = store.scorer_header(SeenFrames.NAME)
            if header is not None:
                deltas = store.scorer_deltas(SeenFrames.NAME)
                try:
                    self._seen = SeenFrames.from_store(header, deltas, str(store.path))
                except ValueError as error:
                    raise StoreError(str(error)) from None
            self.summary.bank = authority.sizes()
            last = f", the last of step {store.last_step}" if store.n_frames else ""
            logger.info(
                "continuing %s: %d frames%s; %d environments",
                store.path,
                store.n_frames,
                last,
                authority.revision,
            )

    @property
    def _open_ledger(self) -> Ledger:
        """The ledger of a campaign that has begun."""
        if self._ledger is None:
            raise StoreError(f"{self.config.store}: the store is closed")
        return self._ledger

    # ---- frames

    def _hold(self, held: HeldFrames, channel: Channel, frame: Frame) -> None:
        if not len(held):
            estimate = frame.nbytes * held.pilot.frames
            logger.info("the pilot will hold about %.1f MiB", estimate / 2**20)
        try:
            held.add(channel, frame)
        except MemoryError as error:
            raise Refused(str(error)) from None
        finally:
            self.summary.pending = len(held)

    def _decide_held(self, held: HeldFrames) -> tuple[Authority, Outcome]:
        """Fit the scaling on the held frames, freeze it, decide them in order; the last one's outcome."""
        with self.summary.timed("scoring"):
            authority = held.fit()
        self._create_bank(authority, held.pilot.description)
        while True:
            first = held.pop()
            self.summary.pending = len(held)
            outcome = self._decide(authority, first.channel, first.frame)
            if not len(held):
                return authority, outcome
            first.channel.stop_due |= outcome.stop

    def _decide(self, authority: Authority, channel: Channel, frame: Frame) -> Outcome:
        self._begin_scorers(channel.fix, channel.scorers)
        seen = self._seen if channel.has_histograms else None
        if seen is not None and not seen.has_reference:
            seen.begin_with(seen.signature(frame))
            self._open_ledger.begin_scorer(SeenFrames.NAME, seen.header())
        with self.summary.timed("scoring"):
            view = FrameView(frame, authority.bank, channel.units, channel.run, self._filters)
            scores = score_frame(authority, seen, self._scorers, channel.scorers, frame, view)
            decision = channel.rule.decide(
                scores.values,
                scores.cautious,
                frame.step,
                channel.last_kept_step,
                self._open_ledger.n_frames,
            )
            details = [scores.notes] if scores.notes else []
            if decision.verdict == KEPT and view.rejection is not None:
                decision = Decision(JUNK, decision.stop, f"filter {view.rejection.kind}")
                details.insert(0, view.rejection.text)
        self._open_ledger.note(self._evaluation(channel, frame, scores, decision, "; ".join(details)))
        if decision.verdict == KEPT:
            self._keep(authority, channel, frame, scores, view, decision)
        elif decision.verdict == JUNK:
            channel.junk += 1
            self.summary.add_junk(decision.reason)
        view.release()
        return Outcome(
            decision.verdict,
            decision.stop,
            scores.novelties.largest,
            scores.novelties.atom,
            scores.as_array(channel.rule.further_scores),
        )

    def _keep(
        self,
        authority: Authority,
        channel: Channel,
        frame: Frame,
        scores: FrameScores,
        view: FrameView,
        decision: Decision,
    ) -> None:
        """Store first, then tell: what is in memory follows what is on disk."""
        with self.summary.timed("scoring"):
            entries = authority.select_new(frame, channel.run)
            deltas = self._scorers.propose(channel.scorers, view)
            if self._seen is not None and scores.familiarity is not None:
                deltas[SeenFrames.NAME] = SeenFrames.delta(scores.familiarity)
            kept = KeptFrame(
                atoms=to_atoms(frame, authority.elements, channel.units),
                run=channel.run,
                world=channel.world,
                step=frame.step,
                evaluation=frame.evaluation,
                time=frame.time * channel.units.time,
                temperature=frame.temperature,
                scores=scores.values,
                reason=decision.reason,
                trigger_atom=scores.novelties.atom,
                trigger_element=scores.novelties.element,
                data=row_data(frame, channel.units),
            )
        self._open_ledger.keep(kept, entries, deltas)
        release(kept.atoms)
        authority.add(entries)
        if self._seen is not None and scores.familiarity is not None:
            self._seen.add(scores.familiarity)
        self._scorers.restore(deltas)
        channel.kept += 1
        channel.last_kept_step = frame.step
        self.summary.kept += 1
        self.summary.bank = authority.sizes()

    @staticmethod
    def _evaluation(
        channel: Channel, frame: Frame, scores: FrameScores, decision: Decision, detail: str
    ) -> Evaluation:
        return Evaluation(
            channel.run,
            frame.evaluation,
            frame.step,
            frame.time * channel.units.time,
            frame.temperature,
            scores.novelties.largest,
            decision.verdict,
            scores.values.get("frame", float("nan")),
            scores.values.get("range", float("nan")),
            decision.reason,
            detail,
        )

    # ---- endings

    def _end_channel(self, channel: Channel, ending: str) -> None:
        del self._channels[channel.world, channel.number]
        self._open_ledger.end_run(channel.run, ending)
        logger.info("world %d: fix %s has gone (%s)", channel.world, channel.fix, ending)

    def _record_failure(self, failure: str) -> None:
        """The failure is how the fixes that are still there end, if the store can still be written."""
        try:
            for channel in self._channels.values():
                self._open_ledger.end_run(channel.run, failure)
        except StoreError as error:
            self._log_once(str(error))

    def _log_once(self, text: str) -> None:
        if text != self.failure:
            logger.error(text)

    def _close_ledger(self, ledger: Ledger) -> None:
        try:
            ledger.flush()
        except StoreError as error:
            if self.failure is None:
                self._fail(str(error))
            else:
                self._log_once(str(error))
        ledger.close()
        self._ledger = None

    def _fail(self, text: str) -> str:
        self.failure = " ".join(text.split())
        self._untold = list(self._channels)
        logger.error(self.failure)
        return self.failure
