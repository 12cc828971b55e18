# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings and input files of a campaign, recorded at its first start and compared at each later one."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mdsieve.learn.config import LearnConfig
from mdsieve.learn.records import read_json, write_json

__all__ = ["require_same_settings"]

logger = logging.getLogger("mdsieve.learn")

_NAME, _GENERATIONS = "settings.json", "generations.json"

#: Settings that a later start may change: when to end, how often to train, and how programs are run.
_FREE = frozenset(
    {
        "generations",
        "least_kept",
        "retrain_after",
        "launcher",
        "jobs",
        "device",
        "labels.lmp",
        "labels.processes",
        "labels.batch",
        "labels.timeout",
    }
)


def require_same_settings(config: LearnConfig) -> None:
    """Compare a configuration with that of the campaign in its folder, and record it.

    Parameters
    ----------
    config : LearnConfig
        Its folder exists.

    Raises
    ------
    ValueError
        If a setting or the content of an input file has changed on which finished work depends. Changes of
        settings that can be changed are logged and recorded.
    OSError
        If a file cannot be read or written.
    """
    path = config.folder / _NAME
    now = dict(_flat(config.model_dump(mode="json", exclude={"folder"})))
    files = {str(file): _digest(file) for file in _input_files(config)}
    recorded, recorded_files = _recorded(config.folder)
    for name, new in now.items():
        old = recorded.get(name, new)
        if old == new:
            continue
        if name not in _FREE:
            raise ValueError(
                f"{config.folder}: {name} is {_shown(new)}, but was {_shown(old)} when this campaign began: "
                "restore it, or begin in another folder"
            )
        logger.info("%s: %s is now %s, was %s", config.folder, name, _shown(new), _shown(old))
    for name, digest in files.items():
        old = recorded_files.get(name, digest)
        if old != digest:
            raise ValueError(
                f"{name}: has changed since the campaign in {config.folder} began "
                f"(SHA-256 {digest[:12]}, was {old[:12]}): restore it, or begin in another folder"
            )
    write_json(path, {"settings": now, "files": files})


def _recorded(folder: Path) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Settings and digests of files; without digests if the campaign was begun by an older version."""
    path = folder / _NAME
    try:
        if path.exists():
            content = read_json(path)
            return dict(content["settings"]), dict(content["files"])
        path = folder / _GENERATIONS
        return (dict(_flat(read_json(path)["settings"])), {}) if path.exists() else ({}, {})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: no record of settings: {error}") from None


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings with the names of their tables: ``training.hidden``."""
    for name, value in table.items():
        if prefix + name in ("labels", "training"):
            yield from _flat(value, f"{name}.")
        else:
            yield prefix + name, value


def _input_files(config: LearnConfig) -> list[Path]:
    """Files whose content decides results; potential files of the labels if they are named by their path."""
    labels = config.labels
    named = [config.script, *config.start, config.functions, config.ensemble, config.driver, labels.pair_file]
    lines = list(labels.pair_coeff)
    if labels.pair_file is not None and labels.pair_file.is_file():
        lines += labels.pair_file.read_text(encoding="utf-8", errors="replace").splitlines()
    named += [Path(word.strip("\"'")) for line in lines for word in line.split()]
    inside = config.folder.resolve()
    found = {file: None for file in named if file is not None and file.is_file()}
    return [file for file in found if inside not in file.resolve().parents]


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _shown(value: object) -> str:
    return "not set" if value is None else str(value)
