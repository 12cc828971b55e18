# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a potential is any good: properties that were never fitted, beside those of a reference."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mdsieve.validate.contract import Measured, Property
    from mdsieve.validate.subject import Subject
    from mdsieve.validate.validation import Validation, validate

_HOME = {
    "Measured": "mdsieve.validate.contract",
    "Property": "mdsieve.validate.contract",
    "Subject": "mdsieve.validate.subject",
    "Validation": "mdsieve.validate.validation",
    "validate": "mdsieve.validate.validation",
}

__all__ = ["Measured", "Property", "Subject", "Validation", "validate"]


if not TYPE_CHECKING:  # a type checker reads the imports above

    def __getattr__(name: str) -> Any:
        """Import a public name from the module it lives in (PEP 562)."""
        if name not in _HOME:
            raise AttributeError(f"module 'mdsieve.validate' has no attribute '{name}'")
        return getattr(import_module(_HOME[name]), name)
