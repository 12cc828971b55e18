# SPDX-License-Identifier: GPL-2.0-or-later
"""One program for both sides: ``mdsieve run`` splits the ranks of its MPI job, or drives in the process of
LAMMPS.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from mdsieve import lammps_package
from mdsieve.driver.campaign import drive, export
from mdsieve.driver.config import DriverConfig
from mdsieve.driver.link import DirectLink, end_job
from mdsieve.driver.messages import Goodbye, LinkError, Message
from mdsieve.driver.service import Service
from mdsieve.driver.signals import StopSignalsInCall
from mdsieve.lammps_program import lammps_environment, plugin_folder

logger = logging.getLogger("mdsieve.driver")

LIBRARY = "libmdsieve_lammps.so"
PLUGIN = "selectplugin.so"

#: Seconds that a rank of LAMMPS waits longer than the driver after a signal: the driver says more.
BEHIND_THE_DRIVER = 5.0


class LaunchError(ValueError):
    """LAMMPS cannot be started like this; one line that says why."""


def run(script: Path, arguments: Sequence[str], driver_ranks: int | None, config: DriverConfig) -> int:
    """Run a LAMMPS script and its driver on the ranks of this MPI job.

    Parameters
    ----------
    script : path
        LAMMPS' input script.
    arguments : list of str
        Further words of LAMMPS' command line.
    driver_ranks : {None, 0, 1}
        With 1 the last rank is the driver, with 0 the first rank of LAMMPS drives itself. None: 1 if there
        are several ranks.
    config : DriverConfig

    Returns
    -------
    int
        Exit code of this rank.

    Raises
    ------
    LaunchError
        On every rank alike, before anything has started.
    """
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    if driver_ranks is None:
        driver_ranks = 1 if world.size > 1 else 0
    _check(script, arguments, driver_ranks, world.size)
    os.environ.update(lammps_environment())
    if driver_ranks == 0:
        return _run_embedded(world, script, arguments, config)
    driver = world.bcast((socket.gethostname(), os.getpid()), root=world.size - 1)
    if world.rank == world.size - 1:
        world.Split(0, world.rank)  # LAMMPS does the same for -mpicolor, and it is collective
        return drive(world, config)
    with _left_to(driver, world, config):
        code = _run_script(world, script, ["-mpicolor", "1", *arguments])
        world.Barrier()  # as the lmp program does after its goodbye: the driver waits for it
    return code


def _check(script: Path, arguments: Sequence[str], driver_ranks: int, size: int) -> None:
    if not script.is_file():
        raise LaunchError(f"{script}: there is no such LAMMPS script")
    if driver_ranks not in (0, 1):
        raise LaunchError(f"--driver-ranks {driver_ranks}: expected 0 (LAMMPS drives itself) or 1")
    if driver_ranks == 1 and size == 1:
        raise LaunchError("--driver-ranks 1: needs a rank for LAMMPS too, start it with mpiexec -n 2 or more")
    words = [word for word in arguments if word.startswith("-")]
    for word in words:
        if word.startswith("--"):
            raise LaunchError(
                f"{word}: neither an option of mdsieve run nor of LAMMPS, see mdsieve run --help"
            )
        if word in ("-in", "-i", "-mpicolor", "-m"):
            raise LaunchError(f"{word}: is set by mdsieve run itself")
    if driver_ranks == 0 and any(word in ("-partition", "-p") for word in words):
        raise LaunchError("-partition: several worlds need a driver of their own, say --driver-ranks 1")
    if not (plugin_folder() / LIBRARY).is_file():
        raise LaunchError(
            f"{plugin_folder() / LIBRARY}: the LAMMPS plugin is not there; install mdsieve again"
        )
    lammps_package.folder()


def _left_to(driver: tuple[str, int], world, config: DriverConfig) -> StopSignalsInCall:
    """A signal to a rank of LAMMPS is the business of the driver (host, process): launchers send it to all
    ranks, and the driver ends LAMMPS in good order.
    """

    def tell_driver(number: signal.Signals) -> None:
        host, process = driver
        if host == socket.gethostname():
            with suppress(ProcessLookupError):
                os.kill(process, number)

    return StopSignalsInCall(config.grace + BEHIND_THE_DRIVER, partial(end_job, world), tell_driver)


def _run_embedded(world, script: Path, arguments: Sequence[str], config: DriverConfig) -> int:
    """A rank of LAMMPS; the first is the driver too."""
    driver = world.bcast((socket.gethostname(), os.getpid()), root=0)
    if world.rank != 0:
        with _left_to(driver, world, config):
            return _run_script(world, script, arguments)

    def give_up(code: int) -> None:
        logger.error("LAMMPS did not come back within %g s: ending it; the store is whole", config.grace)
        if world.size > 1:
            end_job(world, code)
        os._exit(code)

    with StopSignalsInCall(config.grace, give_up) as signals:
        service = Service(config)
        handler = _Embedded(service, signals, config)
        code = _run_script(world, script, arguments, handler)
        problem = service.close()
        problem = signals.exit_code or problem
    if problem == 0:
        export(config)
    return problem or code


def _run_script(world, script: Path, arguments: Sequence[str], handler: _Embedded | None = None) -> int:
    """Read a script with LAMMPS on the ranks of a communicator; 0, or 1 after an error that LAMMPS has
    printed.
    """
    import lammps

    try:
        program = lammps.lammps(comm=world, cmdargs=[*arguments, "-in", str(script)])
    except Exception as error:
        logger.error("LAMMPS does not start: %s", error)
        if world.size > 1:
            end_job(world, 1)
        return 1
    if refusal := _refusal(program):
        logger.error("%s", refusal)
        if world.size > 1:
            end_job(world, 1)
        return 1
    library = ctypes.CDLL(str(plugin_folder() / LIBRARY))
    code = 0
    try:
        with _driven(library, handler):
            try:
                program.file(str(script))
            except lammps.MPIAbortException as error:  # one rank only: the others wait for it
                logger.error("LAMMPS: %s", error)
                end_job(world, 1)
            except Exception as error:
                logger.debug("LAMMPS: %s", error)  # it has said so itself
                library.mdsieve_script_failed()
                code = 1
            program.close()
    finally:
        library.mdsieve_goodbye(0)  # if closing LAMMPS has not said it already
    return code


def _refusal(program) -> str:
    """Why the plugin cannot be used in this LAMMPS (of ``lammps.lammps``); empty if it can."""
    plugin = ctypes.CDLL(str(plugin_folder() / PLUGIN))
    plugin.mdsieve_refusal.argtypes = [ctypes.c_void_p]
    plugin.mdsieve_refusal.restype = ctypes.c_char_p
    refusal = plugin.mdsieve_refusal(program.lmp)
    return refusal.decode() if refusal else ""


@contextmanager
def _driven(library, handler: _Embedded | None):
    """The driver is there for the fixes of this process while the script runs."""
    if handler is None:
        yield
        return
    link = DirectLink(library, handler)
    link.open()
    try:
        yield
    finally:
        link.close()


class _Embedded:
    """A service that is only called from within LAMMPS: also looks at the clock and for signals then."""

    def __init__(self, service: Service, signals: StopSignalsInCall, config: DriverConfig) -> None:
        self._service = service
        self._signals = signals
        self._config = config

    def handle(self, world: int, channel: int, message: Message) -> Message | None:
        """See `Service.handle`."""
        if self._signals.name():
            self._service.stop(f"driver was stopped by {self._signals.name()}")
        reply = self._service.handle(world, channel, message)
        if isinstance(message, Goodbye):  # after `quit` this process ends inside LAMMPS
            if self._service.close() == 0:
                export(self._config)
            return None
        self._service.tick()
        return reply

    def malformed(self, world: int, error: LinkError) -> Message:
        """See `Service.malformed`."""
        return self._service.malformed(world, error)
