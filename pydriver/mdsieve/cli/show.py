# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve show``: what is in a store, and files made from it."""

from pathlib import Path
from typing import Annotated

import typer

from mdsieve.cli.outputs import OverwriteOption, check_outputs


def show(
    store: Annotated[Path, typer.Argument(help="A store, e.g. store.db.")],
    frames: Annotated[int, typer.Option("--frames", help="List the last N kept frames; 0: all.")] = 20,
    export_extxyz: Annotated[
        Path | None, typer.Option("--export-extxyz", help="Write the kept frames as extended XYZ.")
    ] = None,
    export_h5md: Annotated[
        Path | None, typer.Option("--export-h5md", help="Write the kept frames as H5MD.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write an HTML report.")] = None,
    png: Annotated[
        Path | None, typer.Option("--picture", "--png", help="Write the report's picture alone.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only say whether the store is whole.")] = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Show the runs, the bank and the kept frames of a store, or write them to other files."""
    from rich.console import Console

    from mdsieve.cli.logs import log_to_stderr
    from mdsieve.driver.exports import export_store
    from mdsieve.driver.store import FrameStore
    from mdsieve.report.tables import bank_table, frames_table, reasons_table, runs_table

    log_to_stderr()
    check_outputs([export_extxyz, export_h5md, report, png], overwrite)
    with FrameStore.read(store) as opened:
        if check:
            problems = opened.problems()
            if problems:
                raise ValueError("\n".join(f"{store}: {problem}" for problem in problems))
            Console().print(
                f"{store}: whole; {opened.n_frames} frames, {opened.n_environments} environments, "
                f"the last frame of step {opened.last_step}",
                soft_wrap=True,
                highlight=False,
            )
            return
        if not any((export_extxyz, export_h5md, report, png)):
            console = Console()
            tables = (runs_table(opened), bank_table(opened), reasons_table(opened))
            for table in (*tables, frames_table(opened, frames)):
                console.print(table)
            return
        export_store(opened, extxyz=export_extxyz, h5md=export_h5md, report=report, png=png)
