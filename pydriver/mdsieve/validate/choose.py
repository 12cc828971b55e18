# SPDX-License-Identifier: GPL-2.0-or-later
"""Properties by the words of a command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mdsieve.validate.crystals import (
    LATTICES,
    PAPER_RATIO,
    Crystal,
    Crystals,
    Lattice,
    guessed_volume,
    relaxed_crystal,
)
from mdsieve.validate.elastic import ElasticConstants
from mdsieve.validate.energy_volume import EnergyVolume
from mdsieve.validate.errors import LabelErrors
from mdsieve.validate.liquid import Liquid
from mdsieve.validate.md import Schedule
from mdsieve.validate.phonons import PhononDispersion
from mdsieve.validate.reliability import Bound, Distance, Extrapolation, Reliability, Spread
from mdsieve.validate.vacancy import VacancyEnergy

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.validate.contract import Property
    from mdsieve.validate.subject import Subject

__all__ = ["NAMES", "QUICK", "Wanted", "element_of", "make_properties"]

#: All properties, in the order of reports.
NAMES = ("crystals", "volumes", "elastic", "vacancy", "phonons", "liquid", "errors", "reliability")

#: Those that need nothing but the potential and take no MD.
QUICK = ("crystals", "volumes", "elastic", "vacancy")

_LIQUID_EXPANSION = 1.15  # volume of a liquid, in those of the crystal at rest
_MELT = 2.0  # times the temperature, to melt the crystal


@dataclass(frozen=True)
class Wanted:
    """What is asked for; see ``mdsieve validate --help``.

    Attributes
    ----------
    names : sequence of str
        Properties.
    element : str
    lattice : {"fcc", "bcc", "hcp"}, optional
        For elastic constants, vacancy, phonons and MD.
    volume : float, optional
        Å³ an atom to begin with.
    ratio : float
        c/a of HCP to begin with.
    free_ratio : bool
    labelled : callable, optional
        Gives the labelled frames.
    temperature : float, optional
        K.
    n_steps, every : int
    n_equilibrate, n_melt : int
        Steps before those of the liquid: at the temperature, and before it at `melt_temperature`.
    melt_temperature : float, optional
        K; None: twice the temperature.
    timestep : float
        fs.
    liquid_volume : float, optional
        Å³ an atom.
    n_runs : int
    most_spread, most_grade, least_distance : float, optional
        eV; 1; Å.
    spread_of, functions : path, optional
        An ensemble's file; symmetry functions.
    training : callable, optional
        Gives the frames of which γ counts.
    seed : int
    """

    names: Sequence[str]
    element: str
    lattice: Lattice | None = None
    volume: float | None = None
    ratio: float = PAPER_RATIO
    free_ratio: bool = False
    labelled: Callable[[], Iterable[Atoms]] | None = None
    temperature: float | None = None
    n_steps: int = 5000
    every: int = 20
    n_equilibrate: int = 2000
    n_melt: int = 3000
    melt_temperature: float | None = None
    timestep: float = 2.0
    liquid_volume: float | None = None
    n_runs: int = 10
    most_spread: float | None = None
    most_grade: float | None = None
    least_distance: float | None = None
    spread_of: Path | None = None
    functions: Path | None = None
    training: Callable[[], Iterable[Atoms]] | None = None
    seed: int = 0
    starts: tuple[Crystal, ...] = field(init=False)

    def __post_init__(self) -> None:
        for name in self.names:
            if name not in NAMES:
                raise ValueError(f"--what {name}: expected {', '.join(NAMES)}")
        volume = guessed_volume(self.element) if self.volume is None else self.volume
        starts = tuple(Crystal(self.element, lattice, volume, self.ratio) for lattice in LATTICES)
        object.__setattr__(self, "starts", starts)

    @property
    def start(self) -> Crystal:
        """Crystal of defects, vibrations and MD: the one given, else the structure of the element in nature.

        Raises
        ------
        ValueError
            If none is given and that of nature is not one of the three, or is not in ASE's table.
        """
        from ase.data import atomic_numbers, reference_states

        state = reference_states[atomic_numbers[self.element]] or {}
        lattice = self.lattice or state.get("symmetry")
        for start in self.starts:
            if start.lattice == lattice:
                return start
        raise ValueError(
            f"{self.element}: its structure in nature is {lattice or 'not known'}, expected "
            f"{', '.join(LATTICES)}: give one of them by --lattice"
        )


def element_of(subject: Subject, given: str | None) -> str:
    """The element whose crystals are looked at.

    Raises
    ------
    ValueError
        If nothing says it, or it is no element.
    """
    from ase.data import atomic_numbers

    if given is not None:
        if given == "X" or given not in atomic_numbers:
            raise ValueError(f"--element {given}: is no element")
        return given
    known: Sequence[str] = ()
    if subject.pair_style is not None:
        known = subject.pair_style.elements
    elif subject.ensemble is not None:
        known = subject.ensemble.elements
    if len(known) != 1:
        raise ValueError("expected --element: which one's crystals?")
    return known[0]


def make_properties(wanted: Wanted, potential: Subject, reference: Subject | None) -> list[Property]:
    """The properties that are asked for.

    Raises
    ------
    ValueError, OSError
        If something that one of them needs is missing.
    """
    makers: dict[str, Callable[[], Property]] = {
        "crystals": lambda: Crystals(wanted.starts, free_ratio=wanted.free_ratio),
        "volumes": lambda: EnergyVolume(wanted.starts, free_ratio=wanted.free_ratio),
        "elastic": lambda: ElasticConstants(wanted.start, free_ratio=wanted.free_ratio),
        "vacancy": lambda: VacancyEnergy(wanted.start, free_ratio=wanted.free_ratio),
        "phonons": lambda: PhononDispersion(wanted.start, free_ratio=wanted.free_ratio),
        "liquid": lambda: _liquid(wanted, reference or potential),
        "errors": lambda: _errors(wanted),
        "reliability": lambda: _reliability(wanted, potential),
    }
    return [makers[name]() for name in NAMES if name in wanted.names]


def _schedule(wanted: Wanted, name: str, *, melt: bool) -> Schedule:
    if wanted.temperature is None:
        raise ValueError(f"{name}: expected --temperature")
    melting = wanted.melt_temperature
    if melting is None:
        melting = _MELT * wanted.temperature
    return Schedule(
        wanted.temperature,
        wanted.n_steps,
        every=wanted.every,
        n_equilibrate=wanted.n_equilibrate if melt else 0,
        melt_temperature=melting,
        n_melt=wanted.n_melt if melt else 0,
        timestep=wanted.timestep,
        seed=wanted.seed,
    )


def _liquid(wanted: Wanted, subject: Subject) -> Property:
    schedule = _schedule(wanted, "liquid", melt=True)

    def crystal() -> Atoms:
        volume = wanted.liquid_volume
        if volume is None:
            volume = _LIQUID_EXPANSION * relaxed_crystal(subject, wanted.starts[0]).volume
        return replace(wanted.starts[0], volume=volume).conventional() * (3, 3, 3)

    return Liquid(crystal, schedule)


def _errors(wanted: Wanted) -> Property:
    if wanted.labelled is None:
        raise ValueError("errors: expected --labelled with frames that have labels")
    return LabelErrors(wanted.labelled, seed=wanted.seed)


def _reliability(wanted: Wanted, potential: Subject) -> Property:
    bounds: list[Bound] = []
    if wanted.most_spread is not None:
        ensemble = potential.ensemble
        if wanted.spread_of is not None:
            from mdsieve.potentials.ensemble import NetworkEnsemble

            ensemble = NetworkEnsemble.load(wanted.spread_of)
        if ensemble is None:
            raise ValueError("--most-spread: the potential is no ensemble; name one with --spread-of")
        bounds.append(Bound(Spread(ensemble), wanted.most_spread))
    if wanted.most_grade is not None:
        if wanted.functions is None or wanted.training is None:
            raise ValueError("--most-grade: expected --functions and --training")
        from mdsieve.descriptors import SymmetryFunctions

        functions = SymmetryFunctions.from_file(wanted.functions)
        bounds.append(Bound(Extrapolation(functions, list(wanted.training())), wanted.most_grade))
    if wanted.least_distance is not None:
        if not wanted.least_distance > 0:
            raise ValueError(f"--least-distance {wanted.least_distance:g}: expected more than 0")
        bounds.append(Bound(Distance(), wanted.least_distance, is_lower=True))
    schedule = _schedule(wanted, "reliability", melt=False)

    def crystal() -> Atoms:
        return relaxed_crystal(potential, wanted.start, free_ratio=wanted.free_ratio).supercell()

    return Reliability(crystal, schedule, bounds, n_runs=wanted.n_runs)
