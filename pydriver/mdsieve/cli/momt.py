# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve momt``: analyse runs of ``fix momt``. A module for each sub-command."""

from importlib import import_module

import typer

app = typer.Typer(
    no_args_is_help=True, help="Analyse runs of fix momt: solid and liquid, at any temperature."
)

#: Names of the commands; each is the function of that name in ``cli/momt_NAME.py``.
ANALYSES = (
    "summary",
    "reweight",
    "melting",
    "surface",
    "populations",
    "pairs",
    "draw",
    "report",
    "convert",
)


@app.callback()
def _group() -> None:
    """Analyse runs of fix momt: passages, means, melting points."""


for _name in ANALYSES:
    _module = import_module(f"mdsieve.cli.momt_{_name}")
    app.command(_name)(getattr(_module, f"momt_{_name}"))
