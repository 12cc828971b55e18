# SPDX-License-Identifier: GPL-2.0-or-later
"""`keep spread > x` with an ensemble of networks: LAMMPS streams fingerprints, the driver gives the library's numbers."""

import numpy as np
import pytest
from harness import run_with_driver
from select_cases import NI_AL_NN, NI_AL_RERUN, rerun

from mdsieve import SymmetryFunctions
from mdsieve.driver.store import FrameStore
from mdsieve.potentials import Architecture, ElementNetworks, NetworkEnsemble
from mdsieve.scores import EnsembleSpreadScorer, Environments

pytestmark = pytest.mark.timeout(600)

EVERY = 100


@pytest.fixture(scope="module")
def networks(binary_trajectory):
    functions = SymmetryFunctions.from_text(NI_AL_NN)
    rows = {s: v for s, (_, v) in functions.create_by_element(binary_trajectory[0]).items()}
    made = ElementNetworks(
        Architecture.uniform(functions.elements, hidden=(8, 8)), functions.n_features, seed=3
    )
    made.set_standardisation(
        {symbol: (v.mean(axis=0), 1.0 / (v.std(axis=0) + 0.1)) for symbol, v in rows.items()}, 0.1
    )
    return NetworkEnsemble(functions, made)


@pytest.mark.parametrize(
    ("ranks", "mode"), [(2, "stream 3"), pytest.param(1, "wait", marks=pytest.mark.slow)]
)
def test_frames_are_kept_by_the_atomic_spread_of_an_ensemble(
    ranks, mode, tmp_path, networks, binary_dump, binary_trajectory
):
    networks.save(tmp_path / "ensemble.h5")
    (tmp_path / "sf.nn").write_text(NI_AL_NN)
    scorer = EnsembleSpreadScorer(networks)
    frames = binary_trajectory[:: EVERY // 20]
    expected = [scorer.score(Environments.from_atoms(networks.functions, atoms)) for atoms in frames]
    limit = float(np.sort([score.frame for score in expected])[len(frames) // 2])
    script = (
        f"{NI_AL_RERUN}fix sel all select 20 sf.nn Ni Al threshold 0.3 scaling none "
        f"keep spread > {limit:.6g} driver yes mode {mode}\n{rerun(binary_dump, EVERY)}"
    )
    config = 'store = "store.db"\n[scores.spread]\nensemble = "ensemble.h5"\n'
    run_with_driver(script, config, tmp_path, ranks=ranks, timeout=400).check()
    with FrameStore.read(tmp_path / "store.db") as store:
        kept = store.frames()
        assert store.problems() == []
    wanted = [
        (EVERY * k, score.frame) for k, score in enumerate(expected) if score.frame > float(f"{limit:.6g}")
    ]
    assert len(wanted) > 3
    assert [row["step"] for row in kept] == [step for step, _ in wanted]
    np.testing.assert_allclose([row["spread"] for row in kept], [spread for _, spread in wanted], rtol=1e-8)
