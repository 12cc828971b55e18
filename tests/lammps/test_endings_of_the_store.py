# SPDX-License-Identifier: GPL-2.0-or-later
"""A store that cannot be written: from the start, or from the middle of a campaign on."""

import os
import shutil
import subprocess
import sys

import pytest
from ending_cases import (
    EMBEDDED,
    FOR_EVER,
    MODES,
    ONE_PROGRAM,
    TWO_PROGRAMS,
    Campaign,
    check_store,
    frames_in,
    script,
)
from harness import MDSIEVE

pytestmark = pytest.mark.timeout(240)

LAUNCHES = (TWO_PROGRAMS, ONE_PROGRAM, EMBEDDED)
#: A hot gas: each of its frames is new, so a small disk is full soon.
HOT = "velocity all scale 30000\n"


def cells(quick):
    """Every launch in every mode; those in `quick` in `make test`."""
    return [
        pytest.param(
            launch,
            mode,
            id=f"{launch}, {mode}",
            marks=() if (launch, mode) in quick else pytest.mark.slow,
        )
        for launch in LAUNCHES
        for mode in MODES
    ]


def in_namespace(prepare: str) -> list[str]:
    """Words before a command that see a mount nobody else sees; none of them survives the command."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *user, "--mount", "sh", "-c", prepare + ' && exec "$@"', "sh"]


def mounting_works() -> bool:
    if not shutil.which("unshare"):
        return False
    trial = [*in_namespace("mount -t tmpfs -o size=64k trial /mnt"), "true"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


needs_mount = pytest.mark.skipif(
    not mounting_works(), reason="this container may not mount, not even privately"
)


@pytest.mark.parametrize(
    ("launch", "mode"), cells({(TWO_PROGRAMS, "mode stream 4"), (EMBEDDED, "mode wait")})
)
def test_a_disk_that_fills_up(launch, mode, tmp_path):
    """A limit on file sizes stands for it here, which any container has; MPI must have its own files before."""
    (tmp_path / "limited.py").write_text(
        "from mpi4py import MPI\n"
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
        "from mdsieve.cli import main\n"
        "main()\n"
    )
    limited = [sys.executable, str(tmp_path / "limited.py")]
    with Campaign(tmp_path, script(HOT + FOR_EVER, mode), launch, driver=limited) as campaign:
        finished = campaign.finish()
    assert_stopped_by_the_store(finished)
    check_store(tmp_path)
    assert frames_in(tmp_path) > 1


@needs_mount
@pytest.mark.parametrize(
    ("launch", "mode"), cells({(TWO_PROGRAMS, "mode wait"), (EMBEDDED, "mode stream 4")})
)
def test_a_small_tmpfs_that_fills_up(launch, mode, tmp_path):
    (tmp_path / "small").mkdir()
    (tmp_path / "kept").mkdir()
    small = in_namespace("mount -t tmpfs -o size=400k small small")
    small[-2] = small[-2].replace('exec "$@"', '{ "$@"; code=$?; cp small/store.db* kept; exit $code; }')
    driver = [*small, *MDSIEVE]
    text = script(HOT + FOR_EVER, mode)
    with Campaign(tmp_path, text, launch, config='store = "small/store.db"\n', driver=driver) as campaign:
        finished = campaign.finish()
    assert_stopped_by_the_store(finished)
    assert "disk is full" in finished.output
    for file in (tmp_path / "kept").iterdir():
        shutil.move(file, tmp_path / file.name)
    check_store(tmp_path)
    assert frames_in(tmp_path) > 1


def assert_stopped_by_the_store(finished):
    assert finished.returncode != 0
    assert "ERROR: Fix select: " in finished.stdout
    assert "store.db: the store cannot be written: " in finished.stderr
    assert "Traceback" not in finished.output
    assert finished.stderr.count("the store cannot be written") == 1


@needs_mount
@pytest.mark.parametrize(
    ("launch", "mode"), cells({(TWO_PROGRAMS, "mode stream 4"), (EMBEDDED, "mode wait")})
)
def test_a_read_only_folder(launch, mode, tmp_path):
    """Root may write where it is not allowed to, but not onto a read-only mount."""
    (tmp_path / "frozen").mkdir()
    driver = [*in_namespace("mount --bind frozen frozen && mount -o remount,bind,ro frozen"), *MDSIEVE]
    config = 'store = "frozen/store.db"\n'
    with Campaign(tmp_path, script("run 100\n", mode), launch, config=config, driver=driver) as campaign:
        finished = campaign.finish()
    assert_refused(finished, "frozen/store.db: the folder frozen is not writable")
    assert not list((tmp_path / "frozen").iterdir())


NO_PLACE = {
    "nowhere/store.db": "the folder nowhere does not exist",
    "sf.nn/store.db": "the folder sf.nn does not exist",  # it is a file
    "taken.db": "is a folder, expected a file for the store",
    "store.txt": "the name of a store must end in .db",
}


@pytest.mark.parametrize("place", NO_PLACE)
@pytest.mark.parametrize(("launch", "mode"), cells({(TWO_PROGRAMS, "mode wait")}))
def test_no_place_for_a_store(place, launch, mode, tmp_path):
    (tmp_path / "taken.db").mkdir()
    config = f'store = "{place}"\n'
    with Campaign(tmp_path, script("run 100\n", mode), launch, config=config) as campaign:
        finished = campaign.finish()
    assert_refused(finished, f"{place}: {NO_PLACE[place]}")


def assert_refused(finished, words):
    assert finished.returncode != 0
    assert f"ERROR: Fix select: {words}" in finished.stdout
    assert f"mdsieve: {words}" in finished.stderr
    assert "Traceback" not in finished.output
    assert "Loop time" not in finished.stdout


@pytest.mark.parametrize("launch", [TWO_PROGRAMS, EMBEDDED])
def test_a_campaign_goes_on_where_a_full_disk_ended_it(launch, tmp_path):
    (tmp_path / "break.py").write_text(
        "import sqlite3, sys\n"
        "c = sqlite3.connect('store.db')\n"
        'c.execute("CREATE TRIGGER full BEFORE INSERT ON systems'
        " BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END\")\n"
        "c.commit()\n"
    )
    text = script(f"run 50\nshell {sys.executable} break.py\n{HOT}run 200\n")
    with Campaign(tmp_path, text, launch) as campaign:
        finished = campaign.finish()
    assert_stopped_by_the_store(finished)
    (one,) = check_store(tmp_path)
    assert "disk is full" in one["ending"]
    kept = frames_in(tmp_path)
    import sqlite3

    connection = sqlite3.connect(tmp_path / "store.db")
    connection.execute("DROP TRIGGER full")
    connection.commit()
    connection.close()
    with Campaign(tmp_path, script(f"run 50\n{HOT}run 50\n"), launch, config="resume = true\n") as campaign:
        campaign.finish().check()
    check_store(tmp_path)
    assert frames_in(tmp_path) > kept
