# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine: order, results that do not depend on who computes, workers that die, checkpoints."""

import os
import subprocess
import sys
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from engine_work import Counted, n_threads, process_id, refuse_three, squares

from mdsieve.engine import (
    Checkpoint,
    ExecutorEngine,
    LostChunkError,
    ProcessEngine,
    SerialEngine,
    as_engine,
    map_chunks,
)
from mdsieve.engine.choose import open_engine

CHUNKS = [list(range(i, i + 3)) for i in range(0, 60, 3)]


@pytest.fixture(scope="module")
def processes():
    with ProcessEngine(2) as engine:
        yield engine


def as_lists(results):
    return [[part.tolist() for part in result] for result in results]


def test_processes_give_what_one_process_gives_in_the_same_order(processes):
    alone = as_lists(map_chunks(squares, CHUNKS))
    assert as_lists(map_chunks(squares, CHUNKS, processes)) == alone
    assert alone[1] == [[9.0, 16.0, 25.0], [12.0]]
    pids = {int(pid[0]) for pid in map_chunks(process_id, CHUNKS, processes)}
    assert os.getpid() not in pids
    assert pids <= set(processes.executor._processes)


def test_any_executor_of_the_standard_library_will_do():
    alone = as_lists(map_chunks(squares, CHUNKS))
    with ThreadPoolExecutor(3) as threads:
        assert as_lists(map_chunks(squares, CHUNKS, threads)) == alone
        assert as_lists(map_chunks(squares, CHUNKS, ExecutorEngine(threads, 1))) == alone


def test_something_that_is_no_executor_is_refused():
    with pytest.raises(TypeError, match=r"expected an executor of concurrent\.futures"):
        as_engine(4)


def test_only_as_many_chunks_as_needed_are_taken_ahead():
    taken = []

    def source():
        for chunk in CHUNKS:
            taken.append(chunk)
            yield chunk

    with ThreadPoolExecutor(2) as threads:
        results = map_chunks(squares, source(), ExecutorEngine(threads, 2))
        next(results)
        assert len(taken) == 4
        results.close()


def test_each_worker_has_one_thread(processes):
    for counts in map_chunks(n_threads, CHUNKS[:4], processes):
        assert len(counts)
        assert set(counts) == {1}
    for counts in map_chunks(n_threads, CHUNKS[:1]):
        assert set(counts) == {1}


def test_the_error_of_the_first_bad_chunk_comes_at_its_place(processes):
    results = map_chunks(refuse_three, CHUNKS, processes)
    assert next(results).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="three is refused"):
        next(results)


def test_a_worker_that_is_killed_costs_only_the_chunks_on_their_way(tmp_path):
    work = Counted(tmp_path, deadly=(30,))
    with ProcessEngine(2) as engine:
        found = [result.tolist() for result in map_chunks(work, CHUNKS, engine)]
    assert found == [[float(i) ** 2 for i in chunk] for chunk in CHUNKS]
    assert work.n_tries(30) == 2
    n_again = sum(work.n_tries(chunk[0]) - 1 for chunk in CHUNKS)
    assert 1 <= n_again <= 4, "twice as many chunks as workers are on their way, no others are lost"
    assert all(work.n_tries(chunk[0]) == 1 for chunk in CHUNKS[:6])


def test_a_chunk_that_kills_every_worker_is_named_and_the_others_do_not_pay(tmp_path):
    work = Counted(tmp_path, deadly=(6,), n_deaths=99)
    with ProcessEngine(2) as engine:
        results = map_chunks(work, CHUNKS[:5], engine)
        assert [next(results)[0], next(results)[0]] == [0.0, 9.0]
        with pytest.raises(LostChunkError, match="chunk 2: the worker died 3 times"):
            next(results)
    assert work.n_tries(6) == 3
    assert all(work.n_tries(chunk[0]) <= 3 for chunk in CHUNKS[:5])


def test_a_broken_executor_of_somebody_else_is_said(tmp_path):
    work = Counted(tmp_path, deadly=(0,), n_deaths=99)
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(BrokenExecutor, match="cannot be replaced"),
    ):
        list(map_chunks(work, CHUNKS, pool))


def content(chunk):
    return [np.asarray(chunk)]


def test_a_checkpoint_saves_what_is_finished_and_knows_what_differs(tmp_path):
    (tmp_path / "count").mkdir()
    work = Counted(tmp_path / "count")
    configuration = {"encoder": "squares", "power": 2}

    def run(chunks, **changes):
        checkpoint = Checkpoint(tmp_path / "kept", {**configuration, **changes}, content)
        return [r.tolist() for r in map_chunks(work, chunks, checkpoint=checkpoint)], checkpoint

    first, begun = run(CHUNKS[:7])
    assert (begun.n_found, begun.n_stored) == (0, 7)
    everything, resumed = run(CHUNKS)
    assert (resumed.n_found, resumed.n_stored) == (7, len(CHUNKS) - 7)
    assert everything[:7] == first
    assert all(work.n_tries(chunk[0]) == 1 for chunk in CHUNKS)
    assert run(CHUNKS[::-1])[1].n_found == len(CHUNKS), "the place of a chunk does not matter"
    assert run(CHUNKS, power=3)[1].n_found == 0
    changed = [[*CHUNKS[0][:-1], 77], *CHUNKS[1:]]
    assert run(changed)[1].n_found == len(CHUNKS) - 1


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"no npz"]
)
def test_a_damaged_chunk_is_computed_again(tmp_path, damage):
    def run():
        checkpoint = Checkpoint(tmp_path, {}, content)
        return as_lists(map_chunks(squares, CHUNKS[:3], checkpoint=checkpoint)), checkpoint

    whole, _ = run()
    path = sorted(tmp_path.iterdir())[1]
    path.write_bytes(damage(path.read_bytes()))
    again, checkpoint = run()
    assert again == whole
    assert (checkpoint.n_found, checkpoint.n_stored) == (2, 1)


def test_results_from_a_checkpoint_are_as_they_were(tmp_path):
    for _ in range(2):
        checkpoint = Checkpoint(tmp_path, {}, content)
        (pair,) = map_chunks(squares, CHUNKS[:1], checkpoint=checkpoint)
        (bare,) = map_chunks(refuse_three, [[1, 2]], checkpoint=checkpoint)
        assert isinstance(pair, tuple)
        assert pair[0].tolist() == [0.0, 1.0, 4.0]
        assert isinstance(bare, np.ndarray)
        assert bare.dtype == np.asarray([1, 2]).dtype
    assert checkpoint.n_found == 2


ORPHAN = """
import sys
from engine_work import process_id
from mdsieve.engine import ProcessEngine, map_chunks
if __name__ == "__main__":
    engine = ProcessEngine(2)
    for _ in map_chunks(process_id, [[1], [2]], engine): pass
    print(*engine.executor._processes, flush=True)
    sys.stdin.read()
"""


def test_workers_end_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "orphan.py"
    script.write_text(ORPHAN)
    folders = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    with subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
    ) as parent:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert workers
        assert all(Path(f"/proc/{pid}").exists() for pid in workers)
        parent.kill()
        assert parent.stdout.read() == "", "the last worker closes the pipe that it has inherited"


def test_options_of_the_engine_that_do_not_fit_are_named(monkeypatch):
    with pytest.raises(ValueError, match="--scheduler"), open_engine("dask"):
        pass
    with pytest.raises(ValueError, match="--workers"), open_engine("mpi", n_workers=2):
        pass
    with pytest.raises(ValueError, match="0 workers"), open_engine(n_workers=0):
        pass
    monkeypatch.setenv("PMI_SIZE", "3")
    with pytest.raises(ValueError, match="expected --engine mpi"), open_engine("processes"):
        pass


def test_one_worker_is_this_process():
    with open_engine(n_workers=1) as engine:
        assert isinstance(engine, SerialEngine)
    with open_engine("processes", n_workers=2) as engine:
        assert isinstance(engine, ProcessEngine)
