# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``select.toml`` says of the driver's scores and filters, and what is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

if TYPE_CHECKING:
    from mdsieve import _core
    from mdsieve.filters import SanityFilters
    from mdsieve.scores.columns import Columns
    from mdsieve.scores.contract import Environments, Scorer

__all__ = ["FilterSettings", "check_settings", "make_density", "make_extrapolation", "make_spread"]

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Fitted(_Settings):
    """Settings of a score that may begin with a data set.

    Attributes
    ----------
    train : list of path
        Files of structures that it is fitted on before anything is kept.
    device : str
        Of PyTorch.
    """

    train: list[Path] = Field(default_factory=list)
    device: str = "cpu"

    @field_validator("train", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str | Path) else value


class ExtrapolationSettings(_Fitted):
    """``[scores.extrapolation]``, see `mdsieve.scores.extrapolation`."""

    floor: _Positive = 1e-3
    swap: float = Field(default=1.001, ge=1, allow_inf_nan=False)


class DensitySettings(_Fitted):
    """``[scores.density]``, see `mdsieve.scores.density`."""

    bandwidth: _Positive | dict[str, _Positive] | None = None
    memory: _Positive = 1024.0


class SpreadSettings(_Settings):
    """``[scores.spread]``, see `mdsieve.scores.spread`.

    Attributes
    ----------
    factory : str
        ``module:function`` that makes the committee. It is imported and run with the rights of the driver.
    """

    factory: str
    of: Literal["forces", "energy"] = "forces"


class FilterSettings(_Settings):
    """``[filters]``, see `mdsieve.filters`."""

    shortest: float | dict[str, float] | None = None
    volume: tuple[float, float] | None = None
    energy: tuple[float, float] | None = None
    force: float | None = None

    def make(self) -> SanityFilters:
        """The filters.

        Raises
        ------
        ValueError
            If a bound makes no sense.
        """
        from mdsieve.filters import SanityFilters

        return SanityFilters(**self.model_dump())


_MODELS: dict[str, type[_Settings]] = {
    "extrapolation": ExtrapolationSettings,
    "density": DensitySettings,
    "spread": SpreadSettings,
}
_Model = TypeVar("_Model", bound=_Settings)


def check_settings(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings of a score that make no sense.

    Raises
    ------
    ValueError
        One line that names the key and says what was expected.
    """
    _read(_MODELS[name], name, settings)


def _read(model: type[_Model], name: str, settings: Mapping[str, Any]) -> _Model:
    try:
        return model(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"][:1]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields)
            raise ValueError(f"scores.{name}: unknown key {where!r}, known are {known}") from None
        if first["type"] == "missing":
            raise ValueError(f"scores.{name}: {where!r} is missing") from None
        raise ValueError(f"scores.{name}.{where}: {first['msg']}") from None


def make_extrapolation(settings: Mapping[str, Any], bank: _core.EnvironmentBank) -> Scorer:
    """The extrapolation grade in the scaling of a bank.

    Raises
    ------
    ValueError
        One line, also for files that cannot be read and for missing packages.
    """
    from mdsieve.scores.extrapolation import ExtrapolationScorer

    wanted = _read(ExtrapolationSettings, "extrapolation", settings)
    try:
        scorer = ExtrapolationScorer(
            _columns(bank), floor=wanted.floor, swap=wanted.swap, device=wanted.device
        )
        return scorer.fit(_environments(wanted.train, bank)) if wanted.train else scorer
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        raise _failed("extrapolation", error) from None


def make_density(settings: Mapping[str, Any], bank: _core.EnvironmentBank) -> Scorer:
    """The density score in the scaling of a bank.

    Raises
    ------
    ValueError
        One line, also for files that cannot be read and for missing packages.
    """
    import numpy as np

    from mdsieve.scores.density import DensityScorer

    wanted = _read(DensitySettings, "density", settings)
    thresholds = dict(zip(bank.elements, bank.thresholds, strict=True))
    bandwidth = wanted.bandwidth or {symbol: d / np.sqrt(2.0) for symbol, d in thresholds.items()}
    try:
        scorer = DensityScorer(_columns(bank), bandwidth, memory=wanted.memory, device=wanted.device)
        return scorer.fit(_environments(wanted.train, bank)) if wanted.train else scorer
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        raise _failed("density", error) from None


def make_spread(settings: Mapping[str, Any], bank: _core.EnvironmentBank) -> Scorer:
    """The disagreement of the user's committee.

    Raises
    ------
    ValueError
        One line, also if the user's factory fails.
    """
    from mdsieve.scores.spread import SpreadScorer, calculators_from

    wanted = _read(SpreadSettings, "spread", settings)
    try:
        return SpreadScorer(calculators_from(wanted.factory), of=wanted.of)
    except ValueError as error:
        raise _failed("spread", error) from None


def _failed(name: str, error: Exception) -> ValueError:
    return ValueError(f"scores.{name}: {' '.join(str(error).split())}")


def _columns(bank: _core.EnvironmentBank) -> Columns:
    from mdsieve.scores.columns import Columns

    return Columns.of_scaling(bank.elements, bank.scaling)


def _environments(paths: list[Path], bank: _core.EnvironmentBank) -> list[Environments]:
    """Environments of the structures in some files, by the bank's symmetry functions."""
    from mdsieve.bank import functions_of
    from mdsieve.io.trajectories import iterate_frames
    from mdsieve.scores.contract import Environments

    functions = functions_of(bank, "the bank", "double")
    frames = iterate_frames(paths)
    return [Environments.from_atoms(functions, frame.atoms, step=frame.index) for frame in frames]
