# SPDX-License-Identifier: GPL-2.0-or-later
"""Scores that only a driver computes, and filters: a rerun on any number of ranks, waiting or streaming, gives the
library's numbers over the same trajectory.
"""

import numpy as np
import pytest
from harness import run_lmp, run_with_driver
from select_cases import NI_AL_NN, NI_AL_RERUN, rerun

from mdsieve import EnvironmentBank, SymmetryFunctions, _core
from mdsieve.driver.store import FrameStore
from mdsieve.filters import SanityFilters
from mdsieve.scores import DensityScorer, Environments, ExtrapolationScorer, NoveltyScorer, SpreadScorer

pytestmark = pytest.mark.timeout(600)

EVERY = 60
CONFIG = """store = "store.db"
[scores.extrapolation]
[scores.density]
[scores.spread]
factory = "pair_of_models:make"
after = "extrapolation > 1.2"
[filters]
volume = [10.0, 13.2]
shortest = { "Ni-Al" = 2.1, all = 2.06 }
"""
COMMITTEE = """import numpy as np
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
def make():
    return [EMT(), LennardJones(epsilon=0.4, sigma=2.3, rc=5.0)]
"""


@pytest.fixture(scope="module")
def functions():
    return SymmetryFunctions.from_text(NI_AL_NN)


@pytest.fixture
def folder(tmp_path, binary_trajectory, functions):
    (tmp_path / "sf.nn").write_text(NI_AL_NN)
    statistics = _core.ColumnStatistics([functions.n_features[symbol] for symbol in functions.elements])
    for atoms in binary_trajectory:
        for number, (_, rows) in enumerate(functions.create_by_element(atoms).values()):
            statistics.add(np.full(len(rows), number, np.int32), rows.ravel())
    (tmp_path / "scaling.data").write_text(statistics.to_scaling_data(functions._core.descriptor))
    (tmp_path / "pair_of_models.py").write_text(COMMITTEE)
    return tmp_path


def by_the_library(frames, functions, folder):
    """For every frame its step, verdict and scores; what decides is `keep extrapolation > 1.3`."""
    bank = EnvironmentBank(functions, {"Ni": 0.3, "Al": 0.35}, "minmax").from_scaling_data(
        folder / "scaling.data"
    )
    novelty, extrapolation = NoveltyScorer(bank), ExtrapolationScorer.for_bank(bank)
    density = DensityScorer.for_bank(bank)
    namespace = {}
    exec(COMMITTEE, namespace)
    spread = SpreadScorer(namespace["make"]())
    filters = SanityFilters(volume=(10.0, 13.2), shortest={"Ni-Al": 2.1, "all": 2.06})
    rows = []
    for number, atoms in enumerate(frames):
        frame = Environments.from_atoms(functions, atoms, run=1, step=EVERY * number)
        scores = {s.name: s.score(frame).frame for s in (novelty, extrapolation, density)}
        rejection = filters.check(atoms)
        if scores["extrapolation"] > 1.2 and rejection is None:
            scores["spread"] = spread.score(frame).frame
        verdict = 0
        if scores["extrapolation"] > 1.3:
            verdict = 1 if rejection is None else 2
        if verdict == 1:
            for scorer in (novelty, extrapolation, density):
                scorer.learn(frame)
        rows.append((EVERY * number, verdict, scores, rejection))
    return rows


@pytest.mark.parametrize(
    ("ranks", "mode"),
    [(2, "mode wait"), pytest.param(1, "mode stream 4", marks=pytest.mark.slow), (2, "mode stream 3")],
)
def test_a_rerun_gives_the_numbers_of_the_library(
    ranks, mode, folder, binary_dump, binary_trajectory, functions
):
    script = (
        f"{NI_AL_RERUN}fix sel all select 20 sf.nn Ni Al threshold Ni 0.3 Al 0.35 scaling file scaling.data "
        f"keep extrapolation > 1.3 driver yes {mode}\n{rerun(binary_dump, EVERY)}"
    )
    done = run_with_driver(script, CONFIG, folder, ranks=ranks, timeout=400).check()
    expected = by_the_library(binary_trajectory[:: EVERY // 20], functions, folder)
    with FrameStore.read(folder / "store.db") as store:
        assert store.problems() == []
        seen, kept, details = store.evaluations(), store.frames(), store.details()
    assert seen["step"].tolist() == [row[0] for row in expected]
    assert seen["verdict"].tolist() == [row[1] for row in expected]
    assert {0, 1, 2} == set(seen["verdict"].tolist()), "the case must show all of them"
    of_kept = [scores for _, verdict, scores, _ in expected if verdict == 1]
    assert len(kept) == len(of_kept) > 3
    for row, scores in zip(kept, of_kept, strict=True):
        for name, value in scores.items():
            assert row[name] == pytest.approx(value, rel=1e-6, abs=1e-9), (row["step"], name)
    assert [row["detail"] for row in details] == [row[3].text for row in expected if row[1] == 2]
    assert "junk (filter" in done.output


def test_a_score_that_needs_a_driver_says_so_without_one(folder, binary_dump):
    script = (
        f"{NI_AL_RERUN}fix sel all select 20 sf.nn Ni Al threshold 0.3 scaling file scaling.data "
        f"keep extrapolation > 2 driver no\n{rerun(binary_dump, EVERY)}"
    )
    done = run_lmp(script, folder)
    assert done.returncode != 0
    assert "score extrapolation needs a driver" in done.output


def test_a_committee_that_cannot_be_made_ends_the_run_with_one_line(folder, binary_dump):
    script = (
        f"{NI_AL_RERUN}fix sel all select 20 sf.nn Ni Al threshold 0.3 scaling file scaling.data "
        f"keep spread > 2 driver yes\n{rerun(binary_dump, EVERY)}"
    )
    done = run_with_driver(script, CONFIG.replace("pair_of_models:make", "pair_of_models:made"), folder)
    assert done.returncode != 0
    assert (
        "scores.spread: factory pair_of_models:made: ValueError: the module has no function 'made'"
        in done.output
    )
