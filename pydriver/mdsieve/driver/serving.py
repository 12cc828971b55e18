# SPDX-License-Identifier: GPL-2.0-or-later
"""Serving over MPI: until every world has said goodbye, or there is a reason to end the job."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mdsieve.driver.link import MPILink, end_job
from mdsieve.driver.service import Service

logger = logging.getLogger("mdsieve.driver")

PATIENCE = 0.25
#: Seconds that a frame already on its way may need to show up.
ON_ITS_WAY = 0.05
#: Seconds without any word of a fix after which the user is asked whether that is meant.
LONG_SILENCE = 60.0


class JobMustEnd(RuntimeError):
    """LAMMPS cannot be waited for any longer; one line that says why."""


def serve_mpi(service: Service, link: MPILink, stopped_by: Callable[[], str | None]) -> None:
    """Answer messages until every world has said goodbye.

    Parameters
    ----------
    service : Service
    link : MPILink
        Its driver has been announced.
    stopped_by : callable
        What asks the driver to end (the name of a signal), or None.

    Raises
    ------
    JobMustEnd
        If the worlds did not say goodbye within `grace` seconds after the driver was stopped, or a rank has
        not loaded the plugin within `plugin_within`.
    LinkBroken
        See `MPILink.serve_one`.
    """
    config = service.config
    began = time.monotonic()
    reason: str | None = None
    deadline = float("inf")
    silent = True
    while not link.worlds_gone:
        silent = not link.serve_one(service, PATIENCE) and silent
        now = time.monotonic()
        if silent and now - began > LONG_SILENCE:
            logger.warning("nothing was heard of a fix select for a minute: is it in the script?")
            silent = False
        if link.ranks_unheard and now - began > config.plugin_within:
            raise JobMustEnd(_plugin_missing(link.ranks_unheard, config.plugin_within))
        service.summary.waiting = link.seconds_waiting
        service.tick()
        if reason is None and (reason := stopped_by()):
            deadline = time.monotonic() + config.grace
            _serve_what_is_on_its_way(service, link, deadline)
            service.stop(f"driver was stopped by {reason}")
        for world, channel, fatal in service.fatals():
            link.send(world, channel, fatal)
        if time.monotonic() > deadline:
            raise JobMustEnd(f"LAMMPS did not end within {config.grace:g} s after {reason}")


def _plugin_missing(n_ranks: int, seconds: float) -> str:
    return (
        f"{n_ranks} of the other ranks of this MPI job did not load the plugin within "
        f"{seconds:g} s (plugin_within): is LAMMPS_PLUGIN_PATH set to what "
        "`mdsieve plugin-path` prints, and -mpicolor the first word after lmp?"
    )


@contextmanager
def job_ends_without_lammps(world, seconds: float) -> Iterator[None]:
    """End the MPI job if the collective call inside this context does not return in time.

    A LAMMPS whose first argument is not ``-mpicolor`` never enters ``MPI_Comm_split``, and the driver cannot
    leave it. A thread watches the clock: mpi4py releases the GIL inside MPI.

    Parameters
    ----------
    world : mpi4py.MPI.Comm
        All ranks of the job.
    seconds : float
        Time limit, `plugin_within` of the configuration.
    """

    def end() -> None:
        logger.error("%s", _plugin_missing(world.size - 1, seconds))
        end_job(world, 1)

    watchdog = threading.Timer(seconds, end)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def _serve_what_is_on_its_way(service: Service, link: MPILink, deadline: float) -> None:
    """Frames that were sent before the driver was stopped are still decided and stored. MD sends more
    meanwhile, so their number has a bound.
    """
    for _ in range(service.frames_ahead):
        if time.monotonic() > deadline or not link.serve_one(service, ON_ITS_WAY):
            return
