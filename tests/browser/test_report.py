# SPDX-License-Identifier: GPL-2.0-or-later
"""The report as a person sees it: opened, clicked and looked at in Chromium."""

import json
import re

import numpy as np
import pytest
from ase import Atoms
from chromium import Browser

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.driver.store import Environment, Evaluation, FrameStore, KeptFrame
from mdsieve.report import write_report

pytestmark = pytest.mark.timeout(300)

TEXT = """number_of_elements 2
elements Ni H
cutoff_type 1
symfunction_short Ni 2 Ni 0.5 0.0 5.0
symfunction_short Ni 2 H 1.0 0.0 5.0
symfunction_short H 2 Ni 0.5 0.0 5.0
symfunction_short H 2 H 0.5 0.0 5.0
"""
HOSTILE = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'>&amp;\"'"
N_FRAMES = 12
RED = [209, 73, 91]


def make_store(path, reason="novelty > 1", fix="sel", n_frames=N_FRAMES):
    """A campaign of random frames of nickel and hydrogen; every second evaluation is kept."""
    functions = SymmetryFunctions(TEXT)
    bank = EnvironmentBank(functions, {"Ni": 0.3, "H": 0.4}, None)
    rng = np.random.default_rng(7)
    description = {
        "descriptor_hash": functions.hash, "descriptor_name": f"{fix}.nn", "descriptor_text": TEXT,
        "elements": functions.elements, "thresholds": list(bank.thresholds.values()),
        "scaling": {"source": "none", "kind": "none", "name": "", "pilot": 0},
    }  # fmt: skip
    with FrameStore.open(path) as store:
        store.create_bank(bank.compiled.serialise(), description, [])
        run = store.begin_run(0, 0, {"fix": fix, "units": "metal", "rule": reason})
        for i in range(n_frames):
            atoms = Atoms("Ni14H6", rng.uniform(0, 8, (20, 3)), cell=[8, 8, 8], pbc=True)
            entries = []
            for number, symbol in enumerate(functions.elements):
                indices, rows = functions.create_by_element(atoms)[symbol]
                entries += [
                    Environment(number, (run, 10 * i, int(k) + 1), row)
                    for k, row in zip(indices[:2], rows[:2], strict=True)
                ]
            frame = KeptFrame(
                run=run, world=0, temperature=300.0 + i, step=10 * i, evaluation=2 * i, time=0.02 * i, atoms=atoms,
                data={"atom_ids": np.arange(1, 21), "origin": np.zeros(3), "units": "metal"},
                scores={"novelty": np.inf if i == 0 else 1 + 0.1 * ((7 * i) % n_frames), "range": 0.5 * i},
                reason=reason, trigger_atom=1 + i, trigger_element=functions.elements[0] if i else "Ni",
            )  # fmt: skip
            known = Evaluation(run, 2 * i + 1, 10 * i + 5, 0.02 * i + 0.01, 310.0, 0.5, 0)
            kept = Evaluation(run, 2 * i, 10 * i, 0.02 * i, 300.0 + i, frame.scores["novelty"], 1)
            store.add_frame(frame, entries, [kept, known])


@pytest.fixture(scope="module")
def browser():
    with Browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    make_store(folder / "store.db")
    with FrameStore.read(folder / "store.db") as store:
        write_report(store, folder / "report.html")
    return folder / "report.html"


@pytest.fixture
def opened(browser, page):
    browser.open(page)
    return browser


def column(browser, name):
    """The words of a column of the table of frames, as they stand on the page."""
    return browser.value(
        "(() => { const t = document.querySelector('#frames table');"
        f" const i = [...t.tHead.rows[0].cells].findIndex(c => c.textContent === {json.dumps(name)});"
        " return [...t.tBodies[0].rows].map(r => r.cells[i].textContent); })()"
    )


def pixel_of(plot, frame):
    """JavaScript: where a kept frame's point of a plot is on its canvas, [x, y]."""
    return (
        f"(() => {{ const p = window.mdsieve.plots.{plot};"
        f" for (const s of p.series) {{ const i = s.ids ? s.ids.indexOf({frame}) : -1;"
        " if (i >= 0) return p.toPixel(s.x[i], s.y[i]); } return null; })()"
    )


def colour_at(browser, plot, x, y):
    return browser.value(
        f"(() => {{ const p = window.mdsieve.plots.{plot}; const r = window.devicePixelRatio;"
        f" return [...p.context.getImageData(Math.round({x} * r), Math.round({y} * r), 1, 1).data].slice(0, 3); }})()"
    )


def painted(browser, selector):
    """Share of a canvas' pixels that are neither empty nor white."""
    return browser.value(
        f"(() => {{ const c = document.querySelector({json.dumps(selector)});"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;"
        " for (let i = 0; i < d.length; i += 4) n += d[i + 3] > 0 && d[i] + d[i + 1] + d[i + 2] < 720;"
        " return n / (d.length / 4); })()"
    )


def test_every_plot_draws_and_nothing_complains_or_leaves_the_machine(opened):
    plots = opened.value("Object.keys(window.mdsieve.plots)")
    assert sorted(plots) == ["growth", "histogram", "kept", "map", "novelty", "temperature"]
    for name in plots:
        assert painted(opened, f"#{name} canvas") > 0.003, name
    assert opened.complaints() == []


def test_kept_frames_are_red_points_at_their_time_and_novelty(opened):
    for frame in (2, 5, N_FRAMES):
        x, y = opened.value(pixel_of("novelty", frame))
        assert colour_at(opened, "novelty", x, y) == RED
    values = opened.value("window.mdsieve.plots.novelty.series.find(s => s.ids).y.map(String)")
    assert values[0] == "Infinity"
    assert [float(v) for v in values[1:]] == pytest.approx([1 + 0.1 * ((7 * i) % 12) for i in range(1, 12)])
    growth = opened.value("window.mdsieve.plots.growth.series.map(s => [s.label, s.y[s.y.length - 1]])")
    assert sorted(growth) == [["H environments", 24], ["Ni environments", 24]]


def test_clicking_a_point_chooses_its_frame_in_table_and_viewer(opened):
    assert painted(opened, "#viewer canvas") < 0.01
    left, top = opened.value(
        "(() => { const c = document.querySelector('#novelty canvas'); c.scrollIntoView({block: 'center'});"
        " const b = c.getBoundingClientRect(); return [b.left, b.top]; })()"
    )
    x, y = opened.value(pixel_of("novelty", 7))
    opened.tell("click", x=round(left + x), y=round(top + y))
    assert opened.value("window.mdsieve.chosen") == 7
    assert opened.value("document.querySelector('tr.chosen').dataset.frame") == "7"
    assert painted(opened, "#viewer canvas") > 0.03
    assert "frame 7" in opened.value("document.getElementById('viewer-note').textContent")
    assert opened.complaints() == []


def test_columns_sort_by_number_by_text_and_both_ways(opened):
    head = "[...document.querySelectorAll('#frames th button')].find(b => b.textContent === {})"
    opened.click(head.format(json.dumps("novelty")))
    novelty = column(opened, "novelty")
    assert novelty[-1] == "∞"
    numbers = [float(word) for word in novelty[:-1]]
    assert numbers == sorted(numbers)
    opened.click(head.format(json.dumps("novelty")))
    assert column(opened, "novelty") == novelty[::-1]
    opened.click(head.format(json.dumps("triggering atom")))
    atoms = [int(word.split()[1]) for word in column(opened, "triggering atom")]
    assert len(set(atoms)) == N_FRAMES
    opened.click(head.format(json.dumps("range")))
    assert column(opened, "frame") == [str(i + 1) for i in range(N_FRAMES)]


def test_the_viewer_draws_all_atoms_marks_the_trigger_and_turns(opened, page):
    opened.click("document.querySelectorAll('#frames tbody button')[4]")
    atoms = opened.value("window.mdsieve.viewer.atoms.map(a => [a.isTrigger, a.isEntry, ...a.at])")
    with FrameStore.read(page.parent / "store.db") as store:
        positions = store.atoms(5)[0].positions
    assert [i for i, a in enumerate(atoms) if a[0]] == [4]
    assert sum(a[1] for a in atoms) == 4
    np.testing.assert_allclose([a[2:] for a in atoms], positions, atol=2e-4)
    red = (
        "(() => { const v = window.mdsieve.viewer; const a = v.atoms.find(a => a.isTrigger);"
        " const [x, y] = v.project(a.at); const r = Math.max(v.scale * a.style.radius, 4) + 3;"
        " const q = window.devicePixelRatio; return [...v.canvas.getContext('2d')"
        ".getImageData(Math.round((x + r) * q), Math.round(y * q), 1, 1).data].slice(0, 3); })()"
    )
    assert opened.value(red) == [224, 0, 45]
    before = opened.value("window.mdsieve.viewer.turn")
    x, y = opened.place("document.querySelector('#viewer canvas')")
    opened.tell("drag", x=x, y=y, to_x=x + 120, to_y=y + 40)
    after = np.array(opened.value("window.mdsieve.viewer.turn")).reshape(3, 3)
    assert not np.allclose(after.ravel(), before, atol=0.05)
    np.testing.assert_allclose(after @ after.T, np.eye(3), atol=1e-12)
    assert opened.value(red) == [224, 0, 45]
    assert opened.value("window.mdsieve.viewer.edges.length") == 12


def test_the_map_takes_other_colours_and_the_histogram_other_functions(opened):
    names = opened.value("[...document.getElementById('map-colour').options].map(o => o.value)")
    assert {"step", "novelty", "order kept", "temperature", "share of H"} <= set(names)
    change = "(() => {{ const c = document.getElementById('{}'); c.value = {}; c.dispatchEvent(new Event('change')); return c.value; }})()"
    x, y = opened.value(pixel_of("map", 1))
    dark = colour_at(opened, "map", x, y)
    opened.value(change.format("map-colour", "'novelty'"))
    assert colour_at(opened, "map", x, y) != dark
    n = opened.value("document.getElementById('histogram-function').options.length")
    assert n == 4
    for i in range(n):
        opened.value(change.format("histogram-function", f"'{i}'"))
        shares = opened.value(
            "window.mdsieve.plots.histogram.series.map(s => s.y.reduce((a, b) => a + b, 0))"
        )
        np.testing.assert_allclose(shares, 1, rtol=1e-4)
    assert opened.complaints() == []


def test_a_box_zooms_in(opened):
    x, y = opened.place("document.querySelector('#temperature canvas')")
    before = opened.value("window.mdsieve.plots.temperature.box")
    opened.tell("drag", x=x - 60, y=y - 40, to_x=x + 60, to_y=y + 40)
    after = opened.value("window.mdsieve.plots.temperature.box")
    assert before[0] < after[0] < after[1] < before[1]
    assert before[2] < after[2] < after[3] < before[3]


def test_hostile_words_stay_words(browser, tmp_path):
    make_store(tmp_path / "store.db", reason=HOSTILE, fix=HOSTILE, n_frames=3)
    with FrameStore.read(tmp_path / "store.db") as store:
        write_report(store, tmp_path / "report.html", log=None)
    browser.open(tmp_path / "report.html")
    assert column(browser, "reason") == [HOSTILE] * 3
    assert browser.value("typeof window.broken") == "undefined"
    assert browser.value("document.images.length") == 0
    assert HOSTILE in browser.value("document.body.textContent")
    browser.click("document.querySelector('#frames tbody button')")
    assert browser.complaints() == []


def test_the_page_of_an_empty_store_complains_about_nothing(browser, tmp_path):
    with FrameStore.open(tmp_path / "store.db"):
        pass
    with FrameStore.read(tmp_path / "store.db") as store:
        write_report(store, tmp_path / "report.html")
    browser.open(tmp_path / "report.html")
    assert browser.complaints() == []
    assert "no bank yet" in browser.value("document.body.textContent")


def test_the_page_is_one_file(page):
    text = page.read_text()
    assert not re.search(r"""(src|href)\s*=|@import|url\(|https?://(?!www\.w3\.org)""", text)
