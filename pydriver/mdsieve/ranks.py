# SPDX-License-Identifier: GPL-2.0-or-later
"""What the launcher says of MPI ranks, without touching MPI."""

import os

#: Variables in which launchers (MPICH and Intel MPI, Open MPI) tell the number of processes.
MPI_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")


def n_ranks() -> int:
    """Processes that were started together with this one, itself included."""
    return max(int(os.environ.get(name, 1)) for name in MPI_SIZES)
