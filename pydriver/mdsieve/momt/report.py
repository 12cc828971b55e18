# SPDX-License-Identifier: GPL-2.0-or-later
"""A folder with all that a run of ``fix momt`` tells: numbers, tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.momt.blocks import Bootstrap
from mdsieve.momt.flatness import flatness, visits_of
from mdsieve.momt.melting import (
    HeatCapacityPeak,
    MeltingPoint,
    heat_capacity_peak,
    melting_points,
    temperature_range,
)
from mdsieve.momt.numbers import write_csv, write_json
from mdsieve.momt.phases import PhaseBounds, default_bounds, find_passages
from mdsieve.momt.plots import draw_means, draw_surface, draw_visits, draw_walk, save
from mdsieve.momt.reweighting import Means, means, reweight
from mdsieve.momt.samples import Samples
from mdsieve.momt.surface import density_of_states, free_energy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TEMPERATURES = 25
_HIGHEST = 20.0  # k T at which the colours of a free energy end


@dataclass(frozen=True)
class Findings:
    """What the report is about.

    Attributes
    ----------
    melting_points : tuple of MeltingPoint
    peak : HeatCapacityPeak or None
    means : tuple of Means
    concerns : tuple of str
    files : tuple of Path
    """

    melting_points: tuple[MeltingPoint, ...]
    peak: HeatCapacityPeak | None
    means: tuple[Means, ...]
    concerns: tuple[str, ...]
    files: tuple[Path, ...]


def write_report(
    samples: Samples,
    bootstrap: Bootstrap,
    folder: Path,
    *,
    bounds: PhaseBounds | None = None,
    temperatures: Sequence[float] | None = None,
    temperature: float | None = None,
    pictures: str = "png",
    command: str = "",
) -> Findings:
    """Write numbers, tables and pictures into a folder that exists.

    Parameters
    ----------
    samples : Samples
    bootstrap : Bootstrap
    folder : Path
    bounds : PhaseBounds, optional
        Of passages and means; and of the melting point, if given.
    temperatures : sequence of float, optional
        Of the means; default: 25 between the ends of the range with enough effective samples.
    temperature : float, optional
        Of the free energies; default: the melting point, else T0.
    pictures : {"png", "svg", "pdf"}
    command : str
        What made the report.

    Raises
    ------
    ValueError
        As `reweight`; what a run cannot tell, such as a melting point without a passage, is a concern.
    """
    points, concerns = melting_points(samples, bootstrap, bounds)
    try:
        peak = heat_capacity_peak(samples, bootstrap)
    except ValueError as error:
        peak = None
        concerns.append(str(error))
    bounds = bounds or default_bounds(samples.weight)
    if temperatures is None:
        temperatures = np.linspace(*temperature_range(samples), _TEMPERATURES).tolist()
    found: list[Means] = []
    for each in temperatures:
        found += means(samples, reweight(samples, each, bootstrap=bootstrap), bootstrap, bounds=bounds)
    concerns += [f"T = {each.temperature:g}: {words}" for each in found for words in each.concerns]
    visits, n_outside = visits_of(samples)
    flat = flatness(samples.weight, visits, n_outside=n_outside)
    passages = find_passages(samples, bounds)
    if temperature is None:
        temperature = points[0].temperature.value if points else samples.weight.temperature
    files = [
        _picture(folder / f"visits.{pictures}", draw_visits(flat, samples.n_atoms)),
        _picture(folder / f"walk.{pictures}", draw_walk(samples, passages)),
        _picture(folder / f"means.{pictures}", draw_means(found, points)),
        *_surfaces(samples, bootstrap, folder, temperature, pictures),
    ]
    numbers = {
        "flatness": flat.numbers(),
        "passages": passages,
        "melting_points": points,
        "heat_capacity_peak": peak,
        "phases_of_means": str(bounds),
        "means": found,
        "free_energy_temperature": temperature,
        "concerns": list(dict.fromkeys(concerns)),
    }
    files.append(folder / "numbers.json")
    write_json(files[-1], "report", numbers, command=command, samples=samples, bootstrap=bootstrap)
    return Findings(tuple(points), peak, tuple(found), tuple(dict.fromkeys(concerns)), tuple(files))


def _surfaces(
    samples: Samples, bootstrap: Bootstrap, folder: Path, temperature: float, pictures: str
) -> list[Path]:
    weighed = reweight(samples, temperature, bootstrap=bootstrap)
    thermal = samples.weight.boltzmann * temperature
    files = []
    for coordinates in (("enthalpy", "order"), ("enthalpy",), ("order",)):
        both = len(coordinates) == 2
        name = "-".join(coordinates)
        surface = free_energy(samples, weighed, bootstrap, coordinates)
        label = f"F at T = {temperature:.5g}"
        picture = draw_surface(surface, label, highest=_HIGHEST * thermal if both else None)
        files.append(_picture(folder / f"free-energy-{name}.{pictures}", picture))
        files.append(folder / f"free-energy-{name}.csv")
        write_csv(files[-1], *surface.rows())
        if "enthalpy" not in coordinates:
            continue
        states = density_of_states(samples, bootstrap, coordinates)
        files.append(_picture(folder / f"states-{name}.{pictures}", draw_surface(states, "ln Ω")))
        files.append(folder / f"states-{name}.csv")
        write_csv(files[-1], *states.rows())
    return files


def _picture(path: Path, figure: Figure) -> Path:
    save(figure, path)
    return path
