# SPDX-License-Identifier: GPL-2.0-or-later
"""Pair distributions of a phase, reweighted and of plain MD, from two tables of ``mdsieve momt pairs``: mean
squared difference over squared error; 1 is expected.

    python beside_plain.py pairs-1600.csv plain-pairs-solid-1600.csv solid [--between 2 6]
"""

import argparse

import numpy as np


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs=3, metavar=("REWEIGHTED", "PLAIN", "PHASE"))
    parser.add_argument("--between", nargs=2, type=float, default=(2.0, 6.0), metavar=("R1", "R2"), help="Å")
    options = parser.parse_args()
    *tables, phase = options.tables
    ours, plain = (np.genfromtxt(table, delimiter=",", names=True) for table in tables)
    error2 = ours[f"{phase}_error"] ** 2 + plain[f"{phase}_error"] ** 2
    r = ours["distance"]
    compared = (r > options.between[0]) & (r < options.between[1]) & (error2 > 0)
    deviation2 = (ours[phase] - plain[phase])[compared] ** 2 / error2[compared]
    print(f"{phase}: {deviation2.mean():.2f} over {compared.sum()} bins")


if __name__ == "__main__":
    main()
