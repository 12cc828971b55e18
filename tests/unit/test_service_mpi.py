# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve drive`` over real MPI, against peers that speak the link's messages."""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest
from harness import MDSIEVE, kill, mpiexec, run, start
from synthetic import greedy, trajectory

from mdsieve.driver.store import FrameStore, StoreError

pytestmark = pytest.mark.timeout(120)

PEER = (sys.executable, str(Path(__file__).with_name("mpi_peer.py")))


def command(*words, worlds=1, settings=()):
    return [
        mpiexec(),
        "-n",
        str(worlds),
        *PEER,
        *words,
        ":",
        "-n",
        "1",
        *MDSIEVE,
        "drive",
        "--store",
        "store.db",
        *settings,
    ]


@pytest.fixture
def env():
    here = str(Path(__file__).parent)
    return {"PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))}


def said(folder, world=0):
    return json.loads((folder / f"peer{world}.json").read_text())


def stored_steps(folder):
    with FrameStore.read(folder / "store.db") as store:
        return [frame["step"] for frame in store.frames()]


@pytest.mark.parametrize("ending", ["end", "quit"])
@pytest.mark.parametrize("depth", [1, 4])
def test_one_world_waiting_and_streaming(tmp_path, env, ending, depth):
    finished = run(command("--ending", ending, "--depth", str(depth)), tmp_path, timeout=60, env=env).check()
    steps, entries = greedy(trajectory(40, seed=1))
    assert stored_steps(tmp_path) == steps
    assert said(tmp_path)["kept"] == steps
    assert f"40 frames seen, {len(steps)} kept, 0 junk" in finished.stderr
    with FrameStore.read(tmp_path / "store.db") as store:
        assert [environment.origin[1:] for environment in store.environments()] == entries
        assert store.runs()[0]["ending"] == "unfix"
        assert store.runs()[0]["steps"] == 400


def test_two_worlds_share_one_bank(tmp_path, env):
    run(command(worlds=2), tmp_path, timeout=60, env=env).check()
    with FrameStore.read(tmp_path / "store.db") as store:
        frames = store.frames()
        assert {frame["world"] for frame in frames} == {0, 1}
        # whatever the order in which the worlds' frames came: the entries are the paper's in that order
        walks = [{frame.step: frame for frame in trajectory(40, seed=world + 1)} for world in (0, 1)]
        kept = [walks[frame["world"]][frame["step"]] for frame in frames]
        assert [(e.origin[1], e.origin[2]) for e in store.environments()] == greedy(kept)[1]
        assert sum(run_["seen"] for run_ in store.runs()) == 80
    for world in (0, 1):
        assert said(tmp_path, world)["kept"] == [frame["step"] for frame in frames if frame["world"] == world]


def test_a_refused_fix_ends_both_sides_with_one_line(tmp_path, env):
    finished = run(command("--hello", '{"units": "imperial"}'), tmp_path, timeout=60, env=env)
    assert finished.returncode != 0
    assert said(tmp_path)["fatal"].startswith("fix sel: units imperial: expected one of")
    assert re.search(r"^mdsieve: fix sel: units imperial", finished.stderr, re.MULTILINE)
    assert "Traceback" not in finished.output


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("--store", "nowhere/store.db"), "nowhere/store.db: the folder nowhere does not exist"),
        (("--resume", "--overwrite"), "resume and overwrite exclude each other"),
        (("--progress", "-1"), "progress: "),
    ],
)
def test_a_driver_that_cannot_begin_tells_the_fix(tmp_path, env, settings, words):
    finished = run(command(settings=settings), tmp_path, timeout=60, env=env)
    assert finished.returncode != 0
    assert words in said(tmp_path)["fatal"]
    assert words in finished.stderr


def test_bytes_that_are_no_message_are_answered(tmp_path, env):
    finished = run(command("--ending", "garbage"), tmp_path, timeout=60, env=env)
    assert finished.returncode != 0
    assert "world 0: HELLO: a payload of" in said(tmp_path)["fatal"]
    assert stored_steps(tmp_path) == greedy(trajectory(40, seed=1))[0]


def test_a_waiting_driver_takes_no_core(tmp_path, env):
    process = start(command("--frames", "4", "--pause", "1"), tmp_path, env=env)
    try:
        time.sleep(3.0)
        (driver,) = driver_of(process)
        before, began = cpu_seconds(driver), time.monotonic()
        time.sleep(1.5)
        used = (cpu_seconds(driver) - before) / (time.monotonic() - began)
        assert process.wait(timeout=60) == 0
    finally:
        kill(process)
        process.communicate()
    assert used < 0.2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_driver_tells_the_fix_and_keeps_the_store(tmp_path, env, number):
    process = start(command("--frames", "400", "--pause", "0.05"), tmp_path, env=env)
    try:
        wait_for(lambda: frames_so_far(tmp_path) > 3)
        (driver,) = driver_of(process)
        os.kill(driver, number)
        _, errors = process.communicate(timeout=30)
    finally:
        kill(process)
    assert process.returncode != 0
    assert said(tmp_path)["fatal"] == f"driver was stopped by {number.name}"
    assert f"driver was stopped by {number.name}" in errors
    assert stored_steps(tmp_path) == said(tmp_path)["kept"]


def test_a_stopped_driver_does_not_wait_for_ever(tmp_path, env):
    (tmp_path / "select.toml").write_text("grace = 1.0\n")
    process = start(command("--ending", "silent", settings=("select.toml",)), tmp_path, env=env)
    try:
        wait_for(lambda: (tmp_path / "peer0.json").exists())
        (driver,) = driver_of(process)
        began = time.monotonic()
        os.kill(driver, signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    finally:
        kill(process)
    assert time.monotonic() - began < 15
    assert process.returncode != 0
    assert "LAMMPS did not end within 1 s after SIGTERM" in errors
    assert stored_steps(tmp_path) == greedy(trajectory(40, seed=1))[0]


def test_a_killed_driver_leaves_every_acknowledged_frame(tmp_path, env):
    process = start(command("--frames", "400", "--pause", "0.02"), tmp_path, env=env)
    try:
        wait_for(lambda: frames_so_far(tmp_path) > 5)
        (driver,) = driver_of(process)
        os.kill(driver, signal.SIGKILL)
        process.communicate(timeout=30)
    finally:
        kill(process)
    steps = stored_steps(tmp_path)
    assert len(steps) > 5
    assert steps == greedy(trajectory(400, seed=1))[0][: len(steps)]


def test_a_driver_alone_says_how_it_is_started(tmp_path, env):
    finished = run([*MDSIEVE, "drive"], tmp_path, timeout=60, env=env)
    assert finished.returncode == 2
    assert "there is no LAMMPS in this MPI job" in finished.stderr
    assert len(finished.stderr.splitlines()) == 1


def frames_so_far(folder):
    try:
        return len(stored_steps(folder))
    except StoreError:  # not made yet
        return 0


def wait_for(condition, patience=30.0):
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def driver_of(process):
    """Process IDs of the drivers below a launcher."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            below = process.pid in parents(int(folder.name))
        except (OSError, ProcessLookupError):
            continue
        if below and words[1:4] == [b"-m", b"mdsieve", b"drive"]:
            found.append(int(folder.name))
    return found


def parents(pid):
    chain = []
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        chain.append(pid)
    return chain


def cpu_seconds(pid):
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
