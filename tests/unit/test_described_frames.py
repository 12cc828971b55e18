# SPDX-License-Identifier: GPL-2.0-or-later
"""Threads, batches and fingerprints that wait on disk do not change what is picked."""

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from mdsieve.describe import write_description
from mdsieve.samplers import described_frames
from mdsieve.samplers.described_frames import DescribedFrame, FingerprintSpool
from mdsieve.samplers.environment_bank import select_bank

N_FRAMES = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Frames of 1 to 8 atoms that grow warmer, with IDs out of order, and functions for them."""
    folder = tmp_path_factory.mktemp("frames")
    random = np.random.default_rng(3)
    frames = []
    for i in range(N_FRAMES):
        atoms = bulk("Ni", cubic=True) * (1, 1, 2)
        atoms = atoms[: 1 + i % 8]
        atoms.positions += random.normal(scale=0.002 * i, size=atoms.positions.shape)
        atoms.set_array("id", random.permutation(len(atoms)) + 10)
        atoms.info["step"] = 5 * i
        frames.append(atoms)
    write(folder / "frames.extxyz", frames)
    write_description(["Ni"], 5.0, folder / "sf.nn")
    return folder


def outcome(folder: Path, output: Path, **options) -> tuple:
    """All that a selection leaves: the kept frames and the bank, to the byte."""
    bank = output.with_suffix(".bank")
    selection = select_bank(
        [folder / "frames.extxyz"], folder / "sf.nn", 0.3, output, save_bank=bank, **options
    )
    assert 0 < selection.n_kept < N_FRAMES
    return selection, output.read_text(), bank.read_bytes()


@pytest.fixture(scope="module")
def expected(folder):
    return outcome(folder, folder / "expected.extxyz")


@pytest.mark.parametrize("n_jobs", [2, 5])
@pytest.mark.parametrize("batch_bytes", [1, 3000])
def test_threads_and_batches_pick_the_same(folder, expected, n_jobs, batch_bytes, monkeypatch, tmp_path):
    monkeypatch.setattr(described_frames, "_BATCH_BYTES", batch_bytes)
    assert outcome(folder, tmp_path / "kept.extxyz", n_jobs=n_jobs) == expected


@pytest.mark.parametrize("free", [0, 40_000, 10**9])
def test_what_has_no_room_on_disk_is_computed_again(folder, expected, free, monkeypatch, tmp_path):
    computed = []
    describe = described_frames._described
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    monkeypatch.setattr(described_frames, "_described", lambda *words: computed.append(1) or describe(*words))
    assert outcome(folder, tmp_path / "kept.extxyz") == expected
    again = len(computed) - N_FRAMES
    assert again == {0: N_FRAMES, 10**9: 0}.get(free, again)
    assert free != 40_000 or 0 < again < N_FRAMES


def test_a_disk_that_fills_up_meanwhile_costs_time_only(folder, expected, monkeypatch, tmp_path):
    class Full:
        """A file on a disk that takes so many bytes."""

        def __init__(self, file, room):
            self._file, self._room = file, room

        def write(self, data):
            self._room -= len(data)
            if self._room < 0:
                raise OSError(errno.ENOSPC, "no space left on device")
            return self._file.write(data)

        def __getattr__(self, name):
            return getattr(self._file, name)

    temporary = described_frames.tempfile.TemporaryFile
    monkeypatch.setattr(
        described_frames.tempfile, "TemporaryFile", lambda **words: Full(temporary(**words), 20_000)
    )
    assert outcome(folder, tmp_path / "kept.extxyz") == expected


def test_frames_come_back_as_they_were_put(tmp_path):
    random = np.random.default_rng(1)
    frames = [
        DescribedFrame(
            random.integers(0, 2, n).astype(np.int32),
            random.random(3 * n),
            random.permutation(n),
            random.permutation(n) + 1,
            step,
        )
        for n, step in [(4, 10), (1, None), (0, 0), (7, -3)]
    ]
    with FingerprintSpool(tmp_path) as spool:
        for frame in frames:
            assert spool.take() is None
            spool.put(frame)
        spool.rewind()
        for frame in frames:
            again = spool.take()
            assert again.step == frame.step
            for one, other in zip(again.environments, frame.environments, strict=True):
                np.testing.assert_array_equal(one, other)
                assert one.dtype == other.dtype
        assert spool.take() is None
    assert list(tmp_path.iterdir()) == []
