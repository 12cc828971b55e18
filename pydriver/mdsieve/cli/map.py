# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve map``: frames as points of the plane."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mdsieve.cli.outputs import check_outputs

if TYPE_CHECKING:
    from ase import Atoms


def map_frames(
    sources: Annotated[
        list[Path], typer.Argument(help="Stores (their frames count as kept) and files that ASE reads.")
    ],
    bank: Annotated[
        Path | None, typer.Option("--bank", "-b", help="Functions and scaling [default: the first store].")
    ] = None,
    method: Annotated[
        Literal["pca", "tsne", "umap"], typer.Option("--method", "-m", help="How frames are projected.")
    ] = "tsne",
    vectors_of: Annotated[
        Literal["mean", "difference"],
        typer.Option("--vectors", help="Mean fingerprints, or the difference vectors of DV-LAE."),
    ] = "mean",
    perplexity: Annotated[float, typer.Option("--perplexity", help="Of t-SNE.")] = 30.0,
    seed: Annotated[int, typer.Option("--seed", help="Random seed.")] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Table, CSV.")] = None,
    png: Annotated[
        Path | None, typer.Option("--picture", "--png", help="Write the map as a picture: PNG, SVG or PDF.")
    ] = None,
    chemiscope: Annotated[
        Path | None, typer.Option("--chemiscope", help="File for chemiscope.org (.json or .json.gz).")
    ] = None,
    colour: Annotated[str, typer.Option("--colour", help="Column that colours the picture.")] = "step",
    types: Annotated[
        str | None, typer.Option("--types", help="Elements of LAMMPS' atom types, with commas: Ni,Al.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Bring frames to the plane: mdsieve map store.db run.dump --types Ni -o map.csv --png map.png"""
    import numpy as np

    from mdsieve.bank import EnvironmentBank
    from mdsieve.io.chemiscope import write_chemiscope
    from mdsieve.maps import difference_bits, mean_fingerprint, project
    from mdsieve.report.map_files import write_map_picture, write_map_table
    from mdsieve.samplers.progress import counting, showing_progress

    wanted = [path for path in (output, png, chemiscope) if path is not None]
    if not wanted:
        raise ValueError("nothing to write: expected --output, --png or --chemiscope")
    check_outputs(wanted, overwrite)
    home = bank if bank is not None else next((path for path in sources if path.suffix == ".db"), None)
    if home is None:
        raise ValueError("--bank: expected a bank or a store, for the symmetry functions and their scaling")
    environments = EnvironmentBank.load(home)
    scaling = environments.scaling
    if scaling is None:
        raise ValueError(f"{home}: its bank has no scaling")
    vectors, rows, structures = [], [], []
    with showing_progress(True) as show:
        frames = _frames(sources, types.split(",") if types else None)
        for atoms, row in counting(frames, show("describing")):
            rows.append(row)
            if vectors_of == "mean":
                vectors.append(mean_fingerprint(environments.functions, scaling, atoms))
            if chemiscope is not None or vectors_of == "difference":
                structures.append(atoms)
    if vectors_of == "difference":
        points = difference_bits(environments.functions, structures)
    else:
        points = np.array(vectors)
    found = project(points, method, seed=seed, perplexity=perplexity)
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    if output is not None:
        write_map_table(found, columns, output)
    if png is not None:
        if colour not in columns or any(isinstance(value, str) for value in columns[colour]):
            numeric = [n for n in names if not any(isinstance(v, str) for v in columns[n])]
            raise ValueError(f"--colour {colour}: expected one of {', '.join(numeric)}")
        write_map_picture(
            found, png, colours=columns[colour], label=colour, marked=[bool(row["kept"]) for row in rows]
        )
    if chemiscope is not None:
        properties: dict[str, Any] = {
            found.axes[0]: found.points[:, 0],
            found.axes[1]: found.points[:, 1],
            **columns,
        }
        write_chemiscope(
            chemiscope, structures, properties, name=f"mdsieve {home.name}", axes=found.axes, colour="kept"
        )
    for path in wanted:
        typer.echo(f"wrote {path}")


def _frames(sources: list[Path], types: list[str] | None) -> Iterator[tuple["Atoms", dict[str, Any]]]:
    """Every frame and its columns of the table."""
    from mdsieve.driver.store import FrameStore
    from mdsieve.io.trajectories import iterate_frames

    for path in sources:
        if path.suffix != ".db":
            for found in iterate_frames([path], types):
                step = found.atoms.info.get("timestep", found.atoms.info.get("step", found.index))
                row = {"source": str(path), "frame": found.index, "kept": 0, "step": step}
                yield found.atoms, {**row, "atoms": len(found.atoms), **_shares(found.atoms)}
            continue
        with FrameStore.read(path) as store:
            for frame in store.frames():
                atoms, _ = store.atoms(frame["frame"])
                row = {"source": str(path), "frame": frame["frame"], "kept": 1, "step": frame["step"]}
                row |= {key: frame.get(key) for key in ("novelty", "temperature", "entries")}
                yield atoms, {**row, "atoms": len(atoms), **_shares(atoms)}


def _shares(atoms: "Atoms") -> dict[str, float]:
    counts = atoms.symbols.formula.count()
    return {f"share {symbol}": n / len(atoms) for symbol, n in sorted(counts.items())}
