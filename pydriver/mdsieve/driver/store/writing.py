# SPDX-License-Identifier: GPL-2.0-or-later
"""A store as the driver writes it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mdsieve.driver.store.owner import is_alive, this_process
from mdsieve.driver.store.reading import StoreReader
from mdsieve.driver.store.records import REAL, Environment, Evaluation, KeptFrame
from mdsieve.driver.store.schema import BlankStoreError, StoreError, create_tables, table_names

logger = logging.getLogger("mdsieve.store")

LOCK_NOTICE = 30.0  # seconds after which the log says that another program locks the file
LONGEST_LOCK = 600.0  # seconds that another program may hold a lock on the file


class FrameStore(StoreReader):
    """A campaign on disk.

    Every method that writes is one transaction and durable when it returns. The file is kept with a rollback
    journal (not a write-ahead log): what is committed is in this one file, which works on network file
    systems too, and a process that is killed leaves at most a journal that the next one to open the file
    plays back.

    Use `FrameStore.open` to write and `FrameStore.read` to look.
    """

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
        try:
            store = cls.read(path)
        except BlankStoreError:
            return
        except StoreError:
            if overwrite:
                return
            raise
        with store:
            store._refuse_second_writer()
            if not (resume or overwrite or store.is_empty):
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
        connection = sqlite3.connect(path, timeout=LOCK_NOTICE, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA synchronous = EXTRA")
            if not table_names(connection):
                create_tables(connection)
            store = cls(path, connection, writable=True)
            store._require_format()
            with store._transaction():
                store._refuse_second_writer()  # one may have come since `check`
                store._set_info("writer", json.dumps(this_process()))
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
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA query_only = ON")
            table_names(connection)
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
        if self._closed:
            return
        self._closed = True
        if self._writable:
            with contextlib.suppress(sqlite3.Error), self._transaction():
                self._connection.execute("DELETE FROM mdsieve_info WHERE name = 'writer'")
        self._connection.close()

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
        statement = f"INSERT INTO mdsieve_bank (id, header, {columns}) VALUES (0, :header, {marks})"  # noqa: S608
        with self._transaction():
            self._connection.execute(statement, {"header": header, **words})
            self._insert_environments(None, environments)

    def begin_scorer(self, name: str, header: bytes) -> None:
        """Enter a scorer, or replace what it begins with."""
        with self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO mdsieve_scorers VALUES (?, ?)", (name, header))

    def begin_run(self, world: int, channel: int, hello: dict) -> int:
        """A fix has come: the number of its run, from 1."""
        with self._transaction():
            cursor = self._connection.execute(
                "INSERT INTO mdsieve_runs (world, channel, fix, hello, started) VALUES (?, ?, ?, ?, ?)",
                (world, channel, str(hello.get("fix", "")), json.dumps(hello), time.time()),
            )
        assert cursor.lastrowid is not None  # as after every INSERT
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
        self,
        frame: KeptFrame,
        environments: list[Environment],
        evaluations: Sequence[Evaluation] = (),
        deltas: Mapping[str, bytes] | None = None,
    ) -> int:
        """Store a kept frame, its scores, its bank entries and its deltas, all or nothing.

        Parameters
        ----------
        frame : KeptFrame
        environments : list of Environment
            Its entries, in the bank's order; they continue the table.
        evaluations : list of Evaluation
            Lines of the evaluations table that go along.
        deltas : dict, optional
            For each scorer what the frame means for its state.

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
            self._connection.executemany(
                "INSERT INTO mdsieve_deltas VALUES (?, ?, ?)",
                [(row, name, bytes(delta)) for name, delta in (deltas or {}).items()],
            )
            self._insert_environments(row, environments)
            self._insert_evaluations(evaluations)
        return row

    # ---- inside

    @contextlib.contextmanager
    def _transaction(self):
        try:
            self._begin()
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: the store cannot be written: {error}") from error

    def _begin(self) -> None:
        """Take the file for this process alone, however long another one looks at it.

        Exclusively from the start: a reader can then not get between what is written and its end.
        """
        began = time.monotonic()
        while True:
            try:
                self._connection.execute("BEGIN EXCLUSIVE")
                return
            except sqlite3.OperationalError as error:
                waited = time.monotonic() - began
                if "locked" not in str(error) or waited > LONGEST_LOCK:
                    raise
                logger.warning("%s: locked by another program for %.0f s, waiting", self.path, waited)

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
                    np.asarray(e.fingerprint, REAL).tobytes(),
                )
                for i, e in enumerate(environments)
            ],
        )

    def _insert_evaluations(self, evaluations) -> None:
        self._connection.executemany(
            "INSERT INTO mdsieve_evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [dataclasses.astuple(e) for e in evaluations],
        )

    def _set_info(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO mdsieve_info VALUES (?, ?)", (name, value))

    def _refuse_second_writer(self) -> None:
        with self._understanding():
            self._refuse_living_writer()

    def _refuse_living_writer(self) -> None:
        text = self._one("SELECT value FROM mdsieve_info WHERE name = 'writer'")
        writer = json.loads(text) if text else None
        if writer and writer != this_process() and is_alive(writer):
            raise StoreError(
                f"{self.path}: the store is being written by process {writer['pid']} ({writer['host']})"
            )
