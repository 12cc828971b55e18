# SPDX-License-Identifier: GPL-2.0-or-later
"""Extrapolation grade: how far a linear potential on the fingerprints would have to extrapolate."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mdsieve.scores.columns import Columns, import_torch
from mdsieve.scores.contract import FINGERPRINTS, Environments, Score, Scorer
from mdsieve.scores.deltas import pack, unpack

if TYPE_CHECKING:
    from mdsieve.bank import EnvironmentBank

__all__ = ["ActiveSet", "ExtrapolationScorer"]

#: Passes over a data set after which fitting stops though the volume still grows.
_MOST_PASSES = 100


class ActiveSet:
    """The environments that span most: rows b of a square matrix A of large volume |det A|.

    The basis of an environment is b = (1, x) with its scaled fingerprint x, m = 1 + n_features numbers. Its
    grade is γ = max_j |(b A⁻¹)_j|; γ_j is also the factor by which |det A| would grow if b took the place of
    row j, so that after MaxVol nothing that was shown has γ above `swap`.

    As long as too few or too similar environments were seen, directions that they do not span are held by
    *stand-ins*: rows `floor` · e_j. They are replaced as soon as an environment leaves the span by more than
    `floor` (in scaled units), so the matrix is always regular, whatever columns are constant or depend on
    each other, and γ says how many times `floor` an environment lies beside all that was seen.

    Parameters
    ----------
    n_features : int
    floor : float
        Largest distance from the span that counts as none.
    swap : float
        Row j is replaced where γ_j exceeds this number, at least 1.
    torch : module
        PyTorch.
    device : torch.device

    Notes
    -----
    Podryabinkin and Shapeev, Comput. Mater. Sci. 140, 171 (2017); MaxVol: Goreinov et al. in Matrix Methods:
    Theory, Algorithms and Applications (2010), p. 247.
    """

    def __init__(self, n_features: int, floor: float, swap: float, torch: Any, device: Any) -> None:
        self._torch = torch
        self._device = device
        self._swap = swap
        self.rows = floor * np.eye(n_features + 1)
        self.origins = np.full((n_features + 1, 3), -1, np.int64)
        self._invert()

    def coefficients(self, scaled: np.ndarray) -> Any:
        """The numbers b A⁻¹ of some environments, a tensor of shape (n, m) on the device."""
        return self._basis(scaled) @ self._inverse

    def grades(self, scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """γ of some environments, shape (n,), and the row that it belongs to."""
        if not len(scaled):
            return np.empty(0), np.empty(0, np.int64)
        largest, rows = self.coefficients(scaled).abs().max(dim=1)
        return largest.cpu().numpy(), rows.cpu().numpy()

    def swaps(self, scaled: np.ndarray) -> dict[int, int]:
        """Which environments MaxVol would put into which rows, row → environment; nothing changes.

        The largest coefficient goes first; the inverse follows by rank-one updates.
        """
        taken: dict[int, int] = {}
        if not len(scaled):
            return taken
        torch = self._torch
        coefficients = self.coefficients(scaled)
        n_rows = coefficients.shape[1]
        for _ in range(100 * n_rows):
            place = int(coefficients.abs().argmax())
            environment, row = divmod(place, n_rows)
            pivot = coefficients[environment, row]
            if not abs(float(pivot)) > self._swap:
                break
            taken[row] = environment
            # (A + e_j (b - a_j))⁻¹ by Sherman and Morrison, on all coefficients at once
            change = coefficients[environment].clone()
            change[row] -= 1.0
            coefficients = coefficients - torch.outer(coefficients[:, row] / pivot, change)
        return taken

    def replace(self, rows: np.ndarray, scaled: np.ndarray, origins: np.ndarray) -> None:
        """Put environments into rows."""
        self.rows[rows] = np.column_stack([np.ones(len(scaled)), scaled])
        self.origins[rows] = origins
        self._invert()

    @property
    def is_standing_in(self) -> np.ndarray:
        """Which rows no environment has taken yet, shape (m,)."""
        return self.origins[:, 0] < 0

    def _basis(self, scaled: np.ndarray) -> Any:
        values = np.column_stack([np.ones(len(scaled)), scaled])
        return self._torch.from_numpy(values).to(self._device)

    def _invert(self) -> None:
        self._inverse = self._torch.linalg.inv(self._torch.from_numpy(self.rows).to(self._device))


class ExtrapolationScorer(Scorer):
    """Extrapolation grade γ by D-optimality, one active set an element.

    γ ≤ 1: a linear potential fitted to the active set interpolates; usual limits are 2 to 5 to keep a frame
    and 10 to 25 to call it broken.

    Parameters
    ----------
    columns : Columns
        Scaling of the fingerprints; γ does not depend on it but for `floor`.
    floor : float
        How far, in scaled units, an environment may leave the span of those seen before that counts.
    swap : float
        An environment takes a place in the active set where its γ exceeds this number.
    device : str
        Of PyTorch: "cpu", "cuda", …

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    ValueError
        If `floor` is not above 0 or `swap` below 1.
    """

    name: ClassVar[str] = "extrapolation"
    needs: frozenset[str] = frozenset({FINGERPRINTS})

    def __init__(
        self, columns: Columns, *, floor: float = 1e-3, swap: float = 1.001, device: str = "cpu"
    ) -> None:
        if not (np.isfinite(floor) and floor > 0):
            raise ValueError(f"floor is {floor!r}: expected a number above 0")
        if not (np.isfinite(swap) and swap >= 1):
            raise ValueError(f"swap is {swap!r}: expected a number of at least 1")
        torch = import_torch("the score extrapolation")
        self.columns = columns
        self._settings = {"floor": float(floor), "swap": float(swap)}
        where = torch.device(device)
        self.active = tuple(ActiveSet(len(row), floor, swap, torch, where) for row in columns.shift)
        self._fitted = ""

    @classmethod
    def for_bank(cls, bank: EnvironmentBank, **settings) -> ExtrapolationScorer:
        """With the scaling of a bank, nothing seen yet.

        Raises
        ------
        ValueError
            If the bank's scaling is not known yet.
        """
        if bank.scaling is None:
            raise ValueError("the bank's scaling is not known yet")
        return cls(Columns.of_scaling(bank.functions.elements, bank.scaling), **settings)

    def fit(self, frames: Sequence[Environments]) -> ExtrapolationScorer:
        """Find the active set of a data set: pass over it until nothing has γ above `swap`.

        What is found belongs to the header, not to the deltas: fit before anything is learnt.

        Parameters
        ----------
        frames : sequence of Environments
        """
        for _ in range(_MOST_PASSES):
            if not sum(self.learn(frame) is not None for frame in frames):
                break
        rows = b"".join(active.rows.astype("<f8").tobytes() for active in self.active)
        self._fitted = hashlib.sha256(rows).hexdigest()
        return self

    def score(self, environments: Environments) -> Score:
        """γ of each atom; infinite for an element that was never seen."""
        self.columns.require(environments)
        per_atom = np.empty(len(environments))
        rows = np.full(len(environments), -1, np.int64)
        for number, found in enumerate(environments.by_element):
            active = self.active[number]
            grades, of = active.grades(self.columns.apply(number, found.fingerprints))
            per_atom[found.places] = np.inf if active.is_standing_in.all() else grades
            rows[found.places] = of
        return Score.largest(per_atom, environments.atom_ids, self._reason(environments, per_atom, rows))

    def propose(self, environments: Environments) -> bytes | None:
        """The rows of active sets that environments of this frame would take."""
        self.columns.require(environments)
        elements: list[int] = []
        rows: list[int] = []
        places: list[int] = []
        for number, found in enumerate(environments.by_element):
            swaps = self.active[number].swaps(self.columns.apply(number, found.fingerprints))
            elements += [number] * len(swaps)
            rows += swaps.keys()
            places += [int(found.places[i]) for i in swaps.values()]
        if not rows:
            return None
        ids = environments.atom_ids[places]
        run, step = np.full_like(ids, environments.run), np.full_like(ids, environments.step)
        return pack(
            {},
            {
                "elements": np.array(elements, np.int32),
                "rows": np.array(rows, np.int32),
                "origins": np.column_stack([run, step, ids]).astype(np.int64),
                "fingerprints": np.concatenate([environments.fingerprint(i) for i in places]),
            },
        )

    def restore(self, delta: bytes) -> None:
        """Put the environments of a delta into their rows."""
        _, arrays = unpack(delta, "a delta of extrapolation")
        for number, rows, fingerprints, origins in self._parts(arrays):
            self.active[number].replace(rows, self.columns.apply(number, fingerprints), origins)

    def header(self) -> bytes:
        """Floor, swap, scaling, and the active set that it was fitted with."""
        return pack({**self._settings, "fitted": self._fitted}, self.columns.arrays())

    def _reason(self, environments: Environments, per_atom: np.ndarray, rows: np.ndarray) -> str:
        if not len(per_atom) or not np.isfinite(per_atom).all():
            return ""
        first = int(np.argmax(per_atom))
        number, row = environments.elements[first], rows[first]
        if self.active[number].is_standing_in[row]:
            return f"leaves the span of all {environments.symbols[number]} environments seen"
        run, step, atom = self.active[number].origins[row]
        return f"against the active environment of run {run}, step {step}, atom {atom}"

    def _parts(
        self, arrays: dict[str, np.ndarray]
    ) -> Iterable[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Element, rows, fingerprints and origins of a delta, checked before anything is changed."""
        name = "a delta of extrapolation"
        if set(arrays) != {"elements", "rows", "origins", "fingerprints"}:
            raise ValueError(f"{name}: it holds {', '.join(arrays) or 'nothing'}")
        elements, rows, origins, values = (
            arrays[key] for key in ("elements", "rows", "origins", "fingerprints")
        )
        widths = np.array([len(row) for row in self.columns.shift], np.int64)
        if (
            rows.shape != elements.shape
            or origins.shape != (len(elements), 3)
            or not ((elements >= 0) & (elements < len(widths))).all()
            or not ((rows >= 0) & (rows <= widths[elements])).all()
            or values.shape != (widths[elements].sum(),)
            or not np.isfinite(values).all()
        ):
            raise ValueError(f"{name}: it does not fit the symmetry functions")
        ends = np.cumsum(widths[elements])
        parts = []
        for number in np.unique(elements):
            mine = np.flatnonzero(elements == number)
            begin = ends[mine] - widths[number]
            fingerprints = values[begin[:, None] + np.arange(widths[number])]
            parts.append((int(number), rows[mine], fingerprints, origins[mine]))
        return parts
