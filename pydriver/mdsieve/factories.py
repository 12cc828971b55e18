# SPDX-License-Identifier: GPL-2.0-or-later
"""Things that a function of the user makes: ``module:function``."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

__all__ = ["made_by"]


def made_by(factory: str) -> Any:
    """What a user's function returns.

    This imports and runs the user's own Python code with the rights of this process: a configuration with a
    factory is as trustworthy as that code.

    Parameters
    ----------
    factory : str
        ``module:function``; the module is looked for like any other, and in the current folder. The function
        takes nothing.

    Raises
    ------
    ValueError
        One line: the module cannot be imported, it has no such function, or the function fails.
    """
    module_name, _, function_name = factory.partition(":")
    if not (module_name and function_name):
        raise ValueError(f"factory {factory!r}: expected module:function")
    try:
        function = getattr(_imported(module_name), function_name, None)
        if not callable(function):
            raise ValueError(f"the module has no function {function_name!r}")
        return function()
    except Exception as error:  # the user's code may raise anything
        text = " ".join(str(error).split())
        raise ValueError(f"factory {factory}: {type(error).__name__}: {text}") from None


def _imported(name: str) -> Any:
    here = os.getcwd()
    if here in sys.path or "" in sys.path:
        return importlib.import_module(name)
    sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(here)
