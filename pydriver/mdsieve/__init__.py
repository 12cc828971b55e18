# SPDX-License-Identifier: GPL-2.0-or-later
"""mdsieve: keep only the frames of a molecular-dynamics run that show something new.

The public names are imported when they are first used, so that ``import mdsieve`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mdsieve._version import __version__

if TYPE_CHECKING:
    from mdsieve.bank import EnvironmentBank
    from mdsieve.descriptors import SymmetryFunctions
    from mdsieve.driver.store import FrameStore

_HOME = {
    "EnvironmentBank": "mdsieve.bank",
    "FrameStore": "mdsieve.driver.store",
    "SymmetryFunctions": "mdsieve.descriptors",
}

__all__ = ["EnvironmentBank", "FrameStore", "SymmetryFunctions", "__version__"]


if not TYPE_CHECKING:  # a type checker reads the imports above

    def __getattr__(name: str) -> Any:
        """Import a public name from the module it lives in (PEP 562)."""
        if name not in _HOME:
            raise AttributeError(f"module 'mdsieve' has no attribute '{name}'")
        return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
