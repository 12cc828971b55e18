# SPDX-License-Identifier: GPL-2.0-or-later
"""Molecular dynamics of any potential: by LAMMPS where it is a pair style of LAMMPS, else by ASE."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.io.wording import shown, shown_error
from mdsieve.lammps_box import LammpsBox
from mdsieve.lammps_program import lmp_command, run_program

if TYPE_CHECKING:
    from ase import Atoms

    from mdsieve.pair_style import PairStyle
    from mdsieve.validate.subject import Subject

__all__ = ["Schedule", "run_md", "temperature_of"]

_DAMPING = 100.0  # fs, of the thermostats
_TOO_HOT = 20.0  # times the wanted temperature: nothing physical is left


@dataclass(frozen=True)
class Schedule:
    """Stages of a run at constant volume; a frame is looked at in the last one only.

    Attributes
    ----------
    temperature : float
        K.
    n_steps : int
        Of the last stage.
    every : int
        Steps between frames.
    n_equilibrate : int
        Steps at the temperature before that.
    melt_temperature : float
        K, of a first stage that melts the crystal.
    n_melt : int
        Its steps.
    timestep : float
        fs.
    seed : int
        Of the velocities.
    """

    temperature: float
    n_steps: int
    every: int = 10
    n_equilibrate: int = 0
    melt_temperature: float = 0.0
    n_melt: int = 0
    timestep: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        for temperature, _ in [*self.stages, (self.temperature, self.n_steps)]:
            if not temperature > 0 or not self.timestep > 0:
                raise ValueError(
                    f"MD at {temperature:g} K in steps of {self.timestep:g} fs: expected more than 0"
                )
        if self.every < 1 or self.n_steps < self.every:
            raise ValueError(f"{self.n_steps} steps with a frame every {self.every}: expected at least one")

    @property
    def stages(self) -> list[tuple[float, int]]:
        """Temperature and number of steps of what comes before the last stage."""
        stages = [(self.melt_temperature, self.n_melt), (self.temperature, self.n_equilibrate)]
        return [(temperature, n_steps) for temperature, n_steps in stages if n_steps]


def run_md(subject: Subject, atoms: Atoms, schedule: Schedule) -> Iterator[Atoms]:
    """The frames of a run at constant volume and temperature, with momenta; positions are not wrapped.

    LAMMPS' thermostat is Nosé-Hoover's, ASE's that of Bussi, Donadio and Parrinello.

    Parameters
    ----------
    subject : Subject
    atoms : ase.Atoms
        Where it begins; periodic.
    schedule : Schedule

    Yields
    ------
    ase.Atoms
        Without a calculator.

    Raises
    ------
    ValueError
        If the run breaks down: where, and in whose words. Frames before that have been given.
    """
    if subject.pair_style is not None:
        return _by_lammps(subject, atoms, schedule)
    return _by_ase(subject, atoms, schedule)


def temperature_of(atoms: Atoms) -> float:
    """Temperature of atoms whose centre rests [K]."""
    from ase import units

    return float(2.0 * atoms.get_kinetic_energy() / (3.0 * max(len(atoms) - 1, 1) * units.kB))


def _by_ase(subject: Subject, atoms: Atoms, schedule: Schedule) -> Iterator[Atoms]:
    from ase import units
    from ase.constraints import FixCom
    from ase.md.bussi import Bussi

    rng = np.random.default_rng(schedule.seed)
    moving = atoms.copy()
    moving.set_constraint(FixCom())  # at rest; the thermostat counts three degrees of freedom less
    moving.calc = subject.calculator
    first = schedule.stages[0][0] if schedule.stages else schedule.temperature
    widths = np.sqrt(moving.get_masses() * units.kB * first)  # of Maxwell's distribution
    moving.set_momenta(widths[:, None] * rng.standard_normal((len(moving), 3)))
    step = 0

    def advance(temperature: float, n_steps: int, every: int) -> Iterator[Atoms]:
        nonlocal step
        dynamics = Bussi(
            moving,
            timestep=schedule.timestep * units.fs,
            temperature_K=temperature,
            taut=_DAMPING * units.fs,
            rng=rng,
        )
        for _ in range(n_steps // every):
            try:
                dynamics.run(every)
                hot = temperature_of(moving)
            except Exception as error:  # a user's calculator may raise anything
                raise ValueError(f"MD broke down after step {step}: {shown_error(error, 200)}") from None
            step += every
            if not (np.isfinite(moving.positions).all() and hot < _TOO_HOT * temperature):
                raise ValueError(f"MD broke down before step {step}: {hot:.3g} K")
            copy = moving.copy()
            copy.set_constraint()
            yield copy

    for temperature, n_steps in schedule.stages:
        for _ in advance(temperature, n_steps, min(schedule.every, n_steps)):
            pass
    yield from advance(schedule.temperature, schedule.n_steps, schedule.every)


def _by_lammps(subject: Subject, atoms: Atoms, schedule: Schedule) -> Iterator[Atoms]:
    from ase import units

    assert subject.pair_style is not None
    style = subject.pair_style.for_elements(atoms.get_chemical_symbols())
    box = LammpsBox.of(atoms)
    with tempfile.TemporaryDirectory(prefix="mdsieve-md-") as name:
        folder = Path(name)
        (folder / "data").write_text(_data(atoms, style, box), encoding="ascii")
        (folder / "in.md").write_text(_script(style, schedule, folder), encoding="utf-8")
        finished = run_program([*lmp_command(), "-in", f"{folder / 'in.md'}", "-log", "none", "-nocite"])
        frames = folder / "frames.dump"
        text = frames.read_text(encoding="ascii", errors="replace") if frames.exists() else ""
    step = 0
    for part in text.split("ITEM: TIMESTEP\n")[1:]:
        head, _, rows = part.partition("ITEM: ATOMS id xu yu zu vx vy vz\n")
        numbers = np.array(rows.split(), dtype=float)
        if len(numbers) != 7 * len(atoms):
            break
        table = numbers.reshape(-1, 7)
        step = int(head.splitlines()[0])
        if step == 0:
            continue
        copy = atoms.copy()
        copy.calc = None
        copy.positions = box.vectors_back(table[:, 1:4])
        copy.set_velocities(box.vectors_back(table[:, 4:7]) / (1000.0 * units.fs))
        hot = temperature_of(copy)
        if not (np.isfinite(table).all() and hot < _TOO_HOT * schedule.temperature):
            raise ValueError(f"MD broke down before step {step}: {hot:.3g} K")
        yield copy
    if finished.returncode:
        said = [line for line in finished.output.splitlines() if line.startswith("ERROR")]
        words = shown(said[0], 200) if said else finished.ending
        raise ValueError(f"MD broke down after step {step}: LAMMPS: {words}")


def _data(atoms: Atoms, style: PairStyle, box: LammpsBox) -> str:
    style.check_elements(atoms.get_chemical_symbols())
    types = style.types
    lx, ly, lz, xy, xz, yz = (f"{side:.17g}" for side in box.sides)
    lines = [
        "mdsieve\n",
        f"{len(atoms)} atoms\n{len(style.elements)} atom types\n",
        f"0 {lx} xlo xhi\n0 {ly} ylo yhi\n0 {lz} zlo zhi\n{xy} {xz} {yz} xy xz yz\n",
        "Atoms # atomic\n",
    ]
    lines += [
        f"{number} {types[symbol]} {x:.17g} {y:.17g} {z:.17g}"
        for number, (symbol, (x, y, z)) in enumerate(
            zip(atoms.get_chemical_symbols(), box.positions.tolist(), strict=True), 1
        )
    ]
    return "\n".join(lines) + "\n"


def _script(style: PairStyle, schedule: Schedule, folder: Path) -> str:
    def stage(temperature: float, n_steps: int) -> list[str]:
        return [
            f"fix bath all nvt temp {temperature:.9g} {temperature:.9g} {_DAMPING / 1000.0:.9g}",
            f"run {n_steps}",
        ]

    first = schedule.stages[0][0] if schedule.stages else schedule.temperature
    lines = [
        "units metal",
        *style.first_lines,
        "boundary p p p",
        "box tilt large",
        f'read_data "{folder / "data"}"',
        *style.mass_lines,
        *style.last_lines,
        f"timestep {schedule.timestep / 1000.0:.9g}",
        f"velocity all create {first:.9g} {schedule.seed + 1} mom yes rot no dist gaussian",
        "thermo 1000",
    ]
    for temperature, n_steps in schedule.stages:
        lines += stage(temperature, n_steps)
    lines += [
        "reset_timestep 0",
        f'dump frames all custom {schedule.every} "{folder / "frames.dump"}" id xu yu zu vx vy vz',
        'dump_modify frames sort id first no format float "%.12g" flush yes',
        *stage(schedule.temperature, schedule.n_steps),
    ]
    return "\n".join(lines) + "\n"
