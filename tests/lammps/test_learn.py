# SPDX-License-Identifier: GPL-2.0-or-later
"""A learning campaign: a generation from end to end, killed in the middle of MD."""

import hashlib
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
from mdsieve.learn.rounds import n_waiting, rounds_of
from mdsieve.pair_style import PairStyle
from mdsieve.scores.deltas import unpack

# MD goes on when what it has kept has been learnt, whatever the machine's speed; not when it is killed
WAIT = """
import os, sys, time
from pathlib import Path
from mdsieve.learn.rounds import n_waiting, rounds_of, stores_of

def is_learning(place):
    rounds = rounds_of(place)
    trained = all((one.folder / "ensemble.h5").exists() for one in rounds)
    return n_waiting(stores_of(place)[-1], rounds) >= 6 or not trained

parent, end = os.getppid(), time.monotonic() + 100
while is_learning(Path(sys.argv[1])) and os.getppid() == parent and time.monotonic() < end:
    time.sleep(0.05)
"""

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
variable turn loop 5
label turn
include ${potential}
run 25
shell PYTHON wait.py ${folder}
next turn
jump SELF turn
"""

FUNCTIONS = "elements Ni\ncutoff_type 2\n" + "".join(
    f"symfunction_short Ni 2 Ni {eta} {shift} 4.5\n" for eta in (0.5, 2.0) for shift in (0.0, 2.0, 2.5, 3.0)
)

DRIVER = """
rule = "keep spread > 1e-6"
[scores.spread]
ensemble = "learn/ensemble.h5"
follow = true
"""

CONFIG = """
script = "in.md"
functions = "ni.nn"
start = ["start.extxyz"]
driver = "select.toml"
generations = 1
retrain_after = 6
variables = { T = 300 }
[labels]
largest_force = 1e4
pair_style = "eam"
pair_coeff = ["* * Ni_u3.eam"]
[training]
members = 2
hidden = [6]
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
    files = {
        "wait.py": WAIT,
        "in.md": SCRIPT.replace("PYTHON", sys.executable),
        "ni.nn": FUNCTIONS,
        "select.toml": DRIVER,
        "learn.toml": CONFIG,
    }
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
def test_a_campaign_learns_while_md_runs_and_goes_on_after_a_kill(folder):
    process = start(folder)
    place = folder / "learn" / "001"
    trained = place / "round-000" / "training.json"
    while (
        not (trained.exists() and n_waiting(place / "store-0.db", rounds_of(place)))
        and process.poll() is None
    ):
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
    first = [
        (folder / "learn" / name).read_bytes()
        for name in ("000/ensemble.h5", "001/round-000/labelled.extxyz")
    ]

    again = start(folder)
    said, _ = again.communicate(timeout=300)
    assert again.returncode == 0, said
    zero, one = generations(folder)
    assert first == [
        (folder / "learn" / name).read_bytes()
        for name in ("000/ensemble.h5", "001/round-000/labelled.extxyz")
    ]
    assert zero["n_training"] == 12
    assert one["note"] == ""
    assert one["n_evaluated"] == 26

    # every frame that either MD has kept is in one round, and has been learnt
    stores = sorted(place.glob("store-*.db"))
    kept = []
    for store in stores:
        with FrameStore.read(store) as opened:
            kept.append(opened.n_frames)
    assert len(kept) == 2
    assert kept[1] == one["n_kept"]
    rounds = sorted(place.glob("round-*"))
    labelled = [read(path / "labelled.extxyz", ":") for path in rounds]
    assert len(rounds) == one["n_rounds"] > 2
    assert sum(map(len, labelled)) == sum(kept) == one["n_labelled"] == one["n_training"] - 12
    reference = PairStyleLabeller(PairStyle.from_text("pair_style eam; pair_coeff * * Ni_u3.eam"))
    frames = [atoms for part in labelled for atoms in part]
    for atoms, expected in zip(frames, reference.label_all(frames), strict=True):
        np.testing.assert_allclose(atoms.get_forces(), expected.get_forces(), atol=1e-6)
        assert atoms.info["generation"] == 1

    # the running driver has judged by the weights of several rounds
    named = {weights_of(path / "ensemble.h5"): path.name for path in [folder / "learn" / "000", *rounds]}
    with FrameStore.read(stores[1]) as opened:
        judges = [named[unpack(delta, "spread")[0]["weights"]] for delta in opened.scorer_deltas("spread")]
    assert judges == sorted(judges)
    assert len(set(judges)) > 1
    assert weights_of(folder / "learn" / "ensemble.h5") == weights_of(rounds[-1] / "ensemble.h5")
    # and MD has run with them
    log = (place / "log.lammps").read_text()
    assert len({line for line in log.splitlines() if line.startswith("pair_coeff * * ")}) > 1


def weights_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


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
