# SPDX-License-Identifier: GPL-2.0-or-later
"""select.toml: defaults, the command line over the file, and errors of one line."""

from pathlib import Path

import pytest

from mdsieve.driver.config import ConfigError, load_config

pytestmark = pytest.mark.timeout(60)


def write(folder, text):
    path = folder / "select.toml"
    path.write_text(text)
    return path


def test_defaults_hold_without_a_file():
    config = load_config()
    assert config.store == Path("store.db")
    assert not config.resume
    assert not config.overwrite


def test_the_command_line_wins_over_the_file(tmp_path):
    path = write(tmp_path, 'store = "a.db"\nresume = true\nprogress = 1\n')
    config = load_config(path, store=Path("b.db"), overwrite=True, progress=None)
    assert (config.store, config.overwrite, config.resume, config.progress) == (
        Path("b.db"),
        True,
        False,
        1.0,
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('stroe = "a.db"\n', r"select\.toml: unknown key 'stroe', the nearest known one is 'store'"),
        ("zzz = 1\n", r"unknown key 'zzz', known are store, resume"),
        ("progress = -1\n", r"select\.toml: progress: .*greater than 0"),
        ('flush = "soon"\n', r"select\.toml: flush: .*number"),
        ("resume = true\noverwrite = true\n", r"resume and overwrite exclude each other"),
        ("store = \n", r"select\.toml: not TOML: .*line 1"),
    ],
)
def test_errors_are_one_line_that_names_file_and_key(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words) as error:
        load_config(write(tmp_path, text))
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read: No such file"):
        load_config(tmp_path / "nowhere.toml")
