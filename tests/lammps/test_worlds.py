# SPDX-License-Identifier: GPL-2.0-or-later
"""Several worlds, several fixes: one driver, one bank, and what is in it follows from the frames in the store."""

import re
from dataclasses import replace

import pytest
from call_patterns import EVERY, HOT, NI, NICKEL, Pattern, steps
from harness import MDSIEVE, mpiexec, run
from lammps_dump import read_dump
from launches import ALONE, BESIDE, LAST_RANK, LAUNCHES, STORE, run_as
from pattern_checks import (
    COLUMNS,
    check_bank,
    check_stored_frame,
    environments_of,
    expected_runs,
    fix_command,
    plain_picks,
)

from mdsieve import lammps_package
from mdsieve.driver.store import FrameStore

LIMIT = 300.0
SYSTEM = replace(NICKEL, thresholds={"Ni": 0.25})
# one world of two: its own lattice, so that neither knows what the other sees
OWN_LATTICE = NI.replace("3.52", "${a}")
MD = f"""{OWN_LATTICE}{HOT}fix md all nve
{{fix}}variable looked atom 1
dump frames all custom {EVERY} frames.{{world}}.dump {COLUMNS}
dump_modify frames sort id format float %.17g
run 40
"""
LATTICES = (3.52, 3.40)
ONE_SCRIPT = "variable world world 0 1\nvariable a world {} {}\n".format(*LATTICES) + MD


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sf.nn").write_text(SYSTEM.descriptor)
    return tmp_path


def script(text, launch, mode, world="${world}"):
    fix = fix_command(Pattern("world", "", (), SYSTEM), launch, mode).replace("sel.bank", f"{world}.bank")
    return text.replace("{world}", world).replace("{fix}", fix)


def two_blocks(folder, mode, ranks):
    """Two programs of LAMMPS with scripts of their own, and a driver."""
    command = [mpiexec()]
    for number, (n, lattice) in enumerate(zip(ranks, LATTICES, strict=True)):
        name = f"in.{number}"
        (folder / name).write_text(f"variable a index {lattice}\n" + script(MD, BESIDE, mode, str(number)))
        lammps = [
            str(lammps_package.program()),
            "-mpicolor",
            str(number + 1),
            "-in",
            name,
            "-log",
            f"log.{number}",
        ]
        command += ["-n", str(n), *lammps, ":"]
    return run([*command, "-n", "1", *MDSIEVE, "drive", "--store", STORE], folder, timeout=LIMIT)


def dumped(folder):
    """For each world, step → frame."""
    return [
        {frame.step: frame for frame in read_dump(folder / f"frames.{number}.dump")} for number in range(2)
    ]


def assert_store_follows_from_its_frames(store, frames_of):
    """The plain rule over the kept frames, in the store's order, gives the bank; what was not kept is covered by it.

    `frames_of` : for each run number, step → dumped frame.
    """
    kept = store.frames()
    environments = [environments_of(frames_of[row["run"]][row["step"]], SYSTEM) for row in kept]
    numbers, picks = plain_picks(environments, SYSTEM)
    assert numbers == list(range(len(kept)))  # each brought something new
    assert [one.origin for one in store.environments()] == [
        (kept[i]["run"], kept[i]["step"], environments[i][j][0]) for i, j in picks
    ]
    for row in kept:
        check_stored_frame(*store.atoms(row["frame"]), frames_of[row["run"]][row["step"]], SYSTEM)
    verdicts = {(one["run"], one["step"]): one["verdict"] for one in store.evaluations()}
    assert {key for key, verdict in verdicts.items() if verdict == 1} == {
        (row["run"], row["step"]) for row in kept
    }
    for (number, step), verdict in verdicts.items():
        if verdict == 0:
            more = [*environments, environments_of(frames_of[number][step], SYSTEM)]
            assert plain_picks(more, SYSTEM)[1] == picks


def assert_two_worlds_share(folder):
    worlds = dumped(folder)
    with FrameStore.read(folder / STORE) as store:
        runs = sorted(store.runs(), key=lambda one: (one["world"], one["run"]))
        assert [(one["seen"], one["ending"]) for one in runs] == [(9, "end of script")] * 2
        assert_store_follows_from_its_frames(
            store, {one["run"]: frames for one, frames in zip(runs, worlds, strict=True)}
        )
        assert {row["run"] for row in store.frames()} == {1, 2}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("launch", "mode", "ranks"),
    [(LAST_RANK, "wait", 1), (LAST_RANK, "stream 3", 2), (BESIDE, "stream 3", 1), (BESIDE, "wait", 2)],
)
def test_partitions_share_one_bank(launch, mode, ranks, folder):
    run_as(
        launch, script(ONE_SCRIPT, launch, mode), folder, ranks=2 * ranks, words=("-partition", f"2x{ranks}")
    ).check()
    assert_two_worlds_share(folder)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("mode", "ranks"), [("wait", (1, 1)), ("stream 3", (1, 1)), ("stream 3", (2, 1))])
def test_two_programs_of_lammps_share_one_bank(mode, ranks, folder):
    finished = two_blocks(folder, mode, ranks).check()
    assert "WARNING" not in finished.output
    assert_two_worlds_share(folder)


def test_partitions_without_a_driver_decide_each_for_itself(folder):
    run_as(ALONE, script(ONE_SCRIPT, ALONE, "wait"), folder, ranks=2, words=("-partition", "2x1")).check()
    pattern = Pattern("world", "", (steps(0, 40),), SYSTEM)
    banks = []
    for number in range(2):
        (expected,) = expected_runs(pattern, read_dump(folder / f"frames.{number}.dump"))
        check_bank(expected, folder / f"{number}.bank")
        banks.append([one.environments for one in expected])
    assert banks[0] != banks[1]


# ---------------------------------------------------------------------- several fixes in one script

GROUPS = "region low block INF INF INF INF 0 1.5\ngroup low region low\nregion high block INF INF INF INF 1.5 3\ngroup high region high\n"
TWO_FIXES = (
    NI + HOT + "fix md all nve\n" + GROUPS + "{fix one low}{fix two high}"
    f"variable looked atom gmask(low)\ndump low all custom {EVERY} low.dump {COLUMNS}\n"
    "dump_modify low sort id format float %.17g\n"
    "variable high atom gmask(high)\n"
    f"dump high all custom {EVERY} high.dump {COLUMNS.replace('v_looked', 'v_high')}\n"
    "dump_modify high sort id format float %.17g\nrun 40\n"
)


def frames_of_groups(folder):
    high = [
        replace(frame, columns={**frame.columns, "v_looked": frame.columns["v_high"]})
        for frame in read_dump(folder / "high.dump")
    ]
    return read_dump(folder / "low.dump"), high


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("launch", "mode", "ranks"),
    [
        (ALONE, "wait", 2),
        (BESIDE, "wait", 1),
        (BESIDE, "stream 3", 2),
        *((launch, "wait", 1) for launch in LAUNCHES[2:]),
    ],
)
def test_two_fixes_in_one_script(launch, mode, ranks, folder):
    text = TWO_FIXES
    for name, group in (("one", "low"), ("two", "high")):
        fix = fix_command(Pattern("two", "", (), SYSTEM, group=group), launch, mode)
        text = text.replace(
            f"{{fix {name} {group}}}",
            fix.replace("fix sel", f"fix {name}").replace("sel.bank", f"{name}.bank"),
        )
    run_as(launch, text, folder, ranks=ranks).check()
    low, high = frames_of_groups(folder)
    log = (folder / "log.lammps").read_text()
    assert "WARNING" not in log
    assert re.findall(r"^Fix select (\w+): (\d+) frames seen", log, re.MULTILINE) == [
        ("one", "9"),
        ("two", "9"),
    ]
    if launch == ALONE:  # each has a bank of its own
        for frames, name in ((low, "one"), (high, "two")):
            (expected,) = expected_runs(Pattern(name, "", (steps(0, 40),), SYSTEM), frames)
            check_bank(expected, folder / f"{name}.bank")
        return
    with FrameStore.read(folder / STORE) as store:
        assert [one["fix"] for one in store.runs()] == ["one", "two"]
        frames_of = {
            number + 1: {frame.step: frame for frame in frames} for number, frames in enumerate((low, high))
        }
        assert_store_follows_from_its_frames(store, frames_of)
        if mode == "wait":  # in the order of the script, step by step
            order = [
                (frame, number) for pair in zip(low, high, strict=True) for number, frame in enumerate(pair)
            ]
            kept, _ = plain_picks([environments_of(frame, SYSTEM) for frame, _ in order], SYSTEM)
            assert [(row["step"], row["run"] - 1) for row in store.frames()] == [
                (order[i][0].step, order[i][1]) for i in kept
            ]
