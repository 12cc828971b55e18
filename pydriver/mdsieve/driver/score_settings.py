# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``select.toml`` says of the driver's scores and filters, and what is made of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

if TYPE_CHECKING:
    from mdsieve import _core
    from mdsieve.filters import SanityFilters
    from mdsieve.potentials.ensemble import NetworkEnsemble
    from mdsieve.scores.columns import Columns
    from mdsieve.scores.contract import Environments, Scorer

__all__ = ["FilterSettings", "check_settings", "make_density", "make_extrapolation", "make_spread"]

logger = logging.getLogger("mdsieve.driver")

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
    """``[scores.spread]``, see `mdsieve.scores.spread` and `mdsieve.scores.ensemble_spread`.

    Attributes
    ----------
    factory : str, optional
        ``module:function`` that makes the committee. It is imported and run with the rights of the driver.
    ensemble : path, optional
        File of a `NetworkEnsemble`.
    potentials : list of path, optional
        Folders of n2p2 potentials, a member each. Of the three, one must be there.
    follow : bool
        Take new weights whenever the file of `ensemble` has been replaced.
    of : {"atomic", "energy", "forces"}, optional
        Default: forces for a factory, atomic for others.
    factor : float
        What spreads are multiplied by, see `mdsieve.scores.reliability`.
    device : str
        Of PyTorch; ``auto``: a GPU if there is one.
    length_unit, energy_unit : str
        Of `potentials`.
    """

    factory: str | None = None
    ensemble: Path | None = None
    potentials: list[Path] | None = None
    follow: bool = False
    of: Literal["atomic", "energy", "forces"] | None = None
    factor: _Positive = 1.0
    device: str = "auto"
    length_unit: Literal["angstrom", "bohr"] = "angstrom"
    energy_unit: Literal["eV", "hartree"] = "eV"

    @model_validator(mode="after")
    def _one_committee(self) -> SpreadSettings:
        given = [name for name in ("factory", "ensemble", "potentials") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"found {' and '.join(given) or 'none'}, expected one of factory, ensemble, potentials"
            )
        if self.follow and self.ensemble is None:
            raise ValueError("follow = true is for the file of an ensemble")
        if self.factory is not None and self.of == "atomic":
            raise ValueError("of = 'atomic' is for networks: a factory's committee tells forces or energies")
        return self

    @property
    def quantity(self) -> Literal["atomic", "energy", "forces"]:
        """What the spread is of."""
        return self.of or ("atomic" if self.factory is None else "forces")


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
        if first["type"] == "value_error" and not where:
            raise ValueError(f"scores.{name}: {first['ctx']['error']}") from None
        if first["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields)
            raise ValueError(f"scores.{name}: unknown key {where!r}, known are {known}") from None
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


def make_spread(settings: Mapping[str, Any], descriptor_hash: str) -> Scorer:
    """The disagreement of the user's committee or ensemble.

    Energies of an ensemble whose symmetry functions are the campaign's come from streamed fingerprints; what
    else there is needs atoms: the scorer's `needs` say so.

    Parameters
    ----------
    settings : dict
    descriptor_hash : str
        Of the campaign's symmetry functions.

    Raises
    ------
    ValueError
        One line, also if the user's factory fails, and for files that cannot be read.
    """
    from mdsieve.scores.followed_spread import FollowedSpreadScorer
    from mdsieve.scores.spread import SpreadScorer, calculators_from

    wanted = _read(SpreadSettings, "spread", settings)
    try:
        if wanted.factory is not None:
            assert wanted.quantity != "atomic"
            return SpreadScorer(calculators_from(wanted.factory), of=wanted.quantity, factor=wanted.factor)

        def make(ensemble: NetworkEnsemble) -> Scorer:
            return _spread_of(ensemble, wanted, descriptor_hash)

        if wanted.follow:
            assert wanted.ensemble is not None
            return FollowedSpreadScorer(wanted.ensemble, make, partial(_ensemble, wanted))
        return make(_ensemble(wanted, wanted.ensemble))
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        raise _failed("spread", error) from None


def _spread_of(ensemble: NetworkEnsemble, wanted: SpreadSettings, descriptor_hash: str) -> Scorer:
    """The scorer of an ensemble, by what it can be computed from."""
    from mdsieve.scores.ensemble_spread import EnsembleSpreadScorer
    from mdsieve.scores.spread import SpreadScorer

    if ensemble.n_members < 2:
        raise ValueError("an ensemble of 1 member: expected at least 2")
    of = wanted.quantity
    if of == "forces":
        return SpreadScorer(ensemble.forces, of="forces", factor=wanted.factor)
    streamed = ensemble.functions.hash == descriptor_hash
    if not streamed:
        logger.warning("spread: the ensemble has other symmetry functions than the fix: positions are sent")
    return EnsembleSpreadScorer(ensemble, of, streamed=streamed, factor=wanted.factor)


def _ensemble(wanted: SpreadSettings, path: Path | None) -> NetworkEnsemble:
    """The networks of a file, or of the n2p2 folders that a table names, on their device."""
    from mdsieve.potentials.ensemble import NetworkEnsemble
    from mdsieve.potentials.n2p2 import read_n2p2
    from mdsieve.scores.columns import import_torch

    torch = import_torch("the score spread")
    if path is not None:
        ensemble = NetworkEnsemble.load(path)
    else:
        ensemble = read_n2p2(
            wanted.potentials or [], length_unit=wanted.length_unit, energy_unit=wanted.energy_unit
        )
    automatic = "cuda" if torch.cuda.is_available() else "cpu"
    return ensemble.to(automatic if wanted.device == "auto" else wanted.device)


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
