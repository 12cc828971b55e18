# SPDX-License-Identifier: GPL-2.0-or-later
"""The spread by whichever ensemble a file holds: it is replaced while the driver runs."""

import hashlib
import logging
import time

import pytest
from network_cases import FUNCTIONS, nickel_aluminium, random_ensemble

from mdsieve import SymmetryFunctions
from mdsieve.driver.score_settings import make_spread
from mdsieve.potentials import NetworkEnsemble
from mdsieve.scores import EnsembleSpreadScorer, Environments, SpreadScorer
from mdsieve.scores.deltas import unpack

NAMES = {"atomic": EnsembleSpreadScorer, "forces": SpreadScorer}


@pytest.fixture
def path(tmp_path):
    random_ensemble(2).save(tmp_path / "ensemble.h5")
    return tmp_path / "ensemble.h5"


@pytest.fixture
def frame():
    return Environments.from_atoms(random_ensemble(2).functions, nickel_aluminium(1), step=300)


def followed(path, frame, of="atomic"):
    functions = random_ensemble(2).functions
    return make_spread({"ensemble": path, "of": of, "follow": True, "device": "cpu"}, functions.hash)


def direct(ensemble, of="atomic"):
    return EnsembleSpreadScorer(ensemble) if of == "atomic" else SpreadScorer(ensemble.forces)


def weights(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@pytest.mark.parametrize("of", ["atomic", "forces"])
def test_new_weights_judge_the_next_frame_and_are_named_by_what_is_stored(path, frame, of, caplog):
    scorer = followed(path, frame, of)
    first = weights(path)
    assert scorer.score(frame).frame == direct(random_ensemble(2), of).score(frame).frame
    assert unpack(scorer.propose(frame), "spread")[0] == {"weights": first}
    assert scorer.needs == direct(random_ensemble(2), of).needs

    second = random_ensemble(3)
    second.save(path)
    caplog.set_level(logging.INFO, "mdsieve")
    deadline = time.monotonic() + 30
    while scorer.weights == first and time.monotonic() < deadline:
        score = scorer.score(frame)
    assert score.frame == direct(second, of).score(frame).frame
    assert unpack(scorer.propose(frame), "spread")[0] == {"weights": weights(path)}
    assert weights(path) != first
    assert f"from step 300 on by new weights of {path} ({weights(path)})" in caplog.text


@pytest.mark.parametrize("what", ["other functions", "one member", "no file", "no ensemble"])
def test_what_cannot_be_taken_is_told_once_and_changes_nothing(path, frame, what, caplog):
    scorer = followed(path, frame)
    before = scorer.score(frame).frame, scorer.weights
    if what == "other functions":
        other = SymmetryFunctions.from_text(FUNCTIONS.replace("0.8", "0.9"))
        NetworkEnsemble(other, random_ensemble(2).networks).save(path)
    elif what == "one member":
        random_ensemble(2).subset([0]).save(path)
    elif what == "no file":
        path.unlink()
    else:
        path.write_text("nothing of the kind")
    scorer.look(300)
    assert len(caplog.records) == 1
    assert f"{path} is not taken" in caplog.text
    scorer.look(300)
    assert len(caplog.records) == 1
    assert (scorer.score(frame).frame, scorer.weights) == before
    random_ensemble(4).save(path)
    scorer.look(320)
    assert scorer.weights == weights(path)


def test_its_deltas_and_header_tell_that_weights_change(path, frame):
    scorer = followed(path, frame)
    delta = scorer.learn(frame)
    scorer.replay([delta, delta])
    with pytest.raises(ValueError, match="a delta of spread"):
        scorer.restore(direct(random_ensemble(2)).header())
    assert scorer.header() != direct(random_ensemble(2)).header()
    assert unpack(scorer.header(), "spread")[0] == {"of": "atomic", "follow": True}
