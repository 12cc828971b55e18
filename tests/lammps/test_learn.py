# SPDX-License-Identifier: GPL-2.0-or-later
"""A learning campaign: a generation from end to end, killed in the middle of MD."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from harness import descendants, environment

from mdsieve.driver.store import FrameStore
from mdsieve.labels import PairStyleLabeller
from mdsieve.learn.config import load_learn_config
from mdsieve.pair_style import PairStyle
from mdsieve.potentials import NetworkEnsemble

SCRIPT = """
units metal
lattice fcc 3.52
region box block 0 2 0 2 0 2
create_box 1 box
create_atoms 1 box
mass 1 58.69
include ${potential}
comm_modify cutoff 7.0
velocity all create ${T} $(v_seed + 1)
timestep 0.001
fix md all nvt temp ${T} ${T} 0.1
fix sel all select 5 ni.nn Ni threshold 0.4 scaling none driver yes mode stream 4
run 60
"""

FUNCTIONS = "elements Ni\ncutoff_type 2\n" + "".join(
    f"symfunction_short Ni 2 Ni {eta} {shift} 4.5\n" for eta in (0.5, 2.0) for shift in (0.0, 2.0, 2.5, 3.0)
)

DRIVER = """
rule = "keep spread > 1e-6"
[scores.spread]
ensemble = "learn/ensemble.h5"
of = "atomic"
"""

CONFIG = """
script = "in.md"
functions = "ni.nn"
start = ["start.extxyz"]
driver = "select.toml"
generations = 1
variables = { T = 300 }
[labels]
pair_style = "eam"
pair_coeff = ["* * Ni_u3.eam"]
[training]
members = 2
hidden = "6"
epochs = 60
later_epochs = 5
"""


@pytest.fixture
def folder(tmp_path):
    frames = []
    for number in range(12):
        atoms = bulk("Ni", cubic=True, a=3.46 + 0.01 * number) * (2, 2, 1)
        atoms.rattle(0.03 + 0.01 * number, seed=number)
        frames.append(atoms)
    labeller = PairStyleLabeller(PairStyle.from_text("pair_style eam; pair_coeff * * Ni_u3.eam"))
    write(tmp_path / "start.extxyz", labeller.label_all(frames))
    files = {"in.md": SCRIPT, "ni.nn": FUNCTIONS, "select.toml": DRIVER, "learn.toml": CONFIG}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-m", "mdsieve", "learn", "learn.toml"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.timeout(500)
def test_a_killed_campaign_goes_on_and_its_generation_is_whole(folder):
    process = start(folder)
    store = folder / "learn" / "001" / "store.db"
    while not store.exists() and process.poll() is None:
        time.sleep(0.05)
    assert process.poll() is None, process.stdout.read()
    below = descendants(process.pid)
    assert below
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    for _ in range(100):  # MD dies with it
        if not any(os.path.exists(f"/proc/{pid}") for pid in below):
            break
        time.sleep(0.1)
    else:
        pytest.fail(f"{below}: still there")
    assert [one["number"] for one in generations(folder)] == [0]
    first = (folder / "learn" / "000" / "ensemble.h5").read_bytes()

    again = start(folder)
    said, _ = again.communicate(timeout=300)
    assert again.returncode == 0, said
    zero, one = generations(folder)
    assert (folder / "learn" / "000" / "ensemble.h5").read_bytes() == first
    assert zero["n_training"] == 12
    assert one["note"] == ""
    assert one["n_evaluated"] == 13
    with FrameStore.read(store) as opened:
        assert opened.n_frames == one["n_kept"] > 0
    labelled = read(folder / "learn" / "001" / "labelled.extxyz", ":")
    assert len(labelled) == one["n_labelled"] == one["n_training"] - 12
    reference = PairStyleLabeller(PairStyle.from_text("pair_style eam; pair_coeff * * Ni_u3.eam"))
    for atoms, expected in zip(labelled, reference.label_all(labelled), strict=True):
        np.testing.assert_allclose(atoms.get_forces(), expected.get_forces(), atol=1e-6)
        assert atoms.info["generation"] == 1
    newest, second = (
        NetworkEnsemble.load(folder / "learn" / name) for name in ("ensemble.h5", "001/ensemble.h5")
    )
    predicted = [one.predict(labelled[-1]).energy for one in (newest, second)]
    np.testing.assert_array_equal(*predicted)
    before = NetworkEnsemble.load(folder / "learn" / "000" / "ensemble.h5").predict(labelled[-1]).energy
    assert (before != predicted[0]).all()


def generations(folder):
    return json.loads((folder / "learn" / "generations.json").read_text())["generations"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("generations = 1", "generation = 1"), "learn.toml: generation: Extra inputs"),
        (('functions = "ni.nn"', ""), "learn.toml: expected either functions"),
        (('"in.md"', '"no.md"'), "no.md"),
        (("members = 2", "members = 1"), "learn.toml: training.members"),
        (("script", "= script"), "learn.toml: not TOML"),
    ],
)
def test_a_wrong_configuration_is_told_in_one_line(tmp_path, monkeypatch, change, words):
    monkeypatch.chdir(tmp_path)
    for name in ("in.md", "ni.nn", "select.toml", "start.extxyz"):
        (tmp_path / name).touch()
    (tmp_path / "learn.toml").write_text(CONFIG.replace(*change))
    from pathlib import Path

    with pytest.raises((ValueError, OSError)) as found:
        load_learn_config(Path("learn.toml"))
    assert words in str(found.value)
