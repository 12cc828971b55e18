# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve select``: choose frames of stored trajectories. A module for each way of choosing."""

from importlib import import_module

import typer

app = typer.Typer(no_args_is_help=True, help="Choose frames of stored trajectories.")

#: Names of the commands; each is the function of that name in ``cli/select_NAME.py``.
METHODS = ("bank", "fps", "direct", "rematch", "dvlae", "cluster", "cur", "entropy", "screen", "random")


@app.callback()
def _group() -> None:
    """Choose frames of stored trajectories."""


for _name in METHODS:
    _module = import_module(f"mdsieve.cli.select_{_name}")
    app.command(_name)(getattr(_module, f"select_{_name}"))
