# SPDX-License-Identifier: GPL-2.0-or-later
"""How the threads of a command wait for each other."""

from __future__ import annotations

import os


def let_threads_sleep() -> None:
    """Have PyTorch's threads sleep while they wait, unless the environment says otherwise.

    To be called before PyTorch is imported. Training works in thousands of short parallel stretches. Threads
    that spin at the end of each hold the processor that the last one needs as soon as the machine has other
    work: two threads on two busy cores then take many times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
