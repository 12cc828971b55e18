# SPDX-License-Identifier: GPL-2.0-or-later
"""From a `Frame` of the link, in LAMMPS' units, to `ase.Atoms`."""

from __future__ import annotations

import numpy as np

from mdsieve.driver.messages import Frame, LinkError
from mdsieve.driver.units import UnitStyle


def to_atoms(frame: Frame, elements: list[str], units: UnitStyle):
    """The frame as ASE has it.

    Parameters
    ----------
    frame : Frame
        Must carry atoms.
    elements : list of str
        What the element numbers stand for; an atom whose number is negative is of no element of the
        descriptor.
    units : UnitStyle

    Returns
    -------
    ase.Atoms
        Positions as in LAMMPS; velocities as momenta with ASE's standard masses, so that ``get_velocities``
        gives LAMMPS' velocities; energy, forces and stress (ASE's sign) in a `SinglePointCalculator` if they
        were sent.

    Raises
    ------
    LinkError
        If there are no atoms in the frame, or one of an unknown element.
    """
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.data import atomic_numbers

    if frame.positions is None or frame.elements is None:
        raise LinkError(f"FRAME: step {frame.step} is to be kept, but carries no atoms")
    if len(frame.elements) and frame.elements.max() >= len(elements):
        raise LinkError(f"FRAME: step {frame.step}: an atom's element is not one of {' '.join(elements)}")
    numbers = np.array([atomic_numbers[symbol] for symbol in elements] + [0])
    atoms = Atoms(
        numbers=numbers[np.maximum(frame.elements, -1)],
        positions=frame.positions,
        cell=frame.cell,
        pbc=[bool(frame.periodic >> axis & 1) for axis in range(3)],
    )
    if frame.velocities is not None:
        atoms.set_velocities(frame.velocities * units.velocity)
    results: dict[str, float | np.ndarray] = {}
    if not np.isnan(frame.energy):
        results["energy"] = frame.energy * units.energy
    if frame.forces is not None:
        results["forces"] = frame.forces * units.force
    if not np.isnan(frame.pressure).any():
        results["stress"] = -frame.pressure * units.pressure
    if results:
        atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def row_data(frame: Frame, units: UnitStyle) -> dict:
    """What ASE's row cannot hold elsewhere: ``atom_ids``, ``origin`` of the cell (Å) and ``units``."""
    return {"atom_ids": np.array(frame.ids), "origin": np.array(frame.origin), "units": units.name}


def release(atoms) -> None:
    """Let go of the results of a frame that is not needed any more.

    ASE's calculators refer to themselves, so their arrays would stay until Python's collector comes by. That
    counts objects, not bytes: with large frames memory would grow by a frame each time.
    """
    calculator, atoms.calc = atoms.calc, None
    if calculator is not None:
        vars(calculator).clear()
