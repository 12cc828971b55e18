# SPDX-License-Identifier: GPL-2.0-or-later
"""Where chunks of work are computed: in this process, in others, over MPI, on a Dask cluster."""

from mdsieve.engine.checkpoint import Checkpoint
from mdsieve.engine.chunks import LostChunkError, map_chunks
from mdsieve.engine.engines import Engine, ExecutorEngine, ProcessEngine, SerialEngine, as_engine

__all__ = [
    "Checkpoint",
    "Engine",
    "ExecutorEngine",
    "LostChunkError",
    "ProcessEngine",
    "SerialEngine",
    "as_engine",
    "map_chunks",
]
