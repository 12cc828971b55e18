# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve cutout``: cells small enough for DFT around novel atoms."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdsieve.cli.outputs import check_outputs

if TYPE_CHECKING:
    from ase import Atoms

logger = logging.getLogger("mdsieve.cutout")


def cutout(
    source: Annotated[Path, typer.Argument(help="A store, or a file of frames that ASE reads.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Cut-outs, extended XYZ.")],
    bank: Annotated[
        Path | None, typer.Option("--bank", "-b", help="Functions, scaling, thresholds [default: the store].")
    ] = None,
    atom: Annotated[
        int | None,
        typer.Option("--atom", help="ID of the central atom [default: each frame's triggering atom]."),
    ] = None,
    frame: Annotated[
        int | None,
        typer.Option("--frame", help="Only this frame: its number in the store, or from 0 in a file."),
    ] = None,
    most_atoms: Annotated[int, typer.Option("--most-atoms", help="Largest number of atoms.")] = 200,
    within: Annotated[
        float, typer.Option("--within", help="How far the central fingerprint may move, in thresholds.")
    ] = 0.1,
    vacuum: Annotated[
        float, typer.Option("--vacuum", help="Å of vacuum where the cut meets a surface.")
    ] = 10.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Cut a small periodic cell around each frame's novel atom: mdsieve cutout store.db -o cuts.extxyz"""
    from ase.io import write

    from mdsieve.bank import EnvironmentBank
    from mdsieve.cutout import CutoutError, cut_out
    from mdsieve.io.replacing import replacing

    check_outputs([output], overwrite)
    if bank is None and source.suffix != ".db":
        raise ValueError("--bank: expected a bank, for its symmetry functions, scaling and thresholds")
    environments = EnvironmentBank.load(bank if bank is not None else source)
    n_cut, refused = 0, []
    with replacing(output) as temporary, open(temporary, "w", encoding="utf-8") as file:
        for name, atoms, trigger in _frames(source, frame):
            try:
                index = _index(atoms, trigger if atom is None else atom)
                cut = cut_out(atoms, index, environments, most_atoms=most_atoms, within=within, vacuum=vacuum)
            except CutoutError as error:
                refused.append(f"{source}: {name}: {error}")
                logger.warning("%s", refused[-1])
                continue
            except ValueError as error:
                raise ValueError(f"{source}: {name}: {error}") from None
            cut.atoms.info["cut_from"] = f"{source} {name}"
            write(file, cut.atoms, format="extxyz")
            n_cut += 1
        if n_cut == 0:
            raise ValueError(refused[0] if refused else f"{source}: no such frame")
    typer.echo(f"{output}: {n_cut} cut-outs" + (f", {len(refused)} frames refused" if refused else ""))


def _frames(source: Path, wanted: int | None) -> Iterator[tuple[str, "Atoms", int | None]]:
    """Name, atoms with IDs, and triggering atom of each frame."""
    import numpy as np

    if source.suffix == ".db":
        from mdsieve.driver.store import FrameStore

        with FrameStore.read(source) as store:
            for row in store.frames():
                if wanted is None or row["frame"] == wanted:
                    atoms, data = store.atoms(row["frame"])
                    atoms.set_array("id", np.asarray(data["atom_ids"]))
                    yield f"frame {row['frame']}", atoms, row["trigger_atom"]
        return
    from mdsieve.io.trajectories import iterate_frames

    for found in iterate_frames([source]):
        if wanted is None or found.index == wanted:
            atoms = found.atoms
            if "id" not in atoms.arrays and "atom_ids" in atoms.arrays:
                atoms.set_array("id", atoms.arrays["atom_ids"])
            yield f"frame {found.index}", atoms, atoms.info.get("trigger_atom")


def _index(atoms: "Atoms", atom: int | None) -> int:
    import numpy as np

    if atom is None:
        raise ValueError("the frame says no trigger_atom: give one with --atom")
    ids = atoms.arrays["id"] if "id" in atoms.arrays else np.arange(1, len(atoms) + 1)
    found = np.flatnonzero(ids == atom)
    if not len(found):
        raise ValueError(f"there is no atom {atom}")
    return int(found[0])
