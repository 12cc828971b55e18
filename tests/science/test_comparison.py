# SPDX-License-Identifier: GPL-2.0-or-later
"""The main statement of `docs/comparison.md` on a small set: a potential trained on what the bank keeps makes smaller
and steadier force errors than one trained on as many random frames.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

CASES = Path(__file__).resolve().parents[2] / "benchmarks" / "_comparison_cases.py"
N_POOL, N_TEST, N, SEEDS = 300, 120, 60, 6


@pytest.fixture(scope="module")
def cases():
    spec = importlib.util.spec_from_file_location("_comparison_cases", CASES)
    module = importlib.util.module_from_spec(spec)
    sys.modules["_comparison_cases"] = module
    spec.loader.exec_module(module)
    return module


def test_the_banks_frames_make_smaller_and_steadier_force_errors_than_random_ones(cases, data_dir):
    functions, frames = cases.silicon_crystals(data_dir)
    frames = frames[:: len(frames) // (N_POOL + N_TEST)][: N_POOL + N_TEST]
    equations = cases.equations_of(functions, frames)
    found = {"bank": [], "random": [], "entropy": []}
    for seed in range(SEEDS):
        pool, test = cases.split(len(frames), N_POOL, N_TEST, seed)
        chooser = cases.Chooser(functions, [frames[i] for i in pool], seed)
        kept, _ = chooser.bank(N)
        picks = {"bank": kept, **{name: chooser.choose(name, kept) for name in ("random", "entropy")}}
        for name, picked in picks.items():
            found[name].append(equations.errors(equations.fit(pool[picked]), test).force)
    for name, errors in found.items():
        print(f"\n{name}: {1000 * np.mean(errors):.0f} ± {1000 * np.std(errors, ddof=1):.0f} meV/Å")
    assert np.mean(found["bank"]) < np.mean(found["random"])
    assert np.std(found["bank"]) < np.std(found["random"])
    assert np.mean(found["entropy"]) < np.mean(found["random"])
