# SPDX-License-Identifier: GPL-2.0-or-later
"""Training sets of n2p2 and DeePMD-kit as input."""

import gzip

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read
from ase.units import Bohr, Hartree

from mdsieve.io.trajectories import iterate_frames


def frames_in(path, **words):
    return [found.atoms for found in iterate_frames([path], **words)]


@pytest.fixture
def labelled():
    """Three frames of NaCl with energies, forces and stress."""
    rng = np.random.default_rng(2)
    frames = []
    for i in range(3):
        atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
        atoms.rattle(0.05, seed=i)
        atoms.set_cell(atoms.cell[:] * (1 + 0.01 * i) + rng.normal(scale=0.02, size=(3, 3)), scale_atoms=True)
        atoms.calc = SinglePointCalculator(
            atoms, energy=-3.0 * i, forces=rng.normal(size=(8, 3)), stress=rng.normal(size=6)
        )
        frames.append(atoms)
    return frames


def assert_same(found, expected, stress=True):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.get_chemical_symbols() == b.get_chemical_symbols()
        np.testing.assert_allclose(a.positions, b.positions, atol=1e-8)
        np.testing.assert_allclose(a.cell[:], b.cell[:], atol=1e-8)
        assert (a.pbc == b.pbc).all()
        assert a.get_potential_energy() == pytest.approx(b.get_potential_energy(), abs=1e-9)
        np.testing.assert_allclose(a.get_forces(), b.get_forces(), atol=1e-8)
        if stress:
            np.testing.assert_allclose(a.get_stress(), b.get_stress(), atol=1e-8)


def n2p2_text(frames, length=1.0, energy=1.0):
    lines = []
    for atoms in frames:
        lines += ["begin", "comment made by a test"]
        lines += [f"lattice {x:.12f} {y:.12f} {z:.12f}" for x, y, z in atoms.cell[:] / length]
        for symbol, r, f in zip(
            atoms.get_chemical_symbols(),
            atoms.positions / length,
            atoms.get_forces() * length / energy,
            strict=True,
        ):
            numbers = [f"{x:.12f}" for x in r], [f"{x:.12f}" for x in f]
            lines.append(" ".join(["atom", *numbers[0], symbol, "0.0 0.0", *numbers[1]]))
        lines += [f"energy {atoms.get_potential_energy() / energy:.12f}", "charge 0.0", "end"]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("units", "scale"), [("metal", (1.0, 1.0)), ("atomic", (Bohr, Hartree))])
def test_n2p2_data_are_read_in_their_units(units, scale, labelled, tmp_path):
    (tmp_path / "input.data").write_text("# first a remark\n\n" + n2p2_text(labelled, *scale))
    found = frames_in(tmp_path / "input.data", n2p2_units=units)
    assert_same(found, labelled, stress=False)
    assert found[0].info["comment"] == "made by a test"


def test_compressed_n2p2_data_without_a_lattice_are_a_molecule(labelled, tmp_path):
    text = "".join(x for x in n2p2_text(labelled[:1]).splitlines(True) if not x.startswith("lattice"))
    with gzip.open(tmp_path / "input.data.gz", "wt") as file:
        file.write(text)
    (atoms,) = frames_in(tmp_path / "input.data.gz")
    assert not atoms.pbc.any()
    assert atoms.get_potential_energy() == labelled[0].get_potential_energy()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Na 0.0", "Xx 0.0", "line 6: 'atom"),
        ("energy", "energie", "line 14: 'energie"),
        ("lattice", "lettuce", "line 3: 'lettuce"),
        ("\nend\n", "\nend\nrubbish\n", "line 17: 'rubbish' where begin was expected"),
    ],
)
def test_a_line_of_n2p2_data_that_makes_no_sense_is_named(old, new, said, labelled, tmp_path):
    (tmp_path / "input.data").write_text(n2p2_text(labelled).replace(old, new, 1))
    with pytest.raises(ValueError, match=f"input.data: cannot be read .*{said}"):
        frames_in(tmp_path / "input.data")


def test_n2p2_data_that_end_within_a_structure_are_refused(labelled, tmp_path):
    (tmp_path / "input.data").write_text(n2p2_text(labelled)[:-100])
    with pytest.raises(ValueError, match="line 33: the structure that begins here has no end"):
        frames_in(tmp_path / "input.data")


def test_published_n2p2_data_agree_with_their_extended_xyz(data_dir):
    for name, units in (("Cu2S_PBE", "metal"), ("H2O_RPBE-D3", "atomic")):
        found = frames_in(data_dir / f"n2p2_examples/input.data.{name}", n2p2_units=units)
        with gzip.open(data_dir / f"n2p2_examples/{name}.extxyz.gz", "rt") as file:
            expected = read(file, ":", format="extxyz")
        assert len(found) == len(expected) == 20
        for a, b in zip(found, expected, strict=True):
            assert a.get_chemical_symbols() == b.get_chemical_symbols()
            np.testing.assert_allclose(a.positions, b.positions, atol=1e-4)
            np.testing.assert_allclose(a.get_forces(), b.get_forces(), atol=1e-4)


def write_deepmd(frames, folder, mixed=False):
    """As dpdata writes it."""
    import dpdata

    systems = dpdata.LabeledSystem()
    for atoms in frames:
        systems.append(dpdata.LabeledSystem(atoms, fmt="ase/structure"))
    systems.to("deepmd/npy/mixed" if mixed else "deepmd/npy", str(folder), set_size=2)


@pytest.mark.parametrize("mixed", [False, True])
def test_deepmd_folders_of_dpdata_are_read(mixed, labelled, tmp_path):
    write_deepmd(labelled, tmp_path / "system", mixed)
    found = frames_in(tmp_path)
    order = [np.argsort(atoms.numbers, kind="stable") for atoms in labelled]
    back = [np.argsort(atoms.numbers, kind="stable") for atoms in found]
    for a, b, mine, other in zip(found, labelled, back, order, strict=True):
        np.testing.assert_allclose(a.get_scaled_positions()[mine], b.get_scaled_positions()[other], atol=1e-5)
        np.testing.assert_allclose(a.get_forces()[mine], b.get_forces()[other], atol=1e-5)
        assert a.get_potential_energy() == pytest.approx(b.get_potential_energy(), abs=1e-5)
        assert a.cell.volume == pytest.approx(b.cell.volume, rel=1e-5)
        stress, expected = (np.trace(x.get_stress(voigt=False)) for x in (a, b))
        assert stress == pytest.approx(expected, abs=1e-4)


def plain_system(folder, **arrays):
    (folder / "set.000").mkdir(parents=True)
    (folder / "type.raw").write_text("0\n1\n")
    (folder / "type_map.raw").write_text("H O\n")
    given = {"coord": np.arange(12.0).reshape(2, 6), "box": np.tile(9 * np.eye(3).ravel(), (2, 1)), **arrays}
    for name, array in given.items():
        np.save(folder / "set.000" / f"{name}.npy", array)
    return folder


def test_a_deepmd_system_without_labels_or_cell_is_read(tmp_path):
    folder = plain_system(tmp_path / "s")
    (folder / "nopbc").touch()
    first, second = frames_in(folder)
    assert first.get_chemical_symbols() == ["H", "O"]
    assert second.positions.tolist() == [[6, 7, 8], [9, 10, 11]]
    assert not first.pbc.any()
    assert first.calc is None


def test_types_of_a_deepmd_system_may_be_told(tmp_path):
    folder = plain_system(tmp_path / "s")
    (folder / "type_map.raw").unlink()
    with pytest.raises(ValueError, match=r"no type_map\.raw in it: say the elements"):
        frames_in(folder)
    assert frames_in(folder, types=["Cu", "S"])[0].get_chemical_symbols() == ["Cu", "S"]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"coord": np.zeros((2, 5))}, r"coord.npy: shape \(2, 5\), expected \(n, 6\)"),
        ({"energy": np.zeros((3, 1))}, r"energy.npy: shape \(3, 1\), expected \(2, 1\)"),
        ({"box": np.full((2, 9), "x")}, r"box.npy: expected numbers"),
    ],
)
def test_deepmd_arrays_that_do_not_fit_are_named(arrays, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        frames_in(plain_system(tmp_path / "s", **arrays))


def test_pickled_deepmd_arrays_are_refused(tmp_path):
    folder = plain_system(tmp_path / "s", coord=np.array([{}, {}], dtype=object))
    with pytest.raises(ValueError, match="Python objects"):
        frames_in(folder)


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"without type\.raw"):
        frames_in(tmp_path)
