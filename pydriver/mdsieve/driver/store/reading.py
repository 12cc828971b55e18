# SPDX-License-Identifier: GPL-2.0-or-later
"""A store as one looks at it."""

from __future__ import annotations

import contextlib
import functools
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from mdsieve.driver.store.records import REAL, Environment, as_arrays
from mdsieve.driver.store.schema import FORMAT, TABLE_NAMES, BlankStoreError, StoreError, table_names
from mdsieve.io.wording import shown, shown_error

if TYPE_CHECKING:
    from ase import Atoms


#: Scores whose names are columns of a frame.
_SCORE_KEYS = {"frame": "frame_distance"}

_Question = TypeVar("_Question", bound=Callable[..., Any])

#: What comes of reading a file whose content is not what a store holds.
_DAMAGE = (
    sqlite3.Error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


def _of_a_file(question: _Question) -> _Question:
    """A question whose answer stands in a file that anybody may have written: what cannot be understood is a
    `StoreError` in one line.
    """

    @functools.wraps(question)
    def ask(store: StoreReader, *arguments):
        with store._understanding():
            return question(store, *arguments)

    return ask  # type: ignore[return-value]


class StoreReader:
    """All that can be asked of a store; `FrameStore` can write too."""

    def __init__(self, path: Path, connection: sqlite3.Connection, writable: bool) -> None:
        from ase.db.sqlite import SQLite3Database

        self.path = path
        self._connection = connection
        self._writable = writable
        self._closed = False
        # serial: ASE would otherwise broadcast over MPI when mpi4py happens to be loaded.
        self._ase = SQLite3Database(str(path), use_lock_file=False, serial=True)
        self._ase.connection = connection  # type: ignore[assignment]
        self._ase.change_count = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing worth keeping is in it: no frame and no bank entry."""
        return self.n_frames == 0 and self.n_environments == 0

    @property
    @_of_a_file
    def n_frames(self) -> int:
        """Kept frames."""
        return self._one("SELECT count(*) FROM mdsieve_frames")

    @property
    @_of_a_file
    def n_environments(self) -> int:
        """Bank entries."""
        return self._one("SELECT count(*) FROM mdsieve_environments")

    @property
    @_of_a_file
    def last_step(self) -> int:
        """Step of the last kept frame; -1 if there is none."""
        step = self._one("SELECT step FROM mdsieve_frames ORDER BY frame DESC LIMIT 1")
        return -1 if step is None else step

    @_of_a_file
    def last_kept_step(self, world: int, fix: str) -> int:
        """Step of the last frame kept from a fix of a world; -1 if there is none."""
        step = self._one(
            "SELECT step FROM mdsieve_frames JOIN mdsieve_runs USING (run) WHERE world = ? AND fix = ?"
            " ORDER BY frame DESC LIMIT 1",
            world,
            fix,
        )
        return -1 if step is None else step

    @_of_a_file
    def bank_header(self) -> bytes | None:
        """The bank without its entries, serialised; None as long as the campaign has none."""
        return self._one("SELECT header FROM mdsieve_bank")

    @_of_a_file
    def bank_description(self) -> dict | None:
        """Descriptor, elements, thresholds and scaling in words; None as long as the campaign has no bank."""
        names = ("descriptor_hash", "descriptor_name", "descriptor_text", "elements", "thresholds", "scaling")
        statement = f"SELECT {', '.join(names)} FROM mdsieve_bank"  # noqa: S608  our own names
        row = self._connection.execute(statement).fetchone()
        if row is None:
            return None
        texts = dict(zip(names, row, strict=True))
        return {**texts, **{key: json.loads(texts[key]) for key in ("elements", "thresholds", "scaling")}}

    def environments(self) -> Iterator[Environment]:
        """The bank's entries in its order."""
        rows = self._connection.execute(
            "SELECT element, run, step, atom_id, fingerprint FROM mdsieve_environments ORDER BY position"
        )
        with self._understanding():
            for element, run, step, atom_id, fingerprint in rows:
                yield Environment(element, (run, step, atom_id), np.frombuffer(fingerprint, dtype=REAL))

    @_of_a_file
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

    @_of_a_file
    def runs(self) -> list[dict]:
        """The runs table, with the number of frames seen, kept and junk of each."""
        return self._dicts(
            "SELECT r.*, "
            "(SELECT count(*) FROM mdsieve_evaluations e WHERE e.run = r.run) AS seen, "
            "(SELECT count(*) FROM mdsieve_frames f WHERE f.run = r.run) AS kept, "
            "(SELECT count(*) FROM mdsieve_evaluations e WHERE e.run = r.run AND e.verdict = 2) AS junk "
            "FROM mdsieve_runs r ORDER BY run"
        )

    @_of_a_file
    def frames(self) -> list[dict]:
        """The kept frames without their atoms, in the order in which they were kept.

        Each has the columns of ``mdsieve_frames``, ``world``, ``n_atoms``, ``temperature`` (None if unknown)
        and every score by its name; the score ``frame`` is ``frame_distance``, because ``frame`` is the
        number of the row.
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
            by_frame[frame][_SCORE_KEYS.get(name, name)] = value
        return rows

    @_of_a_file
    def atoms(self, frame: int) -> tuple[Atoms, dict]:
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

    @_of_a_file
    def evaluations(self) -> np.ndarray:
        """All frames looked at, as a structured array with the columns of ``mdsieve_evaluations``."""
        rows = self._connection.execute(
            "SELECT run, evaluation, step, time, temperature, novelty, verdict, frame_distance, range_excess"
            " FROM mdsieve_evaluations ORDER BY run, evaluation"
        ).fetchall()
        types = [("run", "i8"), ("evaluation", "i8"), ("step", "i8"), ("time", "f8")]
        types += [("temperature", "f8"), ("novelty", "f8"), ("verdict", "i8")]
        types += [("frame_distance", "f8"), ("range_excess", "f8")]
        return np.array(
            [tuple(np.nan if value is None else value for value in row) for row in rows], dtype=types
        )

    @_of_a_file
    def reasons(self) -> dict[tuple[int, str], int]:
        """How many frames each reason decided: (verdict, reason) → frames; known frames without a reason are
        left out.
        """
        rows = self._connection.execute(
            "SELECT verdict, reason, count(*) FROM mdsieve_evaluations WHERE reason != '' GROUP BY 1, 2"
        )
        return {(verdict, reason): count for verdict, reason, count in rows}

    @_of_a_file
    def details(self) -> list[dict]:
        """Frames of which more is to be known: run, evaluation, step, verdict, reason, detail."""
        names = ("run", "evaluation", "step", "verdict", "reason", "detail")
        rows = self._connection.execute(
            "SELECT run, evaluation, step, verdict, reason, detail FROM mdsieve_evaluations"
            " WHERE detail != '' ORDER BY run, evaluation"
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    @_of_a_file
    def scorer_header(self, name: str) -> bytes | None:
        """What a scorer was begun with; None if the campaign has no such scorer."""
        return self._one("SELECT header FROM mdsieve_scorers WHERE name = ?", name)

    @_of_a_file
    def scorer_deltas(self, name: str) -> list[bytes]:
        """What the kept frames meant for a scorer, in their order."""
        rows = self._connection.execute(
            "SELECT delta FROM mdsieve_deltas WHERE scorer = ? ORDER BY frame", (name,)
        )
        return [bytes(delta) for (delta,) in rows]

    @_of_a_file
    def bank_growth(self) -> np.ndarray:
        """Entries each kept frame brought, as rows (frame, element, entries) in the order kept; frame 0:
        the start.
        """
        rows = self._connection.execute(
            "SELECT coalesce(frame, 0), element, count(*) FROM mdsieve_environments"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return np.array(rows.fetchall(), dtype=np.int64).reshape(-1, 3)

    @_of_a_file
    def entry_atoms(self) -> list[tuple[int, int]]:
        """Frame and atom ID of every bank entry that a kept frame brought, in the bank's order."""
        return self._connection.execute(
            "SELECT frame, atom_id FROM mdsieve_environments WHERE frame IS NOT NULL ORDER BY position"
        ).fetchall()

    @_of_a_file
    def info(self) -> dict[str, str]:
        """Format, version of mdsieve, command and time of creation."""
        return dict(self._connection.execute("SELECT name, value FROM mdsieve_info"))

    @_of_a_file
    def units(self) -> str:
        """The LAMMPS unit style of the campaign; ``metal`` if there has been no run."""
        hello = self._one("SELECT hello FROM mdsieve_runs ORDER BY run LIMIT 1")
        return json.loads(hello).get("units", "metal") if hello else "metal"

    def problems(self) -> list[str]:
        """What is wrong with this store, one line each: the database itself, or tables that contradict each
        other. Nothing if all is well.

        Raises
        ------
        StoreError
            If the file cannot be read.
        """
        from mdsieve import _core
        from mdsieve.driver.store.verification import find_problems

        try:
            with self._snapshot():
                header = self.bank_header()
                lengths = None
                if header is not None:
                    lengths = _core.EnvironmentBank.deserialise(header, "the bank's header").n_features
                return find_problems(self._connection, lengths)
        except StoreError:
            raise
        except ValueError as error:
            return [str(error)]
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: cannot be read: {error}") from None

    # ---- inside

    @contextlib.contextmanager
    def _understanding(self):
        """Turns whatever goes wrong with the content of the file into a `StoreError`."""
        try:
            yield
        except StoreError:
            raise
        except _DAMAGE as error:
            raise StoreError(f"{self.path}: the store cannot be read: {shown_error(error)}") from error

    @contextlib.contextmanager
    def _snapshot(self):
        """Several questions, answered from the same state while a driver goes on writing."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def _one(self, statement: str, *values):
        row = self._connection.execute(statement, values).fetchone()
        return None if row is None else row[0]

    def _dicts(self, statement: str) -> list[dict]:
        cursor = self._connection.execute(statement)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    @_of_a_file
    def _require_format(self) -> None:
        tables = table_names(self._connection)
        if not tables:
            raise BlankStoreError(f"{self.path}: holds nothing yet")
        if "mdsieve_info" not in tables:
            raise StoreError(f"{self.path}: is a database, but not a store of mdsieve")
        found = self._one("SELECT value FROM mdsieve_info WHERE name = 'format'")
        if found != str(FORMAT):
            raise StoreError(
                f"{self.path}: the store has format {shown(found)}, this mdsieve reads format {FORMAT}"
            )
        missing = sorted(TABLE_NAMES - tables)
        if missing:
            raise StoreError(f"{self.path}: the store is damaged: it has no table {missing[0]}")
