# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables for a terminal."""

from __future__ import annotations

import json
from datetime import datetime

from rich import box
from rich.table import Table

from mdsieve.driver.messages import VERDICT_NAMES
from mdsieve.driver.store import FrameStore


def runs_table(store: FrameStore):
    """One line a fix that took part."""
    table = Table(title=f"{store.path}: runs", box=box.SIMPLE)
    for name in ("run", "world", "fix", "began", "steps", "seen", "kept", "junk", "ended", "rule"):
        table.add_column(name, justify="left" if name in ("fix", "rule", "began", "ended") else "right")
    for run in store.runs():
        began = datetime.fromtimestamp(run["started"]).strftime("%m-%d %H:%M")
        counts = [run[key] for key in ("steps", "seen", "kept", "junk")]
        words = [run["run"], run["world"], run["fix"], began, *counts, run["ending"] or "not said"]
        table.add_row(*map(str, words), json.loads(run["hello"]).get("rule", ""))
    return table


def bank_table(store: FrameStore):
    """One line an element."""
    description = store.bank_description()
    table = Table(title="bank", box=box.SIMPLE)
    for name in ("element", "threshold", "entries"):
        table.add_column(name, justify="right")
    if description is None:
        return table
    table.caption = f"{description['descriptor_name']}, scaling {scaling_words(description['scaling'])}"
    sizes = bank_sizes(store)
    for symbol, threshold in zip(description["elements"], description["thresholds"], strict=True):
        table.add_row(symbol, f"{threshold:g}", str(sizes[symbol]))
    return table


def reasons_table(store: FrameStore):
    """One line for each reason by which frames were kept, turned down or passed over."""
    table = Table(title="reasons", box=box.SIMPLE)
    table.add_column("verdict")
    table.add_column("reason")
    table.add_column("frames", justify="right")
    for (verdict, reason), count in sorted(store.reasons().items(), key=lambda item: (item[0][0], -item[1])):
        table.add_row(VERDICT_NAMES[verdict], reason, str(count))
    return table


def frames_table(store: FrameStore, last: int = 0):
    """One line a kept frame, the last ones if a number is given."""
    frames = store.frames()
    shown = frames[-last:] if last else frames
    table = Table(title=f"kept frames ({len(shown)} of {len(frames)})", box=box.SIMPLE)
    for name in ("frame", "run", "step", "time / ps", "T / K", "novelty", "entries", "atom", "reason"):
        table.add_column(name, justify="left" if name == "reason" else "right", no_wrap=True)
    for frame in shown:
        table.add_row(*frame_words(frame))
    return table


def frame_words(frame: dict) -> list[str]:
    """A kept frame as words of one line: frame, run, step, time, T, novelty, entries, atom, reason."""
    temperature = "" if frame["temperature"] is None else f"{frame['temperature']:.0f}"
    return [
        str(frame["frame"]),
        str(frame["run"]),
        str(frame["step"]),
        f"{frame['time']:.4g}",
        temperature,
        f"{frame['novelty']:.3f}",
        str(frame["entries"]),
        f"{frame['trigger_element']} {frame['trigger_atom']}".strip(),
        frame["reason"],
    ]


def bank_sizes(store: FrameStore) -> dict[str, int]:
    """Entries of each element of the bank."""
    description = store.bank_description()
    if description is None:
        return {}
    sizes = dict.fromkeys(description["elements"], 0)
    for _, element, entries in store.bank_growth():
        sizes[description["elements"][element]] += int(entries)
    return sizes


def scaling_words(scaling: dict) -> str:
    """Where a bank's scaling came from."""
    match scaling["source"]:
        case "none":
            return "none"
        case "file":
            return f"{scaling['kind']} from {scaling['name']}"
        case "pilot":
            return f"{scaling['kind']} from the first {scaling['pilot']} evaluations"
    return f"{scaling['kind']} from a {scaling['source']}"
