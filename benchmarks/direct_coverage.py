# SPDX-License-Identifier: GPL-2.0-or-later
"""What DIRECT covers of real data, beside random picks and picks by hand: the figures of docs/direct.md.

by hand     equally many frames of each group (kind of configuration, or file), evenly spaced in it
random      ten seeds, mean and standard deviation

Rows are pooled symmetry functions of `mdsieve describe`, or, asked for by name, CHGNet's readout (a second a
frame). Coverage is that of the principal components that DIRECT kept, 100 bins each (mean), and of cubes
whose edge is a tenth of the widest one (joint); farthest and mean are distances from the nearest pick in the
same space.

Usage: python benchmarks/direct_coverage.py [--sets si H alloy Ni Ni-chgnet] [--picture FILE.png]
"""

import argparse
import gzip
import os
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from _record import store
from ase.io import read
from scipy.spatial import cKDTree

from mdsieve import SymmetryFunctions
from mdsieve.describe import describe
from mdsieve.encoders.chgnet import ChgnetReadout
from mdsieve.encoders.pooled import PooledSymmetryFunctions
from mdsieve.samplers.direct import DIRECT

DATA = Path(os.environ.get("MDSIEVE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
SETS = {  # files, elements, cutoff [Å], largest number of atoms, picks
    "si": ("pyxtal_Si/*.extxyz.gz", ["Si"], 6.0, None, (50, 100, 200, 400, 800)),
    "H": ("hydrogen_highP/airss*natom-8.extxyz.gz", ["H"], 3.0, None, (100, 400)),
    "alloy": ("MoNbTaW/*.extxyz.gz", ["Mo", "Nb", "Ta", "W"], 6.0, None, (50, 100, 200, 400, 800)),
    "Ni": ("mlearn/Ni_train.extxyz.gz", ["Ni"], 6.0, None, (20, 40, 80)),
    "Ni-chgnet": ("mlearn/Ni_train.extxyz.gz", ["Ni"], 6.0, None, (20, 40, 80)),
}
N_BINS = 100
N_SEEDS = 10


def frames_of(pattern, most_atoms):
    """Frames, and the group of each."""
    frames, groups = [], []
    for path in sorted(DATA.glob(pattern)):
        with gzip.open(path, "rt") as file:
            for atoms in read(file, ":", format="extxyz"):
                if most_atoms is None or len(atoms) <= most_atoms:
                    frames.append(atoms)
                    groups.append(f"{path.name} {atoms.info.get('config_type', '')}")
    return frames, groups


def by_hand(groups, n):
    """Equally many of each group, evenly spaced; small groups whole, and others so many more."""
    members = defaultdict(list)
    for i, group in enumerate(groups):
        members[group].append(i)
    picked, left = [], n
    for place, group in enumerate(sorted(members, key=lambda g: len(members[g]))):
        share = min(len(members[group]), round(left / (len(members) - place)))
        at = np.linspace(0, len(members[group]) - 1, share).round().astype(int) if share else []
        picked += [members[group][i] for i in at]
        left -= share
    return np.array(picked)


def measured(sampler, rows, picked):
    """Mean and joint coverage, farthest and mean distance."""
    covered = sampler.coverage(rows, picked, n_bins=N_BINS)
    scores = sampler.scores(rows)
    distances = cKDTree(scores[picked]).query(scores)[0]
    return [covered.mean, covered.joint, float(distances.max()), float(distances.mean())]


def study(name):
    """All numbers of a set."""
    pattern, elements, cutoff, most_atoms, sizes = SETS[name]
    frames, groups = frames_of(pattern, most_atoms)
    if name.endswith("chgnet"):
        encoder = ChgnetReadout()
    else:
        encoder = PooledSymmetryFunctions(SymmetryFunctions.from_text(describe(elements, cutoff)))
    began = time.process_time()
    rows = encoder.encode(frames)
    encoding = time.process_time() - began
    found = {
        "frames": len(frames),
        "groups": len(set(groups)),
        "features": rows.shape[1],
        "sizes": list(sizes),
    }
    found |= {"encoding_seconds": encoding, "direct": [], "by hand": [], "random": [], "random_spread": []}
    for n in sizes:
        began = time.process_time()
        sampler = DIRECT(n).fit(rows)
        found["seconds"] = time.process_time() - began
        found["components"] = len(sampler.components_.axes)
        found["direct"].append(measured(sampler, rows, sampler.selected_idx_))
        found["by hand"].append(measured(sampler, rows, by_hand(groups, n)))
        drawn = [
            measured(sampler, rows, np.random.default_rng(seed).choice(len(rows), n, replace=False))
            for seed in range(N_SEEDS)
        ]
        found["random"].append(np.mean(drawn, axis=0).tolist())
        found["random_spread"].append(np.std(drawn, axis=0).tolist())
    sensitivity = sampler.order_sensitivity(rows, n_orders=3, n_bins=N_BINS)
    found["order"] = {
        "overlap": sensitivity.overlap.tolist(),
        "agreement": sensitivity.agreement.tolist(),
        "coverage": sensitivity.coverage.tolist(),
    }
    return found


def draw(results, path):
    """Coverage against picks, a panel a set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, len(results), figsize=(2.6 * len(results), 4.4), squeeze=False)
    for column, (name, found) in enumerate(results.items()):
        for row, (which, label) in enumerate(((0, "mean coverage"), (1, "joint coverage"))):
            panel = panels[row, column]
            for kind, colour in (("direct", "C0"), ("random", "C1"), ("by hand", "C2")):
                panel.plot(
                    found["sizes"], np.array(found[kind])[:, which], "o-", ms=3, color=colour, label=kind
                )
            panel.set(xscale="log", ylim=(0, 1.02))
            panel.tick_params(labelsize=7)
            if row == 0:
                panel.set_title(f"{name}, {found['frames']} frames", fontsize=8)
            else:
                panel.set_xlabel("picks", fontsize=8)
            if column == 0:
                panel.set_ylabel(label, fontsize=8)
    panels[0, 0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS)[:-1])
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    results = {}
    for name in arguments.sets:
        found = results[name] = study(name)
        print(
            f"{name}: {found['frames']} frames of {found['groups']} groups, {found['features']} features, "
            f"{found['components']} components; encoding {found['encoding_seconds']:.1f} s, "
            f"DIRECT {found['seconds']:.1f} s of processor time"
        )
        titles = ("mean coverage", "joint coverage", "farthest", "mean distance")
        print("  picks   " + " ".join(f"{title:23}" for title in titles))
        print("        " + "  DIRECT  random by hand" * 4)
        for i, n in enumerate(found["sizes"]):
            cells = [
                " ".join(f"{found[kind][i][which]:7.3f}" for kind in ("direct", "random", "by hand"))
                for which in range(4)
            ]
            print(f"  {n:5}  " + " ".join(cells))
        print(
            "  other orders of rows:",
            {k: np.round(v, 3).tolist() for k, v in found["order"].items()},
            flush=True,
        )
    if arguments.picture:
        draw(results, arguments.picture)
    print(store("direct_coverage", {"sets": results}, ["numpy", "scikit-learn", "chgnet", "torch"]))


if __name__ == "__main__":
    main()
