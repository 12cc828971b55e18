# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that a command is asked to write."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["OverwriteOption", "check_outputs"]

OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]


def check_outputs(paths: Iterable[Path | None], overwrite: bool) -> None:
    """Whether files may be written.

    Raises
    ------
    FileExistsError, FileNotFoundError
        If one exists already, or its folder does not.
    """
    for path in paths:
        if path is None:
            continue
        if path.exists() and not overwrite:
            raise FileExistsError(17, "the file exists already; say --overwrite to replace it", str(path))
        if not path.parent.is_dir():
            raise FileNotFoundError(2, "the folder does not exist", str(path.parent))
