# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything that is written from a store, for the driver and for ``mdsieve show``."""

from __future__ import annotations

import logging
from pathlib import Path

from mdsieve.driver.store import FrameStore

logger = logging.getLogger("mdsieve.driver")


def export_store(
    store: FrameStore,
    *,
    extxyz: Path | None = None,
    h5md: Path | None = None,
    report: Path | None = None,
    png: Path | None = None,
) -> list[Path]:
    """Write extended XYZ, H5MD, the report and its picture, each where a path is given.

    Returns
    -------
    list of Path
        The files written. Trajectories of a store without frames are not, with a warning.
    """
    written = []
    for path, write in ((extxyz, _write_extxyz), (h5md, _write_h5md)):
        if path is None:
            continue
        if store.n_frames == 0:
            logger.warning("%s: not written, no frame was kept", path)
            continue
        write(store, path)
        written.append(path)
    if report is not None:
        from mdsieve.report import write_report

        write_report(store, report)
        written.append(report)
    if png is not None:
        from mdsieve.report import write_picture

        write_picture(store, png)
        written.append(png)
    for path in written:
        logger.info("%s written", path)
    return written


def _write_extxyz(store: FrameStore, path: Path) -> None:
    from mdsieve.io.extxyz import export_extxyz

    export_extxyz(store, path)


def _write_h5md(store: FrameStore, path: Path) -> None:
    from mdsieve.io.h5md import export_h5md

    export_h5md(store, path)
