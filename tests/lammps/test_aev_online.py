# SPDX-License-Identifier: GPL-2.0-or-later
"""The environment vector inside LAMMPS is what it is offline, however the atoms are divided."""

import numpy as np
import pytest
from harness import run_lmp
from select_cases import NI_AL_RERUN, rerun

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.describe import describe_aev

LAST = 1200  # the step of the last frame


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_fingerprints_on_ranks_are_those_of_python(ranks, binary_dump, binary_trajectory, tmp_path):
    """A threshold near zero puts every environment into the bank; the first and the last frame are played."""
    text = describe_aev(["Ni", "Al"], cutoff=6.0)
    (tmp_path / "sf.nn").write_text(text)
    script = (
        NI_AL_RERUN
        + "comm_modify cutoff 8.5\n"
        + f"fix sel all select {LAST} sf.nn Ni Al threshold 1e-9 scaling none driver no bank all.bank\n"
        + rerun(binary_dump, LAST)
    )
    run_lmp(script, tmp_path, ranks=ranks).check()
    expected = SymmetryFunctions.from_text(text).create(binary_trajectory[-1])
    bank = EnvironmentBank.load(tmp_path / "all.bank")
    seen = 0
    for element in ("Al", "Ni"):
        origins, values = bank.entries(element)
        last = origins[:, 1] == LAST
        np.testing.assert_allclose(values[last], expected[origins[last, 2] - 1], rtol=1e-10, atol=1e-12)
        seen += last.sum()
    assert seen == len(binary_trajectory[-1])
