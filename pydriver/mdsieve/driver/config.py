# SPDX-License-Identifier: GPL-2.0-or-later
"""``select.toml``: what the driver is told besides the LAMMPS script."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mdsieve.driver.score_settings import FilterSettings, check_settings


class ConfigError(ValueError):
    """A configuration that cannot be used; one line that names file and key and says what was expected."""


class DriverConfig(BaseModel):
    """Settings of the driver. Paths are relative to the folder that the program runs in.

    Attributes
    ----------
    store : path
        The campaign's file; its name ends in ``.db``.
    resume, overwrite : bool
        Continue, or replace, a store that exists. Without either it is an error if it does and holds
        something.
    export_extxyz, export_h5md, report : path, optional
        Files written from the store when the campaign ends.
    progress : float
        Seconds between progress lines.
    flush : float
        Longest time in seconds that lines of the evaluations table wait in memory.
    pilot_memory : float
        MiB that frames held for ``scaling pilot`` may take.
    grace : float
        Seconds that LAMMPS is given to end by itself after the driver was stopped by a signal.
    plugin_within : float
        Seconds within which every rank of LAMMPS must have loaded the plugin.
    rule : str
        keep, junk, stop, gap and max in the words of the fix command; they count beside those of every fix.
    scores : dict
        For each score that the driver is to compute, whether a rule names it or not, a table of settings.
    filters : FilterSettings
        Bounds that a frame must keep to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    store: Path = Path("store.db")
    resume: bool = False
    overwrite: bool = False
    export_extxyz: Path | None = None
    export_h5md: Path | None = None
    report: Path | None = None
    progress: float = Field(default=5.0, gt=0)
    flush: float = Field(default=5.0, gt=0)
    pilot_memory: float = Field(default=2048.0, gt=0)
    grace: float = Field(default=60.0, ge=0)
    plugin_within: float = Field(default=120.0, gt=0)
    rule: str = ""
    scores: dict[str, dict[str, Any]] = Field(default_factory=dict)
    filters: FilterSettings = Field(default_factory=FilterSettings)

    @field_validator("rule")
    @classmethod
    def _understood(cls, text: str) -> str:
        from mdsieve.driver.rule import FrameRule

        if text:
            FrameRule(text)
        return text

    @field_validator("scores")
    @classmethod
    def _of_known_scores(cls, scores: dict) -> dict:
        from mdsieve import _core

        names = [name for name in _core.known_scores() if _core.needs_driver(name)]
        for name, settings in scores.items():
            if name not in names:
                raise ValueError(f"{name!r} is not a score of the driver: expected one of {', '.join(names)}")
            _check_gate(name, settings.get("after", ""))
            check_settings(name, {key: value for key, value in settings.items() if key != "after"})
        return scores

    @field_validator("filters")
    @classmethod
    def _of_sense(cls, filters: FilterSettings) -> FilterSettings:
        filters.make()
        return filters

    @model_validator(mode="after")
    def _one_of_two(self) -> DriverConfig:
        if self.resume and self.overwrite:
            raise ValueError("resume and overwrite exclude each other")
        return self


def _check_gate(name: str, after: Any) -> None:
    """Refuse an `after` that is no condition, or is there for a score that is always computed first."""
    from mdsieve.driver.rule import FrameRule

    if not isinstance(after, str):
        raise ValueError(f"scores.{name}.after: expected a condition such as 'novelty > 1'")
    try:
        FrameRule(*(f"keep {after}",) if after else ())
    except ValueError as error:
        raise ValueError(f"scores.{name}.after: {error}") from None


def load_config(path: Path | None = None, **settings) -> DriverConfig:
    """Read a configuration.

    Parameters
    ----------
    path : path, optional
        A TOML file; defaults hold without one.
    **settings
        Override the file's where they are not None: the words of the command line.

    Raises
    ------
    ConfigError
        On a missing or malformed file, an unknown key or a value of the wrong kind.
    """
    name = "command line" if path is None else str(path)
    values = read_toml(path) if path is not None else {}
    values.update({key: value for key, value in settings.items() if value is not None})
    if settings.get("resume"):
        values["overwrite"] = bool(settings.get("overwrite"))
    elif settings.get("overwrite"):
        values["resume"] = False
    for key in values:
        if key not in DriverConfig.model_fields:
            raise ConfigError(f"{name}: unknown key {key!r}{_nearest(key)}")
    try:
        return DriverConfig(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        text = first["msg"].removeprefix("Value error, ")
        raise ConfigError(
            f"{name}: {where + ': ' if where and not text.startswith(where) else ''}{text}"
        ) from None


def read_toml(path: Path) -> dict:
    """The content of a TOML file.

    Raises
    ------
    ConfigError
        If it cannot be read or is no TOML.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise ConfigError(f"{path}: not a configuration: it is nested too deeply") from None
    except ValueError as error:  # bad TOML, bad UTF-8, numbers of thousands of digits
        raise ConfigError(f"{path}: not TOML: {error}") from None


def _nearest(key: str) -> str:
    close = difflib.get_close_matches(key, DriverConfig.model_fields, n=1, cutoff=0.5)
    if close:
        return f", the nearest known one is {close[0]!r}"
    return f", known are {', '.join(DriverConfig.model_fields)}"
