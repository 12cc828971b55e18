# SPDX-License-Identifier: GPL-2.0-or-later
"""The one result of all samplers, and the files it is written to."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve._version import __version__
from mdsieve.io.replacing import replacing

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.samplers.contract import Sampler

__all__ = ["Selection"]

_FORMAT = "mdsieve selection"
_VERSION = 1


@dataclass(frozen=True, eq=False)
class Selection:
    """Which candidates were picked, in what order, why and by what.

    Attributes
    ----------
    indices : ndarray of int, shape (n_selected,)
        Candidates in the order in which they were picked.
    rank : ndarray of int, shape (n_selected,)
        0 for the first pick; equal numbers where a sampler makes no difference.
    score : ndarray of float, shape (n_selected,)
        One a pick, in the sampler's own measure; NaN where it has none.
    reason : tuple of str
        One a pick.
    configuration : dict
        The sampler's name (``"sampler"``) and parameters, and whatever else made the picks what they are.
    seed : int or None
        Of the random choices; None if there was none.
    versions : dict of str to str
        Of the programs that took part.
    n_candidates : int
        What was to choose from.
    shortfall : int
        How many fewer were picked than were asked for.
    source : tuple of str or None
        Where each pick comes from.
    novelty : tuple of ndarray or None
        For each pick one number an atom, where the sampler has them. Not part of the JSON form.
    """

    indices: np.ndarray
    rank: np.ndarray
    score: np.ndarray
    reason: tuple[str, ...]
    configuration: dict[str, Any]
    seed: int | None
    versions: dict[str, str]
    n_candidates: int
    shortfall: int = 0
    source: tuple[str, ...] | None = None
    novelty: tuple[np.ndarray, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        lengths = {len(self.indices), len(self.rank), len(self.score), len(self.reason)}
        lengths |= {len(each) for each in (self.source, self.novelty) if each is not None}
        if len(lengths) != 1:
            raise ValueError("a selection needs one rank, score, reason, source and novelty for each index")
        if len(self.indices) and not 0 <= np.min(self.indices) <= np.max(self.indices) < self.n_candidates:
            raise ValueError(f"a selection among {self.n_candidates}: an index is out of its range")

    def __len__(self) -> int:
        return len(self.indices)

    @classmethod
    def of(cls, sampler: Sampler, sources: Sequence[str] | None = None) -> Selection:
        """What a fitted sampler picked.

        Parameters
        ----------
        sampler : Sampler
        sources : sequence of str, optional
            Where each candidate comes from.

        Raises
        ------
        ValueError
            If there is not one source for each candidate.
        """
        import sklearn

        n_candidates = len(sampler.support_)
        if sources is not None and len(sources) != n_candidates:
            raise ValueError(f"{len(sources)} sources: expected {n_candidates}, one for each candidate")
        chosen = sampler.selected_idx_
        return cls(
            indices=chosen.copy(),
            rank=np.arange(len(chosen)),
            score=sampler.select_distance_.copy(),
            reason=sampler.select_reason_,
            configuration={"sampler": type(sampler).__name__, **_described(sampler.get_params(deep=False))},
            seed=sampler.seed_,
            versions={"mdsieve": __version__, "numpy": np.__version__, "scikit-learn": sklearn.__version__},
            n_candidates=n_candidates,
            shortfall=sampler.shortfall_,
            source=None if sources is None else tuple(str(sources[i]) for i in chosen),
        )

    def with_configuration(self, **more: Any) -> Selection:
        """The same with further entries of the configuration: encoder, command, files."""
        return replace(self, configuration={**self.configuration, **_described(more)})

    # JSON

    def to_json(self) -> str:
        """The selection as JSON; NaN is ``null``, infinity ``"inf"``."""
        content: dict[str, Any] = {"format": _FORMAT, "version": _VERSION}
        for each in fields(self):
            if each.name != "novelty":
                content[each.name] = getattr(self, each.name)
        content["indices"], content["rank"] = self.indices.tolist(), self.rank.tolist()
        content["score"] = [_number_to_json(x) for x in self.score.tolist()]
        return json.dumps(content, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Selection:
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError
            If it is not that, naming what is wrong.
        """
        try:
            content = json.loads(text)
        except RecursionError:
            raise ValueError("a selection: nested too deeply") from None
        except ValueError as error:
            raise ValueError(f"a selection: no JSON ({error})") from None
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ValueError(f'a selection: expected "format": "{_FORMAT}"')
        if content.get("version") != _VERSION:
            raise ValueError(f"a selection of version {content.get('version')!r}: expected {_VERSION}")
        try:
            source = content["source"]
            return cls(
                indices=np.array(_whole(content["indices"]), dtype=np.int64),
                rank=np.array(_whole(content["rank"]), dtype=np.int64),
                score=np.array([_number_from_json(x) for x in content["score"]], dtype=float),
                reason=tuple(str(x) for x in content["reason"]),
                configuration=dict(content["configuration"]),
                seed=None if content["seed"] is None else int(content["seed"]),
                versions={str(k): str(v) for k, v in dict(content["versions"]).items()},
                n_candidates=int(content["n_candidates"]),
                shortfall=int(content["shortfall"]),
                source=None if source is None else tuple(str(x) for x in source),
            )
        except KeyError as error:
            raise ValueError(f"a selection: {error} is missing") from None
        except (TypeError, OverflowError) as error:
            raise ValueError(f"a selection: {error}") from None

    def write_json(self, path: str | os.PathLike, *, overwrite: bool = False) -> None:
        """Write the JSON form; the file appears whole or not at all.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is not set.
        """
        _check_new(path, overwrite)
        with replacing(path) as temporary:
            temporary.write_text(self.to_json() + "\n", encoding="utf-8")

    # frames

    def frames(self, frames: Iterable[Atoms]) -> list[Atoms]:
        """The picked frames, copies in the order of the picks, marked with what is known of the pick.

        Parameters
        ----------
        frames : iterable of ase.Atoms
            All candidates; only the picked ones are held.

        Returns
        -------
        list of ase.Atoms
            ``info`` has ``select_rank``, ``select_score`` (where the sampler has one), ``select_reason`` and,
            if known, ``source``; ``arrays["novelty"]`` is there where the sampler has numbers of atoms.

        Raises
        ------
        ValueError
            If there are fewer frames than candidates, or more.
        """
        wanted = set(self.indices.tolist())
        held: dict[int, Atoms] = {}
        n = 0
        for n, atoms in enumerate(frames, start=1):
            if n - 1 in wanted:
                held[n - 1] = atoms
        if n != self.n_candidates:
            raise ValueError(f"{n} frames: expected {self.n_candidates}, the candidates of the selection")
        return [self._marked(held[index], place) for place, index in enumerate(self.indices.tolist())]

    def write_extxyz(
        self, frames: Iterable[Atoms], path: str | os.PathLike, *, overwrite: bool = False
    ) -> None:
        """Write the picked frames as extended XYZ; the file appears whole or not at all.

        Parameters
        ----------
        frames : iterable of ase.Atoms
            All candidates, see `frames`.
        path : path
        overwrite : bool
            Replace a file that exists.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is not set.
        ValueError
            If the frames are not the candidates.
        """
        from ase.io import write

        _check_new(path, overwrite)
        marked = self.frames(frames)
        with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
            for atoms in marked:
                write(file, atoms, format="extxyz")

    def _marked(self, atoms: Atoms, place: int) -> Atoms:
        calculator = atoms.calc
        marked = atoms.copy()
        marked.calc = calculator  # labels
        marked.info["select_rank"] = int(self.rank[place])
        if not math.isnan(self.score[place]):
            marked.info["select_score"] = float(self.score[place])
        marked.info["select_reason"] = self.reason[place]
        if self.source is not None:
            marked.info["source"] = self.source[place]
        if self.novelty is not None:
            marked.set_array("novelty", np.asarray(self.novelty[place], dtype=float), float, ())
        return marked


def _described(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON can hold them."""
    return {name: _plain(value) for name, value in parameters.items()}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.floating):
        return _number_to_json(float(value))
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.ndarray):
        return _plain(value.tolist()) if value.size <= 100 else f"array of shape {value.shape}"
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Path):
        return str(value)
    describe = getattr(value, "describe", None)
    return _plain(describe()) if callable(describe) else type(value).__name__


def _number_to_json(x: float) -> float | str | None:
    if math.isfinite(x):
        return x
    return None if math.isnan(x) else ("inf" if x > 0 else "-inf")


def _number_from_json(x: Any) -> float:
    return math.nan if x is None else float(x)


def _whole(values: Any) -> list[int]:
    if not isinstance(values, list) or not all(type(x) is int for x in values):
        raise TypeError("expected a list of whole numbers")
    return values


def _check_new(path: str | os.PathLike, overwrite: bool) -> None:
    if Path(path).exists() and not overwrite:
        raise FileExistsError(17, "the file exists already; overwrite it explicitly", str(path))
