# SPDX-License-Identifier: GPL-2.0-or-later
"""What has been labelled is kept however the process ends, and is not labelled again."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import read, write

from mdsieve.labels import CalculatorLabeller
from mdsieve.labels.files import failed_path, part_path, write_labelled

#: A calculator that tells of each call, is in no hurry and does not like gold.
FACTORY = """
import time
from ase.calculators.emt import EMT

class Slow(EMT):
    def calculate(self, atoms=None, *arguments, **keywords):
        with open("calls", "a") as file:
            file.write("x")
        time.sleep({pause})
        if "Au" in atoms.symbols:
            raise RuntimeError("gold is too dear")
        super().calculate(atoms, *arguments, **keywords)

def make():
    return Slow()
"""


class Picky(EMT):
    """Fails for gold."""

    def calculate(self, atoms=None, *arguments, **keywords):
        if "Au" in atoms.symbols:
            raise RuntimeError("gold is too dear")
        super().calculate(atoms, *arguments, **keywords)


@pytest.fixture
def frames():
    made = []
    for number in range(12):
        atoms = bulk("Au" if number in (3, 8) else "Cu", cubic=True)
        atoms.rattle(0.05, seed=number)
        atoms.info["number"] = number
        made.append(atoms)
    return made


@pytest.fixture
def labeller():
    return CalculatorLabeller(Picky(), "picky")


def test_a_killed_command_goes_on_with_what_is_left(frames, tmp_path):
    write(tmp_path / "in.extxyz", frames)
    (tmp_path / "slow.py").write_text(FACTORY.format(pause=0.4))
    words = [
        sys.executable,
        "-m",
        "mdsieve",
        "label",
        "in.extxyz",
        "--calculator",
        "slow:make",
        "-o",
        "out.extxyz",
    ]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    part = tmp_path / "out.extxyz.part"
    while not (part.exists() and part.read_text().count("number=") >= 4) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    n_done = part.read_text().count("labelled_by") + 1  # and a frame of gold
    assert not (tmp_path / "out.extxyz").exists()

    refused = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "out.extxyz.part: frames of a labelling that was killed; say --resume" in " ".join(
        refused.stderr.split()
    )
    (tmp_path / "calls").unlink()
    (tmp_path / "slow.py").write_text(FACTORY.format(pause=0))
    finished = subprocess.run([*words, "--resume"], cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 1  # of gold
    assert "10 frames labelled" in finished.stdout
    assert len((tmp_path / "calls").read_text()) <= 12 - n_done
    assert not list(tmp_path.glob("*.part"))
    assert [one.info["number"] for one in read(tmp_path / "out.extxyz", ":")] == [
        0,
        1,
        2,
        4,
        5,
        6,
        7,
        9,
        10,
        11,
    ]
    failed = read(tmp_path / "out.failed.extxyz", ":")
    assert [(one.info["number"], one.info["label_frame"]) for one in failed] == [(3, 3), (8, 8)]


def pieces(data):
    """Each frame of a file of four atoms a frame."""
    lines = data.splitlines(keepends=True)
    return [b"".join(lines[k : k + 6]) for k in range(0, len(lines), 6)]


def test_wherever_the_file_was_cut_the_end_is_the_same(frames, labeller, tmp_path):
    whole, path = tmp_path / "whole.extxyz", tmp_path / "out.extxyz"
    assert write_labelled(labeller, frames, whole).n_failed == 2
    good, bad = whole.read_bytes(), failed_path(whole).read_bytes()
    labels = read(whole, ":")
    rng = np.random.default_rng(1)
    for n_done in range(len(frames) + 1):
        files = {part_path(path): pieces(good), part_path(failed_path(path)): pieces(bad)}
        for file in files:
            file.write_bytes(b"")
        for number in range(n_done + 1):
            file = part_path(failed_path(path) if number in (3, 8) else path)
            if number < len(frames):
                frame = files[file].pop(0)
                cut = (
                    len(frame) if number < n_done else rng.choice([1, 2, 40, len(frame) - 3, len(frame) - 1])
                )
                file.write_bytes(file.read_bytes() + frame[:cut])
        written = write_labelled(labeller, frames, path, resume=True)
        assert (written.n_labelled, written.n_failed) == (10, 2)
        found = read(path, ":")
        for one, expected in zip(found, labels, strict=True):
            assert {**one.info, **expected.info} == one.info
            assert one.get_potential_energy() == pytest.approx(expected.get_potential_energy(), rel=1e-12)
            np.testing.assert_allclose(one.get_forces(), expected.get_forces(), atol=1e-7)
        assert failed_path(path).read_bytes() == bad
        assert not part_path(path).exists()


def test_a_kill_between_the_two_renamings_loses_nothing(frames, labeller, tmp_path):
    path = tmp_path / "out.extxyz"
    write_labelled(labeller, frames, path)
    before = path.read_bytes(), failed_path(path).read_bytes()
    path.rename(part_path(path))
    assert write_labelled(labeller, frames, path, resume=True).n_failed == 2
    assert (path.read_bytes(), failed_path(path).read_bytes()) == before


@pytest.mark.parametrize("what", ["another labeller", "other frames", "fewer frames"])
def test_what_was_begun_with_something_else_is_not_continued(frames, labeller, tmp_path, what):
    path = tmp_path / "out.extxyz"
    part = part_path(path)
    write_labelled(labeller, frames[:3], path)
    path.rename(part)
    before = part.read_bytes()
    if what == "another labeller":
        labeller, words = CalculatorLabeller(EMT(), "emt"), "labels by picky"
    elif what == "other frames":
        frames[1].positions[2, 0] += 1e-3
        words = "frame 1 is another than that to be labelled"
    else:
        frames, words = frames[:2], "3 frames, to be continued for 2"
    with pytest.raises(ValueError, match=words):
        write_labelled(labeller, frames, path, resume=True)
    assert part.read_bytes() == before
    assert not path.exists()
