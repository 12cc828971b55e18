# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of docs/samplers.md, from the real data in MDSIEVE_DATA (default ../shared/data).

* fps: random Si crystals (pyxtal_Si), SOAP average kernel: farthest distance and REP against the number of
  picks, farthest points beside random picks (shaded: least to most of ten seeds).
* bank: mlearn Ge: kept frames and force errors against the threshold, 50 shuffles each (violins).
* grid: Mo-Ta solid solutions: kept frames and force errors for pairs of thresholds, with the critical line.
* compositions: Mo-Ta solid solutions: similarity diagram, distributions of pairwise similarities.

    python benchmarks/sampler_studies.py [fps bank grid compositions] [--output docs/images]
"""

import argparse
import gzip
import os
import time
from pathlib import Path

import numpy as np
from _record import store
from ase.io import read

from mdsieve import SymmetryFunctions
from mdsieve.describe import describe
from mdsieve.encoders.soap import Soap
from mdsieve.samplers.farthest_point import FPS
from mdsieve.samplers.studies import BankStudy
from mdsieve.similarity.average_kernel import AverageKernel
from mdsieve.similarity.diagnostics import coverage_curve, similarity_diagram, similarity_distributions

DATA = Path(os.environ.get("MDSIEVE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
SHUFFLES = 50


def frames_of(*names: str) -> list:
    frames = []
    for name in names:
        with gzip.open(DATA / name, "rt") as file:
            frames += read(file, ":", format="extxyz")
    return frames


def figure(n_rows: int, n_columns: int, size: tuple[float, float]):
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    return pyplot.subplots(n_rows, n_columns, figsize=size, layout="constrained")


def save(drawing, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    drawing.savefig(folder / name, dpi=110)
    print(f"wrote {folder / name}")


def fps(folder: Path) -> dict:
    frames = frames_of(*(f"pyxtal_Si/Si{n}.extxyz.gz" for n in (4, 6, 8, 16)))
    start = time.perf_counter()
    kernel = AverageKernel(Soap(["Si"], r_cut=5.0, n_max=6, l_max=4, sigma=0.4).encode_atoms(frames))
    encoding = time.perf_counter() - start
    start = time.perf_counter()
    picks = FPS(distance=0.1).fit(kernel.vectors).selected_idx_
    n = len(picks)
    picking = time.perf_counter() - start
    chosen = coverage_curve(kernel.vectors, picks)
    random = [
        coverage_curve(kernel.vectors, np.random.default_rng(seed).permutation(len(frames))[:n])
        for seed in range(10)
    ]
    drawing, (left, right) = figure(1, 2, (9.5, 3.6))
    for axis, name, words in (
        (left, "farthest", "farthest distance to a picked frame"),
        (right, "represented", "REP: share nearer than 0.1"),
    ):
        values = np.array([getattr(curve, name) for curve in random])
        axis.fill_between(chosen.size, values.min(axis=0), values.max(axis=0), color="tab:orange", alpha=0.4)
        axis.plot(chosen.size, np.median(values, axis=0), color="tab:orange", label="random")
        axis.plot(chosen.size, getattr(chosen, name), color="tab:blue", label="farthest points")
        axis.set_xlabel("picked frames")
        axis.set_ylabel(words)
        axis.set_xscale("log")
        axis.grid(alpha=0.3)
    left.legend()
    drawing.suptitle(f"{len(frames)} random Si crystals, SOAP average kernel")
    save(drawing, folder, "samplers-fps.png")
    sizes = [25, 50, 100, 200, 400, 800, n]
    return {
        "n_frames": len(frames),
        "seconds_encoding": encoding,
        "seconds_picking": picking,
        "rows": [
            {
                "n": size,
                "farthest": chosen.farthest[size - 1],
                "farthest_random": float(np.median([c.farthest[size - 1] for c in random])),
                "rep": chosen.represented[size - 1],
                "rep_random": float(np.median([c.represented[size - 1] for c in random])),
                "mean": chosen.mean[size - 1],
                "mean_random": float(np.median([c.mean[size - 1] for c in random])),
            }
            for size in sizes
        ],
    }


def bank(folder: Path) -> dict:
    functions = SymmetryFunctions.from_text(describe(["Ge"], cutoff=5.5))
    train, test = frames_of("mlearn/Ge_train.extxyz.gz"), frames_of("mlearn/Ge_test.extxyz.gz")
    start = time.perf_counter()
    study = BankStudy(functions, train, test)
    preparing = time.perf_counter() - start
    thresholds = [0.1, 0.2, 0.3, 0.4, 0.6, 0.8]
    curve = study.threshold_curve(thresholds)
    start = time.perf_counter()
    shuffles = [study.shuffles(threshold, SHUFFLES) for threshold in thresholds]
    shuffling = time.perf_counter() - start
    drawing, (left, right) = figure(1, 2, (9.5, 3.6))
    place = np.arange(len(thresholds))
    left.violinplot([s.n_frames for s in shuffles], place, widths=0.7, showmedians=True)
    left.plot(place, curve.n_frames, "k.-", lw=0.8, label="order as given")
    left.set_ylabel(f"kept frames of {len(train)}")
    right.violinplot([1000 * s.force for s in shuffles], place, widths=0.7, showmedians=True)
    right.plot(place, 1000 * curve.force, "k.-", lw=0.8)
    right.axhline(1000 * curve.whole.force, color="grey", ls="--", lw=0.8)
    right.set_ylabel("force error on test frames [meV/Å]")
    for axis in (left, right):
        axis.set_xticks(place, [f"{t:g}" for t in thresholds])
        axis.set_xlabel("threshold")
        axis.grid(alpha=0.3)
    left.legend()
    drawing.suptitle(f"Ge (mlearn): {SHUFFLES} orders of the frames a threshold; dashed: all frames")
    save(drawing, folder, "samplers-bank.png")
    return {
        "n_frames": len(train),
        "seconds_preparing": preparing,
        "seconds_shuffling": shuffling,
        "whole": {"energy": curve.whole.energy, "force": curve.whole.force},
        "rows": [
            {"threshold": t, "kept": int(k), **s.spread()}
            for t, k, s in zip(thresholds, curve.n_frames, shuffles, strict=True)
        ],
    }


def grid(folder: Path) -> dict:
    functions = SymmetryFunctions.from_text(describe(["Mo", "Ta"], cutoff=5.0))
    frames = frames_of("MoNbTaW/MoTa_SS.extxyz.gz")
    test = frames[::4]
    train = [atoms for number, atoms in enumerate(frames) if number % 4]
    study = BankStudy(functions, train, test)
    first, second = np.linspace(0.2, 1.6, 8), np.linspace(0.2, 1.6, 8)
    found = study.grid(("Mo", first), ("Ta", second))
    whole = study.errors().force
    limit = 1.05 * whole
    line = found.critical_line(limit)
    drawing, axes = figure(1, 2, (9.5, 3.9))
    for axis, values, words, norm in (
        (axes[0], found.n_frames, f"kept frames of {len(train)}", "linear"),
        (axes[1], 1000 * found.force, "force error on test frames [meV/Å]", "log"),
    ):
        mesh = axis.pcolormesh(second, first, values, shading="nearest", cmap="viridis", norm=norm)
        drawing.colorbar(mesh, ax=axis, label=words)
        axis.plot(line, first, "w.-")
        axis.set_xlabel("threshold of Ta")
        axis.set_ylabel("threshold of Mo")
    drawing.suptitle(
        f"Mo-Ta solid solutions; line: error {100 * (limit / whole - 1):.0f} % above all frames'"
    )
    save(drawing, folder, "samplers-grid.png")
    return {
        "whole": whole,
        "limit": limit,
        "first": first.tolist(),
        "second": second.tolist(),
        "n_frames": found.n_frames.tolist(),
        "force": found.force.tolist(),
        "critical_line": line.tolist(),
    }


def compositions(folder: Path) -> dict:
    from matplotlib import colormaps

    frames = frames_of("MoNbTaW/MoTa_SS.extxyz.gz")
    shares = np.array([np.mean(atoms.symbols == "Mo") for atoms in frames])
    kernel = AverageKernel(Soap(["Mo", "Ta"], r_cut=5.0, n_max=4, l_max=3, sigma=0.4).encode_atoms(frames))
    rich, poor = np.flatnonzero(shares == shares.max()), np.flatnonzero(shares == shares.min())
    diagram = similarity_diagram(kernel, rich, poor)
    labels = [atoms.get_chemical_formula() for atoms in frames]
    found = similarity_distributions(kernel, labels)
    drawing, (left, right) = figure(1, 2, (9.5, 3.6))
    points = left.scatter(*diagram.T, c=shares, s=6, cmap="coolwarm")
    drawing.colorbar(points, ax=left, label="share of Mo")
    left.set_xlabel("mean similarity to the frames richest in Mo")
    left.set_ylabel("… richest in Ta")
    by_share = sorted(found, key=lambda label: shares[labels.index(label)])
    colours = colormaps["coolwarm"]
    for label in by_share:
        values = found[label].similarities
        if len(values) > 1:
            height = np.arange(1, len(values) + 1) / len(values)
            right.plot(values, height, color=colours(shares[labels.index(label)]), lw=1)
    right.set_xlabel("similarity of two frames of a composition")
    right.set_ylabel("share of the pairs up to it")
    right.grid(alpha=0.3)
    drawing.suptitle(f"{len(frames)} Mo-Ta solid solutions, SOAP average kernel")
    save(drawing, folder, "samplers-compositions.png")
    return {
        label: {"frames": found[label].n_structures, "median": float(np.median(found[label].similarities))}
        for label in by_share
        if len(found[label].similarities)
    }


def main() -> None:
    studies = {"fps": fps, "bank": bank, "grid": grid, "compositions": compositions}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("which", nargs="*", choices=[*studies, []], help="default: all")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "images"
    )
    parser.add_argument("--json", type=Path, help="where the record goes instead of results/")
    options = parser.parse_args()
    content = {name: studies[name](options.output) for name in options.which or studies}
    store("sampler_studies", content, ("scikit-learn", "dscribe", "ase", "numpy"), options.json)


if __name__ == "__main__":
    main()
