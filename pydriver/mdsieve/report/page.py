# SPDX-License-Identifier: GPL-2.0-or-later
"""The report: one HTML page with everything in it."""

from __future__ import annotations

import os
import re
import time
from html import escape
from pathlib import Path

from mdsieve._version import __version__
from mdsieve.driver.store import FrameStore
from mdsieve.io.replacing import replacing
from mdsieve.report.picture import picture_bytes
from mdsieve.report.tables import bank_sizes, frame_words, scaling_words

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; background: #fff; margin: 2.5rem auto;
       max-width: 62rem; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p.lead { color: #52606d; margin: 0 0 1.4rem; }
.facts { display: flex; flex-wrap: wrap; gap: .8rem; margin: 0 0 1.2rem; padding: 0; list-style: none; }
.facts li { background: #f5f7fa; border-radius: .4rem; padding: .5rem .9rem; }
.facts b { display: block; font-size: 1.25rem; font-weight: 600; }
.facts span { color: #52606d; font-size: .85rem; }
svg { width: 100%; height: auto; }
.scroll { overflow: auto; max-height: 34rem; border: 1px solid #e4e7eb; border-radius: .4rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem; }
th { position: sticky; top: 0; background: #f5f7fa; text-align: right; font-weight: 600; }
th, td { padding: .25rem .7rem; text-align: right; white-space: nowrap; }
th:last-child, td:last-child { text-align: left; }
tbody tr:nth-child(even) { background: #fafbfc; }
pre { background: #f5f7fa; border-radius: .4rem; padding: .7rem; overflow: auto; font-size: .82rem; }
footer { color: #7b8794; font-size: .85rem; margin-top: 2.5rem; }
"""


def write_report(store: FrameStore, path: str | os.PathLike, log: str | os.PathLike | None = None) -> None:
    """Write a campaign's report as one HTML page that needs no other file.

    Parameters
    ----------
    store : FrameStore
    path : path
        The page to write.
    log : path, optional
        A LAMMPS log; its last lines are quoted, with the timing summary.

    Raises
    ------
    OSError
        If the page cannot be written or the log not read.
    """
    sections = [
        _headline(store),
        _picture(store),
        _section("Runs", _runs(store)),
        _section("Bank", _bank(store)),
        _section("Kept frames", _frames(store)),
    ]
    if log is not None:
        text = Path(log).read_text(encoding="utf-8", errors="replace")
        sections.append(
            _section("End of the LAMMPS log", f"<pre>{escape(chr(10).join(text.splitlines()[-60:]))}</pre>")
        )
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>mdsieve: {escape(store.path.name)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(sections)
        + f"\n{_footer(store)}\n</body>\n</html>\n"
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _headline(store: FrameStore) -> str:
    runs = store.runs()
    seen, kept, junk = (sum(run[key] for run in runs) for key in ("seen", "kept", "junk"))
    share = f"{100 * kept / seen:.1f} %" if seen else "–"
    facts = [(f"{seen}", "frames seen"), (f"{kept}", "kept"), (share, "of them"), (f"{junk}", "junk")]
    facts += [(f"{size}", f"{symbol} environments") for symbol, size in bank_sizes(store).items()]
    items = "".join(f"<li><b>{escape(value)}</b><span>{escape(name)}</span></li>" for value, name in facts)
    return (
        f"<h1>{escape(store.path.name)}</h1>\n"
        "<p class=lead>Frames that showed something new, kept by mdsieve.</p>\n"
        f"<ul class=facts>{items}</ul>"
    )


def _picture(store: FrameStore) -> str:
    svg = picture_bytes(store, "svg").decode()
    return re.sub(r"^.*?(?=<svg)", "", svg, flags=re.DOTALL)


def _runs(store: FrameStore) -> str:
    names = ("run", "world", "fix", "steps", "seen", "kept", "junk", "s computing", "s waiting", "ended")
    rows = []
    for run in store.runs():
        seconds = [f"{run[key]:.1f}" for key in ("seconds_computing", "seconds_waiting")]
        counts = [run[key] for key in ("run", "world", "fix", "steps", "seen", "kept", "junk")]
        rows.append([*map(str, counts), *seconds, run["ending"] or "not said"])
    return _table(names, rows)


def _bank(store: FrameStore) -> str:
    description = store.bank_description()
    if description is None:
        return "<p>There is no bank yet.</p>"
    sizes = bank_sizes(store)
    rows = [
        [f"{threshold:g}", str(sizes[symbol]), symbol]
        for symbol, threshold in zip(description["elements"], description["thresholds"], strict=True)
    ]
    name, scaling = escape(description["descriptor_name"]), escape(scaling_words(description["scaling"]))
    return (
        f"<p>Descriptor {name}, scaling {scaling}.</p>\n{_table(('threshold', 'entries', 'element'), rows)}"
    )


def _frames(store: FrameStore) -> str:
    unit = "τ" if store.units() == "lj" else "ps"
    names = ("frame", "run", "step", f"time / {unit}", "T / K", "novelty", "entries", "atom", "reason")
    return _table(names, [frame_words(frame) for frame in store.frames()])


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{content}"


def _table(names, rows) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(word)}</td>" for word in row) + "</tr>" for row in rows)
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>"


def _footer(store: FrameStore) -> str:
    info = store.info()
    now = time.strftime("%Y-%m-%d %H:%M")
    return (
        f"<footer>Store made by mdsieve {escape(info['mdsieve'])} on {escape(info['created'])} with "
        f"<code>{escape(info['command'])}</code>; page written by mdsieve {__version__} on {now}.</footer>"
    )
