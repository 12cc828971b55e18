# SPDX-License-Identifier: GPL-2.0-or-later
"""What started this process: a driver must not outlive it with LAMMPS, burning cores that nobody watches."""

from __future__ import annotations

import os
import select


class Launcher:
    """The MPI launcher's process on this machine, as it was when this object was made."""

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._line = self._launcher_line()

    def has_gone(self) -> bool:
        """Whether it was killed: MPICH ends the job itself if it can, but SIGKILL leaves it no time."""
        if self._line is None:
            return os.getppid() != self._parent
        poll = select.poll()
        poll.register(self._line, 0)  # hang-up is reported unasked
        return any(event & select.POLLHUP for _, event in poll.poll(0))

    @staticmethod
    def _launcher_line() -> int | None:
        """The socket to the launcher that PMI hands to each process; it outlives a shell between the two."""
        try:
            line = int(os.environ["PMI_FD"])
            os.fstat(line)
        except (KeyError, ValueError, OSError):
            return None
        return line
