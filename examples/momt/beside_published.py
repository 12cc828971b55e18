# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames of a run of fix momt beside the published random frames of the distillation paper: 32 Ni atoms.

Shares of the order parameter in steps of 4, quantiles of energy and volume per atom. The published ones are
those of the group Rd in $MDSIEVE_DATA/ni_eam_distillation (Jung, Lee, Choi, arXiv:2311.05407).

    python beside_published.py RECORD [--json FILE]
"""

import argparse
import gzip
import json
import os
from pathlib import Path

import numpy as np
from ase.io import read

from mdsieve.distill.order_parameter import fcc_order
from mdsieve.momt.records import read_record

N_ATOMS = 32
EDGES = np.arange(0, 33, 4)
PERCENT = (5, 25, 50, 75, 95)
NKTV2P = 1.6021765e6  # bar Å³ / eV


def published() -> np.ndarray:
    """O, energy and volume per atom of the published frames, shape (n, 3)."""
    folder = Path(os.environ.get("MDSIEVE_DATA", "../shared/data"))
    with gzip.open(folder / "ni_eam_distillation" / "Ni_ch1_validation.extxyz.gz", "rt") as file:
        frames = [a for a in read(file, ":", format="extxyz") if a.info["config_type"] == "Rd"]
    return np.array(
        [
            (N_ATOMS * fcc_order(a), a.get_potential_energy() / N_ATOMS, a.get_volume() / N_ATOMS)
            for a in frames
        ]
    )


def ours(record: Path) -> np.ndarray:
    """The same of the samples of a record: H at 1 bar and the volume tell the energy."""
    found = read_record(record)
    energy = found.enthalpy - found.volume / NKTV2P
    return np.stack([found.order, energy / N_ATOMS, found.volume / N_ATOMS], axis=1)


def main() -> None:
    """Print both, and write them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("record", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sets = {"ours": ours(options.record), "published": published()}
    found = {}
    for name, rows in sets.items():
        counts, _ = np.histogram(rows[:, 0], EDGES)
        found[name] = {
            "frames": len(rows),
            "share_of_order": (counts / len(rows)).round(4).tolist(),
            **{
                f"{what}_quantiles": np.percentile(rows[:, column], PERCENT).round(4).tolist()
                for column, what in ((1, "energy"), (2, "volume"))
            },
        }
    for key in ("frames", "share_of_order", "energy_quantiles", "volume_quantiles"):
        print(key, *(f"\n  {name:10s} {values[key]}" for name, values in found.items()))
    if options.json:
        options.json.write_text(
            json.dumps({"percent": PERCENT, "order_edges": EDGES.tolist(), **found}, indent=1)
        )


if __name__ == "__main__":
    main()
