# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole campaign: serve until LAMMPS has gone, then write what was asked for."""

from __future__ import annotations

import logging

from mdsieve.driver.config import DriverConfig
from mdsieve.driver.launcher import Launcher
from mdsieve.driver.link import LinkBroken, MPILink
from mdsieve.driver.service import Service
from mdsieve.driver.serving import JobMustEnd, serve_mpi
from mdsieve.driver.signals import StopSignals
from mdsieve.driver.store import FrameStore

logger = logging.getLogger("mdsieve.driver")


def drive(comm, config: DriverConfig, failure: str | None = None) -> int:
    """Be the driver of the LAMMPS runs in an MPI communicator.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        The parent communicator of all worlds.
    config : DriverConfig
    failure : str, optional
        Why there can be no driver: every fix is told, so that LAMMPS ends too.

    Returns
    -------
    int
        Exit code.
    """
    link = MPILink(comm)
    launcher = Launcher()

    def stopped_by() -> str | None:
        return signals.name() or ("the end of its MPI launcher" if launcher.has_gone() else None)

    with StopSignals() as signals:
        link.announce()  # before the store is opened: LAMMPS looks for a driver when it begins
        service = Service(config, failure)
        problem: JobMustEnd | LinkBroken | None = None
        try:
            serve_mpi(service, link, stopped_by)
        except (JobMustEnd, LinkBroken) as error:
            problem = error
            service.stop(str(error))
        code = service.close()
        code = signals.exit_code or code
        if problem is None and link.barrier_would_hang:
            problem = JobMustEnd("one world has quit and another has not: LAMMPS would wait for it for ever")
        if problem is not None:
            logger.error("%s: ending the MPI job", problem)
            link.abort(code or 1)
        link.close()
    if code == 0:
        export(config)
    return code


def export(config: DriverConfig) -> None:
    """Write the files that the configuration asks for from the store."""
    from mdsieve.driver.exports import export_store

    if config.store.exists():
        with FrameStore.read(config.store) as store:
            export_store(store, extxyz=config.export_extxyz, h5md=config.export_h5md, report=config.report)
