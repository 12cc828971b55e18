# SPDX-License-Identifier: GPL-2.0-or-later
"""The report: one HTML page with everything in it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from mdsieve._version import __version__
from mdsieve.driver.store import FrameStore
from mdsieve.io.replacing import replacing
from mdsieve.maps import Method
from mdsieve.report.content import report_content
from mdsieve.report.tables import bank_sizes, scaling_words

if TYPE_CHECKING:
    from ase import Atoms

_SCRIPTS = ("plot.js", "viewer.js", "report.js")


def write_report(
    store: FrameStore,
    path: str | os.PathLike,
    log: str | os.PathLike | None = None,
    *,
    method: Method = "pca",
    seed: int = 0,
    trajectory: Iterable[Atoms] | None = None,
) -> None:
    """Write a campaign's report as one HTML page that needs no other file and no network.

    Parameters
    ----------
    store : FrameStore
    path : path
        The page to write.
    log : path, optional
        A LAMMPS log; its last lines are quoted, with the timing summary.
    method : {"pca", "tsne", "umap"}
        Of the map.
    seed : int
        Of the map.
    trajectory : iterable of ase.Atoms, optional
        The frames that the kept ones were chosen from, for the map and the histograms.

    Raises
    ------
    OSError
        If the page cannot be written or the log not read.
    """
    content = report_content(store, method=method, seed=seed, trajectory=trajectory)
    sections = [_headline(store), _plots(content)]
    sections += [_section("Runs", _runs(store)), _section("Bank", _bank(store))]
    if log is not None:
        text = Path(log).read_text(encoding="utf-8", errors="replace")
        sections.append(
            _section("End of the LAMMPS log", f"<pre>{escape(chr(10).join(text.splitlines()[-60:]))}</pre>")
        )
    scripts = "\n".join(_asset(name) for name in _SCRIPTS)
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>mdsieve: {escape(store.path.name)}</title>\n<style>\n{_asset('report.css')}</style>\n"
        "</head>\n<body>\n"
        + "\n".join(sections)
        + f"\n{_footer(store)}\n"
        + f'<script type="application/json" id="data">{_as_json(content)}</script>\n'
        + f"<script>\n{scripts}</script>\n</body>\n</html>\n"
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _asset(name: str) -> str:
    return files("mdsieve.report").joinpath("assets", name).read_text(encoding="utf-8")


def _as_json(content: dict) -> str:
    """JSON that may stand inside a script element, whatever texts are in it."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _plots(content: dict) -> str:
    """Places that the page's scripts fill, each with a sentence on what is seen."""
    parts = [
        _section("Novelty", "<div id=novelty></div>"),
        "<div class=pair><div>" + _section("Bank", "<div id=growth></div>") + "</div>",
        "<div>"
        + _section("Kept frames", "<div id=kept></div>")
        + _section("Temperature", "<div id=temperature></div>"),
        "</div></div>",
    ]
    if content["map"] is not None:
        parts += ["<div class=pair><div>", _section("Map of the kept frames", _MAP), "</div><div>"]
        parts += [_section("Symmetry functions before and after", _HISTOGRAM), "</div></div>"]
    parts.append(_section("Kept frames", _FRAMES))
    return "\n".join(parts)


_MAP = """<p class=note>A point is a frame's mean fingerprint; frames that are alike lie near each
other. Click one to see its atoms; drag a box to zoom in, double-click to zoom out.</p>
<label>colour <select id=map-colour></select></label><span class=note id=map-scale></span>
<div id=map></div>"""

_HISTOGRAM = """<p class=note>Share of the environments in each interval of a symmetry function: where the
bank is wider than what it was chosen from, repetition was left out.</p>
<label>function <select id=histogram-function></select></label><div id=histogram></div>"""

_FRAMES = """<p class=note>Click a column's name to sort, <i>view</i> to see the atoms: the triggering
atom has a red ring, atoms whose environments entered the bank a dark one. Drag to turn, wheel to zoom.</p>
<div id=viewer></div><p class=note id=viewer-note></p><div class=scroll id=frames></div>"""


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
