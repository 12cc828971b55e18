# SPDX-License-Identifier: GPL-2.0-or-later
"""Calibration: every number is what the plain rule gives."""

from itertools import pairwise

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from typer.testing import CliRunner

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.calibrate import Outcome, Pilot, find_knee, read_pilot
from mdsieve.cli import build_app
from mdsieve.describe import scaling_data
from mdsieve.samplers.environment_bank import select_bank

TEXT = """number_of_elements 2
elements Ni H
cutoff_type 1
symfunction_short Ni 2 Ni 0.5 0.0 5.0
symfunction_short Ni 2 H 0.5 0.0 5.0
symfunction_short Ni 3 Ni Ni 0.05 1 2 5.0
symfunction_short H 2 Ni 0.5 0.0 5.0
symfunction_short H 2 H 0.5 0.0 5.0
"""


def functions():
    return SymmetryFunctions(TEXT)


def melt(n_frames=25, seed=3):
    """A crystal with a hydrogen that shakes more and more."""
    rng = np.random.default_rng(seed)
    first = bulk("Ni", cubic=True) * (2, 2, 1)
    first.append("H")
    first.positions[-1] = (1.76, 1.76, 1.76)
    frames = []
    for i in range(n_frames):
        atoms = first.copy()
        atoms.positions += rng.normal(scale=0.02 + 0.01 * i, size=atoms.positions.shape)
        frames.append(atoms)
    return frames


def plain_rule(frames, pilot, thresholds):
    """Kept frames and entries of each element, atom by atom."""
    kept, entries = set(), {"Ni": [], "H": []}
    scaling = pilot.scaling
    for i, atoms in enumerate(frames):
        for symbol, (_, rows) in pilot.functions.create_by_element(atoms).items():
            number = pilot.functions.elements.index(symbol)
            for row in (rows - scaling.shift[number]) * scaling.factor[number]:
                if all(np.linalg.norm(row - other) > thresholds[symbol] for other in entries[symbol]):
                    entries[symbol].append(row)
                    kept.add(i)
    return len(kept), {symbol: len(found) for symbol, found in entries.items()}


def test_every_point_of_the_curve_is_what_the_plain_rule_keeps():
    frames = melt()
    pilot = Pilot(functions(), frames)
    curve = pilot.curve(n=8)
    assert curve[0].n_frames == len(frames)
    assert curve[-1].n_frames == 1
    for outcome in [*curve, pilot.outcome({"Ni": 0.3, "H": 0.05})]:
        n_frames, entries = plain_rule(frames, pilot, outcome.thresholds)
        assert outcome.n_frames == n_frames
        assert outcome.n_environments == {symbol: entries[symbol] for symbol in pilot.elements}


@pytest.mark.parametrize("n", [1, 2, 5, 11, 24, 25, 1000])
def test_what_can_be_afforded_is_kept_and_not_more(n):
    frames = melt()
    pilot = Pilot(functions(), frames)
    found = pilot.afford(n)
    assert found.n_frames <= n
    assert found.n_frames >= min(n, 25) - 2
    bank = EnvironmentBank.empty(pilot.functions, found.thresholds, pilot.scaling)
    assert sum(bank.update(atoms).is_kept for atoms in frames) == found.n_frames


def test_a_budget_below_what_new_elements_force_is_refused():
    nickel = bulk("Ni", cubic=True)
    pilot = Pilot(functions(), [nickel, Atoms("H2", [(0, 0, 0), (0, 0, 1)])], "none")
    with pytest.raises(ValueError, match="1 frames: even very large thresholds keep 2"):
        pilot.afford(1)


def test_thermal_noise_is_the_distance_between_consecutive_environments_of_one_atom():
    frames = melt(6)
    pilot = Pilot(functions(), frames)
    number = pilot.functions.elements.index("Ni")
    shift, factor = pilot.scaling.shift[number], pilot.scaling.factor[number]
    rows = [(pilot.functions.create_by_element(a)["Ni"][1] - shift) * factor for a in frames]
    distances = np.concatenate([np.linalg.norm(b - a, axis=1) for a, b in pairwise(rows)])
    floor = pilot.noise_floor["Ni"]
    assert floor.n_pairs == 5 * 16
    assert floor.median == pytest.approx(np.median(distances))
    assert floor.high == pytest.approx(np.percentile(distances, 95))
    ratios = pilot.noise_ratios()
    assert max(ratios.values()) == 1
    assert ratios["Ni"] / ratios["H"] == pytest.approx(floor.median / pilot.noise_floor["H"].median)


def test_thermal_noise_ignores_the_order_in_the_file_atoms_that_went_away_and_other_structures():
    first, second = melt(2)
    for atoms in (first, second):
        atoms.set_array("id", np.arange(1, len(atoms) + 1))
    away = second.copy()
    away.positions[3] += 1.5
    plain = Pilot(functions(), [first, second]).noise_floor["Ni"]
    shuffled = second[np.random.default_rng(0).permutation(len(second))]
    wrapped = shuffled.copy()
    wrapped.positions += wrapped.cell[0]
    for other in (shuffled, wrapped):
        assert Pilot(functions(), [first, other]).noise_floor["Ni"].median == pytest.approx(plain.median)
    assert Pilot(functions(), [first, away]).noise_floor["Ni"].n_pairs == plain.n_pairs - 1
    assert Pilot(functions(), [first, second[:-2]], "none").noise_floor == {}


def test_the_knee_is_the_corner_of_a_curve_that_has_one():
    scales = np.geomspace(0.1, 10, 21)
    corner = 8
    kept = [1000 - 110 * i if i <= corner else 120 - 10 * (i - corner) for i in range(21)]
    curve = [Outcome({"Ni": s}, k, {"Ni": k}) for s, k in zip(scales, kept, strict=True)]
    assert find_knee(curve) is curve[corner]
    straight = [Outcome({"Ni": s}, 210 - 10 * i, {}) for i, s in enumerate(scales)]
    assert find_knee(straight) is None
    assert find_knee([Outcome({"Ni": s}, 5, {}) for s in scales]) is None


def test_the_command_gives_a_line_that_keeps_what_it_says(tmp_path):
    frames = melt()
    write(tmp_path / "pilot.extxyz", frames)
    (tmp_path / "nih.nn").write_text(TEXT)
    words = ["calibrate", tmp_path / "pilot.extxyz", "-f", tmp_path / "nih.nn", "-n", 7, "--points", 9]
    words += ["--save-scaling", tmp_path / "s.data", "--png", tmp_path / "curve.png"]
    result = CliRunner().invoke(build_app(), list(map(str, words)), catch_exceptions=False)
    assert "thermal noise of Ni: median" in result.output
    assert (tmp_path / "curve.png").read_bytes()[:4] == b"\x89PNG"
    (line,) = [line for line in result.output.splitlines() if line.startswith("    threshold ")]
    numbers = line.split()[1:]
    thresholds = dict(zip(numbers[::2], map(float, numbers[1::2]), strict=True))
    assert f"scaling file {tmp_path / 's.data'}" in result.output.replace("\n", "")
    selection = select_bank(
        [tmp_path / "pilot.extxyz"], tmp_path / "nih.nn", thresholds, tmp_path / "k.xyz",
        scaling=tmp_path / "s.data", progress=False,
    )  # fmt: skip
    assert f"keeps {selection.n_kept} of 25 frames" in result.output
    assert selection.n_kept <= 7
    with pytest.raises(FileExistsError):
        CliRunner().invoke(build_app(), list(map(str, words)), catch_exceptions=False)


def calibration(tmp_path, *words):
    write(tmp_path / "pilot.extxyz", melt(6))
    (tmp_path / "nih.nn").write_text(TEXT)
    given = [
        "calibrate",
        tmp_path / "pilot.extxyz",
        "-f",
        tmp_path / "nih.nn",
        "-n",
        3,
        "--points",
        5,
        *words,
    ]
    return CliRunner().invoke(build_app(), list(map(str, given)), catch_exceptions=False).output


def fix_line(output):
    (line,) = [line for line in output.splitlines() if "fix sel all select" in line]
    return line


def test_the_fix_line_has_the_elements_in_the_order_of_the_atom_types(tmp_path):
    output = calibration(tmp_path, "--types", "H,Ni,H")
    assert " nih.nn H Ni H threshold " in fix_line(output).replace(f"{tmp_path}/", "")
    assert "--types" not in output
    assert "give that order by --types" in calibration(tmp_path)


def test_the_scaling_beside_the_functions_is_the_default_of_calibrate_and_of_select_bank(tmp_path):
    assert "scaling: minmax, fitted on these frames" in calibration(tmp_path)
    beside = tmp_path / "nih.scaling.data"
    beside.write_text(scaling_data(functions()))
    output = calibration(tmp_path)
    assert f"scaling: {beside}\n" in output
    line = fix_line(output)
    assert line.endswith(f"scaling file {beside}")
    words = line.partition(" threshold ")[2].partition(" scaling ")[0].split()
    thresholds = [f"{symbol}={value}" for symbol, value in zip(words[::2], words[1::2], strict=True)]
    kept = [
        "select", "bank", tmp_path / "pilot.extxyz", "-f", tmp_path / "nih.nn", "-o", tmp_path / "k.xyz",
        *(word for value in thresholds for word in ("-t", value)),
    ]  # fmt: skip
    said = CliRunner().invoke(build_app(), list(map(str, kept)), catch_exceptions=False).output
    n_kept = output.partition("keeps ")[2].partition(" ")[0]
    assert f"scaling: {beside}\n" in said
    assert f"k.xyz: {n_kept} of 6 frames kept" in said
    assert "scaling: none" in calibration(tmp_path, "--scaling", "none")
    with pytest.raises(ValueError, match="is not fitted on these frames; expected --scaling minmax or std"):
        calibration(tmp_path, "--save-scaling", str(tmp_path / "new.data"))
    assert not (tmp_path / "new.data").exists()


def test_bad_words_are_said_in_one_line(tmp_path):
    write(tmp_path / "pilot.extxyz", melt(3))
    with pytest.raises(ValueError, match="scaling 'file'"):
        read_pilot([tmp_path / "pilot.extxyz"], functions(), "file")
    with pytest.raises(ValueError, match="no symmetry functions"):
        read_pilot([tmp_path / "pilot.extxyz"], None)
    with pytest.raises(ValueError, match="every 0"):
        read_pilot([tmp_path / "pilot.extxyz"], functions(), every=0)
    with pytest.raises(ValueError, match="0 frames: expected at least 1"):
        Pilot(functions(), melt(3)).afford(0)
