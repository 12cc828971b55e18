# SPDX-License-Identifier: GPL-2.0-or-later
"""What a message must be beyond its layout before anything is made of it: types, ranges, finite numbers.

The driver serves many fixes; an outdated or malicious one is refused and does not harm the others.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mdsieve.driver.messages import Frame, LinkError

_LARGEST = 2**53
_Name = Annotated[str, Field(max_length=4096)]
_Count = Annotated[int, Field(ge=0, le=_LARGEST)]
_Threshold = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Scaling(_Strict):
    source: Literal["none", "file", "bank", "pilot"]
    kind: Literal["none", "minmax", "std"]
    pilot: _Count = 0
    name: _Name = ""
    text: str = ""


class _Difference(_Strict):
    mode: Literal["presence", "count", "fraction"]
    step: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
    bins: Annotated[int, Field(ge=1, le=10_000)]


class _Greeting(_Strict):
    fix: _Name
    units: _Name
    rule: str
    elements: list[Annotated[str, Field(max_length=3)]] = Field(min_length=1, max_length=118)
    descriptor_name: _Name
    descriptor_hash: _Name
    descriptor_text: str
    length_unit: Literal["angstrom", "bohr"]
    thresholds: list[_Threshold]
    scaling: _Scaling
    difference: _Difference | None = None
    mode: Literal["wait", "stream"] = "wait"
    depth: Annotated[int, Field(ge=1, le=_LARGEST)] = 1


class _Counted(_Strict):
    steps: _Count = 0
    seconds_computing: _Seconds = 0.0
    seconds_waiting: _Seconds = 0.0


def require_sound_greeting(info: dict, world: int) -> None:
    """Refuse a HELLO that lacks something or holds something of another kind.

    Raises
    ------
    LinkError
    """
    _validate(_Greeting, info, f"HELLO of world {world}")
    if len(info["thresholds"]) != len(info["elements"]):
        n_thresholds, n_elements = len(info["thresholds"]), len(info["elements"])
        raise LinkError(f"HELLO of world {world}: {n_thresholds} thresholds for {n_elements} elements")


def require_sound_counts(info: dict, world: int) -> None:
    """Refuse a RUN_END whose counts are no counts.

    Raises
    ------
    LinkError
    """
    _validate(_Counted, info, f"RUN_END of world {world}")


def require_sound_frame(frame: Frame, n_elements: int, last_evaluation: int) -> None:
    """Refuse a frame that cannot be one.

    Parameters
    ----------
    frame : Frame
    n_elements : int
        Elements of the descriptor.
    last_evaluation : int
        Number of the evaluation that this fix sent before.

    Raises
    ------
    LinkError
        It names the step and, where one is to blame, the atom.
    """
    name = f"FRAME: step {frame.step}"
    if frame.step < 0 or frame.evaluation <= last_evaluation:
        raise LinkError(
            f"{name}, evaluation {frame.evaluation}: expected a step of 0 or more and an evaluation after "
            f"{last_evaluation}"
        )
    for what, values in (("time", frame.time), ("cell", frame.cell), ("origin", frame.origin)):
        if not np.isfinite(values).all():
            raise LinkError(f"{name}: its {what} is not finite")
    if np.isnan(frame.dropped_novelty):
        raise LinkError(f"{name}: the novelty of atom {frame.dropped_atom} is not a number")
    if not np.isfinite(frame.fingerprints).all():
        raise LinkError(f"{name}: a fingerprint is not finite")
    if frame.ids is None and (frame.velocities is not None or frame.forces is not None):
        raise LinkError(f"{name}: velocities or forces without atoms")
    if frame.ids is not None and frame.elements is not None:
        _require_sound_atoms(frame, frame.ids, frame.elements, n_elements, name)


def _require_sound_atoms(
    frame: Frame, ids: np.ndarray, elements: np.ndarray, n_elements: int, name: str
) -> None:
    unordered = np.flatnonzero(np.diff(ids) <= 0)
    if len(unordered):
        raise LinkError(f"{name}: atom {ids[unordered[0] + 1]} does not stand in the order of atom IDs")
    unknown = np.flatnonzero((elements < -1) | (elements >= n_elements))
    if len(unknown):
        raise LinkError(
            f"{name}, atom {ids[unknown[0]]}: element number {elements[unknown[0]]}, expected -1 to "
            f"{n_elements - 1}"
        )
    vectors = {"position": frame.positions, "velocity": frame.velocities, "force": frame.forces}
    for what, values in vectors.items():
        if values is None:
            continue
        infinite = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(infinite):
            raise LinkError(f"{name}, atom {ids[infinite[0]]}: its {what} is not finite")


def _validate(model: type[_Strict], info: dict, name: str) -> None:
    try:
        model.model_validate(info)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        if first["type"] == "missing":
            raise LinkError(f"{name} lacks '{where}'") from None
        raise LinkError(f"{name}: {where}: {first['msg']}") from None
