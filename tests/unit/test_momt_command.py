# SPDX-License-Identifier: GPL-2.0-or-later
"""``mdsieve momt`` from the command line."""

import csv
import json
import math

import numpy as np
import pytest
from momt_ensemble import MELTING, Exact, flat_weight, write_record
from typer.testing import CliRunner

from mdsieve.cli import build_app
from mdsieve.momt.blocks import Estimate
from mdsieve.momt.numbers import with_error


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("momt")
    weight = flat_weight()
    weight.save(folder / "weight.txt")
    exact, rng = Exact(weight), np.random.default_rng(6)
    for name in ("one.txt", "two.txt"):
        write_record(folder / name, weight, exact.series(4000, rng, stay=20.0))
    return folder


def momt(folder, *words: str, code: int = 0) -> str:
    files = {"WEIGHT": ["weight.txt"], "RECORDS": ["one.txt", "two.txt"]}
    arguments = ["momt"]
    for word in words:
        arguments += [str(folder / name) for name in files.get(word, ())] or [word]
    result = CliRunner().invoke(build_app(), arguments)
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
    assert "samples            0, 0 of them outside" in said
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
