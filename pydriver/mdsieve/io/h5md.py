# SPDX-License-Identifier: GPL-2.0-or-later
"""H5MD 1.1 from a store."""

from __future__ import annotations

import os

import numpy as np

from mdsieve._version import __version__
from mdsieve.driver.store import FrameStore
from mdsieve.io.kept import kept_frames
from mdsieve.io.replacing import replacing

#: Number that stands where a frame has no atom.
NO_ATOM = -1

_FLOATS = ("novelty", "temperature")
_INTEGERS = ("run", "world", "trigger_atom", "n_atoms", "entries")
_TEXTS = ("verdict", "reason", "trigger_element")


def export_h5md(store: FrameStore, path: str | os.PathLike) -> int:
    """Write the kept frames of a store as H5MD 1.1.

    There is one particles group, ``/particles/trajectory`` (the name MDAnalysis looks for), with
    ``position``, ``id`` and ``species`` (atomic numbers), ``velocity`` and ``force`` where every frame has
    them, and ``box/edges``. Atoms are in the order of their IDs. Where atom numbers differ the shorter frames
    are padded: ``id`` and ``species`` are -1 there and the vectors NaN; ``/observables/n_atoms`` tells how
    many are real.

    Lengths are in Å, times in ps, velocities in Å/ps, energies in eV and forces in kJ/mol/Å (H5MD readers
    know no eV/Å); of ``units lj`` everything is written as it is, without units.

    Returns
    -------
    int
        Number of frames written.

    Raises
    ------
    ValueError
        If the store holds no frame: an H5MD file cannot be empty.
    """
    import h5py

    frames = store.frames()
    if not frames:
        raise ValueError(f"{store.path}: holds no frame to export")
    with replacing(path) as temporary, h5py.File(temporary, "w", locking=False) as file:
        _write_metadata(file)
        writer = _Writer(file, store, frames)
        for i, (_, atoms, data) in enumerate(kept_frames(store)):
            writer.write(i, atoms, data)
        _write_observables(file, frames, writer)
    return len(frames)


def _write_metadata(file) -> None:
    h5md = file.create_group("h5md")
    h5md.attrs["version"] = np.array([1, 1], dtype=np.int32)
    author = h5md.create_group("author")
    author.attrs["name"] = os.environ.get("USER", "unknown")
    creator = h5md.create_group("creator")
    creator.attrs["name"] = "mdsieve"
    creator.attrs["version"] = __version__


class _Writer:
    """Fills the datasets of the particles group frame by frame."""

    def __init__(self, file, store: FrameStore, frames: list[dict]) -> None:
        from ase import units as ase_units

        physical = store.units() != "lj"
        first, _ = store.atoms(frames[0]["frame"])
        self._velocity_factor = 1000.0 * ase_units.fs if physical else 1.0
        self._force_factor = 1.0 / (ase_units.kJ / ase_units.mol) if physical else 1.0
        self.energies = np.full(len(frames), np.nan)
        self.stresses = np.full((len(frames), 6), np.nan)
        self.physical = physical

        n_frames, n_atoms = len(frames), max(frame["n_atoms"] for frame in frames)
        group = file.create_group("particles/trajectory")
        self.step = group.create_dataset("step", data=np.array([f["step"] for f in frames], dtype=np.int64))
        self.time = group.create_dataset("time", data=np.array([f["time"] for f in frames]))
        if physical:
            self.time.attrs["unit"] = "ps"
        box = group.create_group("box")
        box.attrs["dimension"] = 3
        box.attrs["boundary"] = ["periodic" if periodic else "none" for periodic in first.pbc]
        self._edges = self._element(box, "edges", (n_frames, 3, 3), "Angstrom")
        self._vectors = {"position": self._element(group, "position", (n_frames, n_atoms, 3), "Angstrom")}
        has = [_vectors_of(store.atoms(frame["frame"])[0]) for frame in frames]
        for name, unit in (("velocity", "Angstrom ps-1"), ("force", "kJ mol-1 Angstrom-1")):
            if all(name in names for names in has):
                self._vectors[name] = self._element(group, name, (n_frames, n_atoms, 3), unit)
        self._id = self._element(group, "id", (n_frames, n_atoms), None, np.int64, NO_ATOM)
        self._species = self._element(group, "species", (n_frames, n_atoms), None, np.int32, NO_ATOM)

    def write(self, i: int, atoms, data: dict) -> None:
        n = len(atoms)
        self._edges[i] = atoms.cell.array
        self._vectors["position"][i, :n] = atoms.positions
        if "velocity" in self._vectors:
            self._vectors["velocity"][i, :n] = atoms.get_velocities() * self._velocity_factor
        if "force" in self._vectors:
            self._vectors["force"][i, :n] = atoms.calc.results["forces"] * self._force_factor
        self._id[i, :n] = data["atom_ids"]
        self._species[i, :n] = atoms.numbers
        results = atoms.calc.results if atoms.calc is not None else {}
        self.energies[i] = results.get("energy", np.nan)
        self.stresses[i] = results.get("stress", np.nan)

    def _element(self, group, name, shape, unit, dtype=np.float64, fill=np.nan):
        """A time-dependent H5MD element: value with links to the common step and time."""
        element = group.create_group(name)
        element["step"] = self.step
        element["time"] = self.time
        value = element.create_dataset(
            "value", shape, dtype, fillvalue=fill, chunks=(1, *shape[1:]), compression="gzip", shuffle=True
        )
        if unit is not None and self.physical:
            value.attrs["unit"] = unit
        return value


def _vectors_of(atoms) -> set[str]:
    """Which of velocity and force a frame has."""
    has = {"velocity"} if atoms.has("momenta") else set()
    if atoms.calc is not None and "forces" in atoms.calc.results:
        has.add("force")
    return has


def _write_observables(file, frames: list[dict], writer: _Writer) -> None:
    """Every score and label as ``/observables/NAME/{step,time,value}``."""
    import h5py

    columns = {name: np.array([_number(f.get(name)) for f in frames]) for name in _FLOATS}
    columns |= {name: np.array([f[name] for f in frames], dtype=np.int64) for name in _INTEGERS}
    texts = [{**f, "verdict": "kept"} for f in frames]
    columns |= {name: np.array([f[name] for f in texts], dtype=h5py.string_dtype()) for name in _TEXTS}
    units = {"temperature": "K"}
    if not np.isnan(writer.energies).all():
        columns["potential_energy"], units["potential_energy"] = writer.energies, "eV"
    if not np.isnan(writer.stresses).all():
        columns["stress"], units["stress"] = writer.stresses, "eV Angstrom-3"
    for name, values in columns.items():
        group = file.create_group(f"observables/{name}")
        group["step"] = writer.step
        group["time"] = writer.time
        value = group.create_dataset("value", data=values)
        if name in units and writer.physical:
            value.attrs["unit"] = units[name]


def _number(value) -> float:
    return np.nan if value is None else value
