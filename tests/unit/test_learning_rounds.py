# SPDX-License-Identifier: GPL-2.0-or-later
"""Rounds of a learning campaign: what is kept gets into one of them, and comes back if it could not be labelled."""

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write

from mdsieve import SymmetryFunctions
from mdsieve.driver.store import StoreError
from mdsieve.labels import PairStyleLabeller
from mdsieve.learn.campaign import Campaign
from mdsieve.learn.config import LabelTable, LearnConfig, TrainingTable
from mdsieve.learn.learner import Learner
from mdsieve.learn.recorded_settings import require_same_settings
from mdsieve.learn.records import write_json
from mdsieve.learn.rounds import Round, n_waiting, rounds_of, stores_of, take_round
from mdsieve.pair_style import PairStyle
from mdsieve.potentials import Architecture, ElementNetworks, NetworkEnsemble

NI = "elements Ni\ncutoff_type 2\nsymfunction_short Ni 2 Ni 0.5 0.0 4.5\nsymfunction_short Ni 2 Ni 2.0 2.5 4.5\n"


def crystals(n_frames, seed=1):
    frames = []
    for number in range(n_frames):
        atoms = bulk("Ni", cubic=True) * (2, 1, 1)
        atoms.rattle(0.05, seed=seed + number)
        frames.append(atoms)
    return frames


@pytest.fixture
def config(tmp_path):
    functions = SymmetryFunctions.from_text(NI)
    networks = ElementNetworks(Architecture.uniform(["Ni"], hidden=(3,), n_members=2), functions.n_features)
    NetworkEnsemble(functions, networks).save(tmp_path / "given.h5")
    labeller = PairStyleLabeller(PairStyle.from_text("pair_style eam; pair_coeff * * Ni_u3.eam"))
    write(tmp_path / "start.extxyz", labeller.label_all(crystals(4)))
    (tmp_path / "learn" / "000").mkdir(parents=True)

    def make(**labels):
        return LearnConfig(
            script=tmp_path / "in.md",
            start=[tmp_path / "start.extxyz"],
            ensemble=tmp_path / "given.h5",
            folder=tmp_path / "learn",
            labels=LabelTable(**{"pair_style": "eam", "pair_coeff": ["* * Ni_u3.eam"], **labels}),
            training=TrainingTable(later_epochs=1),
        )

    return make


def a_round(tmp_path):
    folder = tmp_path / "learn" / "001" / "round-000"
    folder.mkdir(parents=True)
    write(folder / "kept.extxyz", crystals(3, seed=9))
    write_json(folder / "round.json", {"store": "store-0.db", "first": 1, "last": 3})
    return Round(folder, "store-0.db", 3)


def test_a_round_that_could_not_be_labelled_is_tried_again(config, tmp_path):
    one = a_round(tmp_path)
    assert rounds_of(one.folder.parent) == [one]
    broken = Learner(config(pair_style=None, pair_coeff=[], command="false"))
    broken.begin(tmp_path / "learn" / "000")
    with pytest.raises(ValueError, match="none of 3 frames could be labelled"):
        broken.learn(one)
    assert not one.labelled.exists()
    assert one.n_failed == 3
    sound = Learner(config())
    assert "validation_energy" in sound.learn(one)
    assert sound.n_frames == 4 + 3
    assert one.n_failed == 0
    for atoms, kept in zip(read(one.labelled, ":"), read(one.kept, ":"), strict=True):
        np.testing.assert_allclose(atoms.positions, kept.positions, atol=1e-7)


def test_nothing_is_learnt_from_frames_of_large_forces(config, tmp_path):
    one = a_round(tmp_path)
    learner = Learner(config(largest_force=1e-3))
    learner.begin(tmp_path / "learn" / "000")
    before = (tmp_path / "learn" / "ensemble.h5").read_bytes()
    assert learner.learn(one) == {}
    assert one.n_failed == 3
    assert (tmp_path / "learn" / "ensemble.h5").read_bytes() == before
    assert learner.n_frames == 4


def test_a_store_that_is_being_made_waits_and_a_damaged_one_is_told_of(tmp_path):
    store = tmp_path / "store-0.db"
    assert n_waiting(store, []) == 0
    store.touch()
    assert n_waiting(store, []) == 0
    assert take_round(store, 1, []) is None
    store.write_bytes(b"no database, but long enough to be looked at as one" * 100)
    with pytest.raises(StoreError, match=r"store-0\.db"):
        take_round(store, 1, [])


def test_stores_are_in_the_order_in_which_md_was_begun(tmp_path):
    for number in (10, 2, 0):
        (tmp_path / f"store-{number}.db").touch()
    assert [path.name for path in stores_of(tmp_path)] == ["store-0.db", "store-2.db", "store-10.db"]


@pytest.fixture
def begun(config, tmp_path, monkeypatch):
    """A campaign that has begun, in the folder of the process, with a local potential file."""
    monkeypatch.chdir(tmp_path)
    for name in ("in.md", "select.toml", "ni.eam"):
        (tmp_path / name).write_text(name)
    begun = config(pair_coeff=["* * ni.eam"]).model_copy(update={"driver": tmp_path / "select.toml"})
    require_same_settings(begun)
    require_same_settings(begun)
    return begun


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        ("training", {"hidden": (10,)}, r"training.hidden is \[10\], but was \[32, 32\]"),
        ("training", {"epochs": 7}, "training.epochs is 7, but was 100"),
        ("labels", {"largest_force": 3.0}, "labels.largest_force is 3.0, but was 50.0"),
        (None, {"seed": 5}, "seed is 5, but was 0"),
        (None, {"variables": {"T": 900}}, r"variables is \{'T': 900\}, but was \{\}"),
    ],
)
def test_a_campaign_that_is_begun_again_with_other_settings_is_refused(begun, table, change, words):
    if table is not None:
        change = {table: getattr(begun, table).model_copy(update=change)}
    with pytest.raises(ValueError, match=words):
        Campaign(begun.model_copy(update=change)).run()
    require_same_settings(begun)  # the record has not changed


@pytest.mark.parametrize("name", ["in.md", "select.toml", "start.extxyz", "given.h5", "ni.eam"])
def test_a_campaign_whose_input_files_have_changed_is_refused(begun, tmp_path, name):
    with open(tmp_path / name, "ab") as file:
        file.write(b" ")
    with pytest.raises(ValueError, match=rf"{name}: has changed since the campaign in .* began"):
        Campaign(begun).run()


def test_settings_that_a_later_start_may_change_are_reported_and_recorded(begun, caplog):
    caplog.set_level("INFO", "mdsieve.learn")
    more = begun.model_copy(update={"generations": 20})
    require_same_settings(more)
    assert "generations is now 20, was 10" in caplog.text
    caplog.clear()
    require_same_settings(more)
    assert not caplog.text


def test_settings_of_a_campaign_of_an_older_version_are_compared(begun):
    (begun.folder / "settings.json").unlink()
    write_json(
        begun.folder / "generations.json", {"settings": begun.model_dump(mode="json"), "generations": []}
    )
    with pytest.raises(ValueError, match="seed is 5, but was 0"):
        require_same_settings(begun.model_copy(update={"seed": 5}))
