# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``fix momt`` refuses ends the run with one clear line, the same on every number of ranks."""

import re

import pytest
from harness import run_lmp
from momt_cases import CUBE, MOMT, Window, errors, write_weight

MD = "fix md all npt temp 2000 2000 0.1 iso 1 1 1\n"
GRID = "enthalpy -4.4 -3.9 16 tails 1500 2600"
GOOD = "fix m all momt 2000 1 fcc 2 2 2 weight weight.txt"

WORDS = {
    "nothing": ("", r"T0: expected T0 P0, a lattice"),
    "cold": ("-5 1 fcc 2 2 2 " + GRID, r"T0: expected a temperature > 0"),
    "no number": ("2000 one fcc 2 2 2 " + GRID, r"P0 one: expected a pressure"),
    "lattice": ("2000 1 hcp 2 2 2 " + GRID, r"lattice 'hcp': expected bcc, fcc or sc"),
    "repeats": ("2000 1 fcc 2 2 0 " + GRID, r"fcc 0: expected three numbers of conventional cells"),
    "other cell": (
        "2000 1 fcc 3 3 3 " + GRID,
        r"fcc 3 3 3 is a crystal of 108 atoms, but there are 32: its reciprocal vectors do not fit",
    ),
    "other lattice": ("2000 1 bcc 2 2 2 " + GRID, r"bcc 2 2 2 is a crystal of 16 atoms"),
    "other shape": ("2000 1 fcc 1 2 4 " + GRID, r"would be cells of 7.2 x 3.6 x 1.8, which are no cubes"),
    "no weight": ("2000 1 fcc 2 2 2 learn 0.1 1", r"no weight: add `weight FILE`, or a window"),
    "no tails": ("2000 1 fcc 2 2 2 enthalpy -4.4 -3.9 16", r"no weight: add"),
    "empty window": (
        "2000 1 fcc 2 2 2 enthalpy -3.9 -4.4 16 tails 1500 2600",
        r"enthalpy: the window is empty: expected a lower bound below the upper one",
    ),
    "narrow order": (
        "2000 1 fcc 2 2 2 order 0 30 10 " + GRID,
        r"order: expected a window that covers 0 to 32, the number of atoms",
    ),
    "few intervals": (
        "2000 1 fcc 2 2 2 enthalpy -4.4 -3.9 3 tails 1500 2600",
        r"enthalpy 3: expected a number of intervals, an integer from 4",
    ),
    "tails": (
        "2000 1 fcc 2 2 2 enthalpy -4.4 -3.9 9 tails 2600 1500",
        r"tails: expected two temperatures > 0, the lower one first",
    ),
    "cap": ("2000 1 fcc 2 2 2 cap 0 " + GRID, r"cap: expected a number > 0"),
    "every": ("2000 1 fcc 2 2 2 every 0 " + GRID, r"every 0: expected a number of steps"),
    "learn": ("2000 1 fcc 2 2 2 " + GRID + " learn 0.1", r"learn: expected a number > 0 after it"),
    "stretch": (
        "2000 1 fcc 2 2 2 learn histogram 50 every 20 " + GRID,
        r"learn histogram 50: expected a multiple of the 20 steps of `every`",
    ),
    "bounds": ("2000 1 fcc 2 2 2 bounds 2 5 " + GRID, r"bounds: expected one number below 1"),
    "passages": (
        "2000 1 fcc 2 2 2 passages order 20 4 " + GRID,
        r"passages: expected two numbers that part the phases, the lower one first",
    ),
    "keyword": ("2000 1 fcc 2 2 2 lern 0.1 1 " + GRID, r'unknown keyword "lern": expected one of'),
    "missing file": ("2000 1 fcc 2 2 2 weight none.txt", r"cannot read weight file none.txt"),
    "bad file": ("2000 1 fcc 2 2 2 weight bad.txt", r"bad.txt:1: not a weight"),
    "two weights": ("2000 1 fcc 2 2 2 weight weight.txt " + GRID, r"come from the file of `weight`"),
    "other temperature": (
        "1900 1 fcc 2 2 2 weight weight.txt",
        r"weight.txt: made for temperature 2000, but this fix has 1900",
    ),
    "other pressure": ("2000 5 fcc 2 2 2 weight weight.txt", r"weight.txt: made for pressure 1, but"),
}


def refused(script, folder, message, ranks=1):
    finished = run_lmp(script, folder, ranks=ranks)
    assert finished.returncode != 0
    (line,) = errors(finished)
    assert line.startswith("ERROR: Fix momt: ") or line.startswith("ERROR on proc 0: Fix momt: ")
    assert re.search(message, line)


@pytest.fixture
def folder(tmp_path):
    write_weight(tmp_path / "weight.txt", height=1.0)
    (tmp_path / "bad.txt").write_text("no weight at all\n")
    return tmp_path


@pytest.mark.parametrize("case", WORDS)
def test_words_that_make_no_sense_are_refused(case, folder):
    words, message = WORDS[case]
    refused(CUBE + f"fix m all momt {words}\n{MD}run 0\n", folder, message)


def test_a_missing_file_is_refused_on_two_ranks_too(folder):
    words, message = WORDS["missing file"]
    refused(CUBE + f"fix m all momt {words}\n{MD}run 0\n", folder, message, ranks=2)


SYSTEMS = {
    "defined after npt": (
        CUBE + MD + GOOD + "\nrun 0\n",
        r"fix md npt is defined before it: define fix momt first",
    ),
    "defined after a force": (
        CUBE + "fix push all addforce 0 0 0.1\n" + GOOD + "\nfix md all nve\nrun 0\n",
        r"fix push addforce is defined before it",
    ),
    "two of them": (CUBE + GOOD + "\n" + GOOD.replace("fix m ", "fix n ") + "\nrun 0\n", r"two fixes momt"),
    "group": (
        CUBE + "group some id 1:16\n" + GOOD.replace("m all", "m some") + "\nrun 0\n",
        r"group some: the ensemble is one of all atoms: use group all",
    ),
    "not periodic": (
        CUBE.replace("units metal", "units metal\nboundary p p f") + GOOD + "\nrun 0\n",
        r"the box is not periodic in z: expected `boundary p p p`",
    ),
    "rRESPA": (
        CUBE + GOOD + "\nfix md all nve\nrun_style respa 2 2 pair 1\nrun 0\n",
        r"run_style respa applies forces in parts: expected run_style verlet",
    ),
    "tail": (
        CUBE.replace("pair_style eam\n", "pair_style lj/cut 5\npair_modify tail yes\n").replace(
            "pair_coeff * * Ni_u3.eam", "pair_coeff * * 0.4 2.3\nmass 1 58.7"
        )
        + GOOD
        + "\nfix md all nve\nrun 0\n",
        r"pair_modify tail yes adds an energy without forces: expected tail no",
    ),
    "atoms go between runs": (
        CUBE + GOOD + "\nfix md all nve\nrun 10\ngroup one id 1\ndelete_atoms group one\nrun 10\n",
        r"crystal of 32 atoms, but there are 31",
    ),
    "atoms go within a run": (
        CUBE + GOOD + "\nfix md all nve\nfix out all evaporate 10 1 box 4 \nrun 30\n",
        r"the number of atoms has changed from 32 to 31: it must stay",
    ),
    "minimisation": (
        CUBE + GOOD + "\nminimize 1e-6 1e-6 10 10\n",
        r"minimize has no ensemble: define the fix after it",
    ),
    "virial turned off": (
        CUBE + GOOD + "\nfix_modify m virial no\nfix md all nve\nrun 0\n",
        r"fix_modify m virial no would leave the barostat with a wrong pressure",
    ),
    "no potential": (
        CUBE.split("pair_style")[0] + "mass 1 58.69\n" + GOOD + "\nfix md all nve\nrun 0\n",
        r"there is no pair style, so no energy",
    ),
    "units": (
        CUBE.replace("units metal", "units lj")
        .replace("lattice fcc 3.6", "lattice fcc 0.0857339")
        .replace("pair_style eam\n", "pair_style lj/cut 5\n")
        .replace("pair_coeff * * Ni_u3.eam", "pair_coeff * * 0.4 2.3\nmass 1 58.7")
        + GOOD
        + "\nfix md all nve\nrun 0\n",
        r"weight.txt: made for units metal, but this fix has units lj",
    ),
}


@pytest.mark.parametrize("case", SYSTEMS)
def test_what_it_does_not_work_with_is_refused(case, folder):
    script, message = SYSTEMS[case]
    refused(script, folder, message)


def test_another_thermostat_temperature_or_pressure_is_warned_of(folder):
    script = CUBE + GOOD + "\nfix md all npt temp 1800 2000 0.1 iso 1 50 1\nrun 0\n"
    output = run_lmp(script, folder).check().stdout
    assert "WARNING: Fix momt: fix md has temperature 1800, the ensemble 2000" in output
    assert "WARNING: Fix momt: fix md has pressure 50, the ensemble 1" in output
    assert "WARNING: Fix momt" not in run_lmp(CUBE + GOOD + f"\n{MD}run 0\n", folder).check().stdout


def test_a_restart_file_of_another_window_is_refused(folder):
    momt = "fix m all momt 2000 1 fcc 2 2 2 " + GRID
    run_lmp(CUBE + momt + f" learn 0.1 1\n{MD}run 20\nwrite_restart half\n", folder).check()
    again = "read_restart half\npair_style eam\npair_coeff * * Ni_u3.eam\n"
    refused(
        again + momt.replace("-3.9 16", "-3.8 16") + f"\n{MD}run 0\n", folder, r"another ensemble or window"
    )


def test_a_state_that_cannot_be_written_is_told(folder):
    refused(
        CUBE + MOMT + f" state none/state.txt\n{MD}run 0\n",
        folder,
        r"cannot write weight file none/state.txt",
    )


def test_a_weight_of_another_number_of_intervals_names_its_line(folder):
    write_weight(folder / "weight.txt", height=1.0, window=Window(enthalpy=(-4.4, -3.9, 12)))
    text = (folder / "weight.txt").read_text().replace("enthalpy -4.4 -3.9 12", "enthalpy -4.4 -3.9 13")
    (folder / "weight.txt").write_text(text)
    refused(CUBE + GOOD + f"\n{MD}run 0\n", folder, r"weight.txt:15: coefficients: expected 16 rows of 12")
