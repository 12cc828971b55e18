# SPDX-License-Identifier: GPL-2.0-or-later
"""The help of every command: complete at any width, and one letter has one meaning."""

import re
from collections import defaultdict

import pytest
import typer.main
import typer.testing

from mdsieve.cli import build_app


def all_commands(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from all_commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(all_commands(typer.main.get_command(build_app())))
runner = typer.testing.CliRunner()


def squeezed(text):
    return re.sub(r"\s+", "", text)


def printed_help(path, width):
    finished = runner.invoke(build_app(), [*path, "--help"], env={"COLUMNS": str(width), "TERM": "dumb"})
    assert finished.exit_code == 0
    return squeezed(finished.output)


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_is_printed_whole(path, width):
    shown = printed_help(path, width)
    command = COMMANDS[path]
    assert squeezed(command.help) in shown
    for parameter in command.params:
        for spelling in parameter.opts if parameter.param_type_name == "option" else ():
            assert spelling in shown
        assert parameter.help, f"{path}: {parameter.name} has no help"
        default = parameter.default
        expected = squeezed(parameter.help)
        if isinstance(default, (int, float)) and not isinstance(default, bool) and parameter.show_default:
            expected += squeezed(f"[default: {default}]")
        assert expected in re.sub(r"default:([^]]*?);x[<>]=?[^]]*", r"default:\1", shown), parameter.name


@pytest.mark.parametrize("group", ["", "select", "bank", "momt"])
def test_lists_of_commands_are_not_cut(group):
    words = [group] if group else []
    shown = printed_help(words, 60)
    for path, command in COMMANDS.items():
        if list(path[:-1]) == words:
            assert squeezed(command.help.partition("\n\n")[0]) in shown


def test_a_letter_means_the_same_everywhere():
    meanings = defaultdict(list)
    for path, command in COMMANDS.items():
        for parameter in command.params:
            for letter in parameter.opts:
                if re.fullmatch("-[^-]", letter):
                    long = {word for word in parameter.opts if word.startswith("--")}
                    meanings[letter].append((path, long))
    assert len(meanings) > 10
    for letter, uses in meanings.items():
        assert set.intersection(*(long for _, long in uses)), (letter, uses)


@pytest.mark.parametrize("option", ["--overwrite", "--jobs", "--picture"])
def test_shared_options_are_spelled_alike(option):
    found = [p for c in COMMANDS.values() for p in c.params if option in p.opts]
    assert len({tuple(p.opts) for p in found}) == 1


def test_no_command_has_a_picture_or_device_of_its_own():
    options = [p for c in COMMANDS.values() for p in c.params if {"--png", "--picture"} & set(p.opts)]
    assert len(options) > 4
    assert all({"--png", "--picture"} <= set(p.opts) for p in options)
    devices = {
        parameter.help.partition(" [default")[0]
        for command in COMMANDS.values()
        for parameter in command.params
        if "--device" in parameter.opts
    }
    assert {help_text.rstrip(".") for help_text in devices} == {"Device of PyTorch: cpu, cuda, cuda:1"}


@pytest.mark.parametrize(
    "words", [["describe", "-e", "Ni"], ["describe", "-eNi"], ["describe", "--elements=Ni"]]
)
def test_former_spellings_are_accepted(words, tmp_path):
    finished = runner.invoke(build_app(), [*words, "-c", "4", "-o", str(tmp_path / "none" / "x.nn")])
    assert isinstance(finished.exception, FileNotFoundError)


@pytest.mark.parametrize("former", ["--threads", "--workers", "--processes"])
def test_former_names_of_jobs_are_accepted(former):
    for path, command in COMMANDS.items():
        if any("--jobs" in parameter.opts for parameter in command.params):
            finished = runner.invoke(build_app(), [*path, f"{former}=x"])
            assert "--jobs" in finished.output, path
            assert "No such option" not in finished.output


def test_completion_can_be_shown():
    finished = runner.invoke(
        build_app(), ["--show-completion"], prog_name="mdsieve", env={"SHELL": "/bin/bash"}
    )
    assert finished.exit_code == 0


def test_whatever_writes_a_file_asks_before_replacing_it():
    writers = {"--output", "--json", "--csv", "--picture", "--export-extxyz", "--report", "--save-bank"}
    for path, command in COMMANDS.items():
        options = {word for parameter in command.params for word in parameter.opts}
        if writers & options and path != ("distill",):  # a folder: --resume or an empty one
            assert "--overwrite" in options, path
