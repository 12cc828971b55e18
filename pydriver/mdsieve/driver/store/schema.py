# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables of a store, and what a file must have to be one."""

from __future__ import annotations

import sqlite3
import sys
import time

from mdsieve._version import __version__

FORMAT = 2

TABLES = (
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
    """CREATE TABLE mdsieve_scorers (
    name TEXT PRIMARY KEY,             -- the rule's word
    header BLOB NOT NULL) WITHOUT ROWID  -- all that decides its numbers besides its deltas""",
    """CREATE TABLE mdsieve_deltas (
    frame INTEGER NOT NULL REFERENCES mdsieve_frames(frame),
    scorer TEXT NOT NULL REFERENCES mdsieve_scorers(name),
    delta BLOB NOT NULL,               -- what the kept frame means for the scorer
    PRIMARY KEY (frame, scorer)) WITHOUT ROWID""",
    """CREATE TABLE mdsieve_evaluations (
    run INTEGER NOT NULL REFERENCES mdsieve_runs(run),
    evaluation INTEGER NOT NULL,
    step INTEGER NOT NULL,
    time REAL NOT NULL,                -- ps
    temperature REAL,
    novelty REAL,
    verdict INTEGER NOT NULL,          -- 0 known, 1 kept, 2 junk
    frame_distance REAL,               -- the score frame; NULL: not known
    range_excess REAL,                 -- the score range
    reason TEXT NOT NULL DEFAULT '',   -- the condition that decided, gap, max or filter KIND
    detail TEXT NOT NULL DEFAULT '',   -- what a filter found, which calculator failed
    PRIMARY KEY (run, evaluation)) WITHOUT ROWID""",
)


class StoreError(ValueError):
    """The store cannot be used; one line that names the file and says why."""


class BlankStoreError(StoreError):
    """A database without any table: a store that was about to be made."""


#: What must be there as tables: ASE's and ours. A view of the same name could be anything, without end.
TABLE_NAMES = frozenset(
    {"systems", "species", "keys", "text_key_values", "number_key_values", "information"}
    | {statement.split()[2] for statement in TABLES}
)


def table_names(connection: sqlite3.Connection) -> set[str]:
    """Names of all tables of a database."""
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def create_tables(connection: sqlite3.Connection) -> None:
    """Make ASE's tables and ours in an empty database, all or none."""
    from ase.db.sqlite import index_statements, init_statements

    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    facts = {"format": FORMAT, "mdsieve": __version__, "created": now, "command": " ".join(sys.argv)}
    connection.execute("BEGIN IMMEDIATE")
    for statement in (*init_statements, *index_statements, *TABLES):
        connection.execute(statement)
    connection.executemany("INSERT INTO mdsieve_info VALUES (?, ?)", [(k, str(v)) for k, v in facts.items()])
    connection.execute("COMMIT")
