# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels by a pair style of LAMMPS, which runs as a program of its own and reads many frames a start."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mdsieve.io.wording import shown
from mdsieve.labels.contract import Labelled, Labeller, with_labels, without_labels
from mdsieve.lammps_box import LammpsBox
from mdsieve.lammps_program import Finished, lmp_command, run_program
from mdsieve.pair_style import PairStyle

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["PairStyleLabeller"]

_BEGIN = "mdsieve: the potential is ready"  # LAMMPS prints it before the first frame
_COLUMNS = ("step", "atoms", "pe", "pxx", "pyy", "pzz", "pyz", "pxz", "pxy")


class PairStyleLabeller(Labeller):
    """Energy, forces and stress by LAMMPS.

    Frames of any cell, triclinic, left-handed or without periods, come back in their own axes; atoms may lie
    anywhere. A frame at which LAMMPS ends is reported, and LAMMPS starts again behind it.

    Parameters
    ----------
    pair_style : PairStyle
    lmp : str, optional
        Words that start LAMMPS, as in a shell: ``mpiexec -n 4 lmp``; default: that of the package.
    n_processes : int
        How many run at a time.
    frames_a_start : int
        How many frames one start of LAMMPS gets.
    timeout : float, optional
        Seconds that one start may take.

    Raises
    ------
    ValueError
        If a number is not positive, or `lmp` is no command.
    """

    def __init__(
        self,
        pair_style: PairStyle,
        *,
        lmp: str | None = None,
        n_processes: int = 1,
        frames_a_start: int = 500,
        timeout: float | None = None,
    ) -> None:
        if n_processes < 1 or frames_a_start < 1:
            raise ValueError(f"{n_processes} processes, {frames_a_start} frames a start: expected at least 1")
        self._pair_style = pair_style
        self._command = lmp_command(lmp)
        self._n_processes = n_processes
        self._frames_a_start = frames_a_start
        self._timeout = timeout

    @property
    def description(self) -> str:
        """The lines of the pair style."""
        return self._pair_style.text

    def label(self, frames: Iterable[Atoms]) -> Iterator[Labelled]:
        """See `Labeller.label`."""
        numbered = enumerate(frames)
        first = next(numbered, None)
        if first is None:
            return
        style = self._pair_style.for_elements(first[1].get_chemical_symbols())
        waiting = [first]
        with ThreadPoolExecutor(self._n_processes) as threads:
            while True:
                wanted = self._n_processes * self._frames_a_start
                waiting += islice(numbered, wanted - len(waiting))
                if not waiting:
                    return
                parts = [
                    waiting[begin : begin + self._frames_a_start]
                    for begin in range(0, len(waiting), self._frames_a_start)
                ]
                for done in threads.map(partial(self._label_some, style), parts):
                    yield from done
                waiting = []

    def _label_some(self, style: PairStyle, frames: Sequence[tuple[int, Atoms]]) -> list[Labelled]:
        done: list[Labelled] = []
        boxed: list[tuple[int, Atoms, LammpsBox]] = []
        for index, atoms in frames:
            try:
                style.check_elements(atoms.get_chemical_symbols())
                boxed.append((index, atoms, LammpsBox.of(atoms)))
            except ValueError as error:
                done.append(Labelled(index, without_labels(atoms), str(error)))
        boxed.sort(key=lambda frame: (tuple(frame[2].periodic), frame[0]))
        for _, alike in groupby(boxed, key=lambda frame: tuple(frame[2].periodic)):
            left = list(alike)
            while left:
                fresh = self._start(style, left)
                done += fresh
                left = left[len(fresh) :]
        return sorted(done, key=lambda labelled: labelled.index)

    def _start(self, style: PairStyle, frames: Sequence[tuple[int, Atoms, LammpsBox]]) -> list[Labelled]:
        """Label the first frames by one start of LAMMPS: all, or up to the one at which it ends."""
        with tempfile.TemporaryDirectory(prefix="mdsieve-label-") as name:
            folder = Path(name)
            _write_frames(folder / "frames.dump", style.types, frames)
            (folder / "in.label").write_text(_script(style, frames[0][2], folder), encoding="utf-8")
            finished = run_program(
                [*self._command, "-in", f"{folder / 'in.label'}", "-log", f"{folder / 'log'}", "-nocite"],
                timeout=self._timeout,
            )
            log = folder / "log"
            said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            totals = _read_totals(said)
            forces = _read_forces(folder / "forces.dump")
        done = []
        for place, (index, atoms, box) in enumerate(frames):
            if place not in totals or place not in forces:
                done.append(Labelled(index, without_labels(atoms), _problem(finished, said)))
                break
            done.append(_labelled(index, atoms, box, totals[place], forces[place]))
        if _BEGIN not in said:  # before it has looked at any frame
            raise ValueError(f"'{shown(style.text, 80)}': {_problem(finished, said)}")
        return done


def _script(style: PairStyle, box: LammpsBox, folder: Path) -> str:
    lx, ly, lz, xy, xz, yz = (f"{side:.17g}" for side in box.sides)
    lines = [
        "units metal",
        *style.first_lines,
        "boundary " + " ".join("p" if is_periodic else "f" for is_periodic in box.periodic),
        "box tilt large",
        f"region whole prism 0 {lx} 0 {ly} 0 {lz} {xy} {xz} {yz} units box",
        f"create_box {len(style.elements)} whole",
        *style.mass_lines,
        *style.last_lines,
        "thermo 1",
        "thermo_style custom " + " ".join(_COLUMNS),
        'thermo_modify format float "%.17g" flush yes norm no',
        f'dump labels all custom 1 "{folder / "forces.dump"}" id fx fy fz',
        'dump_modify labels sort id format float "%.17g" flush yes',
        f'print "{_BEGIN}"',
        f'rerun "{folder / "frames.dump"}" dump x y z box yes purge yes add keep replace no format native',
    ]
    return "\n".join(lines) + "\n"


def _write_frames(
    path: Path, types: Mapping[str, int], frames: Sequence[tuple[int, Atoms, LammpsBox]]
) -> None:
    """A dump of LAMMPS whose steps are the places of the frames."""
    with open(path, "w", encoding="ascii") as file:
        for place, (_, atoms, box) in enumerate(frames):
            lx, ly, lz, xy, xz, yz = box.sides
            edges = [
                (min(0.0, xy, xz, xy + xz), lx + max(0.0, xy, xz, xy + xz), xy),
                (min(0.0, yz), ly + max(0.0, yz), xz),
                (0.0, lz, yz),
            ]
            flags = " ".join("pp" if is_periodic else "ff" for is_periodic in box.periodic)
            file.write(f"ITEM: TIMESTEP\n{place}\nITEM: NUMBER OF ATOMS\n{len(atoms)}\n")
            file.write(f"ITEM: BOX BOUNDS xy xz yz {flags}\n")
            file.writelines(f"{low:.17g} {high:.17g} {tilt:.17g}\n" for low, high, tilt in edges)
            file.write("ITEM: ATOMS id type x y z\n")
            symbols = atoms.get_chemical_symbols()
            file.writelines(
                f"{number} {types[symbol]} {x:.17g} {y:.17g} {z:.17g}\n"
                for number, (symbol, (x, y, z)) in enumerate(
                    zip(symbols, box.positions.tolist(), strict=True), 1
                )
            )


def _read_totals(log: str) -> dict[int, np.ndarray]:
    """Rows of the thermo output: energy and pressures of each place."""
    totals = {}
    for line in log.partition(_BEGIN)[2].splitlines():
        words = line.split()
        if len(words) != len(_COLUMNS):
            continue
        try:
            totals[int(words[0])] = np.array([float(word) for word in words[2:]])
        except ValueError:
            continue
    return totals


def _read_forces(path: Path) -> dict[int, np.ndarray]:
    """Forces of each place, atoms by ID; a frame that was cut short is left out."""
    forces: dict[int, np.ndarray] = {}
    if not path.exists():
        return forces
    for part in path.read_text(encoding="ascii", errors="replace").split("ITEM: TIMESTEP\n")[1:]:
        head, _, rows = part.partition("ITEM: ATOMS id fx fy fz\n")
        lines = head.splitlines()
        numbers = rows.split()
        if len(lines) < 3 or len(numbers) != 4 * int(lines[2]) or not rows.endswith("\n"):
            continue
        forces[int(lines[0])] = np.array(numbers, dtype=float).reshape(-1, 4)[:, 1:]
    return forces


def _labelled(index: int, atoms: Atoms, box: LammpsBox, totals: np.ndarray, forces: np.ndarray) -> Labelled:
    from ase import units

    energy, xx, yy, zz, yz, xz, xy = totals
    stress = None
    if box.periodic.all():
        pressure = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        stress = -box.tensor_back(pressure) * units.bar
    try:
        if len(forces) != len(atoms):
            raise ValueError(f"LAMMPS lost {len(atoms) - len(forces)} of its atoms")
        return Labelled(index, with_labels(atoms, energy, box.vectors_back(forces), stress))
    except ValueError as error:
        return Labelled(index, without_labels(atoms), str(error))


def _problem(finished: Finished, log: str) -> str:
    """Why LAMMPS ended, in its own words if it had any."""
    for text in (log, finished.output):
        found = [line for line in text.splitlines() if line.startswith("ERROR")]
        if found:
            return f"LAMMPS: {shown(found[0], 200)}"
    last = [line for line in finished.output.splitlines() if line.strip()][-1:]
    return f"LAMMPS: {finished.ending}" + (f": {shown(last[0], 200)}" if last and finished.returncode else "")
