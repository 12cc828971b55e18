# SPDX-License-Identifier: GPL-2.0-or-later
"""The two carriers of the link: MPI, and a direct call inside one process (``docs/link.md``)."""

from __future__ import annotations

import ctypes
import logging
import time
from typing import Protocol

import numpy as np

from mdsieve.driver.messages import (
    PROTOCOL_VERSION,
    DriverHere,
    Fatal,
    Frame,
    Goodbye,
    Hello,
    LinkError,
    Message,
    Present,
    decode,
    encode,
)

__all__ = ["DirectLink", "Handler", "LinkBroken", "LinkError", "MPILink", "end_job"]

logger = logging.getLogger("mdsieve.driver")

TAG_ANNOUNCE = 7341
TAG_TO_DRIVER = 7342
TAG_TO_FIX = 7343

SHORTEST_PAUSE = 50e-6
LONGEST_PAUSE = 2e-3
LONGEST_PARTING = 30.0

#: Seconds between the last line and the end of the job.
LAST_WORDS = 0.5


def end_job(comm, code: int) -> None:
    """End the MPI job of all its ranks, after a pause in which the launcher forwards what was said last: it
    drops what it has not read by then.
    """
    time.sleep(LAST_WORDS)
    comm.Abort(code)


class LinkBroken(RuntimeError):
    """MPI cannot carry a message: most likely the other side has died. One line that says why."""


class Handler(Protocol):
    """What a link needs from the service."""

    def handle(self, world: int, channel: int, message: Message) -> Message | None:
        """The reply to one message (`Hello` and `Frame` have one)."""

    def malformed(self, world: int, error: LinkError) -> Message:
        """The reply to bytes that are not a message."""


class MPILink:
    """The link over MPI: what the driver's rank does in the parent communicator.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        The parent communicator: that of ``-mpicolor``, LAMMPS' ``external_comm``. LAMMPS itself sends nothing
        there.
    """

    def __init__(self, comm) -> None:
        from mpi4py import MPI

        self._mpi = MPI
        self._comm = comm
        self._outgoing: list[tuple] = []
        self._heard: dict[int, int] = {}
        self._ranks_gone = 0
        self._barrier_due = False
        self._someone_quit = False
        self.seconds_waiting = 0.0

    def announce(self) -> None:
        """Tell every other rank that there is a driver."""
        message = encode(0, DriverHere(PROTOCOL_VERSION))
        for rank in range(self._comm.size):
            if rank != self._comm.rank:
                self._post(rank, TAG_ANNOUNCE, message)

    @property
    def worlds_gone(self) -> bool:
        """Whether the GOODBYEs received account for all ranks but the driver's own."""
        return self._ranks_gone >= self._comm.size - 1

    @property
    def ranks_unheard(self) -> int:
        """Ranks other than the driver's of whose world nothing was heard: the plugin may not be there."""
        return max(0, self._comm.size - 1 - sum(self._heard.values()))

    @property
    def barrier_would_hang(self) -> bool:
        """Whether some worlds enter LAMMPS' last barrier and others, after `quit`, do not."""
        return self._barrier_due and self._someone_quit

    def send(self, world: int, channel: int, message: Message) -> None:
        """Hand a message over for a fix; returns at once."""
        self._post(world, TAG_TO_FIX + channel, encode(channel, message))

    def serve_one(self, handler: Handler, patience: float) -> bool:
        """Answer the next message, or return False if none comes within `patience` seconds.

        Raises
        ------
        LinkBroken
            If MPI cannot hand over what has come.
        """
        try:
            received = self._received(patience)
        except self._mpi.Exception as error:
            reason = str(error).splitlines()[-1].rpartition(": ")[2]
            raise LinkBroken(f"MPI failed, a rank of LAMMPS may have died ({reason})") from None
        if received is None:
            return False
        world, words = received
        try:
            channel, message = decode(words)
        except LinkError as error:
            channel = _channel_of(words)
            reply: Message | None = handler.malformed(world, error)
        else:
            reply = handler.handle(world, channel, message)
            if isinstance(message, Present | Goodbye):
                self._heard[world] = message.ranks
            elif isinstance(message, Hello):
                self._heard.setdefault(world, _world_ranks(message))
            if isinstance(message, Goodbye):
                self._ranks_gone += message.ranks
                self._barrier_due |= message.barrier
                self._someone_quit |= not message.barrier
                self._post(world, TAG_ANNOUNCE, encode(0, message))
        if reply is not None:
            self.send(world, channel, reply)
        return True

    def close(self) -> None:
        """Part from the worlds that have said goodbye: wait until they have taken every message, then enter
        the barrier that stock LAMMPS enters at the end of its script and after an error.
        """
        pause = SHORTEST_PAUSE
        start = time.monotonic()
        while self._reap() and time.monotonic() - start < LONGEST_PARTING:
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        if self._barrier_due:
            self._comm.Barrier()

    def abort(self, code: int) -> None:
        """End the whole MPI job: for a driver that must go although LAMMPS has not."""
        end_job(self._comm, code)

    def _received(self, patience: float) -> tuple[int, np.ndarray] | None:
        """Rank and words of the next message, None if none comes in time."""
        status = self._mpi.Status()
        pause = SHORTEST_PAUSE
        start = time.monotonic()
        while True:
            pending = self._comm.Improbe(self._mpi.ANY_SOURCE, TAG_TO_DRIVER, status)
            if pending is not None:
                break
            self._reap()
            if time.monotonic() - start >= patience:
                self.seconds_waiting += time.monotonic() - start
                return None
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        self.seconds_waiting += time.monotonic() - start
        words = np.empty(status.Get_count(self._mpi.INT64_T), dtype="<i8")
        pending.Recv([words, self._mpi.INT64_T])
        return status.Get_source(), words

    def _post(self, rank: int, tag: int, message: bytes) -> None:
        words = np.frombuffer(message, dtype="<i8")
        request = self._comm.Isend([words, self._mpi.INT64_T], dest=rank, tag=tag)
        if not request.Test():
            self._outgoing.append((request, words))

    def _reap(self) -> bool:
        """Forget what has been received; whether something is still on its way."""
        self._outgoing = [item for item in self._outgoing if not item[0].Test()]
        return bool(self._outgoing)


class DirectLink:
    """The link as a call inside one process, through ``libmdsieve_lammps.so``.

    Parameters
    ----------
    library : ctypes.CDLL
        Exports ``mdsieve_set_driver`` and ``mdsieve_reply``.
    handler : Handler
        Answers the messages. What it raises becomes a FATAL for the fix and is never passed into C.
    """

    _CALL = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)

    def __init__(self, library, handler: Handler) -> None:
        self._library = library
        self._handler = handler
        self._callback = self._CALL(self._receive)
        library.mdsieve_set_driver.restype = None
        library.mdsieve_reply.restype = None
        library.mdsieve_reply.argtypes = [ctypes.c_char_p, ctypes.c_size_t]

    def open(self) -> None:
        """From now on the fixes of this process find a driver."""
        self._library.mdsieve_set_driver(self._callback)

    def close(self) -> None:
        """From now on they find none."""
        self._library.mdsieve_set_driver(self._CALL())

    def _receive(self, address: int, n_bytes: int) -> int:
        channel, wants_reply = 0, False
        try:
            buffer = (ctypes.c_ubyte * n_bytes).from_address(address)
            try:
                channel, message = decode(buffer)
            except LinkError as error:
                channel = _channel_of(np.frombuffer(memoryview(buffer), dtype="<i8", count=n_bytes // 8))
                wants_reply = True
                reply: Message | None = self._handler.malformed(0, error)
            else:
                wants_reply = isinstance(message, Hello | Frame)
                reply = self._handler.handle(0, channel, message)
        except BaseException as error:
            logger.exception("the driver failed")
            reply = Fatal(f"driver: {type(error).__name__}: {error}") if wants_reply else None
        if reply is not None:
            data = encode(channel, reply)
            self._library.mdsieve_reply(data, len(data))
        return 0


def _world_ranks(hello: Hello) -> int:
    """Ranks of the world as its fix tells them."""
    ranks = hello.info.get("world_ranks")
    return ranks if isinstance(ranks, int) and ranks > 0 else 1


def _channel_of(words: np.ndarray) -> int:
    """The channel word of a message that could not be decoded, if it may be believed."""
    return int(words[2]) if len(words) > 2 and 0 <= words[2] < 1000 else 0
