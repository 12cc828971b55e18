# SPDX-License-Identifier: GPL-2.0-or-later
"""The picture of a campaign: novelty and kept frames, bank growth and temperature against time."""

from __future__ import annotations

import io
import os

import numpy as np

from mdsieve.driver.messages import JUNK, KEPT, KNOWN
from mdsieve.driver.store import FrameStore
from mdsieve.io.replacing import replacing

_COLOURS = {KNOWN: "#9aa5b1", KEPT: "#d1495b", JUNK: "#edae49"}
_NAMES = {KNOWN: "known", KEPT: "kept", JUNK: "junk"}
#: More points of a kind than these are drawn as an image inside the vector picture.
MOST_POINTS = 3000

_LINES = ("#00798c", "#30638e", "#003d5b", "#66a182", "#8d6a9f", "#b5651d")


def write_picture(store: FrameStore, path: str | os.PathLike) -> None:
    """Write the picture alone; PNG, SVG or PDF after the name's ending (PNG without one)."""
    figure = draw(store)
    ending = os.path.splitext(path)[1].lstrip(".").lower() or "png"
    with replacing(path) as temporary:
        figure.savefig(temporary, format=ending, dpi=150)


def picture_bytes(store: FrameStore, kind: str = "svg") -> bytes:
    """The picture as the bytes of a file."""
    memory = io.BytesIO()
    draw(store).savefig(memory, format=kind, dpi=150)
    return memory.getvalue()


def draw(store: FrameStore):
    """The picture.

    Returns
    -------
    matplotlib.figure.Figure
        Without a backend's window: nothing is shown.
    """
    from matplotlib.figure import Figure

    evaluations = store.evaluations()
    time, label, breaks = time_line(evaluations, "τ" if store.units() == "lj" else "ps")
    figure = Figure(figsize=(9.0, 7.0), layout="constrained")
    novelty, growth, temperature = figure.subplots(3, 1, sharex=True, height_ratios=(2.2, 1.4, 1.0))
    _draw_novelty(novelty, time, evaluations)
    _draw_growth(growth, time, evaluations, store)
    _draw_temperature(temperature, time, evaluations)
    for axes in (novelty, growth, temperature):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.6)
        for at in breaks:
            axes.axvline(at, color="0.6", linewidth=0.8, linestyle=":")
    temperature.set_xlabel(label + (", runs one after the other" if breaks else ""))
    return figure


def time_line(evaluations: np.ndarray, unit: str) -> tuple[np.ndarray, str, list[float]]:
    """Time of each evaluation with the runs one after the other, its label, and where each run but the first
    begins.

    A `rerun` may know no times: then the steps.
    """
    time, label = evaluations["time"].astype(float), f"time / {unit}"
    if len(time) and np.ptp(time) == 0:
        time, label = evaluations["step"].astype(float), "step"
    breaks: list[float] = []
    end = None
    for run in np.unique(evaluations["run"]):
        mine = evaluations["run"] == run
        if end is not None:
            time[mine] += end - time[mine].min()
            breaks.append(end)
        end = float(time[mine].max())
    return time, label, breaks


def _draw_novelty(axes, time: np.ndarray, evaluations: np.ndarray) -> None:
    novelty = evaluations["novelty"]
    finite = np.isfinite(novelty)
    top = 1.25 * max([1.5, *novelty[finite]]) if finite.any() else 2.0
    shown = np.where(finite, novelty, 0.97 * top)  # infinite: the first of an element, at the upper edge
    for verdict, size in ((KNOWN, 5), (JUNK, 14), (KEPT, 14)):
        mine = evaluations["verdict"] == verdict
        if not mine.any():
            continue
        colour, many = _COLOURS[verdict], mine.sum() > MOST_POINTS
        style = {"color": colour, "linewidths": 0, "zorder": 3, "rasterized": many}
        axes.scatter(time[mine], shown[mine], s=size, label=f"{_NAMES[verdict]} ({mine.sum()})", **style)
        first = mine & ~finite
        axes.scatter(time[first], shown[first], s=40, marker="^", **style)
    axes.axhline(1.0, color="0.3", linewidth=0.9, linestyle="--")
    axes.annotate(
        "threshold",
        (1.0, 1.0),
        xycoords=("axes fraction", "data"),
        fontsize="x-small",
        ha="right",
        va="bottom",
    )
    if finite.any() and top > 30:
        axes.set_yscale("log")
    axes.set_ylabel("novelty")
    axes.set_ylim(top=top)
    if len(time):
        axes.legend(loc="upper right", fontsize="small", frameon=False, ncols=3)


def _draw_growth(axes, time: np.ndarray, evaluations: np.ndarray, store: FrameStore) -> None:
    """Entries of each element as steps, and the number of kept frames on an axis of its own."""
    description = store.bank_description()
    growth = (
        store.bank_growth()
    )  # before the frames: a driver may be adding some, and each entry needs its frame
    where = {(int(run), int(evaluation)): at for run, evaluation, at in _keys(evaluations, time)}
    when = {
        frame["frame"]: where.get((frame["run"], frame["evaluation"]), np.nan) for frame in store.frames()
    }
    last = time.max() if len(time) else 0.0
    for i, symbol in enumerate(description["elements"] if description else ()):
        mine = growth[growth[:, 1] == i]
        start = int(mine[mine[:, 0] == 0, 2].sum())
        mine = mine[mine[:, 0] != 0]
        at = np.array([when[int(frame)] for frame in mine[:, 0]])
        order = np.argsort(at, kind="stable")
        total = start + np.concatenate([[0], np.cumsum(mine[order, 2])])
        x = np.concatenate([[time.min() if len(time) else 0.0], at[order]])
        axes.step([*x, last], [*total, total[-1]], where="post", color=_LINES[i % len(_LINES)], label=symbol)
    axes.set_ylabel("bank entries")
    kept = np.sort(np.array(list(when.values())))
    count = axes.twinx()
    count.step(
        [*kept, last], [*np.arange(1, len(kept) + 1), len(kept)], where="post", color=_COLOURS[KEPT], lw=1.0
    )
    count.set_ylabel("kept frames", color=_COLOURS[KEPT])
    count.spines[["top"]].set_visible(False)
    if description:
        axes.legend(loc="upper left", fontsize="small", frameon=False, ncols=len(description["elements"]))


def _draw_temperature(axes, time: np.ndarray, evaluations: np.ndarray) -> None:
    order = np.argsort(time, kind="stable")
    axes.plot(time[order], evaluations["temperature"][order], color=_LINES[0], linewidth=0.9)
    kept = evaluations["verdict"] == KEPT
    axes.scatter(
        time[kept], evaluations["temperature"][kept], s=9, color=_COLOURS[KEPT], linewidths=0, zorder=3
    )
    axes.set_ylabel("temperature / K")


def _keys(evaluations: np.ndarray, time: np.ndarray):
    return zip(evaluations["run"], evaluations["evaluation"], time, strict=True)
