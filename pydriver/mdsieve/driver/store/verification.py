# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a store is whole in itself: what must hold between its tables, whatever killed its writer."""

from __future__ import annotations

import sqlite3

import numpy as np

from mdsieve.driver.store.records import REAL

# what there is if something is wrong, and the question whose answers are then the rows concerned
_QUESTIONS = (
    (
        "frame {}: not in ASE's table",
        "SELECT frame FROM mdsieve_frames WHERE frame NOT IN (SELECT id FROM systems)",
    ),
    (
        "row {} of ASE's table: not one of the kept frames",
        "SELECT id FROM systems WHERE id NOT IN (SELECT frame FROM mdsieve_frames)",
    ),
    (
        "run {0}: evaluation {1} was stored {2} times",
        "SELECT run, evaluation, count(*) FROM mdsieve_frames GROUP BY 1, 2 HAVING count(*) > 1",
    ),
    (
        "frame {}: not among the evaluations as kept",
        "SELECT f.frame FROM mdsieve_frames f LEFT JOIN mdsieve_evaluations e USING (run, evaluation)"
        " WHERE e.verdict IS NOT 1 OR e.step IS NOT f.step",
    ),
    (
        "run {0}, evaluation {1}: kept, but its frame is missing",
        "SELECT e.run, e.evaluation FROM mdsieve_evaluations e"
        " LEFT JOIN mdsieve_frames f USING (run, evaluation) WHERE e.verdict = 1 AND f.frame IS NULL",
    ),
    (
        "frame {0}: brought {1} environments, {2} are there",
        "SELECT f.frame, f.entries, count(e.position) FROM mdsieve_frames f"
        " LEFT JOIN mdsieve_environments e USING (frame) GROUP BY 1 HAVING f.entries != count(e.position)",
    ),
    (
        "environment {}: not of its frame's run and step",
        "SELECT e.position FROM mdsieve_environments e JOIN mdsieve_frames f USING (frame)"
        " WHERE e.run != f.run OR e.step != f.step",
    ),
    (
        "environment {}: does not follow those of the frames before",
        "SELECT position FROM (SELECT position, coalesce(frame, 0) AS now,"
        " lag(coalesce(frame, 0), 1, 0) OVER (ORDER BY position) AS before FROM mdsieve_environments)"
        " WHERE now < before",
    ),
    (
        "the bank has environments up to number {0}, but only {1} of them",
        "SELECT max(position), count(*) FROM mdsieve_environments HAVING max(position) + 1 != count(*)",
    ),
    (
        "frame {}: its scores are missing",
        "SELECT frame FROM mdsieve_frames WHERE frame NOT IN (SELECT frame FROM mdsieve_scores)",
    ),
)


def find_problems(connection: sqlite3.Connection, n_features: list[int] | None) -> list[str]:
    """What is wrong with a store, one line each; nothing if all is well.

    Parameters
    ----------
    connection : sqlite3.Connection
    n_features : list of int, optional
        Length of the fingerprints of each element; None if the campaign has no bank yet.

    Raises
    ------
    sqlite3.Error
        If the file cannot even be read.
    """
    found = [line for (line,) in connection.execute("PRAGMA integrity_check") if line != "ok"]
    if found:
        return found
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        found.append(f"{table}: row {row} refers to a row of {parent} that is not there")
    for text, question in _QUESTIONS:
        found += [text.format(*row) for row in connection.execute(question)]
    return found + _odd_fingerprints(connection, n_features)


def _odd_fingerprints(connection: sqlite3.Connection, n_features: list[int] | None) -> list[str]:
    found = []
    rows = connection.execute("SELECT position, element, fingerprint FROM mdsieve_environments")
    for position, element, fingerprint in rows:
        if n_features is None or not 0 <= element < len(n_features):
            found.append(f"environment {position}: of element number {element}, which the bank has not")
        elif len(fingerprint) != REAL.itemsize * n_features[element]:
            found.append(f"environment {position}: its fingerprint has {len(fingerprint)} bytes")
        elif not np.isfinite(np.frombuffer(fingerprint, REAL)).all():
            found.append(f"environment {position}: its fingerprint is not finite")
    return found
