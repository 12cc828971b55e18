# SPDX-License-Identifier: GPL-2.0-or-later
"""The store: one SQLite file a campaign, an ASE database with our own tables beside (``docs/store.md``)."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mdsieve._version import __version__

logger = logging.getLogger("mdsieve.store")

FORMAT = 1

_TABLES = (
    """CREATE TABLE mdsieve_info (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE mdsieve_bank (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    header BLOB NOT NULL,              -- the bank without entries, as the `bank` file format has it
    descriptor_hash TEXT NOT NULL,     -- the rest repeats what is in it, for people
    descriptor_name TEXT NOT NULL,
    descriptor_text TEXT NOT NULL,
    elements TEXT NOT NULL,            -- JSON list; element numbers elsewhere count from 0 in it
    thresholds TEXT NOT NULL,          -- JSON list
    scaling TEXT NOT NULL)             -- JSON object: source, kind""",
    """CREATE TABLE mdsieve_runs (
    run INTEGER PRIMARY KEY,           -- one a fix: from HELLO to BYE
    world INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    fix TEXT NOT NULL,
    hello TEXT NOT NULL,               -- JSON: what the fix said of itself
    started REAL NOT NULL,             -- Unix time
    ended REAL,                        -- NULL: never said so (still running, or killed)
    ending TEXT,
    commands INTEGER NOT NULL DEFAULT 0,            -- LAMMPS `run` commands finished
    steps INTEGER NOT NULL DEFAULT 0,
    seconds_computing REAL NOT NULL DEFAULT 0,
    seconds_waiting REAL NOT NULL DEFAULT 0)""",
    """CREATE TABLE mdsieve_frames (
    frame INTEGER PRIMARY KEY REFERENCES systems(id),
    run INTEGER NOT NULL REFERENCES mdsieve_runs(run),
    step INTEGER NOT NULL,
    evaluation INTEGER NOT NULL,
    time REAL NOT NULL,                -- ps
    reason TEXT NOT NULL,              -- the condition that kept it
    trigger_atom INTEGER NOT NULL,
    trigger_element TEXT NOT NULL,
    entries INTEGER NOT NULL)          -- environments that it brought
    """,
    """CREATE TABLE mdsieve_scores (
    frame INTEGER NOT NULL REFERENCES mdsieve_frames(frame),
    name TEXT NOT NULL,
    value REAL,
    PRIMARY KEY (frame, name)) WITHOUT ROWID""",
    """CREATE TABLE mdsieve_environments (
    position INTEGER PRIMARY KEY,      -- in the bank, from 0
    frame INTEGER REFERENCES mdsieve_frames(frame),  -- NULL: came with the bank file the campaign began with
    element INTEGER NOT NULL,
    run INTEGER NOT NULL,
    step INTEGER NOT NULL,
    atom_id INTEGER NOT NULL,
    fingerprint BLOB NOT NULL)         -- unscaled, little-endian f64""",
    """CREATE TABLE mdsieve_evaluations (
    run INTEGER NOT NULL REFERENCES mdsieve_runs(run),
    evaluation INTEGER NOT NULL,
    step INTEGER NOT NULL,
    time REAL NOT NULL,                -- ps
    temperature REAL,
    novelty REAL,
    verdict INTEGER NOT NULL,          -- 0 known, 1 kept, 2 junk
    PRIMARY KEY (run, evaluation)) WITHOUT ROWID""",
)

_REAL = np.dtype("<f8")


class StoreError(ValueError):
    """The store cannot be used; one line that names the file and says why."""


class BlankStoreError(StoreError):
    """A database without any table: a store that was about to be made."""


@dataclass(frozen=True)
class Environment:
    """One bank entry.

    Attributes
    ----------
    element : int
        Index into the bank's elements.
    origin : tuple of int
        Run, step and atom ID.
    fingerprint : (n_features,) array
        Unscaled.
    """

    element: int
    origin: tuple[int, int, int]
    fingerprint: np.ndarray


@dataclass(frozen=True)
class Evaluation:
    """One line of the evaluations table: a frame that was looked at, whatever became of it."""

    run: int
    evaluation: int
    step: int
    time: float
    temperature: float
    novelty: float
    verdict: int


@dataclass(frozen=True)
class KeptFrame:
    """A frame to be stored.

    Attributes
    ----------
    atoms : ase.Atoms
        With a `SinglePointCalculator` if there are energies, forces or stress.
    scores : dict
        Name → value.
    """

    atoms: object
    run: int
    world: int
    step: int
    evaluation: int
    time: float
    temperature: float
    scores: dict[str, float]
    reason: str
    trigger_atom: int
    trigger_element: str
    data: dict = field(default_factory=dict)


class FrameStore:
    """A campaign on disk.

    Every method that writes is one transaction and durable when it returns. The file is kept with a rollback
    journal (not a write-ahead log): what is committed is in this one file, which works on network file
    systems too, and a process that is killed leaves at most a journal that the next one to open the file
    plays back.

    Use `FrameStore.open` to write and `FrameStore.read` to look.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, writable: bool) -> None:
        from ase.db.sqlite import SQLite3Database

        self.path = path
        self._connection = connection
        self._writable = writable
        # serial: ASE would otherwise broadcast over MPI when mpi4py happens to be loaded.
        self._ase = SQLite3Database(str(path), use_lock_file=False, serial=True)
        self._ase.connection = connection
        self._ase.change_count = 0

    # ---- opening and closing

    @classmethod
    def check(cls, path: str | os.PathLike, *, resume: bool = False, overwrite: bool = False) -> None:
        """Whether `open` with these words will work, without changing anything.

        Raises
        ------
        StoreError
            If not.
        """
        path = Path(path)
        folder = path.parent
        if not folder.is_dir():
            raise StoreError(f"{path}: the folder {folder} does not exist")
        if path.is_dir():
            raise StoreError(f"{path}: is a folder, expected a file for the store")
        if path.suffix != ".db":
            raise StoreError(f"{path}: the name of a store must end in .db, so that ASE reads it")
        if not os.access(folder, os.W_OK):
            raise StoreError(
                f"{path}: the folder {folder} is not writable, and SQLite keeps its journal there"
            )
        if not path.exists():
            return
        if not os.access(path, os.W_OK):
            raise StoreError(f"{path}: the store is not writable")
        if overwrite:
            return
        try:
            store = cls.read(path)
        except BlankStoreError:
            return
        with store:
            store._refuse_second_writer()
            if not resume and not store.is_empty:
                raise StoreError(
                    f"{path}: the store exists and holds {store.n_frames} frames; "
                    "say --resume to continue it or --overwrite to begin again"
                )

    @classmethod
    def open(cls, path: str | os.PathLike, *, resume: bool = False, overwrite: bool = False) -> FrameStore:
        """Open a store for writing.

        Parameters
        ----------
        path : path
            Its name must end in ``.db``.
        resume : bool
            Continue the store if it exists.
        overwrite : bool
            Replace the store if it exists.

        Raises
        ------
        StoreError
            If it exists, holds something and neither was said, is no store, is being written by another
            driver, or cannot be written.
        """
        path = Path(path)
        cls.check(path, resume=resume, overwrite=overwrite)
        if not resume:  # what is there may go, or holds nothing
            path.with_name(path.name + "-journal").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        try:
            return cls._open_file(path)
        except sqlite3.Error as error:
            raise StoreError(f"{path}: the store cannot be written: {error}") from None

    @classmethod
    def _open_file(cls, path: Path) -> FrameStore:
        connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA synchronous = EXTRA")
            if not _table_names(connection):
                _create_tables(connection)
            store = cls(path, connection, writable=True)
            store._require_format()
            with store._transaction():
                store._set_info("writer", json.dumps(_this_process()))
        except BaseException:
            connection.close()
            raise
        return store

    @classmethod
    def read(cls, path: str | os.PathLike) -> FrameStore:
        """Open a store to look at it.

        Raises
        ------
        StoreError
            If there is none of this name, or it is not a store of mdsieve.
        """
        path = Path(path)
        if not path.is_file():
            raise StoreError(f"{path}: there is no such store")
        try:
            # A journal left by a killed writer can only be played back by a connection that may write.
            mode = "rw" if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) else "ro"
            uri = f"{path.absolute().as_uri()}?mode={mode}"
            connection = sqlite3.connect(uri, uri=True, timeout=30.0, isolation_level=None)
            _table_names(connection)
            connection.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            raise StoreError(f"{path}: not a store of mdsieve: {error}") from None
        store = cls(path, connection, writable=False)
        try:
            store._require_format()
        except StoreError:
            connection.close()
            raise
        return store

    def close(self) -> None:
        """Close the file. The store cannot be used any more."""
        if self._connection is None:
            return
        if self._writable:
            with contextlib.suppress(sqlite3.Error), self._transaction():
                self._connection.execute("DELETE FROM mdsieve_info WHERE name = 'writer'")
        self._connection.close()
        self._connection = None

    def __enter__(self) -> FrameStore:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    # ---- writing

    def create_bank(self, header: bytes, description: dict, environments: list[Environment]) -> None:
        """Freeze what this campaign's bank is for.

        Parameters
        ----------
        header : bytes
            A bank without entries, serialised.
        description : dict
            ``descriptor_hash``, ``descriptor_name``, ``descriptor_text``, ``elements``, ``thresholds``,
            ``scaling``.
        environments : list of Environment
            What it begins with (the bank file of the fix).
        """
        words = {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in description.items()
        }
        columns = ", ".join(words)
        marks = ", ".join(":" + key for key in words)
        with self._transaction():
            self._connection.execute(
                f"INSERT INTO mdsieve_bank (id, header, {columns}) VALUES (0, :header, {marks})",
                {"header": header, **words},
            )
            self._insert_environments(None, environments)

    def begin_run(self, world: int, channel: int, hello: dict) -> int:
        """A fix has come: the number of its run, from 1."""
        with self._transaction():
            cursor = self._connection.execute(
                "INSERT INTO mdsieve_runs (world, channel, fix, hello, started) VALUES (?, ?, ?, ?, ?)",
                (world, channel, str(hello.get("fix", "")), json.dumps(hello), time.time()),
            )
        return cursor.lastrowid

    def add_run_command(self, run: int, info: dict, evaluations: list[Evaluation]) -> None:
        """A ``run`` command of LAMMPS has ended: add what the fix counted in it."""
        with self._transaction():
            self._connection.execute(
                "UPDATE mdsieve_runs SET commands = commands + 1, steps = steps + ?,"
                " seconds_computing = seconds_computing + ?, seconds_waiting = seconds_waiting + ?"
                " WHERE run = ?",
                (
                    int(info.get("steps", 0)),
                    float(info.get("seconds_computing", 0.0)),
                    float(info.get("seconds_waiting", 0.0)),
                    run,
                ),
            )
            self._insert_evaluations(evaluations)

    def end_run(self, run: int, ending: str, evaluations: list[Evaluation]) -> None:
        """A fix has gone."""
        with self._transaction():
            self._connection.execute(
                "UPDATE mdsieve_runs SET ended = ?, ending = ? WHERE run = ?", (time.time(), ending, run)
            )
            self._insert_evaluations(evaluations)

    def add_evaluations(self, evaluations: list[Evaluation]) -> None:
        """Store what was looked at and not kept."""
        if evaluations:
            with self._transaction():
                self._insert_evaluations(evaluations)

    def add_frame(
        self, frame: KeptFrame, environments: list[Environment], evaluations: list[Evaluation] = ()
    ) -> int:
        """Store a kept frame, its scores and its bank entries, all or nothing.

        Parameters
        ----------
        frame : KeptFrame
        environments : list of Environment
            Its entries, in the bank's order; they continue the table.
        evaluations : list of Evaluation
            Lines of the evaluations table that go along.

        Returns
        -------
        int
            The row's ID in the ASE database.
        """
        words = {
            "step": frame.step,
            "run": frame.run,
            "world": frame.world,
            "time": frame.time,
            "verdict": "kept",
            "trigger_atom": frame.trigger_atom,
            "trigger_element": frame.trigger_element,
            "temperature": frame.temperature,
            **frame.scores,
        }
        words = {key: value for key, value in words.items() if value == value}
        with self._transaction():
            self._ase.change_count = 0  # ASE commits by itself when it has counted to 5000
            row = self._ase.write(frame.atoms, data=frame.data, **words)
            self._connection.execute(
                "INSERT INTO mdsieve_frames VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    row,
                    frame.run,
                    frame.step,
                    frame.evaluation,
                    frame.time,
                    frame.reason,
                    frame.trigger_atom,
                    frame.trigger_element,
                    len(environments),
                ),
            )
            self._connection.executemany(
                "INSERT INTO mdsieve_scores VALUES (?, ?, ?)",
                [(row, name, float(value)) for name, value in frame.scores.items()],
            )
            self._insert_environments(row, environments)
            self._insert_evaluations(evaluations)
        return row

    # ---- reading

    @property
    def is_empty(self) -> bool:
        """Whether nothing worth keeping is in it: no frame and no bank entry."""
        return self.n_frames == 0 and self.n_environments == 0

    @property
    def n_frames(self) -> int:
        """Kept frames."""
        return self._one("SELECT count(*) FROM mdsieve_frames")

    @property
    def n_environments(self) -> int:
        """Bank entries."""
        return self._one("SELECT count(*) FROM mdsieve_environments")

    def last_kept_step(self, world: int, fix: str) -> int:
        """Step of the last frame kept from a fix of a world; -1 if there is none."""
        step = self._one(
            "SELECT step FROM mdsieve_frames JOIN mdsieve_runs USING (run) WHERE world = ? AND fix = ?"
            " ORDER BY frame DESC LIMIT 1",
            world,
            fix,
        )
        return -1 if step is None else step

    def bank_header(self) -> bytes | None:
        """The bank without its entries, serialised; None as long as the campaign has none."""
        return self._one("SELECT header FROM mdsieve_bank")

    def bank_description(self) -> dict | None:
        """Descriptor, elements, thresholds and scaling in words; None as long as the campaign has no bank."""
        names = ("descriptor_hash", "descriptor_name", "descriptor_text", "elements", "thresholds", "scaling")
        row = self._connection.execute(f"SELECT {', '.join(names)} FROM mdsieve_bank").fetchone()
        if row is None:
            return None
        texts = dict(zip(names, row, strict=True))
        return {**texts, **{key: json.loads(texts[key]) for key in ("elements", "thresholds", "scaling")}}

    def environments(self) -> Iterator[Environment]:
        """The bank's entries in its order."""
        rows = self._connection.execute(
            "SELECT element, run, step, atom_id, fingerprint FROM mdsieve_environments ORDER BY position"
        )
        for element, run, step, atom_id, fingerprint in rows:
            yield Environment(element, (run, step, atom_id), np.frombuffer(fingerprint, dtype=_REAL))

    def bank(self):
        """The bank that the store implies.

        Returns
        -------
        mdsieve._core.EnvironmentBank or None
            None as long as the campaign has none. `mdsieve.EnvironmentBank.load` gives it to users.
        """
        from mdsieve import _core

        header = self.bank_header()
        if header is None:
            return None
        bank = _core.EnvironmentBank.deserialise(header, str(self.path))
        bank.add(*as_arrays(list(self.environments())))
        return bank

    def runs(self) -> list[dict]:
        """The runs table, with the number of frames seen, kept and junk of each."""
        return self._dicts(
            "SELECT r.*, "
            "(SELECT count(*) FROM mdsieve_evaluations e WHERE e.run = r.run) AS seen, "
            "(SELECT count(*) FROM mdsieve_frames f WHERE f.run = r.run) AS kept, "
            "(SELECT count(*) FROM mdsieve_evaluations e WHERE e.run = r.run AND e.verdict = 2) AS junk "
            "FROM mdsieve_runs r ORDER BY run"
        )

    def frames(self) -> list[dict]:
        """The kept frames without their atoms, in the order in which they were kept.

        Each has the columns of ``mdsieve_frames``, ``world``, ``n_atoms``, ``temperature`` (None if unknown)
        and every score by its name.
        """
        with self._snapshot():
            rows = self._dicts(
                "SELECT f.*, r.world, s.natoms AS n_atoms, e.temperature FROM mdsieve_frames f"
                " JOIN mdsieve_runs r USING (run) JOIN systems s ON s.id = f.frame"
                " LEFT JOIN mdsieve_evaluations e USING (run, evaluation) ORDER BY f.frame"
            )
            scores = self._connection.execute("SELECT frame, name, value FROM mdsieve_scores").fetchall()
        by_frame = {row["frame"]: row for row in rows}
        for frame, name, value in scores:
            by_frame[frame][name] = value
        return rows

    def atoms(self, frame: int) -> tuple[object, dict]:
        """One kept frame.

        Returns
        -------
        ase.Atoms
            With its results, if it has any.
        dict
            ``data`` of the row: ``atom_ids``, ``origin``, ``units``.
        """
        row = self._ase.get(id=frame)
        return row.toatoms(), dict(row.data)

    def evaluations(self) -> np.ndarray:
        """All frames looked at, as a structured array with the columns of ``mdsieve_evaluations``."""
        rows = self._connection.execute(
            "SELECT * FROM mdsieve_evaluations ORDER BY run, evaluation"
        ).fetchall()
        types = [("run", "i8"), ("evaluation", "i8"), ("step", "i8"), ("time", "f8")]
        types += [("temperature", "f8"), ("novelty", "f8"), ("verdict", "i8")]
        return np.array(
            [tuple(np.nan if value is None else value for value in row) for row in rows], dtype=types
        )

    def bank_growth(self) -> np.ndarray:
        """Entries each kept frame brought, as rows (frame, element, entries) in the order kept; frame 0:
        the start.
        """
        rows = self._connection.execute(
            "SELECT coalesce(frame, 0), element, count(*) FROM mdsieve_environments"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return np.array(rows.fetchall(), dtype=np.int64).reshape(-1, 3)

    def info(self) -> dict[str, str]:
        """Format, version of mdsieve, command and time of creation."""
        return dict(self._connection.execute("SELECT name, value FROM mdsieve_info"))

    def units(self) -> str:
        """The LAMMPS unit style of the campaign; ``metal`` if there has been no run."""
        hello = self._one("SELECT hello FROM mdsieve_runs ORDER BY run LIMIT 1")
        return json.loads(hello).get("units", "metal") if hello else "metal"

    # ---- inside

    @contextlib.contextmanager
    def _snapshot(self):
        """Several questions, answered from the same state while a driver goes on writing."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def _transaction(self):
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: the store cannot be written: {error}") from error

    def _insert_environments(self, frame: int | None, environments: list[Environment]) -> None:
        first = self._one("SELECT coalesce(max(position) + 1, 0) FROM mdsieve_environments")
        self._connection.executemany(
            "INSERT INTO mdsieve_environments VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    first + i,
                    frame,
                    int(e.element),
                    *map(int, e.origin),
                    np.asarray(e.fingerprint, _REAL).tobytes(),
                )
                for i, e in enumerate(environments)
            ],
        )

    def _insert_evaluations(self, evaluations) -> None:
        self._connection.executemany(
            "INSERT INTO mdsieve_evaluations VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(e.run, e.evaluation, e.step, e.time, e.temperature, e.novelty, e.verdict) for e in evaluations],
        )

    def _one(self, statement: str, *values):
        row = self._connection.execute(statement, values).fetchone()
        return None if row is None else row[0]

    def _dicts(self, statement: str) -> list[dict]:
        cursor = self._connection.execute(statement)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def _set_info(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO mdsieve_info VALUES (?, ?)", (name, value))

    def _require_format(self) -> None:
        tables = _table_names(self._connection)
        if not tables:
            raise BlankStoreError(f"{self.path}: holds nothing yet")
        if "mdsieve_info" not in tables:
            raise StoreError(f"{self.path}: is a database, but not a store of mdsieve")
        found = self._one("SELECT value FROM mdsieve_info WHERE name = 'format'")
        if found != str(FORMAT):
            raise StoreError(f"{self.path}: the store has format {found}, this mdsieve reads format {FORMAT}")

    def _refuse_second_writer(self) -> None:
        text = self._one("SELECT value FROM mdsieve_info WHERE name = 'writer'")
        writer = json.loads(text) if text else None
        if writer and writer != _this_process() and _is_alive(writer):
            raise StoreError(
                f"{self.path}: the store is being written by process {writer['pid']} ({writer['host']})"
            )


def as_arrays(environments: Sequence[Environment]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Environments as the bank takes them: elements int32[n], origins int64[n, 3], fingerprints one after
    the other.
    """
    elements = np.array([e.element for e in environments], dtype=np.int32)
    origins = np.array([e.origin for e in environments], dtype=np.int64).reshape(-1, 3)
    values = [np.asarray(e.fingerprint, dtype=np.float64) for e in environments]
    return elements, origins, np.concatenate([np.empty(0), *values])


def _table_names(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _create_tables(connection: sqlite3.Connection) -> None:
    from ase.db.sqlite import index_statements, init_statements

    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    facts = {"format": FORMAT, "mdsieve": __version__, "created": now, "command": " ".join(sys.argv)}
    connection.execute("BEGIN IMMEDIATE")
    for statement in (*init_statements, *index_statements, *_TABLES):
        connection.execute(statement)
    connection.executemany("INSERT INTO mdsieve_info VALUES (?, ?)", [(k, str(v)) for k, v in facts.items()])
    connection.execute("COMMIT")


def _this_process() -> dict:
    return {"host": socket.gethostname(), "pid": os.getpid(), "start": _start_time(os.getpid())}


def _start_time(pid: int) -> str:
    """When a process began, in clock ticks after boot; empty where the system does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _is_alive(writer: dict) -> bool:
    """Whether a writer still runs, as far as this machine can know."""
    if writer["host"] != socket.gethostname():
        return False
    try:
        os.kill(writer["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _start_time(writer["pid"]) == writer["start"]
