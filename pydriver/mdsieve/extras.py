# SPDX-License-Identifier: GPL-2.0-or-later
"""Optional packages that name themselves when they are missing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


class MissingPackageError(ValueError):
    """An optional package is not installed; the line says which, and how to get it."""


def require(module: str, purpose: str, extra: str) -> ModuleType:
    """Import an optional package.

    Parameters
    ----------
    module : str
        Its name, as in an ``import`` line.
    purpose : str
        What needs it, for the message.
    extra : str
        The extra of this package that brings it.

    Raises
    ------
    MissingPackageError
        If it is not installed. A package that is there but broken says so itself.
    """
    top = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != top:
            raise
        raise MissingPackageError(f"{purpose} needs {top}: pip install 'mdsieve[{extra}]'") from None
