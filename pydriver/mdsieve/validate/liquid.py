# SPDX-License-Identifier: GPL-2.0-or-later
"""The liquid: radial distribution with the shifts of its first peak, mean square displacement, diffusion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mdsieve.validate.contract import Curve, Measured, Number, Property, Row
from mdsieve.validate.crystals import nearest
from mdsieve.validate.md import Schedule, run_md, temperature_of

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.validate.subject import Subject

__all__ = ["Liquid", "diffusion_coefficient", "first_peak", "mean_square_displacement", "radial_distribution"]

_BLOCKS = 4


class Liquid(Property):
    """A liquid at constant volume, the same for both potentials, molten from the same crystal.

    Parameters
    ----------
    crystal : callable
        Makes the crystal, at the liquid's density.
    schedule : Schedule
        With a stage that melts.
    bin_width : float
        Å, of the radial distribution.
    """

    name: ClassVar[str] = "liquid"

    def __init__(self, crystal: Callable[[], Atoms], schedule: Schedule, *, bin_width: float = 0.05) -> None:
        self.crystal = crystal
        self.schedule = schedule
        self.bin_width = bin_width

    def measure(self, subject: Subject) -> Measured:
        """See `Property.measure`."""
        frames = list(run_md(subject, self.crystal(), self.schedule))
        if len(frames) < 2 * _BLOCKS:
            raise ValueError(f"liquid: {len(frames)} frames, expected at least {2 * _BLOCKS}")
        r, g = radial_distribution(frames, self.bin_width)
        place, height = first_peak(r, g)
        blocks = [
            first_peak(*radial_distribution([frames[k] for k in part], self.bin_width))
            for part in np.array_split(np.arange(len(frames)), _BLOCKS)
        ]
        place_error, height_error = np.std(blocks, axis=0, ddof=1) / np.sqrt(_BLOCKS)
        lag = self.schedule.every * self.schedule.timestep / 1000.0  # ps
        squares = mean_square_displacement(np.array([frame.positions for frame in frames]))
        times = lag * np.arange(len(squares))
        coefficient = diffusion_coefficient(times, squares)
        temperature = float(np.mean([temperature_of(frame) for frame in frames]))
        return Measured(
            (
                Number("first peak of g(r)", "Å", place),
                Number("first peak of g(r), error", "Å", float(place_error)),
                Number("height of the first peak", "", height),
                Number("height of the first peak, error", "", float(height_error)),
                Number("diffusion coefficient", "Å²/ps", coefficient),
                Number("smallest distance", "Å", min(nearest(frame) for frame in frames)),
                Number("temperature", "K", temperature),
            ),
            curves=(
                Curve("rdf", "r [Å]", "g(r)", r, {"g": g}),
                Curve("msd", "time [ps]", "mean square displacement [Å²]", times, {"msd": squares}),
            ),
        )

    def compare(self, measured: Measured | None, reference: Measured | None) -> list[Row]:
        """With Δ_r = r_pot - r_ref and δ_h = (h_pot - h_ref)/h_ref of the first peak."""
        rows = super().compare(measured, reference)
        if measured is not None and reference is not None:
            shift = measured["first peak of g(r)"] - reference["first peak of g(r)"]
            height = reference["height of the first peak"]
            change = (measured["height of the first peak"] - height) / height
            rows.append(Row(self.name, "Δ_r, shift of the first peak", "Å", shift, None))
            rows.append(Row(self.name, "δ_h, its relative change in height", "", change, None))
        return rows


def radial_distribution(frames: Sequence[Atoms], bin_width: float) -> tuple[np.ndarray, np.ndarray]:
    """g(r) of all atoms, up to half of the smallest height of the cells.

    Parameters
    ----------
    frames : sequence of ase.Atoms
        Periodic.
    bin_width : float
        Å.

    Returns
    -------
    r, g : ndarray of float, shape (n_bins,)
        Middles of the bins [Å], and g.
    """
    from vesin import ase_neighbor_list

    heights = [1.0 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0) for atoms in frames]
    n_bins = int(0.5 * float(np.min(heights)) / bin_width)
    edges = bin_width * np.arange(n_bins + 1)
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    total = np.zeros(n_bins)
    for atoms in frames:
        _, distances = ase_neighbor_list("id", atoms, float(edges[-1]))
        counts = np.histogram(distances, edges)[0]
        total += counts * atoms.get_volume() / (len(atoms) * (len(atoms) - 1) * shells)
    return edges[:-1] + 0.5 * bin_width, total / len(frames)


def first_peak(r: np.ndarray, g: np.ndarray) -> tuple[float, float]:
    """Place and height of the highest peak of g(r), which in a liquid is the first one.

    A parabola through the points about the maximum that lie above 0.8 times it, in least squares.

    Raises
    ------
    ValueError
        If there is none.
    """
    top = int(g.argmax())
    first = last = top
    while first > 0 and g[first - 1] > 0.8 * g[top]:
        first -= 1
    while last < len(g) - 1 and g[last + 1] > 0.8 * g[top]:
        last += 1
    if top in (0, len(g) - 1) or g[top] <= 1.0:
        raise ValueError("g(r) has no first peak")
    if last - first < 2:
        return float(r[top]), float(g[top])
    shifted = r[first : last + 1] - r[top]
    a, b, c = np.polyfit(shifted, g[first : last + 1], 2)
    if a >= 0 or abs(b / (2 * a)) > shifted[-1] - shifted[0]:
        return float(r[top]), float(g[top])
    return float(r[top] - b / (2 * a)), float(c - b * b / (4 * a))


def mean_square_displacement(positions: np.ndarray) -> np.ndarray:
    """⟨|r(t + τ) - r(t)|²⟩ over atoms and times t, with the centre's motion taken out.

    Parameters
    ----------
    positions : ndarray of float, shape (n_frames, n_atoms, 3)
        Not wrapped [Å].

    Returns
    -------
    ndarray of float, shape (n_frames,)
        For τ = 0, 1, ... frames [Å²].

    Notes
    -----
    By Fourier transforms, Calandrini et al., Collection SFN 12, 201 (2011).
    """
    moved = positions - positions.mean(axis=1, keepdims=True)
    n = len(moved)
    squares = (moved**2).sum(axis=2)
    spectrum = np.fft.rfft(moved, 2 * n, axis=0)
    products = np.fft.irfft((np.abs(spectrum) ** 2).sum(axis=2), 2 * n, axis=0)[:n]
    counts = np.arange(n, 0, -1)[:, None]
    before = np.cumsum(squares, axis=0)[::-1]  # sums over t < n - τ
    after = np.cumsum(squares[::-1], axis=0)[::-1]  # sums over t >= τ
    values = (before + after - 2.0 * products) / counts
    return np.maximum(values.mean(axis=1), 0.0)


def diffusion_coefficient(times: np.ndarray, squares: np.ndarray) -> float:
    """D of ⟨r²⟩ = 6 D τ + const, by a line through the part from a tenth to a half of the times [Å²/ps]."""
    part = slice(len(times) // 10, max(len(times) // 2, len(times) // 10 + 2))
    return float(np.polyfit(times[part], squares[part], 1)[0] / 6.0)
