# SPDX-License-Identifier: GPL-2.0-or-later
"""The fix in the ways in which scripts use fixes: several runs, restarts, groups, rerun, outputs, stops."""

import re
from itertools import pairwise

import numpy as np
import pytest
from harness import run_lmp
from select_cases import GATED_DUMP, NI_MD, NI_NN, NI_RERUN, kept_steps, rerun

MD = NI_MD + "thermo 10\n"
SELECT = "fix sel all select 10 sf.nn Ni threshold 0.5 scaling none driver no"
COLUMNS = "thermo_style custom step temp f_sel f_sel[1] f_sel[5] f_sel[6] f_sel[7] f_sel[8]\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    return tmp_path


def thermo(finished):
    """Rows of the thermo tables of `COLUMNS`, one array a run."""
    tables = re.findall(r"^   Step .*?\n(.*?)^Loop time", finished.stdout, flags=re.MULTILINE | re.DOTALL)
    return [
        np.array(
            [[float(x) for x in line.split()] for line in table.splitlines() if re.match(r"^\s*\d", line)]
        )
        for table in tables
    ]


def summaries(finished):
    return [
        tuple(map(int, found))
        for found in re.findall(r"Fix select sel: (\d+) frames seen, (\d+) kept, (\d+) junk", finished.stdout)
    ]


def test_the_log_tells_what_was_done(folder):
    finished = run_lmp(MD + SELECT + "\n" + COLUMNS + GATED_DUMP + "run 100\n", folder).check()
    ((seen, kept, junk),) = summaries(finished)
    (table,) = thermo(finished)
    assert (seen, junk) == (11, 0)
    assert kept == len(kept_steps(folder / "kept.dump")) == np.sum(table[:, 2] == 1)
    assert re.search(
        r"bank \d+ Ni \(\+\d+\); [\d.e-]+ s in fingerprints, [\d.e-]+ s waiting", finished.stdout
    )
    assert np.array_equal(table[:, 4], np.arange(1, 12))  # evaluated
    assert table[-1, 5] == kept
    first_novelty = table[0, 3]
    assert np.isinf(first_novelty)  # the bank was empty
    assert np.array_equal(table[:, 2] == 1, table[:, 3] > 1)  # kept exactly where the novelty exceeds 1


def test_two_runs_evaluate_the_frame_between_them_once(folder):
    one = run_lmp(MD + SELECT + "\n" + GATED_DUMP + "run 100\n", folder).check()
    kept = kept_steps(folder / "kept.dump")
    two = run_lmp(MD + SELECT + "\n" + GATED_DUMP + "run 50\nrun 50\n", folder).check()
    assert summaries(one)[0][0] == 11
    assert [s[0] for s in summaries(two)] == [6, 5]
    assert sum(s[1] for s in summaries(two)) == summaries(one)[0][1]
    assert sorted(set(kept_steps(folder / "kept.dump"))) == kept


def test_a_frame_shown_twice_is_kept_once(ni_dump, folder):
    script = NI_RERUN + SELECT.replace("select 10", "select 1") + "\n" + rerun(ni_dump) + rerun(ni_dump)
    first, second = summaries(run_lmp(script, folder).check())
    assert first[1] > 1
    assert second[1] == 0


def test_restart_goes_on_with_the_same_bank(folder):
    whole = run_lmp(MD + SELECT + "\nrun 100\nwrite_restart half.restart\nrun 100\n", folder).check()
    again = "read_restart half.restart\npair_style eam\npair_coeff * * Ni_u3.eam\ntimestep 0.002\nfix md all nve\n"
    second = run_lmp(again + SELECT + "\nrun 100\n", folder).check()
    assert summaries(second)[0][1:] == summaries(whole)[1][1:]
    assert summaries(whole)[1][0] == summaries(second)[0][0]
    banks = [re.findall(r"bank (\d+) Ni \(\+(\d+)\)", finished.stdout)[-1] for finished in (whole, second)]
    assert banks[0] == banks[1]


def test_the_restart_state_of_another_version_is_refused(folder):
    run_lmp(MD + SELECT + "\nrun 10\nwrite_restart half.restart\n", folder).check()
    content = (folder / "half.restart").read_bytes()
    assert content.count(b"mdsieve\x03") == 1
    (folder / "half.restart").write_bytes(content.replace(b"mdsieve\x03", b"mdsieve\x7f"))
    again = "read_restart half.restart\npair_style eam\npair_coeff * * Ni_u3.eam\n"
    finished = run_lmp(again + SELECT + "\nrun 10\n", folder)
    assert finished.returncode != 0
    assert "holds the state of a fix sel of another mdsieve version" in finished.stdout


@pytest.mark.parametrize("ranks", [1, 2])
def test_per_atom_novelty_agrees_with_the_frames(ranks, folder):
    dump = "dump per all custom 10 novelty.dump id f_sel\ndump_modify per sort id\n"
    script = MD + SELECT + " peratom yes\n" + COLUMNS + dump + "run 60\n"
    finished = run_lmp(script, folder, ranks=ranks).check()
    largest = []
    for block in (folder / "novelty.dump").read_text().split("ITEM: ATOMS id f_sel")[1:]:
        values = np.array(
            [float(line.split()[1]) for line in block.splitlines()[1:109] if len(line.split()) == 2]
        )
        assert len(values) == 108
        largest.append(values.max())
    assert np.allclose(thermo(finished)[0][1:, 3], largest[1:], rtol=1e-5)


def per_atom(path):
    """ID → novelty of the last frame of a dump."""
    table = path.read_text().rsplit("ITEM: ATOMS id f_sel", 1)[1].splitlines()[1:]
    return {int(line.split()[0]): line.split()[1] for line in table}


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_novelty_of_an_atom_goes_with_it_when_atoms_change_place(ranks, folder):
    """The next run sorts the atoms and hands some to other ranks before it evaluates a frame."""
    script = (
        "atom_modify sort 1 2.0\n"
        + MD
        + SELECT.replace("select 10", "select 40")
        + " peratom yes\nneigh_modify every 100 check no\n"
        + "dump one all custom 40 before.dump id f_sel\ndump_modify one format float %.17g\nrun 40\n"
        + "dump two all custom 40 after.dump id f_sel\ndump_modify two format float %.17g\nrun 0\n"
    )
    run_lmp(script, folder, ranks=ranks).check()
    before, after = per_atom(folder / "before.dump"), per_atom(folder / "after.dump")
    assert list(before) != list(after)
    assert before == after
    assert len(set(before.values())) > 100


def test_gap_and_max_suppress_and_leave_no_trace(folder):
    hot = SELECT.replace("threshold 0.5", "threshold 0.05")

    def outcome(words):
        finished = run_lmp(MD + hot + words + "\n" + GATED_DUMP + "run 200\n", folder).check()
        bank = int(re.search(r"bank (\d+) Ni \(", finished.stdout)[1])
        return kept_steps(folder / "kept.dump"), bank

    every, bank_every = outcome("")
    gap, bank_gap = outcome(" gap 50")
    few, bank_few = outcome(" max 2")
    assert len(every) > 5
    assert all(b - a >= 50 for a, b in pairwise(gap))
    assert 1 < len(gap) < len(every)
    assert few == every[:2]
    assert bank_few < bank_gap < bank_every


def test_junk_is_counted_and_never_enters_the_bank(folder):
    words = " junk novelty > 3"
    finished = run_lmp(
        MD + SELECT.replace("threshold 0.5", "threshold 0.05") + words + "\n" + COLUMNS + "run 100\n", folder
    ).check()
    (table,) = thermo(finished)
    ((_, kept, junk),) = summaries(finished)
    assert junk > 0
    assert np.array_equal(table[1:, 2] == 2, table[1:, 3] > 3)
    assert table[0, 2] == 1  # the first frame cannot be junk: there is nothing to compare it with
    assert (kept, junk) == (np.sum(table[:, 2] == 1), np.sum(table[:, 2] == 2))


@pytest.mark.parametrize("how", ["soft", "continue", "hard"])
def test_stop_ends_the_run_and_keeps_the_frame(how, folder):
    stop = f" stop novelty > 1.5 {how}"
    script = (
        MD
        + SELECT.replace("threshold 0.5", "threshold 0.2")
        + stop
        + "\n"
        + COLUMNS
        + GATED_DUMP
        + "run 400\nprint 'between'\nrun 20\n"
    )
    finished = run_lmp(script, folder)
    stopped = int(re.search(r"stop novelty > 1.5 holds at step (\d+)", finished.stdout)[1])
    assert 0 < stopped < 400
    if how == "hard":
        assert finished.returncode != 0
        return
    tables = thermo(finished.check())
    assert tables[0][-1, 0] == stopped
    assert stopped in kept_steps(folder / "kept.dump")
    assert len(tables) == (2 if how == "continue" else 1)  # LAMMPS skips runs after its time is up


def test_fix_ave_time_and_variables_read_it_at_any_interval(folder):
    script = (
        MD
        + SELECT
        + "\nvariable v equal f_sel[1]+f_sel\nfix ave all ave/time 7 3 21 f_sel f_sel[5] v_v file ave.txt\nrun 105\n"
    )
    run_lmp(script, folder, ranks=2).check()
    rows = [
        line.split() for line in (folder / "ave.txt").read_text().splitlines() if not line.startswith("#")
    ]
    assert len(rows) == 5
