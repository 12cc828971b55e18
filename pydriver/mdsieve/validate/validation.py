# SPDX-License-Identifier: GPL-2.0-or-later
"""All wanted properties of a potential and of its reference, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mdsieve.validate.contract import Measured, Row

if TYPE_CHECKING:
    from mdsieve.validate.contract import Property
    from mdsieve.validate.subject import Subject

__all__ = ["Validation", "validate"]

logger = logging.getLogger("mdsieve.validate")


@dataclass(frozen=True, eq=False)
class Validation:
    """What was found.

    Attributes
    ----------
    potential, reference : str
        Names; no reference: empty.
    rows : list of Row
    measured : dict of str to (Measured or None, Measured or None)
        By property: of the potential, of the reference.
    problems : dict of str to str
        "property of potential" and why it could not be found.
    """

    potential: str
    reference: str
    rows: list[Row] = field(default_factory=list)
    measured: dict[str, tuple[Measured | None, Measured | None]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def validate(potential: Subject, reference: Subject | None, properties: Sequence[Property]) -> Validation:
    """Measure properties of a potential, and of a reference.

    A property that a potential has not, such as a crystal that does not hold together, is told in
    `Validation.problems`; the others are measured all the same.

    Parameters
    ----------
    potential : Subject
    reference : Subject or None
    properties : sequence of Property
    """
    result = Validation(potential.name, reference.name if reference is not None else "")
    for wanted in properties:
        found: list[Measured | None] = []
        for role, subject in (("potential", potential), ("reference", reference)):
            if subject is None or (role == "reference" and not wanted.has_reference):
                found.append(None)
                continue
            logger.info("%s of the %s", wanted.name, role)
            try:
                found.append(wanted.measure(subject))
            except ValueError as error:
                found.append(None)
                result.problems[f"{wanted.name} of the {role}"] = str(error)
                logger.warning("%s of the %s: %s", wanted.name, role, error)
        mine, other = found
        result.measured[wanted.name] = (mine, other)
        result.rows.extend(wanted.compare(mine, other))
    return result
