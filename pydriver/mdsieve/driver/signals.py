# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGTERM and SIGINT: noted at once, acted upon between two messages."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

STOPPING = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """While it is open, SIGTERM and SIGINT are remembered instead of ending the process.

    Use as a context manager in the main thread.
    """

    def __init__(self) -> None:
        self._received: signal.Signals | None = None
        self._before: dict = {}

    def __enter__(self) -> StopSignals:
        for number in STOPPING:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def name(self) -> str | None:
        """Name of the signal that came, None if none did."""
        return None if self._received is None else self._received.name

    @property
    def exit_code(self) -> int:
        """What a shell shows for a program that this signal ended; 0 if none came."""
        return 0 if self._received is None else 128 + self._received

    def _note(self, number: int, _frame) -> None:
        self._received = signal.Signals(number)


class StopSignalsInCall(StopSignals):
    """The same for a process whose main thread is inside a long C call, where Python's own handlers wait.

    A helper thread hears of the signal at once and calls `tell`. If the main thread has not come back within
    `grace` seconds, it calls `give_up`.

    Parameters
    ----------
    grace : float
        Seconds.
    give_up : callable
        Takes the exit code and ends the process.
    tell : callable, optional
        Takes the signal.
    """

    def __init__(
        self,
        grace: float,
        give_up: Callable[[int], None],
        tell: Callable[[signal.Signals], None] = lambda _: None,
    ) -> None:
        super().__init__()
        self._tell = tell
        self._grace = grace
        self._give_up = give_up
        self._closed = threading.Event()

    def __enter__(self) -> StopSignalsInCall:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._wakeup_before = signal.set_wakeup_fd(self._writing)
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        super().__enter__()
        self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        super().__exit__(*exception)
        signal.set_wakeup_fd(self._wakeup_before)
        self._closed.set()
        os.write(self._writing, b"\0")
        self._thread.join()
        os.close(self._reading)
        os.close(self._writing)

    def _listen(self) -> None:
        numbers = {int(number) for number in STOPPING}
        while not self._closed.is_set():
            (number,) = os.read(self._reading, 1)
            if number in numbers:
                self._received = signal.Signals(number)
                self._tell(self._received)
                if not self._closed.wait(self._grace):
                    self._give_up(self.exit_code)
                return
