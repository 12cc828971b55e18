# SPDX-License-Identifier: GPL-2.0-or-later
"""Pictures of an analysis."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve.io.replacing import replacing
from mdsieve.momt.flatness import Flatness
from mdsieve.momt.melting import MeltingPoint
from mdsieve.momt.pair_distribution import PairDistribution
from mdsieve.momt.phases import Passages
from mdsieve.momt.reweighting import Means
from mdsieve.momt.samples import Samples
from mdsieve.momt.surface import Surface

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = {"all": "0.35", "solid": "#00798c", "liquid": "#d1495b"}
_LABELS = {"enthalpy": "H/N", "order": "O"}
_MOST_POINTS = 20000  # of a line


def save(figure: Figure, path: str | os.PathLike) -> None:
    """Write a picture; PNG, SVG or PDF by the name's ending (PNG without one)."""
    ending = os.path.splitext(path)[1].lstrip(".").lower() or "png"
    with replacing(path) as temporary:
        figure.savefig(temporary, format=ending, dpi=150)


def draw_surface(surface: Surface, label: str, *, highest: float | None = None) -> Figure:
    """A map of a surface of two coordinates, or a line with its error of one.

    Parameters
    ----------
    surface : Surface
    label : str
        Of the value.
    highest : float, optional
        Where the colours end.
    """
    figure, axes = _figure()
    if len(surface.coordinates) == 1:
        x = surface.axes[0].centres
        error = np.nan_to_num(surface.error)
        axes.fill_between(x, surface.value - error, surface.value + error, color="#00798c", alpha=0.25, lw=0)
        axes.plot(x, surface.value, color="#00798c")
        axes.set_xlabel(_LABELS[surface.coordinates[0]])
        axes.set_ylabel(label)
        return figure
    first, second = surface.axes
    drawn = axes.pcolormesh(
        second.edges, first.edges, np.ma.masked_invalid(surface.value), vmax=highest, rasterized=True
    )
    figure.colorbar(drawn, label=label, extend="neither" if highest is None else "max")
    axes.set_xlabel(_LABELS[surface.coordinates[1]])
    axes.set_ylabel(_LABELS[surface.coordinates[0]])
    return figure


def draw_visits(flat: Flatness, n_atoms: int) -> Figure:
    """Visits of bins, the region that is to be flat, and mean visits of its bins along O and H."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    bins, along = figure.subplots(1, 2, width_ratios=(1.2, 1.0))
    visits = np.ma.masked_equal(flat.visits, 0)
    order, enthalpy = flat.order, flat.enthalpy.centres / n_atoms
    drawn = bins.pcolormesh(order.edges, flat.enthalpy.edges / n_atoms, visits, rasterized=True)
    figure.colorbar(drawn, label="visits")
    bins.contour(order.centres, enthalpy, flat.region.astype(float), levels=[0.5], colors="#d1495b")
    bins.set_xlabel("O")
    bins.set_ylabel("H/N")
    by_order, by_enthalpy = flat.along_order, flat.along_enthalpy
    along.step(order.centres, by_order / np.nanmean(by_order), where="mid", color="#00798c")
    along.set_xlabel("O", color="#00798c")
    along.set_ylabel("mean visits of a bin of the region")
    along.set_ylim(bottom=0.0)
    other = along.twiny()
    other.step(enthalpy, by_enthalpy / np.nanmean(by_enthalpy), where="mid", color="#d1495b")
    other.set_xlabel("H/N", color="#d1495b")
    return figure


def draw_walk(samples: Samples, passages: Passages) -> Figure:
    """The order parameter against the step, the bounds of the phases and the passages, a panel a record."""
    from matplotlib.figure import Figure

    n = len(samples.records)
    figure = Figure(figsize=(9.6, 1.2 + 1.7 * n), layout="constrained")
    panels = figure.subplots(n, 1, sharex=True, squeeze=False)[:, 0]
    by_order = passages.bounds.by == "order"
    for number, (axes, record) in enumerate(zip(panels, samples.records, strict=True)):
        values = record.order if by_order else record.enthalpy / samples.n_atoms
        stride = max(1, -(-len(record) // _MOST_POINTS))
        axes.plot(record.step[::stride], values[::stride], lw=0.4, color="0.35", rasterized=True)
        for bound in (passages.bounds.lower, passages.bounds.upper):
            axes.axhline(bound, lw=0.8, ls="--", color="0.6")
        for each in passages.passages:
            if each.record == number:
                axes.axvline(each.arrived, lw=0.8, color=_COLOURS["liquid" if each.is_melting else "solid"])
        axes.set_ylabel("O" if by_order else "H/N")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_title(f"{len(passages)} passages: red to the liquid, blue to the solid", fontsize="small")
    panels[-1].set_xlabel("step")
    return figure


def draw_means(found: Sequence[Means], melting: Sequence[MeltingPoint] = ()) -> Figure:
    """Enthalpy, heat capacity and the probability of the solid against the temperature."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 8.0), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True)
    for phase, colour in _COLOURS.items():
        mine = [each for each in found if each.phase == phase]
        if not mine:
            continue
        x = [each.temperature for each in mine]
        for axes, values in (
            (panels[0], [each.enthalpy for each in mine]),
            (panels[1], [each.heat_capacity for each in mine]),
            (panels[2], [each.share for each in mine] if phase != "all" else []),
        ):
            if values:
                y, error = np.array(values).T
                axes.errorbar(x, y, np.nan_to_num(error), color=colour, label=phase, lw=1.2, capsize=2)
    for axes, label in zip(panels, ("H/N", "Cp / N k", "probability"), strict=True):
        axes.set_ylabel(label)
        axes.spines[["top", "right"]].set_visible(False)
        for point in melting:
            axes.axvline(point.temperature.value, lw=0.8, ls="--", color="0.6")
    panels[0].legend(frameon=False, fontsize="small")
    panels[-1].set_xlabel("T")
    return figure


def draw_pairs(found: Mapping[str, PairDistribution], title: str = "") -> Figure:
    """g(r) of the phases with their errors."""
    figure, axes = _figure()
    for phase, each in found.items():
        x, error = each.distance.centres, np.nan_to_num(each.error)
        colour = _COLOURS.get(phase, "0.35")
        axes.fill_between(x, each.value - error, each.value + error, color=colour, alpha=0.25, lw=0)
        axes.plot(x, each.value, color=colour, label=phase)
    axes.set_xlabel("r")
    axes.set_ylabel("g(r)")
    axes.set_title(title, fontsize="small")
    axes.legend(frameon=False, fontsize="small")
    return figure


def _figure() -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
