# SPDX-License-Identifier: GPL-2.0-or-later
"""The quick readers say what the thorough ones say, or leave it to them; files are cut where frames end."""

import gzip
import io
import random

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read, write

from mdsieve.io import text_frames
from mdsieve.io.lammps_dump import DumpError, read_dump
from mdsieve.io.plain_text import read_plain_snapshot, read_plain_structure
from mdsieve.io.trajectories import iterate_frames, iterate_raw_frames

DUMP = b"""ITEM: UNITS
metal
ITEM: TIMESTEP
100
ITEM: NUMBER OF ATOMS
3
ITEM: BOX BOUNDS xy xz yz pp pp ff
0.0 12.5 1.5
0.0 9.0 0.5
-1.0 7.0e+00 -0.25
ITEM: ATOMS id type x y z vx vy vz fx fy fz q
2 1 0.5 0.5 0.5 0 0 0 -1 -2 -3e-2 0.1
1 2 1.5 0.5 0.5 0 0 1e-3 1 2 3 0.2
7 1 1.25 2.5 0.5 0 0 0 1 2 3 -0.3
ITEM: TIME
0.5
"""
ELEMENTS = DUMP.replace(b"id type x y z", b"element id xs ys zs")
ELEMENTS = (
    ELEMENTS.replace(b"\n2 1 ", b"\nNi 2 ").replace(b"\n1 2 ", b"\nH 1 ").replace(b"\n7 1 ", b"\nNi 7 ")
)
XYZ = b"""3
Lattice="5.0 0 0 0 6.0 0 0.5 0 7.0" Properties=species:S:1:pos:R:3:id:I:1:forces:R:3 energy=-1.5 pbc="T T F" step=20
Ni 0.0 0.0 0.0 7 0.1 0.2 0.3
Ni 1.5 0.0 0.0 3 0.1 0.2 0.3
H 0.0 2.5 0.0 9 0.1 0.2 0.3
"""
BARE = b"2\n\nNi 0 0 0\nH 1.5 0 -2e0\n"
TYPES = ["Ni", "H"]


def thorough_snapshot(data: bytes) -> Atoms | None:
    try:
        (atoms,) = read_dump(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="replace"), TYPES)
    except (DumpError, ValueError):
        return None
    return atoms


def thorough_structure(data: bytes) -> Atoms | None:
    try:
        return read(io.StringIO(data.decode("utf-8", "replace")), format="extxyz")
    except Exception:  # ASE's reader fails in every way there is
        return None


def assert_same_structure(quick: Atoms, thorough: Atoms | None) -> None:
    assert thorough is not None
    assert quick.numbers.tolist() == thorough.numbers.tolist()
    np.testing.assert_array_equal(quick.positions, thorough.positions)
    np.testing.assert_array_equal(quick.cell.array, thorough.cell.array)
    assert quick.pbc.tolist() == thorough.pbc.tolist()
    assert ("id" in quick.arrays) == ("id" in thorough.arrays)
    if "id" in quick.arrays:
        np.testing.assert_array_equal(quick.arrays["id"], thorough.arrays["id"])
    assert quick.info == {
        key: thorough.info[key] for key in ("timestep", "step", "Timestep") if key in thorough.info
    }


def assert_same_snapshot(quick: Atoms, thorough: Atoms | None) -> None:
    assert_same_structure(quick, thorough)
    np.testing.assert_array_equal(quick.get_velocities(), thorough.get_velocities())
    np.testing.assert_array_equal(quick.get_celldisp(), thorough.get_celldisp())
    assert (quick.calc is None) == (thorough.calc is None)
    if quick.calc is not None:
        np.testing.assert_array_equal(quick.get_forces(), thorough.get_forces())


def spoiled(data: bytes, n: int):
    """The text with a few bytes changed, left out, doubled, or with a word of another kind."""
    words = [b"nan", b"1_0", b"+1", b"1e400", b"Xx", b"\r\n", b"\xc2\xa0", b'"', b" ", b"\n", b"0", b"-3", b"T",
             b"ITEM: TIMESTEP\n", b"99999999999", b"1.5", b"\\", b"=", b":", b"{", b"step=x ", b"x"]  # fmt: skip
    numbers = random.Random(5)
    for _ in range(n):
        text = bytearray(data)
        for _ in range(numbers.randint(1, 2)):
            at = numbers.randrange(len(text))
            length = numbers.choice([0, 1, 1, 3, 8])
            other = numbers.choice([b"", *words, bytes(text[at : at + length]) * 2])
            text[at : at + length] = other
        yield bytes(text)


@pytest.mark.parametrize("data", [DUMP, ELEMENTS], ids=["types", "elements"])
def test_a_plain_snapshot_is_read_as_the_thorough_reader_reads_it(data):
    quick = read_plain_snapshot(data, TYPES)
    assert quick is not None
    assert_same_snapshot(quick, thorough_snapshot(data))
    assert quick.get_chemical_symbols() == ["H", "Ni", "Ni"]


@pytest.mark.parametrize("data", [XYZ, BARE], ids=["extended", "bare"])
def test_a_plain_structure_is_read_as_ase_reads_it(data):
    quick = read_plain_structure(data)
    assert quick is not None
    assert_same_structure(quick, thorough_structure(data))


def test_spoiled_snapshots_are_read_alike_or_left_alone():
    n_read = 0
    for original in (DUMP, ELEMENTS):
        for data in spoiled(original, 2000):
            quick = read_plain_snapshot(data, TYPES)
            if quick is not None:
                n_read += 1
                assert_same_snapshot(quick, thorough_snapshot(data))
    assert 100 < n_read < 3900


def test_spoiled_structures_are_read_alike_or_left_alone():
    n_read = 0
    for original in (XYZ, BARE):
        for data in spoiled(original, 2000):
            # a frame is what its first line says: what follows belongs to the next one
            frames = []
            try:
                frames = [frame.data for frame in text_frames.split_xyz(io.BytesIO(data))]
            except ValueError:
                continue
            for frame in frames[:1]:
                quick = read_plain_structure(frame)
                if quick is not None:
                    n_read += 1
                    assert_same_structure(quick, thorough_structure(frame))
    assert 100 < n_read < 3900


@pytest.mark.parametrize("block", [1, 7, 1 << 18])
def test_files_are_cut_where_frames_end_whatever_is_read_at_a_time(block, monkeypatch):
    monkeypatch.setattr(text_frames, "_BLOCK", block)

    class Dripping(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, block))

    dump = DUMP + DUMP[len(b"ITEM: UNITS\nmetal\n") :] * 3
    frames = list(text_frames.split_dump(Dripping(dump)))
    assert b"".join(frame.data for frame in frames) == dump
    assert [frame.data.count(b"ITEM: TIMESTEP") for frame in frames] == [1] * 4
    assert frames[0].data.startswith(b"ITEM: UNITS")
    for frame in frames:
        assert dump.splitlines()[frame.first_line - 1] == frame.data.splitlines()[0]

    xyz = b"\n" + XYZ + b"\n\n" + BARE + XYZ + BARE[:-1]
    frames = list(text_frames.split_xyz(Dripping(xyz)))
    assert [frame.data for frame in frames] == [XYZ, BARE, XYZ, BARE]
    for frame in frames:
        assert xyz.splitlines()[frame.first_line - 1] == frame.data.splitlines()[0]


def test_a_file_without_line_ends_is_not_read_to_its_end():
    class Endless(io.BytesIO):
        n_read = 0

        def read(self, size=-1):
            self.n_read += size
            return b"x" * size

    endless = Endless()
    with pytest.raises(ValueError, match="line 1: no line end"):
        list(text_frames.split_dump(endless))
    assert endless.n_read < 1 << 22


def test_raw_frames_carry_what_whole_frames_carry(tmp_path):
    """Frames of other programs, compressed, with columns that are of no use here."""
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    atoms.arrays["charges"] = np.linspace(-1, 1, 8)
    atoms.set_tags(range(8))
    atoms.info.update(step=7, note="two words")
    with gzip.open(tmp_path / "a.extxyz.gz", "wt") as file:
        write(file, [atoms, atoms[:3]], format="extxyz")
    raw = list(iterate_raw_frames([tmp_path / "a.extxyz.gz"]))
    whole = list(iterate_frames([tmp_path / "a.extxyz.gz"]))
    assert [(frame.source, frame.index) for frame in raw] == [(f.source, f.index) for f in whole]
    for frame, expected in zip(raw, whole, strict=True):
        assert read_plain_structure(frame.text.data) is not None
        assert_same_structure(frame.structure(), expected.atoms)
        assert frame.atoms() == expected.atoms
        assert frame.atoms().info == expected.atoms.info


@pytest.mark.parametrize("length", [10, 2_000_000])
def test_line_ends_of_old_macs_lose_no_snapshot(length, tmp_path):
    text = ((DUMP + DUMP) * (length // 600)).replace(b"\n", b"\r")
    (tmp_path / "a.dump").write_bytes(text or (DUMP + DUMP).replace(b"\n", b"\r"))
    with pytest.raises(ValueError, match=r"2 snapshots where one was expected|no line end"):
        list(iterate_frames([tmp_path / "a.dump"], TYPES))
