# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve bank``: look into banks of environments, join and compare them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdsieve.cli.outputs import OverwriteOption, check_outputs
from mdsieve.cli.thresholds import ThresholdWords, parse_thresholds

if TYPE_CHECKING:
    from mdsieve.bank import EnvironmentBank

app = typer.Typer(no_args_is_help=True, help="Look into banks of environments, join and compare them.")

BankFile = Annotated[Path, typer.Argument(help="Bank file (HDF5 if its name ends in .h5).")]
OutputFile = Annotated[Path, typer.Option("--output", "-o", help="Bank to write.")]


@app.command()
def info(file: BankFile) -> None:
    """Say what a bank is for and what it holds."""
    from mdsieve.bank import EnvironmentBank

    bank = EnvironmentBank.load(file)
    functions = bank.functions
    typer.echo(f"{file}: {len(bank)} environments")
    typer.echo(f"descriptor  {functions.hash}, cutoff {functions.cutoff:g} Å")
    typer.echo(f"scaling     {bank.scaling.kind if bank.scaling else 'not known yet'}")
    typer.echo(f"{'element':8}{'entries':>10}{'threshold':>12}{'functions':>11}{'runs':>6}{'steps':>24}")
    for element, threshold in bank.thresholds.items():
        origins, fingerprints = bank.entries(element)
        steps = f"{origins[:, 1].min()} to {origins[:, 1].max()}" if len(origins) else "-"
        runs = len(set(origins[:, 0]))
        typer.echo(
            f"{element:8}{len(origins):10}{threshold:12g}{fingerprints.shape[1]:11}{runs:6}{steps:>24}"
        )


@app.command()
def merge(
    files: Annotated[list[Path], typer.Argument(help="Banks, in the order in which they are taken.")],
    output: OutputFile,
    overwrite: OverwriteOption = False,
) -> None:
    """Join banks: entries of each further bank enter if they are new, under the first bank's thresholds."""
    from mdsieve.bank import EnvironmentBank

    check_outputs([output], overwrite)
    first, *others = files
    bank = EnvironmentBank.load(first)
    typer.echo(f"{first}: {len(bank)} environments")
    for file in others:
        other = EnvironmentBank.load(file)
        added = _naming(file, bank.merge, other)
        typer.echo(f"{file}: {len(other)} environments, {added} new")
    bank.save(output)
    typer.echo(f"{output}: {len(bank)} environments")


@app.command()
def diff(here: BankFile, there: BankFile) -> None:
    """Count the entries of each bank that the other does not cover."""
    from mdsieve.bank import EnvironmentBank

    first, second = EnvironmentBank.load(here), EnvironmentBank.load(there)
    difference = _naming(there, first.diff, second)
    typer.echo(f"{here}: {_count(first, difference.only_here)} not covered by {there}")
    typer.echo(f"{there}: {_count(second, difference.only_there)} not covered by {here}")


@app.command()
def rethreshold(
    file: BankFile, threshold: ThresholdWords, output: OutputFile, overwrite: OverwriteOption = False
) -> None:
    """Thin a bank out: the entries that the greedy rule picks, in stored order, under larger thresholds."""
    from mdsieve.bank import EnvironmentBank

    check_outputs([output], overwrite)
    bank = EnvironmentBank.load(file)
    thinned = _naming(file, bank.rethreshold, parse_thresholds(threshold))
    thinned.save(output)
    typer.echo(f"{output}: {len(thinned)} of {len(bank)} environments")


def _naming(file: Path, action, argument):
    """Call a method of a bank; an error names the file."""
    try:
        return action(argument)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _count(bank: "EnvironmentBank", positions) -> str:
    """``12 of 340 environments (Ni 10, H 2)``."""
    from collections import Counter

    of_element = Counter(bank.entry(int(position)).element for position in positions)
    listed = ", ".join(f"{element} {of_element[element]}" for element in bank.thresholds)
    return f"{len(positions)} of {len(bank)} environments ({listed})"
