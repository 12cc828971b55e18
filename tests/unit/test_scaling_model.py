# SPDX-License-Identifier: GPL-2.0-or-later
"""The model of docs/scaling.md: its tables, its limits, and its message sizes against real messages."""

import importlib.util
import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mdsieve.driver.messages import Frame, encode

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def model():
    """benchmarks/scaling_model.py, which is no package."""
    path = REPOSITORY / "benchmarks" / "scaling_model.py"
    spec = importlib.util.spec_from_file_location("scaling_model", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["scaling_model"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["scaling_model"]


def test_the_pages_tables_are_what_the_script_prints(model):
    page = (REPOSITORY / "docs" / "scaling.md").read_text()
    for part in model.table(model.Measured()).strip().split("\n\n"):
        assert part in page
    for value in (model.Measured().step_us, model.Measured().fingerprint_us, model.Measured().message_us):
        assert f"| {value:g} |" in page


@pytest.mark.parametrize(("n_atoms", "n_candidates"), [(0, 0), (100, 0), (1000, 6), (12, 12)])
def test_sizes_of_messages_are_those_of_real_ones(model, n_atoms, n_candidates):
    columns = 40
    parts = {}
    if n_atoms:
        vectors = np.zeros((n_atoms, 3))
        parts |= {"ids": np.arange(1, n_atoms + 1), "elements": np.zeros(n_atoms, np.int32)}
        parts |= {"positions": vectors, "forces": vectors}
    if n_candidates:
        parts |= {
            "candidate_ids": np.arange(1, n_candidates + 1),
            "candidate_elements": np.zeros(n_candidates, np.int32),
            "fingerprints": np.zeros(columns * n_candidates),
        }
    frame = Frame(10, 0.1, 1, n_atoms, np.eye(3), np.zeros(3), 7, -1.0, revision=3, **parts)
    expected = model.HEADER_BYTES + model.atoms_bytes(n_atoms) + model.candidates_bytes(n_candidates, columns)
    assert len(encode(0, frame)) == pytest.approx(expected, abs=8)  # padding


def test_loads_grow_with_ranks_and_the_filter_never_makes_them_larger(model):
    found = [model.predict(model.Measured(), 10**6, ranks) for ranks in (1, 10, 100, 1000)]
    for fewer, more in pairwise(found):
        assert fewer.load_filtered < more.load_filtered
        assert fewer.load_unfiltered < more.load_unfiltered
    assert all(p.load_filtered <= p.load_unfiltered for p in model.points(model.Measured()))


def test_the_smallest_interval_is_the_smallest(model):
    m = model.Measured()
    n = model.shortest_interval(m, 10**7, 10**4, is_filtered=False)
    assert n > 100
    assert model.predict(replace(m, every=n), 10**7, 10**4).limit_unfiltered == "–"
    assert model.predict(replace(m, every=n - 1), 10**7, 10**4).limit_unfiltered == "driver"
    slow_network = replace(m, network_mb=1.0)
    assert model.predict(slow_network, 10**7, 10**4).limit_unfiltered == "network"


def test_what_benchmarks_left_takes_the_place_of_the_defaults(model, tmp_path):
    rows = [
        {"case": "positions", "bytes": 2e8, "frames": 100, "driver_processor_seconds": 1.0, "seconds": 2.0},
        {"case": "stored", "bytes": 2e8, "frames": 100, "driver_processor_seconds": 1.0, "seconds": 2.0},
    ]
    (tmp_path / "link.json").write_text(json.dumps({"rows": rows}))
    row = {
        "system": "eam",
        "words": "precision double driver no",
        "counted_percent": {"median": 20.0},
        "microseconds_an_atom_and_step": {"median": 2.0},
        "every": 50,
    }
    (tmp_path / "fix.json").write_text(json.dumps({"rows": [row]}))
    m = model.measured(tmp_path, replace(model.Measured(), message_us=0.0))
    assert (m.positions_mb, m.transaction_ms, m.step_us) == pytest.approx((200.0, 20.0, 2.0))
    assert m.fingerprint_us == pytest.approx(25.0)  # a fifth of the loop: a quarter of 50 steps of MD
    assert m.candidates_mb == model.Measured().candidates_mb
    assert model.measured(tmp_path / "nothing", model.Measured()) == model.Measured()
