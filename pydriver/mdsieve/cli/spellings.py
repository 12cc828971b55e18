# SPDX-License-Identifier: GPL-2.0-or-later
"""Former spellings of options, which scripts may still have; they are not part of the help."""

import typer.core

#: Former spelling -> option, for every command that has the option.
FORMER = {"--threads": "--jobs", "--workers": "--jobs", "--processes": "--jobs"}
#: The same for letters that other commands use for another option.
FORMER_OF_COMMAND = {
    "describe": {"-e": "--elements"},
    "validate": {"-e": "--element"},
    "populations": {"-r": "--region"},
}


class Command(typer.core.TyperCommand):
    """A command that accepts the former spellings of its options."""

    def parse_args(self, ctx, args: list[str]) -> list[str]:
        """Replace former spellings, then parse."""
        has = {word for parameter in self.params for word in parameter.opts}
        former = {old: new for old, new in FORMER.items() if new in has and old not in has}
        former |= FORMER_OF_COMMAND.get(self.name or "", {})
        return super().parse_args(ctx, [_present(word, former) for word in args])


def _present(word: str, former: dict[str, str]) -> str:
    """Return a word in the present spelling: ``--threads=2`` becomes ``--jobs=2``; ``-eNi`` works as well."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return former.get(name, name) + equals + value
    new = former.get(word[:2])
    if new is None:
        return word
    return new if len(word) == 2 else f"{new}={word[2:]}"
