# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine over real MPI ranks and on a real Dask cluster."""

import builtins
import json
import sys
from pathlib import Path

import pytest
from engine_work import Counted, process_id, refuse_three, squares
from harness import mpiexec, run

from mdsieve.engine import LostChunkError, map_chunks
from mdsieve.engine.choose import open_engine
from mdsieve.maps import MissingPackageError

CHUNKS = [list(range(i, i + 3)) for i in range(0, 60, 3)]


def as_lists(results):
    return [[part.tolist() for part in result] for result in results]


@pytest.mark.parametrize("n_ranks", [1, 3])
def test_ranks_of_mpi_give_what_one_process_gives(n_ranks, tmp_path):
    program = Path(__file__).with_name("engine_ranks.py")
    words = [mpiexec(), "-n", str(n_ranks), sys.executable, str(program)]
    if n_ranks == 1:  # the name of the engine is then not clear from the launch
        words[-1:] = ["-c", PROGRAM_OF_ONE.format(folder=str(program.parent))]
    finished = run(words, tmp_path, env={"OMP_NUM_THREADS": "4"}).check()
    name, n_workers, found, n_pids, threads, error = json.loads(finished.stdout)
    assert found == as_lists(map_chunks(squares, CHUNKS))
    assert name == "mpi"
    assert (n_workers, n_pids) == (max(1, n_ranks - 1),) * 2
    assert threads == [1]
    assert error == "three is refused"


PROGRAM_OF_ONE = """
import sys
sys.path.insert(0, {folder!r})
import engine_ranks
from mdsieve.engine import choose
engine_ranks.open_engine = lambda: choose.open_engine("mpi")
engine_ranks.main()
"""


@pytest.fixture(scope="module")
def cluster():
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="ERROR"
    ) as cluster:
        yield cluster


def test_a_dask_cluster_gives_what_one_process_gives(cluster):
    with open_engine(scheduler=cluster.scheduler_address) as engine:
        assert (engine.name, engine.n_workers) == ("dask", 2)
        assert as_lists(map_chunks(squares, CHUNKS, engine)) == as_lists(map_chunks(squares, CHUNKS))
        workers = {nanny.pid for nanny in cluster.workers.values()}
        assert {int(pid[0]) for pid in map_chunks(process_id, CHUNKS, engine)} == workers
        with pytest.raises(ValueError, match="three is refused"):
            list(map_chunks(refuse_three, CHUNKS, engine))


def test_a_dask_worker_that_is_killed_costs_only_its_chunks(cluster, tmp_path):
    work = Counted(tmp_path, deadly=(30,))
    with open_engine(scheduler=cluster.scheduler_address) as engine:
        found = [result.tolist() for result in map_chunks(work, CHUNKS, engine)]
    assert found == [[float(i) ** 2 for i in chunk] for chunk in CHUNKS]
    assert work.n_tries(30) == 2
    assert all(work.n_tries(chunk[0]) == 1 for chunk in CHUNKS[:6])


@pytest.mark.slow
def test_dask_gives_up_a_chunk_that_kills_every_worker(cluster, tmp_path):
    work = Counted(tmp_path, deadly=(6,), n_deaths=99)
    with (
        open_engine("dask", scheduler=cluster.scheduler_address) as engine,
        pytest.raises(LostChunkError, match="given up"),
    ):
        list(map_chunks(work, CHUNKS[:5], engine))


def test_a_scheduler_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr("mdsieve.engine.dask._PATIENCE", 0.5)
    with (
        pytest.raises(OSError, match=r"tcp://127\.0\.0\.1:9: no Dask scheduler there"),
        open_engine(scheduler="tcp://127.0.0.1:9"),
    ):
        pass


def test_a_missing_dask_names_its_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **words):
        if name == "distributed":
            raise ImportError(name)
        return real(name, *rest, **words)

    monkeypatch.setattr(builtins, "__import__", without)
    with (
        pytest.raises(MissingPackageError, match=r"pip install mdsieve\[dask\]"),
        open_engine(scheduler="tcp://127.0.0.1:9"),
    ):
        pass
