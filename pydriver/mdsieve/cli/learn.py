# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve learn``: MD, labels and training in turns."""

from pathlib import Path
from typing import Annotated

import typer

from mdsieve.cli.training_options import check_device


def learn(config: Annotated[Path, typer.Argument(help="learn.toml")]) -> None:
    """Run MD, label what it kept, train, and again, until little is new; go on where a killed run was."""
    from mdsieve.cli.logs import log_to_stderr
    from mdsieve.cli.threads import let_threads_sleep

    let_threads_sleep()
    from mdsieve.learn.campaign import Campaign
    from mdsieve.learn.config import load_learn_config

    log_to_stderr()
    settings = load_learn_config(config)
    check_device(settings.device)
    done = Campaign(settings).run()
    last = done[-1]
    few = last.number > 0 and not last.note and last.kept_share < settings.least_kept
    why = "all generations done"
    if few:
        why = f"kept {100 * last.kept_share:.2g} %, less than {100 * settings.least_kept:g} %"
    typer.echo(
        f"{settings.folder / 'ensemble.h5'}: generation {last.number}, {last.n_training} frames; {why}"
    )
