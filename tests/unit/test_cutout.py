# SPDX-License-Identifier: GPL-2.0-or-later
"""Cut-outs of large cells: the central environment stays, whatever the structure."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.io import read, write
from typer.testing import CliRunner

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.cli import build_app
from mdsieve.cutout import CutoutError, cut_out

NI = """
elements Ni
cutoff_type 1
symfunction_short Ni 2 Ni 0.05 0.0 5.0
symfunction_short Ni 2 Ni 0.5 0.0 5.0
symfunction_short Ni 2 Ni 4.0 2.5 5.0
symfunction_short Ni 3 Ni Ni 0.05 1 1 5.0
symfunction_short Ni 3 Ni Ni 0.05 -1 4 5.0
"""
NI_AL = """
elements Al Ni
cutoff_type 1
symfunction_short Al 2 Al 0.5 0.0 5.0
symfunction_short Al 2 Ni 0.5 0.0 5.0
symfunction_short Al 9 Ni Ni 0.05 -1 2 5.0
symfunction_short Ni 2 Al 0.5 0.0 5.0
symfunction_short Ni 2 Ni 2.0 2.5 5.0
symfunction_short Ni 3 Ni Al 0.05 1 2 5.0
"""


def bank_for(text, frames):
    return EnvironmentBank(SymmetryFunctions(text), 0.2).fit_scaling(frames)


def check(cut, atoms, centre, bank, most_atoms=200, within=0.1):
    """What every cut-out promises, found anew from the two structures."""
    small = cut.atoms
    assert len(small) <= most_atoms
    assert small.pbc.all()
    symbol = str(atoms.symbols[centre])
    assert str(small.symbols[cut.centre]) == symbol
    number = bank.functions.elements.index(symbol)
    rows = []
    for structure, index in ((atoms, centre), (small, cut.centre)):
        indices, found = bank.functions.create_by_element(structure)[symbol]
        rows.append(found[np.flatnonzero(indices == index)[0]] * np.array(bank.scaling.factor[number]))
    assert np.linalg.norm(rows[1] - rows[0]) <= within * bank.thresholds[symbol] * 1.0001
    assert np.linalg.norm(rows[1] - rows[0]) / bank.thresholds[symbol] == pytest.approx(
        cut.distance, abs=1e-9
    )
    roles = small.arrays["role"]
    assert (roles == "centre").sum() == 1
    assert roles[cut.centre] == "centre"
    assert cut.share_kept == pytest.approx((roles != "buffer").mean())
    ids = small.arrays["id"]
    assert len(set(ids)) == len(ids)
    np.testing.assert_array_equal(small.numbers, atoms.numbers[ids - 1])
    closest = smallest(atoms)
    assert smallest(small) >= 0.9 * closest - 1e-9
    return small


def smallest(atoms):
    from ase.neighborlist import neighbor_list

    return neighbor_list("d", atoms, 3.2).min()


def large_frame(frames, index=-1):
    """A large liquid or hot solid: a real frame repeated, every copy shaken differently."""
    large = frames[index].repeat((2, 2, 2))
    large.positions += np.random.default_rng(3).normal(scale=0.03, size=large.positions.shape)
    return Atoms(numbers=large.numbers, positions=large.positions, cell=large.cell, pbc=True)


def test_a_crystal_is_cut_along_its_own_periods():
    atoms = bulk("Ni", cubic=True) * (7, 7, 7)
    atoms.rattle(0.06, seed=1)
    bank = bank_for(NI, [atoms])
    centre = 700
    small = check(cut_out(atoms, centre, bank), atoms, centre, bank)
    cells = small.cell.lengths() / 3.52
    np.testing.assert_allclose(cells, np.round(cells), atol=0.02)
    assert len(small) == 4 * round(np.prod(cells))


def test_a_primitive_cell_keeps_its_directions():
    atoms = bulk("Ni") * (9, 9, 9)
    atoms.rattle(0.06, seed=2)
    bank = bank_for(NI, [atoms])
    small = check(cut_out(atoms, 364, bank), atoms, 364, bank)
    np.testing.assert_allclose(small.cell.angles(), 60)


@pytest.mark.parametrize("centre", [5, 431])
def test_a_liquid_of_real_nickel(ni_trajectory, centre):
    atoms = large_frame(ni_trajectory)
    bank = bank_for(NI, [atoms])
    cut = cut_out(atoms, centre, bank)
    check(cut, atoms, centre, bank)
    assert cut.share_kept > 0.2


@pytest.mark.parametrize("centre", [0, 333])
def test_a_hot_binary(binary_trajectory, centre):
    atoms = large_frame(binary_trajectory)
    bank = bank_for(NI_AL, [atoms])
    small = check(cut_out(atoms, centre, bank), atoms, centre, bank)
    assert set(small.get_chemical_symbols()) == {"Ni", "Al"}


def test_a_surface_atom_keeps_its_vacuum():
    atoms = fcc111("Ni", (8, 8, 8), vacuum=10, orthogonal=True)
    atoms.rattle(0.05, seed=4)
    bank = bank_for(NI, [atoms])
    top = int(np.argmax(atoms.positions[:, 2]))
    small = check(cut_out(atoms, top, bank, vacuum=12.0), atoms, top, bank)
    heights = np.sort(small.positions[:, 2])
    gaps = np.diff([*heights, heights[0] + small.cell[2, 2]])
    assert gaps.max() >= 12.0


def test_what_fits_already_stays_whole_and_a_cluster_gets_vacuum():
    atoms = bulk("Ni", cubic=True) * (3, 3, 3)
    atoms.rattle(0.1, seed=5)
    bank = bank_for(NI, [atoms])
    cut = cut_out(atoms, 3, bank, within=1e-9)
    assert len(cut.atoms) == len(atoms)
    assert cut.share_kept == 1.0
    cluster = atoms.copy()
    cluster.pbc = False
    cluster.cell = None
    cut = cut_out(cluster, 3, bank)
    assert len(cut.atoms) == len(cluster)
    assert cut.distance == pytest.approx(0, abs=1e-9)


def test_no_cell_small_enough_is_refused_in_one_line():
    atoms = bulk("Ni", cubic=True) * (6, 6, 6)
    atoms.rattle(0.15, seed=6)
    bank = bank_for(NI, [atoms])
    with pytest.raises(CutoutError, match=r"no cell of at most 20 atoms .* nearest is [\d.]+ thresholds"):
        cut_out(atoms, 100, bank, most_atoms=20, within=0.01)
    with pytest.raises(ValueError, match="atom index 5000: the frame has 864 atoms"):
        cut_out(atoms, 5000, bank)


LARGE = """
import resource
import numpy as np
from ase.build import bulk
from test_cutout import NI, bank_for
from mdsieve.cutout import cut_out

small = bulk("Ni", cubic=True) * (4, 4, 4)
small.rattle(0.06, seed=8)
bank = bank_for(NI, [small])
atoms = bulk("Ni", cubic=True) * (30, 30, 31)
atoms.rattle(0.06, seed=8)
if not {periodic}:
    atoms.pbc = False
    atoms.cell = None
inner = int(np.argmin(np.linalg.norm(atoms.positions - atoms.positions.mean(axis=0), axis=1)))
cut_out(small, 1, bank)  # everything is imported
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
cut = cut_out(atoms, inner, bank)
print(len(atoms), len(cut.atoms), cut.distance, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("periodic", [True, False])
def test_a_frame_of_a_hundred_thousand_atoms_takes_little_memory(periodic):
    finished = subprocess.run(
        [sys.executable, "-c", LARGE.format(periodic=periodic)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30)),
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr[-500:]
    n_atoms, n_cut, distance, more = map(float, finished.stdout.split())
    assert n_atoms == 111_600
    assert n_cut <= 200
    assert distance <= 0.1
    assert more < 300_000  # kB


def test_the_command_cuts_around_the_triggering_atoms(tmp_path):
    frames = []
    for seed in (1, 2):
        atoms = bulk("Ni", cubic=True) * (6, 6, 6)
        atoms.rattle(0.06, seed=seed)
        atoms.info["trigger_atom"] = 300 + seed
        frames.append(atoms)
    write(tmp_path / "kept.extxyz", frames)
    bank_for(NI, frames).save(tmp_path / "ni.bank")
    words = ["cutout", tmp_path / "kept.extxyz", "-b", tmp_path / "ni.bank", "-o", tmp_path / "cuts.extxyz"]
    result = CliRunner().invoke(build_app(), list(map(str, words)), catch_exceptions=False)
    assert "2 cut-outs" in result.output
    for seed, cut in zip((1, 2), read(tmp_path / "cuts.extxyz", index=":"), strict=True):
        assert cut.info["cutout_centre"] == 300 + seed
        centre = int(np.flatnonzero(cut.arrays["role"] == "centre")[0])
        assert cut.arrays["id"][centre] == 300 + seed
        assert cut.info["cutout_distance"] <= 0.1
    with pytest.raises(ValueError, match="frame 0: no cell of at most 4 atoms"):
        CliRunner().invoke(
            build_app(), [*map(str, words), "--most-atoms", "4", "--overwrite"], catch_exceptions=False
        )
    assert len(read(tmp_path / "cuts.extxyz", index=":")) == 2
