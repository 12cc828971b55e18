# SPDX-License-Identifier: GPL-2.0-or-later
"""How a worker begins. Imports nothing that computes: threads must be limited before that."""

from __future__ import annotations

import os
import sys
import threading

#: Where libraries look for their number of threads when they are loaded.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def begin_worker() -> None:
    """Limit this process to one thread, and let it end when the process that started it is gone."""
    use_one_thread()
    _end_with_parent()


def use_one_thread() -> None:
    """Limit numerical libraries to one thread: those that are loaded, and those that will be."""
    for name in THREAD_VARIABLES:
        os.environ[name] = "1"
    if "numpy" in sys.modules:
        from threadpoolctl import threadpool_limits

        threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _end_with_parent() -> None:
    """A worker of a pool waits for ever when its parent is killed; this one does not."""
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, name="parent watch", daemon=True).start()
