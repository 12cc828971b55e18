# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver's loop: one reply to every message, one transaction for every kept frame."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field

from mdsieve.driver.authority import Authority, BankMismatch, Novelties, Pilot
from mdsieve.driver.config import DriverConfig
from mdsieve.driver.frames import row_data, to_atoms
from mdsieve.driver.messages import (
    JUNK,
    KEPT,
    PENDING,
    PROTOCOL_VERSION,
    Bye,
    Fatal,
    Frame,
    Goodbye,
    Hello,
    LinkError,
    Message,
    RunEnd,
    Verdict,
    Welcome,
)
from mdsieve.driver.progress import Progress, Summary
from mdsieve.driver.rule import Decision, FrameRule
from mdsieve.driver.store import Evaluation, FrameStore, KeptFrame, StoreError
from mdsieve.driver.units import UnitStyle, unit_style

logger = logging.getLogger("mdsieve.driver")

MOST_BUFFERED = 10_000


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
    kept: int = 0
    junk: int = 0
    stop_due: bool = False


@dataclass
class HeldFrame:
    """A frame that waits for the pilot's scaling."""

    channel: Channel
    frame: Frame


@dataclass
class Outcome:
    """What became of one frame."""

    verdict: int
    stop: bool
    novelty: float
    atom: int


@dataclass
class _Buffer:
    """Lines of the evaluations table that are not on disk yet."""

    rows: list[Evaluation] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    def take(self) -> list[Evaluation]:
        rows, self.rows = self.rows, []
        self.since = time.monotonic()
        return rows


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
        self._authority: Authority | None = None
        self._pilot: Pilot | None = None
        self._held: deque[HeldFrame] = deque()
        self._held_bytes = 0
        self._buffer = _Buffer()
        self._store: FrameStore | None = None
        self._kept_in_store = 0
        self._progress = Progress(config.progress)
        if failure is not None:
            self._fail(failure)
            return
        try:
            FrameStore.check(config.store, resume=config.resume, overwrite=config.overwrite)
            if not config.overwrite:  # what is to be replaced stays until a fix has been accepted
                self._store = self._open_store()
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
            self._fail(
                str(error) if isinstance(error, StoreError) else f"driver: {type(error).__name__}: {error}"
            )
            if wants_reply and (world, channel) in self._untold:
                self._untold.remove((world, channel))
            return Fatal(self.failure) if wants_reply else None

    def malformed(self, world: int, error: LinkError) -> Message:
        """The reply to bytes that are not a message."""
        text = f"world {world}: {error}"
        self.refused.append(text)
        logger.error(text)
        return Fatal(text)

    def tick(self) -> None:
        """To be called now and then: store what has waited long enough, show progress."""
        if self.failure is None and self._store is not None:
            overdue = time.monotonic() - self._buffer.since > self.config.flush
            if self._buffer.rows and (overdue or len(self._buffer.rows) >= MOST_BUFFERED):
                try:
                    self._flush()
                except StoreError as error:
                    self._fail(str(error))
        self._progress.show(self.summary)

    def stop(self, text: str) -> None:
        """End the campaign: every fix is answered with this text from now on."""
        if self.failure is None:
            self._fail(text)

    def fatals(self) -> list[tuple[int, int, Fatal]]:
        """World, channel and message for every fix that has not been told of the failure."""
        untold, self._untold = self._untold, []
        return [(world, channel, Fatal(self.failure)) for world, channel in untold]

    def close(self) -> int:
        """Decide what is still held, store what is still in memory, close the store.

        Returns
        -------
        int
            The exit code: 0, or 1 after a failure or a refusal.
        """
        if self.failure is None:
            try:
                if self._held:
                    logger.info(
                        "the campaign ended after %d frames of its pilot: scaling from these", len(self._held)
                    )
                    self._decide_held()
                for channel in list(self._channels.values()):
                    self._end_channel(channel, "goodbye")
                self._flush()
            except Exception as error:
                logger.exception("the driver failed")
                self._fail(f"driver: {type(error).__name__}: {error}")
        elif self._held:
            logger.warning("%d frames of an unfinished pilot were held and are lost", len(self._held))
        if self._store is not None:
            self._flush_quietly()
            self._store.close()
            self._store = None
        self._progress.close()
        logger.info("end of the campaign: %s", self.summary.line())
        return 1 if self.failure is not None or self.refused else 0

    # ---- messages

    def _answer(self, world: int, number: int, message: Message) -> Message | None:
        if isinstance(message, Hello):
            return self._on_hello(world, number, message)
        if isinstance(message, Goodbye):
            for channel in [c for c in self._channels.values() if c.world == world]:
                self._end_channel(channel, "end or error" if message.barrier else "quit")
            return None
        channel = self._channels.get((world, number))
        if channel is None:
            if isinstance(message, Bye):
                return None
            raise LinkError(
                f"world {world}, channel {number}: {type(message).__name__} without a HELLO before it"
            )
        if isinstance(message, Frame):
            return self._on_frame(channel, message)
        if isinstance(message, RunEnd):
            with self._timed("storing"):
                self._store.add_run_command(channel.run, message.info, self._buffer.take())
            return None
        if isinstance(message, Bye):
            self._end_channel(channel, "fix deleted")
            return None
        raise LinkError(f"world {world}, channel {number}: {type(message).__name__} is not for a driver")

    def _on_hello(self, world: int, number: int, hello: Hello) -> Welcome:
        info = hello.info
        if info.get("protocol") != PROTOCOL_VERSION:
            raise Refused(
                f"fix {info.get('fix')}: the plugin speaks version {info.get('protocol')} of the link, "
                f"this driver version {PROTOCOL_VERSION}: install both from the same mdsieve"
            )
        try:
            units = unit_style(info["units"])
            rule = FrameRule(info["rule"])
            fix = str(info["fix"])
        except KeyError as error:
            raise Refused(f"HELLO of world {world} lacks {error}") from None
        except (TypeError, ValueError) as error:
            raise Refused(f"fix {info.get('fix')}: {error}") from None
        self._join(hello)
        with self._timed("storing"):
            run = self._store.begin_run(world, number, info)
            last = self._store.last_kept_step(world, fix)
        self._channels[world, number] = Channel(world, number, fix, run, rule, units, last)
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
        bank = self._authority.serialise() if self._authority else b""
        return Welcome(run, self._kept_in_store, last, bank)

    def _on_frame(self, channel: Channel, frame: Frame) -> Verdict:
        self.summary.seen += 1
        if self._authority is None:
            self._hold(channel, frame)
            if len(self._held) < self._pilot.frames:
                return Verdict(frame.step, frame.evaluation, PENDING, kept=channel.kept, junk=channel.junk)
            outcome = self._decide_held()
        else:
            outcome = self._decide(channel, frame)
        stop = outcome.stop or channel.stop_due
        channel.stop_due = False
        return Verdict(
            frame.step,
            frame.evaluation,
            outcome.verdict,
            stop,
            outcome.novelty,
            outcome.atom,
            channel.kept,
            channel.junk,
            **self._authority.news(frame.revision),
        )

    # ---- the campaign's bank

    def _join(self, hello: Hello) -> None:
        """Let a fix take part: create the bank or the pilot with the first, compare with the campaign's
        after that.
        """
        if self._store is None:
            self._authority = self._pilot = None
            self._store = self._open_store(replace=True)
        if self._authority is not None:
            self._authority.require_same(hello, str(self.config.store))
        elif self._pilot is not None:
            self._pilot.require_same(hello)
        else:
            pilot = Pilot.from_hello(hello)
            if pilot.frames:
                self._pilot = pilot
                logger.info("holding the first %d frames for the scaling", pilot.frames)
            else:
                self._create_bank(pilot.bank(hello), pilot.description)

    def _create_bank(self, authority: Authority, description: dict) -> None:
        with self._timed("storing"):
            self._store.create_bank(authority.header_bytes(), description, authority.environments())
        self._authority = authority
        self.summary.bank = authority.sizes()

    def _open_store(self, replace: bool = False) -> FrameStore:
        store = FrameStore.open(self.config.store, resume=self.config.resume, overwrite=replace)
        self._kept_in_store = store.n_frames
        if store.bank_header() is not None:
            self._authority = Authority.from_store(store)
            self.summary.bank = self._authority.sizes()
            logger.info(
                "continuing %s: %d frames, %d environments",
                store.path,
                store.n_frames,
                self._authority.revision,
            )
        return store

    # ---- frames

    def _hold(self, channel: Channel, frame: Frame) -> None:
        self._held.append(HeldFrame(channel, frame.copy()))
        self._held_bytes += frame.nbytes
        self.summary.pending = len(self._held)
        limit = self.config.pilot_memory * 2**20
        if len(self._held) == 1:
            estimate = frame.nbytes * self._pilot.frames
            logger.info("the pilot will hold about %.1f MiB", estimate / 2**20)
        if self._held_bytes > limit:
            raise Refused(
                f"scaling pilot {self._pilot.frames}: {len(self._held)} frames already take more than "
                f"{self.config.pilot_memory:.0f} MiB: take fewer, or raise pilot_memory in the driver's "
                "configuration"
            )

    def _decide_held(self) -> Outcome:
        """Fit the scaling on the held frames, freeze it, decide them in order; the last one's outcome."""
        with self._timed("scoring"):
            authority = self._pilot.fit([held.frame for held in self._held])
        self._create_bank(authority, self._pilot.description)
        self._held_bytes = 0
        while True:
            held = self._held.popleft()
            self.summary.pending = len(self._held)
            outcome = self._decide(held.channel, held.frame)
            if not self._held:
                return outcome
            held.channel.stop_due |= outcome.stop

    def _decide(self, channel: Channel, frame: Frame) -> Outcome:
        with self._timed("scoring"):
            novelties = self._authority.novelties(frame)
            decision = channel.rule.decide(
                novelties.scores,
                novelties.cautious_scores,
                frame.step,
                channel.last_kept_step,
                self._kept_in_store,
            )
        self._buffer.rows.append(self._evaluation(channel, frame, novelties, decision))
        if decision.verdict == KEPT:
            self._keep(channel, frame, novelties, decision)
        elif decision.verdict == JUNK:
            channel.junk += 1
            self.summary.junk += 1
        return Outcome(decision.verdict, decision.stop, novelties.largest, novelties.atom)

    def _keep(self, channel: Channel, frame: Frame, novelties: Novelties, decision: Decision) -> None:
        """Store first, then tell: the bank in memory follows the one on disk."""
        with self._timed("scoring"):
            entries = self._authority.select_new(frame, channel.run)
        with self._timed("storing"):
            kept = KeptFrame(
                atoms=to_atoms(frame, self._authority.elements, channel.units),
                run=channel.run,
                world=channel.world,
                step=frame.step,
                evaluation=frame.evaluation,
                time=frame.time * channel.units.time,
                temperature=frame.temperature,
                scores=novelties.scores,
                reason=decision.reason,
                trigger_atom=novelties.atom,
                trigger_element=novelties.element,
                data=row_data(frame, channel.units),
            )
            self._store.add_frame(kept, entries, self._buffer.take())
        self._authority.add(entries)
        channel.kept += 1
        self._kept_in_store += 1
        channel.last_kept_step = frame.step
        self.summary.kept += 1
        self.summary.bank = self._authority.sizes()

    @staticmethod
    def _evaluation(channel: Channel, frame: Frame, novelties: Novelties, decision: Decision) -> Evaluation:
        return Evaluation(
            channel.run,
            frame.evaluation,
            frame.step,
            frame.time * channel.units.time,
            frame.temperature,
            novelties.largest,
            decision.verdict,
        )

    # ---- endings

    def _end_channel(self, channel: Channel, ending: str) -> None:
        del self._channels[channel.world, channel.number]
        with self._timed("storing"):
            self._store.end_run(channel.run, ending, self._buffer.take())
        logger.info("world %d: fix %s has gone (%s)", channel.world, channel.fix, ending)

    def _flush(self) -> None:
        if self._store is not None:
            with self._timed("storing"):
                self._store.add_evaluations(self._buffer.take())

    def _flush_quietly(self) -> None:
        try:
            self._flush()
        except StoreError as error:
            logger.error(str(error))

    def _fail(self, text: str) -> None:
        self.failure = " ".join(text.split())
        self._untold = list(self._channels)
        logger.error(self.failure)

    @contextmanager
    def _timed(self, what: str):
        start = time.perf_counter()
        try:
            yield
        finally:
            setattr(self.summary, what, getattr(self.summary, what) + time.perf_counter() - start)


def serve_mpi(service: Service, link, stopped_by: Callable[[], str | None]) -> bool:
    """Serve over MPI until every world has said goodbye.

    Parameters
    ----------
    service : Service
    link : MPILink
    stopped_by : callable
        Name of the signal that asks the driver to end, or None.

    Returns
    -------
    bool
        Whether all worlds said goodbye; False if they were not heard of within `grace` after a signal.
    """
    link.announce()
    deadline = None
    last_word = time.monotonic()
    while not link.worlds_gone:
        if link.serve_one(service, patience=0.25):
            last_word = None
        elif last_word is not None and time.monotonic() - last_word > 60.0:
            logger.warning(
                "no fix select has spoken for a minute: is it in the script, and the plugin loaded?"
            )
            last_word = None
        service.summary.waiting = link.seconds_waiting
        service.tick()
        signal_name = stopped_by()
        if signal_name and deadline is None:
            service.stop(f"driver was stopped by {signal_name}")
            deadline = time.monotonic() + service.config.grace
        if service.failure is not None:
            for world, channel, fatal in service.fatals():
                link.send(world, channel, fatal)
        if deadline is not None and time.monotonic() > deadline:
            return False
    return True
