# SPDX-License-Identifier: GPL-2.0-or-later
"""Text dumps of LAMMPS: what they say, and the line where they say nothing."""

import io

import numpy as np
import pytest

from mdsieve.io.lammps_dump import DumpError, read_dump
from mdsieve.io.trajectories import iterate_frames

HEAD = "ITEM: TIMESTEP\n100\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS xy xz yz pp ff pp\n"
BOX = "-0.5 12.0 -0.5\n0.0 9.25 2.0\n1.0 8.0 0.25\n"
ATOMS = "ITEM: ATOMS id type x y z fx fy fz\n7 2 1.0 2.0 3.0 0.1 0.2 0.3\n3 1 0.0 0.0 0.5 0 0 0\n"
DUMP = HEAD + BOX + ATOMS


def frames(text, types=("Ni", "H")):
    return list(read_dump(io.StringIO(text), types))


def test_a_triclinic_box_is_that_within_its_bounds():
    (atoms,) = frames(DUMP)
    # bounds 0 - 0.5 … 10 + 2.0 of tilts xy = -0.5, xz = 2; 0 … 9 + 0.25 of yz
    np.testing.assert_allclose(atoms.cell, [[10, 0, 0], [-0.5, 9, 0], [2, 0.25, 7]])
    assert list(atoms.pbc) == [True, False, True]
    np.testing.assert_allclose(atoms.get_celldisp().ravel(), [0, 0, 1])


def test_atoms_stand_by_their_ids_and_no_energy_is_invented():
    (atoms,) = frames(DUMP)
    assert list(atoms.arrays["id"]) == [3, 7]
    assert atoms.get_chemical_symbols() == ["Ni", "H"]
    np.testing.assert_array_equal(atoms.positions, [[0, 0, 0.5], [1, 2, 3]])
    assert set(atoms.calc.results) == {"forces"}
    np.testing.assert_allclose(atoms.get_forces()[1], [0.1, 0.2, 0.3])
    assert atoms.info["timestep"] == 100


def test_scaled_positions_and_general_boxes():
    scaled = HEAD + BOX + "ITEM: ATOMS id element xs ys zs\n1 Ni 0.5 0.5 0.5\n2 H 0 0 0\n"
    (atoms,) = frames(scaled, None)
    np.testing.assert_allclose(atoms.positions, [[5.75, 4.625, 4.5], [0, 0, 1]])
    general = HEAD.replace("xy xz yz", "abc origin") + "5 0 0 1\n1 6 0 2\n0 0 7 3\n" + ATOMS
    (atoms,) = frames(general)
    np.testing.assert_array_equal(atoms.cell, [[5, 0, 0], [1, 6, 0], [0, 0, 7]])
    np.testing.assert_array_equal(atoms.get_celldisp().ravel(), [1, 2, 3])


def test_several_snapshots_units_and_windows_line_ends():
    text = "ITEM: UNITS\nmetal\nITEM: TIME\n0.1\n" + DUMP + DUMP.replace("\n100\n", "\n200\n")
    assert [atoms.info["timestep"] for atoms in frames(text.replace("\n", "\r\n"))] == [100, 200]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\n100\n", "\n1e2\n", "line 2: '1e2', expected a time step"),
        ("ITEM: NUMBER OF ATOMS\n2", "ITEM: NUMBER OF ATOMS\n-2", "line 4: '-2', expected a number of atoms"),
        ("ITEM: NUMBER OF ATOMS\n2", "ITEM: NUMBER OF ATOMS\n3", "line 11: the file ends after 2 atoms"),
        ("ITEM: NUMBER OF ATOMS\n2", "ITEM: NUMBER OF ATOMS\n1", "line 11: .* expected 'ITEM: TIMESTEP'"),
        (
            "ITEM: NUMBER OF ATOMS\n2",
            "ITEM: NUMBER OF ATOMS\n999999999999999999",
            "the file ends after 2 atoms",
        ),
        ("xy xz yz ", "", "line 6: '-0.5 12.0 -0.5', expected 2 numbers"),
        (" pp ff pp", "", "line 5: expected three boundaries"),
        ("9.25", "oops", "line 7: '0.0 oops 2.0', expected 3 numbers"),
        ("0.0 9.25", "9.25 0.0", "line 8: the box has sides"),
        ("9.25", "inf", "line 8: the box is not finite"),
        (" x y z ", " x y w ", "line 9: no positions"),
        ("1.0 2.0 3.0", "1.0 nan 3.0", "line 10: atom 7: y is 'nan', expected a finite number"),
        ("1.0 2.0 3.0", "1.0 two 3.0", "line 10: atom 7: y is 'two'"),
        ("7 2 1.0 2.0 3.0", "7 2 1.0 2.0", "line 10: 7 values, expected 8"),
        ("7 2 1.0", "7 3 1.0", "line 10: atom type '3', but elements are given for types 1 to 2"),
        ("7 2 1.0", "3 2 1.0", "line 11: atom 3 stands in line 10 already"),
        ("7 2 1.0", "7.5 2 1.0", "line 10: atom ID '7.5'"),
        ("0.3\n3", "inf\n3", "line 10: atom 7: fz is 'inf'"),
    ],
)
def test_the_line_that_is_wrong_is_named(old, new, message):
    assert old in DUMP
    with pytest.raises(DumpError, match=message):
        frames(DUMP.replace(old, new))


def test_a_snapshot_cut_short_names_file_and_line(tmp_path):
    path = tmp_path / "cut.dump"
    path.write_text(DUMP + DUMP[:-30])
    with pytest.raises(ValueError, match=r"cut\.dump: cannot be read after 1 frames: line \d+: "):
        list(iterate_frames([path], ["Ni", "H"]))


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"\xff\xfe\x00", b"3\n", b"\xef\xbb\xbf2\nx\n"], ids=range(5)
)
@pytest.mark.parametrize("name", ["a.dump", "a.xyz", "a.extxyz", "a.txt"])
def test_files_without_sense_are_refused_in_one_line(content, name, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name) as caught:
        list(iterate_frames([tmp_path / name], ["Ni"]))
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_trajectory_unless_it_is_a_deepmd_system(tmp_path):
    with pytest.raises(ValueError, match=r"a folder without type\.raw, the mark of a DeePMD system"):
        list(iterate_frames([tmp_path]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2\n\nNi 0 0 0\n", "line 1: 2 atoms announced, the file ends after 1"),
        ("1\n\nNi 0 0 0\n1\n\nNi nan 0 0\n", "line 6: the position of atom 1 is not finite"),
        ("1\n\nNi 0 0 0\nNi 1 1 1\n", "line 4: 'Ni 1 1 1' is no number of atoms"),
        ("1\n\nQq 0 0 0\n", "the frame of line 1"),
    ],
)
def test_xyz_files_name_the_line(text, message, tmp_path):
    (tmp_path / "a.xyz").write_text(text)
    with pytest.raises(ValueError, match=message):
        list(iterate_frames([tmp_path / "a.xyz"]))
