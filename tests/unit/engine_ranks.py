# SPDX-License-Identifier: GPL-2.0-or-later
"""Chunks over MPI, printed by the first rank. Started by `test_engine_clusters`."""

import json
import sys

from engine_work import n_threads, process_id, refuse_three, squares

from mdsieve.engine import map_chunks
from mdsieve.engine.choose import open_engine

CHUNKS = [list(range(i, i + 3)) for i in range(0, 60, 3)]


def main():
    with open_engine() as engine:
        if engine is None:
            return
        found = [[part.tolist() for part in result] for result in map_chunks(squares, CHUNKS, engine)]
        pids = {int(pid[0]) for pid in map_chunks(process_id, CHUNKS, engine)}
        threads = {int(n) for counts in map_chunks(n_threads, CHUNKS[:4], engine) for n in counts}
        try:
            list(map_chunks(refuse_three, CHUNKS, engine))
            error = ""
        except ValueError as raised:
            error = str(raised)
        print(json.dumps([engine.name, engine.n_workers, found, len(pids), sorted(threads), error]))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
