# SPDX-License-Identifier: GPL-2.0-or-later
"""From nothing to kept frames on the command line: describe, select bank, bank; and what may go wrong."""

import os
import subprocess
import sys

import pytest
from ase.io import read, write

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.cli import USER_ERROR


@pytest.fixture(scope="module")
def folder(tmp_path_factory, ni_trajectory):
    """A folder with a trajectory and symmetry functions for it."""
    folder = tmp_path_factory.mktemp("cli")
    write(folder / "melt.extxyz", ni_trajectory[::10])
    mdsieve(folder, "describe", "-e", "Ni", "-c", "4.5", "-o", "ni.nn", "--radial", "8", "--angular", "4")
    return folder


def start(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "mdsieve", *words],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )


def mdsieve(folder, *words):
    """Standard output of a command that must end well."""
    finished = start(folder, *words)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def complaint(folder, *words):
    """The one line of a command that must end with the user's error."""
    finished = start(folder, *words)
    assert finished.returncode == USER_ERROR, finished.stderr
    (line,) = finished.stderr.splitlines()
    assert line.startswith("mdsieve: ")
    return line


def test_describe_writes_functions_and_scaling(folder):
    functions = SymmetryFunctions.from_file(folder / "ni.nn")
    assert functions.elements == ["Ni"]
    assert functions.cutoff == 4.5
    assert functions.n_features == {"Ni": 12}
    bank = EnvironmentBank(functions, 0.3, "minmax").from_scaling_data(folder / "ni.scaling.data")
    assert bank.scaling.kind == "minmax"


def test_describe_writes_the_environment_vector(folder):
    mdsieve(folder, "describe", "-e", "Ni", "--kind", "aev", "-o", "aev.nn")
    functions = SymmetryFunctions.from_file(folder / "aev.nn")
    assert functions.n_features == {"Ni": 54}
    assert functions.cutoff == 6.9
    assert (folder / "aev.scaling.data").exists()


def test_describe_says_which_options_belong_together(folder):
    assert "no --radial" in complaint(folder, "describe", "-e", "Ni", "--kind", "aev", "--radial", "3")
    assert "--cutoff 6" in complaint(folder, "describe", "-e", "Ni")


def test_describe_replaces_nothing_unasked(folder):
    before = (folder / "ni.nn").read_bytes()
    line = complaint(folder, "describe", "-e", "Ni", "-c", "6", "-o", "ni.nn")
    assert line == "mdsieve: ni.nn: the file exists already; say --overwrite to replace it"
    assert (folder / "ni.nn").read_bytes() == before


def test_describe_names_an_unknown_element(folder):
    assert "Xx" in complaint(folder, "describe", "-e", "Xx", "-c", "6", "-o", "xx.nn")
    assert not (folder / "xx.nn").exists()


@pytest.fixture(scope="module")
def selected(folder):
    """Output of two selections: with a small and with a large threshold."""
    for name, threshold in (("fine", "0.2"), ("coarse", "Ni=0.5")):
        mdsieve(
            folder, "select", "bank", "melt.extxyz", "-f", "ni.nn", "-t", threshold,
            "--scaling", "ni.scaling.data", "-o", f"{name}.extxyz", "--save-bank", f"{name}.bank",
        )  # fmt: skip
    return folder


def test_select_bank_does_what_the_library_does(selected, ni_trajectory):
    functions = SymmetryFunctions.from_file(selected / "ni.nn")
    bank = EnvironmentBank(functions, 0.2, "minmax").from_scaling_data(selected / "ni.scaling.data")
    frames = read(selected / "melt.extxyz", ":")
    kept = [number for number, atoms in enumerate(frames) if bank.update(atoms).is_kept]
    assert [atoms.info["frame"] for atoms in read(selected / "fine.extxyz", ":")] == kept
    assert len(EnvironmentBank.load(selected / "fine.bank")) == len(bank)
    assert len(kept) > 1


def test_bank_info_tells_what_is_in_it(selected):
    bank = EnvironmentBank.load(selected / "fine.bank")
    first, *_, last = mdsieve(selected, "bank", "info", "fine.bank").splitlines()
    assert first == f"fine.bank: {len(bank)} environments"
    assert last.split()[:4] == ["Ni", str(len(bank)), "0.2", "12"]


def test_banks_are_compared_and_joined(selected):
    fine, coarse = (EnvironmentBank.load(selected / f"{name}.bank") for name in ("fine", "coarse"))
    there, _ = mdsieve(selected, "bank", "diff", "fine.bank", "coarse.bank").splitlines()
    uncovered = len(fine.diff(coarse).only_here)
    assert there.startswith(f"fine.bank: {uncovered} of {len(fine)} environments (Ni {uncovered})")

    mdsieve(selected, "bank", "merge", "coarse.bank", "fine.bank", "-o", "both.h5")
    added = coarse.merge(fine)
    assert len(EnvironmentBank.load(selected / "both.h5")) == len(coarse)
    assert added < len(fine)

    mdsieve(selected, "bank", "rethreshold", "fine.bank", "-t", "0.5", "-o", "thin.bank")
    thin = EnvironmentBank.load(selected / "thin.bank")
    assert thin.thresholds == {"Ni": 0.5}
    assert 0 < len(thin) <= len(fine)


def test_a_bank_of_other_functions_is_named(selected):
    mdsieve(selected, "describe", "-e", "Ni", "-c", "5", "-o", "other.nn", "--radial", "4", "--angular", "2")
    mdsieve(
        selected, "select", "bank", "melt.extxyz", "-f", "other.nn", "-t", "0.5",
        "--scaling", "none", "-o", "other.extxyz", "--save-bank", "other.bank",
    )  # fmt: skip
    assert "other.bank: " in complaint(selected, "bank", "merge", "fine.bank", "other.bank", "-o", "x.bank")
    assert not (selected / "x.bank").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["missing.extxyz", "-f", "ni.nn", "-t", "0.2"], "missing.extxyz"),
        (["melt.extxyz", "-f", "missing.nn", "-t", "0.2"], "missing.nn: No such file or directory"),
        (["melt.extxyz", "-f", "ni.nn"], "threshold"),
        (["melt.extxyz", "-f", "ni.nn", "-t", "Al=0.2"], "Ni"),
        (["melt.extxyz", "-f", "ni.nn", "-t", "-1"], "above 0"),
        (["melt.extxyz", "-f", "ni.nn", "-t", "0.2", "--scaling", "max"], "'max'"),
    ],
)
def test_select_bank_names_what_is_wrong(folder, words, expected):
    assert expected in complaint(folder, "select", "bank", *words, "-o", "no.extxyz")
    assert not (folder / "no.extxyz").exists()


def test_bank_info_says_what_is_no_bank(folder):
    assert "melt.extxyz" in complaint(folder, "bank", "info", "melt.extxyz")


@pytest.mark.parametrize(
    "words",
    [
        ("train", "melt.extxyz", "-f", "ni.nn", "-o", "device.h5"),
        ("distill", "melt.extxyz", "-f", "ni.nn", "-o", "device-distilled"),
        ("select", "rematch", "melt.extxyz", "-n", "2", "-o", "device.extxyz"),
    ],
)
def test_a_device_that_does_not_exist_is_refused_before_anything_is_read(folder, words):
    finished = start(folder, *words, "--device", "cuda:99")
    assert finished.returncode == USER_ERROR
    (line,) = finished.stderr.splitlines()
    assert line.startswith("mdsieve: device cuda:99: PyTorch cannot use it: ")


@pytest.mark.parametrize(
    "command", [["merge", "fine.bank", "coarse.bank"], ["rethreshold", "fine.bank", "-t", "0.5"]]
)
def test_bank_commands_replace_nothing_unasked(selected, command):
    (selected / "old.bank").write_text("mine")
    assert "old.bank: the file exists already" in complaint(selected, "bank", *command, "-o", "old.bank")
    assert (selected / "old.bank").read_text() == "mine"
    mdsieve(selected, "bank", *command, "-o", "old.bank", "--overwrite")
    assert len(EnvironmentBank.load(selected / "old.bank")) > 0


def test_rethreshold_refuses_a_smaller_threshold(selected):
    line = complaint(selected, "bank", "rethreshold", "coarse.bank", "-t", "0.2", "-o", "smaller.bank")
    assert "coarse.bank: threshold 0.2 of Ni: expected at least the bank's 0.5" in line
    assert not (selected / "smaller.bank").exists()
