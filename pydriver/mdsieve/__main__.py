# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m mdsieve`` is the command ``mdsieve``."""

from mdsieve.cli import main

if __name__ == "__main__":
    main()
