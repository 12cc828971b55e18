# SPDX-License-Identifier: GPL-2.0-or-later
"""The report of a selection: one HTML page with pictures in it."""

from __future__ import annotations

import io
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from mdsieve._version import __version__
from mdsieve.io.replacing import replacing
from mdsieve.maps import project

if TYPE_CHECKING:
    from mdsieve.samplers.selection import Selection

_KEPT, _REST, _LINE = "#d1495b", "0.78", "#00798c"
_STYLE = """svg {max-width: 100%; height: auto}
th, td {text-align: left; white-space: normal; overflow-wrap: anywhere}
"""
_MOST_ROWS = 500
_MOST_POINTS = 3000  # drawn as lines; more become an image inside the picture


def write_selection_report(
    selection: Selection,
    path: str | os.PathLike,
    *,
    rows: np.ndarray | None,
    places: Sequence[tuple[str, int]],
    seconds: float,
) -> None:
    """Write what was picked, from what, by what, as one page that needs no other file and no network.

    Parameters
    ----------
    selection : Selection
    path : path
    rows : ndarray, shape (n_candidates, n_features), or None
        What the sampler saw, one row a frame: for the map. None: no map.
    places : sequence of (str, int)
        File and place in it of each candidate.
    seconds : float
        What it took.

    Raises
    ------
    OSError
        If the page cannot be written.
    """
    sections = [_headline(selection, seconds)]
    if rows is not None and rows.shape[1] > 1:
        sections.append(
            "<h2>Map</h2>\n<p class=note>A point is a frame: the first two principal components of what the "
            f"sampler saw.</p>\n{_svg(_map(rows, selection))}"
        )
    if np.isfinite(selection.score).sum() > 1:
        sections.append(
            "<h2>Scores</h2>\n<p class=note>The sampler's measure of each pick, in pick order.</p>\n"
            + _svg(_scores(selection))
        )
    sections.append(f"<h2>Where from</h2>\n{_sources(selection, places)}")
    sections.append(f"<h2>Configuration</h2>\n{_configuration(selection)}")
    sections.append(f"<h2>Picks</h2>\n{_picks(selection, places)}")
    style = (files("mdsieve.report") / "assets" / "report.css").read_text(encoding="utf-8")
    name = escape(str(selection.configuration.get("sampler", "selection")))
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>mdsieve: {name}</title>\n<style>\n{style}\n{_STYLE}</style>\n"
        "</head>\n<body>\n" + "\n".join(sections) + f"\n{_footer(selection)}\n</body>\n</html>\n"
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _headline(selection: Selection, seconds: float) -> str:
    n, picked = selection.n_candidates, len(selection)
    facts = [
        (f"{n}", "frames seen"),
        (f"{picked}", "picked"),
        (f"{100 * picked / max(n, 1):.1f} %", "of them"),
    ]
    if selection.shortfall:
        facts.append((f"{selection.shortfall}", "fewer than asked for"))
    facts.append((f"{seconds:.1f} s", "in all"))
    items = "".join(f"<li><b>{escape(value)}</b><span>{escape(word)}</span></li>" for value, word in facts)
    name = escape(str(selection.configuration.get("sampler", "")))
    return f"<h1>{name}</h1>\n<p class=lead>Frames picked by mdsieve.</p>\n<ul class=facts>{items}</ul>"


def _map(rows: np.ndarray, selection: Selection):
    from matplotlib.figure import Figure

    found = project(rows, "pca")
    figure = Figure(figsize=(7.0, 5.0), layout="constrained")
    axes = figure.subplots()
    rest = np.ones(len(rows), bool)
    rest[selection.indices] = False
    x, y = found.points.T
    axes.scatter(x[rest], y[rest], s=8, color=_REST, linewidths=0, rasterized=bool(rest.sum() > _MOST_POINTS))
    mine = selection.indices
    axes.scatter(
        x[mine],
        y[mine],
        s=14,
        color=_KEPT,
        linewidths=0,
        rasterized=len(mine) > _MOST_POINTS,
    )
    axes.set_xlabel(found.axes[0])
    axes.set_ylabel(found.axes[1])
    axes.set_title(f"picked ({len(mine)})", color=_KEPT, fontsize="small", loc="right")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _scores(selection: Selection):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 3.0), layout="constrained")
    axes = figure.subplots()
    finite = np.isfinite(selection.score)
    axes.plot(np.flatnonzero(finite) + 1, selection.score[finite], color=_LINE, linewidth=1.2)
    axes.set_xlabel("pick")
    axes.set_ylabel("score")
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _svg(figure) -> str:
    memory = io.StringIO()
    figure.savefig(memory, format="svg", dpi=150)
    text = memory.getvalue()
    return text[text.index("<svg") :]


def _sources(selection: Selection, places: Sequence[tuple[str, int]]) -> str:
    seen = Counter(source for source, _ in places)
    picked = Counter(places[i][0] for i in selection.indices)
    rows = [
        [source, str(n), str(picked[source]), f"{100 * picked[source] / n:.1f} %"]
        for source, n in seen.items()
    ]
    return _table(("file", "frames", "picked", "of them"), rows[:_MOST_ROWS])


def _configuration(selection: Selection) -> str:
    entries: dict[str, Any] = {**selection.configuration, "seed": selection.seed}
    entries |= {f"version of {name}": version for name, version in selection.versions.items()}
    return _table(("option", "value"), [[key, value] for key, value in _flat(entries)])


def _flat(entries: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Entries as words, those of a mapping one after the other."""
    for key, value in entries.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key} ")
        elif isinstance(value, list | tuple):
            yield before + key, ", ".join(map(str, value))
        elif value is not None:
            yield before + key, str(value)


def _picks(selection: Selection, places: Sequence[tuple[str, int]]) -> str:
    rows = []
    for place, index in enumerate(selection.indices[:_MOST_ROWS].tolist()):
        source, frame = places[index]
        score = selection.score[place]
        shown = "" if np.isnan(score) else f"{score:.6g}"
        rows.append([str(selection.rank[place]), source, str(frame), shown, selection.reason[place]])
    left = len(selection) - len(rows)
    more = f"<p class=note>and {left} more</p>" if left else ""
    return _table(("rank", "file", "frame", "score", "reason"), rows) + more


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(word)}</td>" for word in row) + "</tr>" for row in rows)
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>"


def _footer(selection: Selection) -> str:
    command = escape(str(selection.configuration.get("command", "")))
    said = f" with <code>{command}</code>" if command else ""
    return f"<footer>Written by mdsieve {__version__} on {time.strftime('%Y-%m-%d %H:%M')}{said}.</footer>"
