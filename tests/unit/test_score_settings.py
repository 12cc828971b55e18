# SPDX-License-Identifier: GPL-2.0-or-later
"""What select.toml says of scores: what is made of it, and one line for what makes no sense."""

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.driver.score_settings import (
    FilterSettings,
    check_settings,
    make_density,
    make_extrapolation,
    make_spread,
)
from mdsieve.scores import DensityScorer, Environments, ExtrapolationScorer

NI = """
elements Ni
cutoff_type 2
symfunction_short Ni 2 Ni 0.05 0.0 4.5
symfunction_short Ni 2 Ni 2.0 2.5 4.5
symfunction_short Ni 3 Ni Ni 0.05 -1 1 4.5
"""


def rattled(seed):
    atoms = bulk("Ni", cubic=True) * (2, 2, 2)
    atoms.rattle(0.1, seed=seed)
    return atoms


@pytest.fixture(scope="module")
def bank():
    functions = SymmetryFunctions.from_text(NI)
    return EnvironmentBank(functions, 0.3, "std").fit_scaling([rattled(seed) for seed in range(5)])


def test_scorers_of_the_driver_are_those_of_the_library(bank):
    frames = [Environments.from_atoms(bank.functions, rattled(seed)) for seed in range(4)]
    native = bank._require_native()
    pairs = [
        (make_extrapolation({}, native), ExtrapolationScorer.for_bank(bank)),
        (make_extrapolation({"floor": 0.1}, native), ExtrapolationScorer.for_bank(bank, floor=0.1)),
        (make_density({}, native), DensityScorer.for_bank(bank)),
        (make_density({"bandwidth": {"Ni": 0.2}}, native), DensityScorer.for_bank(bank, 0.2)),
    ]
    for online, offline in pairs:
        assert online.header() == offline.header()
        for frame in frames[:3]:
            assert online.learn(frame) == offline.learn(frame)
        np.testing.assert_array_equal(online.score(frames[3]).per_atom, offline.score(frames[3]).per_atom)


def test_a_data_set_may_come_first(bank, tmp_path):
    frames = [rattled(seed) for seed in range(6)]
    write(tmp_path / "train.xyz", frames, format="extxyz")
    environments = [Environments.from_atoms(bank.functions, atoms) for atoms in frames]
    native = bank._require_native()
    for make in (make_extrapolation, make_density):
        fitted = make({"train": str(tmp_path / "train.xyz")}, native)
        assert fitted.header() != make({}, native).header()
        assert all(np.isfinite(fitted.score(e).frame) for e in environments)
    assert make_extrapolation({"train": [tmp_path / "train.xyz"]}, native).score(environments[0]).frame < 1.01


def test_the_committee_comes_from_the_user_s_function(bank, tmp_path, monkeypatch):
    (tmp_path / "committee_of_two.py").write_text(
        "from ase.calculators.emt import EMT\ndef make():\n    return [EMT(), EMT()]\n"
    )
    monkeypatch.chdir(tmp_path)
    scorer = make_spread({"factory": "committee_of_two:make"}, bank.functions.hash)
    atoms = rattled(1)
    assert scorer.score(Environments.from_atoms(bank.functions, atoms)).frame == 0.0


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("extrapolation", {"floor": -1}, "scores.extrapolation.floor: Input should be greater than 0"),
        ("extrapolation", {"flor": 1}, "scores.extrapolation: unknown key 'flor', known are train, device"),
        (
            "extrapolation",
            {"swap": float("inf")},
            "scores.extrapolation.swap: Input should be a finite number",
        ),
        ("density", {"bandwidth": "wide"}, "scores.density.bandwidth: Input should be"),
        ("density", {"memory": 0}, "scores.density.memory: Input should be greater than 0"),
        ("spread", {}, "scores.spread: found none, expected one of factory, ensemble, potentials"),
        ("spread", {"factory": "a:b", "ensemble": "e.h5"}, "scores.spread: found factory and ensemble"),
        ("spread", {"factory": "a:b", "of": "atomic"}, "scores.spread: of = 'atomic' is for networks"),
        (
            "spread",
            {"factory": "a:b", "follow": True},
            "scores.spread: follow = true is for the file of an ensemble",
        ),
        (
            "spread",
            {"factory": "a:b", "of": "stress"},
            "scores.spread.of: Input should be 'atomic', 'energy' or 'forces'",
        ),
    ],
)
def test_settings_that_make_no_sense_are_one_line(name, settings, words):
    with pytest.raises(ValueError, match=words) as caught:
        check_settings(name, settings)
    assert "\n" not in str(caught.value)


def test_what_only_shows_when_it_is_made_is_one_line_too(bank):
    native = bank._require_native()
    for make, settings, words in [
        (make_extrapolation, {"train": "nowhere.xyz"}, "scores.extrapolation: .*nowhere.xyz"),
        (make_extrapolation, {"device": "abacus"}, "scores.extrapolation: .*abacus"),
        (make_density, {"bandwidth": {"Al": 1.0}}, "scores.density: no bandwidth for Ni"),
        (make_spread, {"factory": "nothing_of_this_name:f"}, "scores.spread: factory nothing_of_this_name:f"),
        (make_spread, {"ensemble": "nowhere.h5"}, "scores.spread: .*no such ensemble: 'nowhere.h5'"),
        (make_spread, {"potentials": ["nowhere"]}, "scores.spread: .*nowhere/input.nn"),
    ]:
        with pytest.raises(ValueError, match=words) as caught:
            make(settings, bank.functions.hash if make is make_spread else native)
        assert "\n" not in str(caught.value)


def test_filters_come_from_their_table():
    filters = FilterSettings(shortest={"Ni-Ni": 2.0}, volume=[5, 40]).make()
    assert filters.check(bulk("Ni", a=2.6)).kind == "volume"
    assert filters.check(bulk("Ni", a=2.8)).kind == "distance Ni-Ni"
    assert filters.check(bulk("Ni")) is None
    with pytest.raises(ValueError, match="force is"):
        FilterSettings(force=-1.0).make()
