# SPDX-License-Identifier: GPL-2.0-or-later
"""Density: differential entropy of environments with respect to all that were kept."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mdsieve.bank import check_thresholds
from mdsieve.scores.columns import Columns, import_torch
from mdsieve.scores.contract import FINGERPRINTS, Environments, Score, Scorer
from mdsieve.scores.deltas import pack, unpack

if TYPE_CHECKING:
    from mdsieve.bank import EnvironmentBank

__all__ = ["DensityScorer", "ReferenceSet"]

logger = logging.getLogger("mdsieve.scores")

_QUERIES = 256  # environments asked about at a time
_BLOCK = 2**17  # exponents at a time: they stay in a processor's cache
_DEVICE_BLOCK = 2**24  # the same on a GPU, which wants much at a time


class ReferenceSet:
    """The environments X of one element, and δH(y|X) = -ln Σ_x exp(-|x - y|²/2h²) of others.

    The logarithm is taken of a sum whose largest term was divided out before, so that it is finite
    however far y lies from all of X: δH ≈ d²/2h² with the distance d to the nearest one.

    Parameters
    ----------
    n_features : int
    bandwidth : float
        h in scaled units.
    torch : module
        PyTorch.
    device : torch.device
    """

    def __init__(self, n_features: int, bandwidth: float, torch: Any, device: Any) -> None:
        self._torch = torch
        self._device = device
        self._unit = 1.0 / (np.sqrt(2.0) * bandwidth)
        self._centre: np.ndarray | None = None
        self._rows = torch.empty((0, n_features), dtype=torch.float64, device=device)
        self._squares = torch.empty(0, dtype=torch.float64, device=device)
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def add(self, scaled: np.ndarray) -> None:
        """Put environments into X."""
        if not len(scaled):
            return
        if self._centre is None:
            self._centre = scaled.mean(axis=0)  # small numbers lose fewer digits in |x|² - 2 x·y + |y|²
        rows = self._prepared(scaled)
        if self._used + len(rows) > len(self._rows):
            self._grow(self._used + len(rows))
        self._rows[self._used : self._used + len(rows)] = rows
        self._squares[self._used : self._used + len(rows)] = (rows * rows).sum(dim=1)
        self._used += len(rows)

    def entropies(self, scaled: np.ndarray) -> np.ndarray:
        """δH of some environments, shape (n,); infinite if X is empty."""
        if not self._used:
            return np.full(len(scaled), np.inf)
        torch = self._torch
        queries = self._prepared(scaled)
        result = torch.empty(len(scaled), dtype=torch.float64, device=self._device)
        for begin in range(0, len(scaled), _QUERIES):
            result[begin : begin + _QUERIES] = -self._log_sums(queries[begin : begin + _QUERIES])
        return result.cpu().numpy()

    def _log_sums(self, queries: Any) -> Any:
        """Logarithm of Σ_x exp(-|x - y|²), block by block."""
        torch = self._torch
        total = torch.full((len(queries),), -torch.inf, dtype=torch.float64, device=self._device)
        own = (queries * queries).sum(dim=1, keepdim=True)
        block = _BLOCK if self._device.type == "cpu" else _DEVICE_BLOCK
        step = max(1, block // len(queries))
        for begin in range(0, self._used, step):
            end = min(begin + step, self._used)
            exponents = torch.addmm(-self._squares[begin:end], queries, self._rows[begin:end].T, alpha=2.0)
            exponents.sub_(own).clamp_(max=0.0)
            largest = exponents.amax(dim=1, keepdim=True)
            part = exponents.sub_(largest).exp_().sum(dim=1).log_().add_(largest[:, 0])
            total = torch.logaddexp(total, part)
        return total

    def _prepared(self, scaled: np.ndarray) -> Any:
        """Centred, in units in which the exponent is the squared distance."""
        values = np.ascontiguousarray((scaled - self._centre) * self._unit)
        return self._torch.from_numpy(values).to(self._device)

    def _grow(self, needed: int) -> None:
        torch = self._torch
        capacity = max(needed, 2 * len(self._rows))
        for name in ("_rows", "_squares"):
            old = getattr(self, name)
            new = torch.empty((capacity, *old.shape[1:]), dtype=torch.float64, device=self._device)
            new[: self._used] = old[: self._used]
            setattr(self, name, new)


class DensityScorer(Scorer):
    """Differential entropy δH of a frame's environments, with respect to those of all kept frames.

    δH > 0: fewer than one environment's worth of what was kept lies around; δH = -ln n where n equal ones do.

    Parameters
    ----------
    columns : Columns
        Scaling of the fingerprints.
    bandwidth : float or dict of str to float
        h in scaled units, for all elements or for each.
    memory : float
        MiB that the environments may take; when they do, no more are learnt and the log says so once.
    device : str
        Of PyTorch: "cpu", "cuda", …

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    ValueError
        If a bandwidth is missing, superfluous or not above 0.

    Notes
    -----
    Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025), with its own descriptor and h in 1/Å; here x are
    scaled fingerprints of one element each.
    """

    name: ClassVar[str] = "density"
    needs: frozenset[str] = frozenset({FINGERPRINTS})

    def __init__(
        self,
        columns: Columns,
        bandwidth: float | Mapping[str, float],
        *,
        memory: float = 1024.0,
        device: str = "cpu",
    ) -> None:
        torch = import_torch("the score density")
        self.columns = columns
        self.bandwidth = check_thresholds(bandwidth, list(columns.symbols), "bandwidth")
        self._most = memory * 2**20
        self._bytes = 0
        self._is_full = False
        where = torch.device(device)
        self._sets = tuple(
            ReferenceSet(len(shift), self.bandwidth[symbol], torch, where)
            for symbol, shift in zip(columns.symbols, columns.shift, strict=True)
        )
        self._fitted = ""

    @classmethod
    def for_bank(
        cls, bank: EnvironmentBank, bandwidth: float | Mapping[str, float] | None = None, **settings
    ) -> DensityScorer:
        """With the scaling of a bank, nothing seen yet.

        Parameters
        ----------
        bandwidth : float or dict, optional
            Default: threshold / √2 of each element, by which one environment at a novelty ν gives δH = ν².

        Raises
        ------
        ValueError
            If the bank's scaling is not known yet.
        """
        if bank.scaling is None:
            raise ValueError("the bank's scaling is not known yet")
        if bandwidth is None:
            bandwidth = {symbol: value / np.sqrt(2.0) for symbol, value in bank.thresholds.items()}
        return cls(Columns.of_scaling(bank.functions.elements, bank.scaling), bandwidth, **settings)

    def __len__(self) -> int:
        """Number of environments learnt."""
        return sum(map(len, self._sets))

    def fit(self, frames: Iterable[Environments]) -> DensityScorer:
        """Begin with all environments of a data set. They belong to the header, not to the deltas: fit before
        anything is learnt.

        Parameters
        ----------
        frames : iterable of Environments
        """
        digest = hashlib.sha256(self._fitted.encode())
        for frame in frames:
            delta = self.learn(frame)
            digest.update(delta or b"")
        self._fitted = digest.hexdigest()
        return self

    def score(self, environments: Environments) -> Score:
        """δH of each atom; infinite for an element that was never seen."""
        self.columns.require(environments)
        per_atom = np.empty(len(environments))
        for number, found in enumerate(environments.by_element):
            scaled = self.columns.apply(number, found.fingerprints)
            per_atom[found.places] = self._sets[number].entropies(scaled)
        if not len(per_atom):
            return Score(-np.inf, per_atom)
        return Score.largest(per_atom, environments.atom_ids)

    def propose(self, environments: Environments) -> bytes | None:
        """All environments of the frame, as long as there is room."""
        self.columns.require(environments)
        if not len(environments) or self._bytes + environments.fingerprints.nbytes > self._most:
            self._say_full(len(environments) > 0)
            return None
        return pack(
            {},
            {
                "elements": environments.elements.astype(np.int32),
                "fingerprints": environments.fingerprints.astype(np.float64),
            },
        )

    def restore(self, delta: bytes) -> None:
        """Add the environments of a delta."""
        _, arrays = unpack(delta, "a delta of density")
        environments = self._checked(arrays)
        for number, found in enumerate(environments.by_element):
            self._sets[number].add(self.columns.apply(number, found.fingerprints))
        self._bytes += environments.fingerprints.nbytes

    def header(self) -> bytes:
        """Bandwidths, memory, scaling, and the data that it was fitted with."""
        words = {"bandwidth": self.bandwidth, "memory": self._most, "fitted": self._fitted}
        return pack(words, self.columns.arrays())

    def _checked(self, arrays: dict[str, np.ndarray]) -> Environments:
        name = "a delta of density"
        if set(arrays) != {"elements", "fingerprints"}:
            raise ValueError(f"{name}: it holds {', '.join(arrays) or 'nothing'}")
        elements, values = arrays["elements"], arrays["fingerprints"]
        widths = np.array([len(row) for row in self.columns.shift], np.int64)
        if (
            elements.ndim != 1
            or not ((elements >= 0) & (elements < len(widths))).all()
            or values.shape != (widths[elements].sum(),)
            or not np.isfinite(values).all()
        ):
            raise ValueError(f"{name}: it does not fit the symmetry functions")
        ids = np.arange(len(elements))
        return Environments(self.columns.symbols, tuple(widths.tolist()), elements, ids, values)

    def _say_full(self, is_full: bool) -> None:
        if is_full and not self._is_full:
            self._is_full = True
            logger.warning(
                "density: %d environments take %.0f MiB (its memory): no more are learnt",
                len(self),
                self._bytes / 2**20,
            )
