# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that several commands share: those of the driver."""

from pathlib import Path
from typing import Annotated

import typer

StoreOption = Annotated[
    Path | None, typer.Option("--store", help="The store, a file that ends in .db [default: store.db].")
]
ResumeOption = Annotated[
    bool | None, typer.Option("--resume", help="Continue the store if it exists.", show_default=False)
]
OverwriteOption = Annotated[
    bool | None, typer.Option("--overwrite", help="Replace the store if it exists.", show_default=False)
]
ExtxyzOption = Annotated[
    Path | None, typer.Option("--export-extxyz", help="Write the kept frames as extended XYZ at the end.")
]
H5mdOption = Annotated[
    Path | None, typer.Option("--export-h5md", help="Write the kept frames as H5MD at the end.")
]
ReportOption = Annotated[Path | None, typer.Option("--report", help="Write an HTML report at the end.")]
ProgressOption = Annotated[float | None, typer.Option("--progress", help="Seconds between progress lines.")]
