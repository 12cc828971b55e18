# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve momt`` from the command line."""

import csv
import json
import math
from functools import cache

import numpy as np
import pytest
from click.testing import CliRunner
from momt_ensemble import MELTING, Exact, flat_weight, write_record
from typer.main import get_command

from mdsieve.cli import build_app
from mdsieve.momt.blocks import Estimate
from mdsieve.momt.numbers import with_error
from mdsieve.momt.records import read_record


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("momt")
    weight = flat_weight()
    weight.save(folder / "weight.txt")
    exact, rng = Exact(weight), np.random.default_rng(6)
    for name in ("one.txt", "two.txt"):
        write_record(folder / name, weight, exact.series(4000, rng, stay=20.0))
    return folder


@cache
def command():
    """Built once: it is the same for all, and takes longer than most of what it does here."""
    return get_command(build_app())


def momt(folder, *words: str, code: int = 0) -> str:
    files = {"WEIGHT": ["weight.txt"], "RECORDS": ["one.txt", "two.txt"]}
    arguments = ["momt"]
    for word in words:
        arguments += [str(folder / name) for name in files.get(word, ())] or [word]
    result = CliRunner().invoke(command(), arguments)
    if code == 0 and result.exception is not None:
        raise result.exception
    return result.output


def test_summary_tells_flatness_and_passages(folder, tmp_path):
    found = tmp_path / "summary.json"
    said = momt(folder, "summary", "WEIGHT", "RECORDS", "--json", str(found), "--timestep", "0.001")
    numbers = json.loads(found.read_text())
    passages = numbers["passages"]
    assert 50 < len(passages["passages"]) < 600
    assert f"{len(passages['passages'])}, {passages['round_trips']} round trips of 2 walkers" in said
    assert passages["n_steps"] == 2 * 3999 * 20
    assert numbers["flatness"]["share_inside"] > 0.5
    assert [record["samples"] for record in numbers["records"]] == [4000, 4000]
    assert numbers["format"] == "mdsieve momt summary"
    assert len(numbers["flatness"]["order"]) == 40


def test_summary_of_a_weight_alone_looks_at_its_own_visits(folder):
    said = momt(folder, "summary", "WEIGHT")
    assert "samples            0 inside the window" in said
    assert "0, counted by fix momt" in said


def test_reweight_writes_every_temperature_and_phase(folder, tmp_path):
    table = tmp_path / "means.csv"
    words = [
        "-T",
        "1600:2400:400",
        "--columns",
        "v_twice",
        "--csv",
        str(table),
        "--phases",
        "order",
        "13",
        "13",
    ]
    said = momt(folder, "reweight", "WEIGHT", "RECORDS", *words)
    with open(table) as file:
        rows = list(csv.DictReader(file))
    assert [(float(row["temperature"]), row["phase"]) for row in rows] == [
        (temperature, phase) for temperature in (1600, 2000, 2400) for phase in ("all", "solid", "liquid")
    ]
    for row in rows:
        assert float(row["v_twice"]) == pytest.approx(64 * float(row["volume"]))
        assert row["pressure"] == "1"
        assert float(row["enthalpy_error"]) > 0
    assert "bootstrap, 20 stretches of 400 samples, 400 resamples, seed 0" in said
    assert said.count("liquid") >= 3


def test_melting_tells_the_melting_point_by_enthalpy_by_order_and_by_heat_capacity(folder, tmp_path):
    found = tmp_path / "melting.json"
    said = momt(folder, "melting", "WEIGHT", "RECORDS", "--json", str(found), "--seed", "5")
    numbers = json.loads(found.read_text())
    assert [point["bounds"]["by"] for point in numbers["melting_points"]] == ["enthalpy", "order"]
    point = numbers["melting_points"][1]["temperature"]
    assert abs(point["value"] - MELTING) < 4 * point["error"]
    assert numbers["errors"] == {"blocks": "20 stretches of 400 samples", "resamples": 400, "seed": 5}
    assert "peak of Cp" in said
    whole = momt(folder, "melting", "WEIGHT", "RECORDS", "--blocks", "records")
    assert "bootstrap, 2 records, 400" in whole
    assert "effective blocks of 2" in whole


def test_from_leaves_out_the_beginning(folder):
    said = momt(folder, "summary", "WEIGHT", "RECORDS", "--from", "40000")
    assert "samples            4000," in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reweight", "WEIGHT", "RECORDS", "-T", "1000"], "temperature 1000: expected 1400 to 3000"),
        (["reweight", "WEIGHT", "RECORDS", "-T", "hot"], "--temperatures hot: expected numbers > 0"),
        (["reweight", "WEIGHT", "RECORDS", "-T", "2000:1000:5"], "expected numbers > 0"),
        (["reweight", "WEIGHT", "RECORDS", "--columns", "v_none"], "column v_none: expected one of v_vol"),
        (["reweight", "WEIGHT", "RECORDS", "--blocks", "few"], "--blocks few: expected a number"),
        (["reweight", "WEIGHT", "RECORDS", "--phases", "size", "1", "2"], "--phases size: expected order or"),
        (["melting", "WEIGHT", "RECORDS", "--phases", "order", "24", "24"], "no melting point between"),
        (["melting", "WEIGHT", "RECORDS", "--fix", "n"], "no table of the step and f_n[1]"),
        (["melting", "WEIGHT", "WEIGHT"], "no table of"),
        (["melting", "RECORDS"], "not a weight"),
        (["summary", "WEIGHT", "nothing.txt"], "nothing.txt"),
        (["summary", "WEIGHT", "--json", "/no/such/folder/a.json"], "/no/such/folder"),
    ],
)
def test_mistakes_are_told_by_one_line(words, message, folder):
    with pytest.raises((ValueError, OSError)) as caught:
        momt(folder, *words)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_are_not_replaced_unless_said(folder, tmp_path):
    there = tmp_path / "there.json"
    there.write_text("precious")
    with pytest.raises(FileExistsError):
        momt(folder, "summary", "WEIGHT", "--json", str(there))
    assert there.read_text() == "precious"
    momt(folder, "summary", "WEIGHT", "--json", str(there), "--overwrite")
    assert json.loads(there.read_text())["format"] == "mdsieve momt summary"


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (-4.64961, 0.00132, "-4.6496(13)"),
        (-4.64961, 0.0032, "-4.650(3)"),
        (2315.2, 48.0, "2315(48)"),
        (2315.2, 3.61, "2315(4)"),
        (2315.2, 1.44, "2315.2(14)"),
        (0.5, 0.00999, "0.500(10)"),
        (1.0, 0.0, "1(0)"),
        (3.14159, math.nan, "3.142(?)"),
        (math.nan, 1.0, "-"),
    ],
)
def test_an_error_is_told_in_units_of_the_last_digit(value, error, words):
    assert with_error(Estimate(value, error)) == words


@pytest.fixture(scope="module")
def dumps(folder):
    """Frames of both records, every fortieth sample."""
    paths = []
    for name in ("one", "two"):
        record = read_record(folder / f"{name}.txt")
        rng, lines = np.random.default_rng(1), []
        for step, volume in zip(record.step[::40], record.volume[::40], strict=True):
            length = volume ** (1 / 3)
            lines += ["ITEM: TIMESTEP", f"{step}", "ITEM: NUMBER OF ATOMS", "32"]
            lines += ["ITEM: BOX BOUNDS pp pp pp", *(f"0 {length}" for _ in range(3))]
            lines += ["ITEM: ATOMS id element x y z"]
            places = rng.random((32, 3)) * length
            lines += [f"{k} Ni {x} {y} {z}" for k, (x, y, z) in enumerate(places, 1)]
        paths.append(folder / f"{name}.dump")
        paths[-1].write_text("\n".join(lines) + "\n")
    return paths


def test_surface_writes_a_table_and_a_picture(folder, tmp_path):
    table, picture = tmp_path / "free.csv", tmp_path / "free.svg"
    words = ["-T", "2200", "--bins", "30", "--csv", str(table), "--picture", str(picture)]
    momt(folder, "surface", "WEIGHT", "RECORDS", *words)
    with open(table) as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["enthalpy", "order", "value", "error", "visits"]
    assert min(float(row["value"]) for row in rows) == 0.0
    assert "<svg" in picture.read_text()[:1000]
    states = tmp_path / "states.csv"
    momt(
        folder, "surface", "WEIGHT", "RECORDS", "--of", "states", "--along", "enthalpy", "--csv", str(states)
    )
    with open(states) as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["value"]) > 60.0


def test_populations_are_told_beside_each_other(folder, tmp_path):
    found = tmp_path / "populations.json"
    regions = ["-r", "solid=:,13:", "-r", "liquid=:,:13"]
    said = momt(folder, "populations", "WEIGHT", "RECORDS", "-T", "2200", *regions, "--json", str(found))
    solid, liquid = json.loads(found.read_text())["populations"]
    ratio = liquid["over_first"]
    assert abs(ratio["value"] - 1.0) < 4 * ratio["error"], "at the melting point both are alike"
    assert solid["order"] == [13.0, None]
    assert "over solid" in said


def test_pairs_are_counted_in_the_frames_of_the_records(folder, dumps, tmp_path):
    table, picture = tmp_path / "pairs.csv", tmp_path / "pairs.png"
    words = [word for path in dumps for word in ("--frames", str(path))]
    words += ["-T", "2200", "--cutoff", "5", "--bins", "10", "--csv", str(table), "--picture", str(picture)]
    said = momt(folder, "pairs", "WEIGHT", "RECORDS", *words)
    with open(table) as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:3] == ["distance", "all", "all_error"]
    assert float(rows[-1]["all"]) == pytest.approx(31 / 32, abs=0.1)
    assert picture.stat().st_size > 1000
    assert "all     200 frames" in said


def test_draw_writes_frames_and_what_was_drawn(folder, dumps, tmp_path):
    from ase.io import read

    output, found = tmp_path / "drawn.extxyz", tmp_path / "drawn.json"
    words = [word for path in dumps for word in ("--frames", str(path))]
    words += ["-n", "40", "-o", str(output), "--json", str(found), "--grid", "5", "5", "--seed", "9"]
    said = momt(folder, "draw", "WEIGHT", "RECORDS", *words)
    frames = read(output, ":")
    assert len(frames) == 40
    assert {atoms.info["source"] for atoms in frames} == {str(path) for path in dumps}
    assert all(abs(atoms.info["enthalpy"] / 32 + 4.5) < 0.4 for atoms in frames)
    numbers = json.loads(found.read_text())
    assert numbers["seed"] == 9
    assert len(numbers["drawing"]["index"]) == 40
    assert f"{output}: 40 of 200 frames, of " in said
    again = tmp_path / "again.extxyz"
    momt(folder, "draw", "WEIGHT", "RECORDS", *words[:7], str(again), "--grid", "5", "5", "--seed", "9")
    assert again.read_text() == output.read_text()


def test_convert_goes_there_and_back(folder, tmp_path):
    momt(folder, "convert", "WEIGHT", str(tmp_path / "weight.h5"))
    momt(folder, "convert", str(tmp_path / "weight.h5"), str(tmp_path / "weight.txt"))
    assert (tmp_path / "weight.txt").read_text() == (folder / "weight.txt").read_text()


def test_report_fills_a_folder(folder, tmp_path):
    output = tmp_path / "report"
    words = ["-o", str(output), "--means", "1800,2200", "--resamples", "50"]
    said = momt(folder, "report", "WEIGHT", "RECORDS", *words)
    numbers = json.loads((output / "numbers.json").read_text())
    assert {each["temperature"] for each in numbers["means"]} == {1800.0, 2200.0}
    melting = numbers["melting_points"][0]["temperature"]["value"]
    assert numbers["free_energy_temperature"] == melting
    assert f"melting point  {melting:.0f}" in said
    names = {path.name for path in output.iterdir()}
    pictures = [
        "visits",
        "walk",
        "means",
        *(f"free-energy-{x}" for x in ("enthalpy-order", "enthalpy", "order")),
    ]
    pictures += ["states-enthalpy-order", "states-enthalpy"]
    assert {f"{name}.png" for name in pictures} <= names
    assert {f"{name}.csv" for name in pictures[3:]} <= names
    assert f"wrote {len(names)} files" in said
    with pytest.raises(FileExistsError):
        momt(folder, "report", "WEIGHT", "RECORDS", "-o", str(output))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["surface", "WEIGHT", "RECORDS"], "nothing to write"),
        (
            ["surface", "WEIGHT", "RECORDS", "--csv", "x.csv", "--of", "states", "-T", "2000"],
            "has no temperature",
        ),
        (
            ["surface", "WEIGHT", "RECORDS", "--csv", "x.csv", "--bins", "0"],
            "--bins 0: expected a number > 0",
        ),
        (["populations", "WEIGHT", "RECORDS", "-r", "solid"], "region solid: expected NAME=LOWER:UPPER"),
        (["pairs", "WEIGHT", "RECORDS", "--frames", "x.dump"], "nothing to write"),
        (
            ["draw", "WEIGHT", "RECORDS", "--frames", "x.dump", "-n", "5", "-o", "x.xyz"],
            "1 trajectories and 2",
        ),
        (
            ["draw", "WEIGHT", "RECORDS", "--frames", "x", "-n", "5", "-o", "x.xyz", "-T", "1"],
            "temperature 1:",
        ),
        (["report", "RECORDS", "-o", "x"], "not a weight"),
    ],
)
def test_mistakes_of_the_other_commands_are_told_by_one_line(words, message, folder):
    test_mistakes_are_told_by_one_line(words, message, folder)
