# SPDX-License-Identifier: GPL-2.0-or-later
"""The readers of Python under test, by name."""

import io
import json
import logging
import os
import shutil
import sqlite3
import struct
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import h5py
import momt_targets
import numpy as np
from mutation import Target, Violation, require_line

from mdsieve import EnvironmentBank, SymmetryFunctions, _core
from mdsieve.driver import messages
from mdsieve.driver.config import ConfigError, DriverConfig, load_config
from mdsieve.driver.service import Service
from mdsieve.driver.store import FrameStore, StoreError
from mdsieve.io.lammps_dump import DumpError, read_dump
from mdsieve.io.trajectories import iterate_frames

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
import synthetic

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)


@cache
def folder() -> Path:
    """A place in memory for what readers want as files."""
    root = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix="mdsieve-fuzz-", dir=root))
    import atexit

    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def refused(error: Exception) -> bool:
    """A refusal, if it is one line."""
    require_line(str(error))
    return False


# ---- the link's messages


def sample_messages() -> list[bytes]:
    """One or two of each kind."""
    frames = synthetic.trajectory(2)
    fix = synthetic.FakeFix(lambda *_: None)
    frame = fix.frame(frames[0])
    bare = fix.frame(frames[1], ids=None, elements=None, positions=None)
    full = fix.frame(
        frames[1], velocities=np.ones((12, 3)), forces=np.ones((12, 3)), energy=-3.0, pressure=np.arange(6.0)
    )
    verdict = messages.Verdict(
        70, 7, 1, True, 1.25, 12, 3, 2, 9, np.array([1]), np.array([[1, 70, 12]]), np.array([0.5]), b"bank"
    )
    every = [
        messages.DriverHere(),
        synthetic.hello(),
        synthetic.hello(scaling=synthetic.pilot(2)),
        messages.Welcome(1, 2, 30, b"bank"),
        frame,
        bare,
        full,
        verdict,
        messages.RunEnd({"steps": 100, "seconds_computing": 0.5}),
        messages.Bye(),
        messages.Goodbye(4),
        messages.Fatal("because"),
    ]
    return [messages.encode(0, message) for message in every]


def with_length(data: bytes) -> bytes:
    """The same with the length that fits, so that mutations reach what lies behind it."""
    data = data[: len(data) // 8 * 8]
    return data[:24] + struct.pack("<q", len(data) - 32) + data[32:] if len(data) >= 32 else data


MESSAGE_WORDS = [
    b"MDSIEVE1", bytes(8), b'"scaling": ', b"null", b"[" * 2000, b'{"a":' * 300, b"1e999", b"NaN", b"-1", b'""',
    b"\\ud800", b"[]", b"{}", b"99999999999999999999999", b"true", b'"pilot"', b'"Ni"', b"\xff", b"\\u0000",
]  # fmt: skip


def read_message(data: bytes) -> bool:
    data = with_length(data) if len(data) % 2 == 0 else data
    try:
        channel, message = messages.decode(data)
    except messages.LinkError as error:
        return refused(error)
    again = messages.decode(messages.encode(channel, message))
    if type(again.message) is not type(message):
        raise Violation("a message changes its kind")
    return True


# ---- a whole conversation with a driver: a sequence of messages, each behind its length


def conversation() -> list[bytes]:
    frames = synthetic.trajectory(4)
    fix = synthetic.FakeFix(lambda *_: None)

    def packed(*parts) -> bytes:
        texts = [messages.encode(0, part) for part in parts]
        return b"".join(struct.pack("<q", len(text)) + text for text in texts)

    decided = [fix.frame(frame) for frame in frames]
    end = messages.RunEnd({"steps": 30, "seconds_computing": 0.1, "seconds_waiting": 0.0})
    return [
        packed(synthetic.hello(), *decided[:2], end, messages.Bye()),
        packed(synthetic.hello(rule="keep novelty > 1 junk novelty > 20 stop novelty > 30 hard"), decided[0]),
        packed(synthetic.hello(scaling=synthetic.pilot(2)), *decided[:3], messages.Goodbye(1)),
    ]


@cache
def lasting_service() -> list:
    """A driver for some hundred conversations, and how many it has had."""
    return [None, 0]


def next_service() -> tuple[Service, int]:
    """A driver and the world that speaks to it next; a new campaign now and then."""
    state = lasting_service()
    if state[0] is None or state[1] % 200 == 0:
        if state[0] is not None:
            state[0].close()
        path = folder() / "conversation.db"
        path.unlink(missing_ok=True)
        state[0] = Service(DriverConfig(store=path, progress=1e9, flush=1e9))
    state[1] += 1
    return state[0], state[1] % 200


def read_conversation(data: bytes) -> bool:
    service, world = next_service()
    is_good, at = True, 0
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<q", data, at)
        length = min(max(length, 0), len(data)) // 8 * 8
        part = with_length(data[at + 8 : at + 8 + length])
        at += 8 + length
        try:
            channel, message = messages.decode(part)
        except messages.LinkError as error:
            channel, reply = 0, service.malformed(world, error)
        else:
            reply = service.handle(world, channel, message)
        if isinstance(reply, messages.Fatal):
            require_line(" ".join(reply.text.split()))
            is_good = False
        if reply is not None:
            messages.decode(messages.encode(channel, reply))
        if service.failure is not None:
            failure = service.failure
            lasting_service()[1] = 0
            raise Violation(f"one fix's message ends the driver: {failure}")
    service.handle(world, 0, messages.Goodbye(1))
    return is_good


# ---- banks


def sample_bank() -> EnvironmentBank:
    functions = SymmetryFunctions.from_text(synthetic.DESCRIPTOR)
    bank = EnvironmentBank(functions, dict(zip(synthetic.ELEMENTS, synthetic.THRESHOLDS, strict=True)), None)
    for snapshot in synthetic.trajectory(3):
        ids = np.arange(1, len(snapshot.elements) + 1)
        bank.update_from_fingerprints(snapshot.elements, np.concatenate(snapshot.rows), ids - 1, ids)
    return bank


def with_checksum(data: bytes) -> bytes:
    """A bank file whose magic, length and checksum fit."""
    data = b"MDSVBANK" + struct.pack("<QQ", 1, max(len(data), 32)) + data[24:].ljust(8, b"\0")
    value = 0xCBF29CE484222325
    for byte in data[:-8]:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return data[:-8] + struct.pack("<Q", value)


def read_bank_file(data: bytes, name: str) -> bool:
    path = folder() / name
    path.write_bytes(data)
    try:
        bank = EnvironmentBank.load(path)
        for element in bank.functions.elements:
            bank.entries(element)
    except (ValueError, OSError) as error:
        return refused(error)
    if len(bank) != sum(bank.size(element) for element in bank.functions.elements):
        raise Violation("a bank has as many entries as its elements together")
    return True


def read_native_bank(data: bytes) -> bool:
    return read_bank_file(with_checksum(data) if len(data) % 2 == 0 else data, "fuzz.bank")


def read_hdf5_bank(data: bytes) -> bool:
    """Bytes that are no HDF5 are damaged; the first 16 say what else is wrong with a sound file."""
    if data[:8] == b"\x89HDF\r\n\x1a\n":
        return read_bank_file(data, "fuzz.h5")
    path = folder() / "fuzz.h5"
    sample_bank_file("sound.h5")
    shutil.copy(folder() / "sound.h5", path)
    with h5py.File(path, "r+") as file:
        for i in range(0, min(len(data), 32), 4):
            damage_hdf5(file, data[i : i + 4].ljust(4, b"\0"))
    return read_bank_file(path.read_bytes(), "fuzz.h5")


@cache
def sample_bank_file(name: str) -> bytes:
    sample_bank().save(folder() / name)
    return (folder() / name).read_bytes()


HDF5_DATASETS = [
    "descriptor", "entries/element", "entries/origin", "elements/Ni/shift", "elements/Ni/factor",
    "elements/H/fingerprints", "elements/Ni/fingerprints", "elements/H/shift",
]  # fmt: skip
HDF5_VALUES: list[Callable[[], object]] = [
    lambda: np.zeros(0),
    lambda: np.full((2, 2), np.nan),
    lambda: -1,
    lambda: "text",
    lambda: np.array([b"x", b"y"]),
    lambda: np.array([2**62, -(2**62)]),
    lambda: np.full(7, np.inf),
    lambda: h5py.Empty("f8"),
    lambda: np.array([1 + 2j]),
    lambda: np.float32(0.25),
]


def damage_hdf5(file: h5py.File, what: bytes) -> None:
    name = HDF5_DATASETS[what[0] % len(HDF5_DATASETS)]
    value = HDF5_VALUES[what[2] % len(HDF5_VALUES)]
    match what[1] % 9:
        case 0:
            return
        case 1:
            if name in file:
                del file[name]
        case 2:
            if name in file:
                del file[name]
            if name.rpartition("/")[0] in file or "/" not in name:
                file[name] = value()
        case 3:
            key = ["format", "version", "descriptor_hash", "scaling", "elements"][what[3] % 5]
            file.attrs[key] = value()
        case 4:
            group = file.get(["elements/Ni", "elements/H"][what[3] % 2])
            if isinstance(group, h5py.Group):
                group.attrs[["threshold", "cutoff"][what[0] % 2]] = value()
        case 5:
            if name in file:
                del file[name]
            shape = [(2**40,), (2**31, 4), (2**60,), (3, 2**50)][what[3] % 4]
            file.create_dataset(name, shape, "f8", chunks=tuple(min(n, 4) for n in shape))
        case 6:
            if name in file:
                del file[name]
            file[name] = [
                h5py.SoftLink("/nowhere"),
                h5py.ExternalLink("/etc/passwd", "/"),
                h5py.SoftLink(name),
            ][what[3] % 3]
        case 7:
            if name in file:
                del file[name]
            file.create_group(name)
        case 8:
            if (
                isinstance(file.get(name), h5py.Dataset)
                and 1 < file[name].size < 10**6
                and file[name].dtype.kind in "if"
            ):
                flat = file[name][()].ravel()
                flat[what[3] % flat.size] = (
                    [np.nan, -1, 1e308, 2**31][what[2] % 4] if flat.dtype.kind == "f" else 2**20
                )
                file[name][...] = flat.reshape(file[name].shape)


# ---- the store


@cache
def sample_store() -> bytes:
    """A small campaign as a file."""
    path = folder() / "sound.db"
    path.unlink(missing_ok=True)
    service = Service(DriverConfig(store=path, progress=1e9))
    fix = synthetic.FakeFix(service.handle)
    fix.begin(synthetic.hello())
    for snapshot in synthetic.trajectory(4, n_atoms=3):
        fix.evaluate(snapshot)
    service.close()
    connection = sqlite3.connect(path)
    connection.execute("VACUUM")
    connection.close()
    return path.read_bytes()


STORE_VALUES = ["NULL", "''", "x''", "x'ff'", "-1", "9e999", "9223372036854775807", "'text'", "x'00000000000000'",
                "'[[[['", "'{}'", "1e300", "zeroblob(5)", "zeroblob(1000000000)", "'nan'", "'2'"]  # fmt: skip


@cache
def store_columns() -> list[tuple[str, str]]:
    """Table and column of everything in a store."""
    path = folder() / "columns.db"
    path.write_bytes(sample_store())
    connection = sqlite3.connect(path)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = [
        (table, row[1]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})")
    ]
    connection.close()
    return columns


def read_store(data: bytes) -> bool:
    """Bytes that are no database are damaged; else they say what is wrong with a sound one."""
    path = folder() / "fuzz.db"
    for suffix in ("-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    if data[:15] == b"SQLite format 3":
        path.write_bytes(data)
    else:
        path.write_bytes(sample_store())
        damage_store(path, data)
    try:
        with FrameStore.read(path) as store:
            answer_all(store)
    except (StoreError, OSError) as error:
        return refused(error)
    return True


def answer_all(store: FrameStore) -> None:
    """Everything that can be asked."""
    store.bank()
    store.bank_description()
    store.runs()
    for frame in store.frames():
        store.atoms(frame["frame"])
    store.evaluations()
    store.bank_growth()
    store.info()
    store.units()
    store.last_kept_step(0, "sel")


def damage_store(path: Path, data: bytes) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = MEMORY")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("PRAGMA writable_schema = ON")
    for i in range(0, min(len(data), 24), 4):
        what = data[i : i + 4].ljust(4, b"\0")
        table, column = store_columns()[(what[0] + 256 * (what[3] // 64)) % len(store_columns())]
        value = STORE_VALUES[what[1] % len(STORE_VALUES)]
        statements = {
            0: "SELECT 1",
            1: f"UPDATE {table} SET {column} = {value}",
            2: f"UPDATE {table} SET {column} = {value} WHERE rowid = (SELECT min(rowid) FROM {table})",
            3: f"DELETE FROM {table}",
            4: f"DROP TABLE {table}",
            5: "UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')",
            6: f"INSERT INTO {table} DEFAULT VALUES",
            7: f"ALTER TABLE {table} RENAME COLUMN {column} TO other",
        }
        try:
            connection.execute(statements[what[2] % 8])
            if what[2] % 8 == 4 and what[3] % 2:
                connection.execute(
                    f"CREATE VIEW {table} AS WITH RECURSIVE n(frame) AS (SELECT 1 UNION ALL SELECT frame + 1 FROM n)"
                    " SELECT * FROM n"
                )
        except sqlite3.Error:
            continue
    connection.close()


# ---- text


def read_toml(data: bytes) -> bool:
    path = folder() / "select.toml"
    path.write_bytes(data)
    try:
        load_config(path)
    except ConfigError as error:
        return refused(error)
    return True


DUMP = b"""ITEM: TIMESTEP
100
ITEM: NUMBER OF ATOMS
3
ITEM: BOX BOUNDS xy xz yz pp pp ff
0.0 12.5 1.5
0.0 9.0 0.5
-1.0 7.0e+00 -0.25
ITEM: ATOMS id type x y z vx vy vz
2 1 0.5 0.5 0.5 0 0 0
1 2 1.5 0.5 0.5 0 0 1e-3
7 1 nan 2.5 0.5 0 0 0
"""


def read_dump_text(data: bytes) -> bool:
    file = io.StringIO(data.decode("utf-8", "replace"))
    try:
        for atoms in read_dump(file, ["Ni", "H"]):
            if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
                raise Violation("positions and cell are finite")
            if len(atoms) > 1 and not (np.diff(atoms.arrays["id"]) > 0).all():
                raise Violation("atoms stand in the order of their IDs")
    except DumpError as error:
        return refused(error)
    return True


XYZ = b"""3
Lattice="5.0 0 0 0 6.0 0 0.5 0 7.0" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.5 pbc="T T F"
Ni 0.0 0.0 0.0 0.1 0.2 0.3
Ni 1.5 0.0 0.0 0.1 0.2 0.3
H 0.0 2.5 0.0 0.1 0.2 0.3
"""


def read_trajectory(data: bytes, name: str) -> bool:
    path = folder() / name
    path.write_bytes(data)
    try:
        for _ in iterate_frames([path], ["Ni", "H"]):
            pass
    except (ValueError, OSError) as error:
        return refused(error)
    return True


def _dump_words() -> list[bytes]:
    return [b"ITEM: ATOMS id element xs ys zs\n", b"ITEM: TIMESTEP\n", b"ITEM: UNITS\nmetal\n", b"nan ", b"inf ",
            b"1e308 ", b"-1 ", b"99999999999999999999 ", b"\r\n", b"\n", b"\0", b"\xff", b"Ni ", b" x ", b" id ",
            b"ITEM: BOX BOUNDS pp pp pp\n", b"ITEM: BOX BOUNDS abc origin pp pp pp\n", b"\xc2\xb2"]  # fmt: skip


def _xyz_words() -> list[bytes]:
    return [b"Lattice=", b"Properties=species:S:1:pos:R:3", b":I:", b":L:1", b'"', b"nan ", b"1e308 ", b"\n", b"\r\n",
            b"2\n", b"999999999999\n", b"pbc=", b"energy=", b"{", b"[", b"\\", b"\0", b"X ", b"_JSON {"]  # fmt: skip


TOML = b'store = "run.db"\nresume = true\nprogress = 2.5\nflush = 1\npilot_memory = 64\nreport = "r.html"\n'


def make(name: str) -> Target:
    """A target by its name, ready to run."""
    odd = [bytes([i]) * 4 for i in range(0, 64, 7)]
    makers: dict[str, Callable[[], Target]] = {
        "messages": lambda: Target(read_message, sample_messages(), MESSAGE_WORDS),
        "conversation": lambda: Target(
            read_conversation, conversation()[:2], MESSAGE_WORDS, conversation()[2:]
        ),
        "bank": lambda: Target(read_native_bank, [sample_bank_file("sound.bank")], [bytes(8)]),
        "bank_hdf5": lambda: Target(read_hdf5_bank, [bytes(4), sample_bank_file("sound.h5")], odd),
        "store": lambda: Target(read_store, [bytes(4), sample_store()], odd),
        "toml": lambda: Target(
            read_toml, [TOML, b""], [b"[", b"[[a]]", b"nan", b"inf", b'"""', b"a.b = 1", b"\xff"]
        ),
        "dump": lambda: Target(read_dump_text, [DUMP.replace(b"nan", b"1.0")], _dump_words()),
        "dump_file": lambda: Target(
            lambda data: read_trajectory(data, "fuzz.dump"), [DUMP.replace(b"nan", b"1.0")], _dump_words()
        ),
        "xyz": lambda: Target(lambda data: read_trajectory(data, "fuzz.xyz"), [XYZ], _xyz_words()),
        "momt_record": lambda: Target(
            lambda data: momt_targets.read_momt_record(data, folder() / "record.txt"),
            [momt_targets.RECORD, momt_targets.LOG],
            momt_targets.WORDS,
        ),
        "momt_weight": lambda: Target(
            lambda data: momt_targets.read_momt_weight(data, folder() / "weight.h5"),
            [bytes(4), momt_targets.sound_weight(folder() / "sound.h5")],
            odd,
        ),
    }
    return makers[name]()


NAMES = ("messages", "conversation", "bank", "bank_hdf5", "store", "toml", "dump", "dump_file", "xyz",
         "momt_record", "momt_weight")  # fmt: skip


def describe(finding) -> str:
    """What was found, for people."""
    return json.dumps(
        {"error": f"{type(finding.error).__name__}: {finding.error}"[:400], "bytes": len(finding.data)}
    )


__all__ = ["NAMES", "_core", "describe", "make"]
