# SPDX-License-Identifier: GPL-2.0-or-later
"""The readers of ``mdsieve momt`` under test."""

import sys
from functools import cache
from pathlib import Path

import h5py
import numpy as np
from mutation import Violation, require_line

from mdsieve.momt.records import read_record
from mdsieve.momt.samples import Samples
from mdsieve.momt.weight import Weight

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
import momt_ensemble

RECORD = b"""# Time-averaged data for fix record
# TimeStep f_m[1] f_m[2] f_m[3] v_vol
0 -150.25 24 0.5 370.5
20 -149.125 23.5 0.25 371
"""
LOG = b"""thermo_style custom step f_m[1] f_m[2] f_m[3] vol
   Step         f_m[1]         f_m[2]         f_m[3]         Volume
         0  -150           24              0.5            370
WARNING: something
        20  -149           23              0.25           371
Loop time of 0.1 on 1 procs for 20 steps with 32 atoms
   Step         f_m[1]         f_m[2]         f_m[3]         Volume
        20  -149           23              0.25           371
"""
WORDS = [b"f_m[1] ", b"f_n[2] ", b"# ", b"nan ", b"inf ", b"1e308 ", b"-1 ", b"1_0 ", b"99999999999999999999 ",
         b"\n", b"\r\n", b"\0", b"\xff", b"step ", b"Loop time of", b"0.5 ", b"1e-999 ", b"1e99999 "]  # fmt: skip


@cache
def weight() -> Weight:
    return momt_ensemble.flat_weight(8, 8)


def read_momt_record(data: bytes, path: Path) -> bool:
    path.write_bytes(data)
    try:
        record = read_record(path)
        for values in (record.enthalpy, record.order, record.bias, *record.rounding.values()):
            if len(values) != len(record) or not np.isfinite(values).all():
                raise Violation("a record has a finite number for each step")
        if len(record) == 0 or (np.diff(record.step) <= 0).any():
            raise Violation("a record has rising steps")
    except ValueError as error:
        require_line(str(error))
        return False
    try:
        Samples(weight(), (record,))
    except ValueError as error:  # most are of another weight
        require_line(str(error))
    return True


VALUES = [
    lambda: np.zeros(0),
    lambda: np.full((2, 2), np.nan),
    lambda: -1,
    lambda: "text",
    lambda: "1 2\nvisits 3",
    lambda: np.array([b"x", b"y"]),
    lambda: np.full((11, 11), 1e308),
    lambda: np.full((8, 8), -1),
    lambda: h5py.Empty("f8"),
    lambda: np.array([1 + 2j]),
    lambda: np.array([2**62, -(2**62)]),
]


def read_momt_weight(data: bytes, path: Path) -> bool:
    """Bytes that are no HDF5 say what is wrong with a sound file."""
    if data[:8] == b"\x89HDF\r\n\x1a\n":
        path.write_bytes(data)
    else:
        weight().save(path)
        with h5py.File(path, "r+") as file:
            for i in range(0, min(len(data), 24), 4):
                _damage(file, data[i : i + 4].ljust(4, b"\0"))
    try:
        found = Weight.load(path)
    except (ValueError, OSError) as error:
        require_line(str(error))
        return False
    if not np.isfinite(found.on_grid()).all():
        raise Violation("a weight is finite on its grid")
    return True


def _damage(file: h5py.File, what: bytes) -> None:
    name = ("coefficients", "visits")[what[0] % 2]
    keys = (
        "format",
        "version",
        "units",
        "temperature",
        "atoms",
        "lattice",
        "enthalpy",
        "order",
        "tails",
        "samples",
    )
    match what[1] % 6:
        case 0:
            return
        case 1:
            if name in file:
                del file[name]
        case 2:
            if name in file:
                del file[name]
            file[name] = VALUES[what[2] % len(VALUES)]()
        case 3:
            file.attrs[keys[what[0] % len(keys)]] = VALUES[what[2] % len(VALUES)]()
        case 4:
            if name in file:
                del file[name]
            shape = [(2**40,), (2**31, 4), (3, 2**50)][what[3] % 3]
            file.create_dataset(name, shape, "f8", chunks=tuple(min(n, 4) for n in shape))
        case 5:
            if name in file:
                del file[name]
            file.create_group(name)


@cache
def sound_weight(path: Path) -> bytes:
    weight().save(path)
    return path.read_bytes()
