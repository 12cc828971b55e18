# SPDX-License-Identifier: GPL-2.0-or-later
"""The bank's questions answered by PyTorch: the same as those of the compiled bank, bit for bit.

On the CPU; on a machine with a GPU the same tests run there too.
"""

import numpy as np
import pytest
import torch

from mdsieve import EnvironmentBank, SymmetryFunctions, _core
from mdsieve.device_search import DeviceSearch

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
ELEMENTS = ("Ni", "Al")


def native_bank(threshold, width, scaling=None):
    n = len(ELEMENTS)
    scaling = scaling or _core.Scaling.identity([width] * n)
    return _core.EnvironmentBank(
        "text", "hash", list(ELEMENTS), [width] * n, [6.0] * n, [threshold] * n, scaling
    )


def cloud(kind, random, n, width):
    points = random.normal(size=(n, width))
    if kind == "grid":  # every distance that matters is the threshold itself
        points = random.integers(0, 4, size=(n, width)) * 0.5
    elif kind == "duplicates":
        points = points[random.integers(0, 10, n)]
    elif kind == "constant":
        points[:, 0] = 3.25
    elif kind == "outliers":
        points[::37] *= 1e25
    elif kind == "offset":
        points += 1e7
    elif kind == "tiny":
        points *= 1e-30
    return points


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", ["cloud", "grid", "duplicates", "constant", "outliers", "offset", "tiny"])
@pytest.mark.parametrize(("width", "threshold"), [(1, 0.1), (3, 0.5), (9, 1.5), (40, 6.0)])
def test_picks_and_distances_are_those_of_the_compiled_bank(device, kind, width, threshold):
    random = np.random.default_rng(width)
    threshold *= 1e-30 if kind == "tiny" else 1
    points = cloud(kind, random, 900, width)
    elements = random.integers(0, 2, 900).astype(np.int32)
    compiled = native_bank(threshold, width)
    searched = DeviceSearch(native_bank(threshold, width), device, chunk_bytes=2**17)  # several chunks
    assert (
        searched.select_new(elements, points.ravel()).tolist()
        == compiled.select_new(elements, points.ravel()).tolist()
    )
    for begin, end in [(0, 1), (1, 400), (400, 900)]:  # the bank grows
        part = slice(begin, end)
        expected = compiled.select_new(elements[part], points[part].ravel())
        np.testing.assert_array_equal(
            searched.distances(elements[part], points[part].ravel()),
            compiled.distances(elements[part], points[part].ravel()),
        )
        assert searched.select_new(elements[part], points[part].ravel()).tolist() == expected.tolist()
        new = begin + expected
        for bank in (compiled, searched):
            bank.add(elements[new], np.column_stack([new, new, new]), points[new].ravel())
    assert len(searched) == len(compiled) > 0
    assert searched.serialise() == compiled.serialise()


@pytest.mark.parametrize("device", DEVICES)
def test_a_large_bank_within_one_rounding_of_the_threshold(device):
    random = np.random.default_rng(5)
    width, threshold = 40, 0.3
    entries = random.normal(size=(70000, width)) * 0.3  # more than one chunk of columns
    elements = np.zeros(len(entries), np.int32)
    compiled = native_bank(threshold, width)
    compiled.add(elements, np.zeros((len(entries), 3), np.int64), entries.ravel())
    searched = DeviceSearch(compiled, device)
    steps = random.normal(size=(300, width))
    steps *= (threshold * (1 + 1e-12 * random.normal(size=300)) / np.linalg.norm(steps, axis=1))[:, None]
    queries = (entries[random.integers(0, len(entries), 300)] + steps).ravel()
    expected = compiled.distances(elements[:300], queries)
    np.testing.assert_array_equal(searched.distances(elements[:300], queries), expected)
    assert 50 < (expected > threshold).sum() < 250
    for query in queries.reshape(300, width)[:60]:
        assert (
            searched.select_new(elements[:1], query).tolist()
            == compiled.select_new(elements[:1], query).tolist()
        )


def test_one_atom_nothing_at_all_and_what_is_not_finite():
    searched = DeviceSearch(native_bank(0.5, 3), "cpu")
    none = np.empty(0, np.int32)
    assert searched.select_new(none, np.empty(0)).tolist() == []
    assert searched.distances(none, np.empty(0)).tolist() == []
    one = np.zeros(1, np.int32)
    assert searched.distances(one, np.zeros(3)).tolist() == [np.inf]
    assert searched.select_new(one, np.zeros(3)).tolist() == [0]
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="fingerprint of Ni: column 2 of 3 is not finite"):
            searched.select_new(one, np.array([0.0, bad, 0.0]))
    with pytest.raises(ValueError, match="expected 3 numbers, got 2"):
        searched.distances(one, np.zeros(2))
    with pytest.raises(ValueError, match="expected 0 to 1"):
        searched.distances(one + 2, np.zeros(3))


def test_a_bank_moved_to_a_device_goes_on_as_before(ni_trajectory, tmp_path):
    text = "elements Ni\ncutoff_type 1\n" + "".join(
        f"symfunction_short Ni 2 Ni {eta} {shift} 4.5\n"
        for eta, shift in [(0.05, 0), (0.5, 0), (2, 2.5), (4, 3)]
    )
    functions = SymmetryFunctions.from_text(text)
    bank = EnvironmentBank(functions, 0.1).fit_scaling(ni_trajectory)
    for atoms in ni_trajectory[:5]:
        bank.update(atoms)
    size = len(bank)
    moved = bank.to("cpu")
    for atoms in ni_trajectory[5::10]:
        expected, found = bank.update(atoms), moved.update(atoms)
        np.testing.assert_array_equal(found.novelty, expected.novelty)
        assert found.new.tolist() == expected.new.tolist()
    assert len(moved) == len(bank) > size  # a copy: each has got its own
    moved.save(tmp_path / "moved.bank")
    back = EnvironmentBank.load(tmp_path / "moved.bank")
    assert [back.entry(i).atom_id for i in range(len(back))] == [
        bank.entry(i).atom_id for i in range(len(bank))
    ]
    assert len(moved.diff(bank).only_here) == len(bank.diff(moved).only_there) == 0
    assert bank.merge(moved) == moved.merge(bank) == 0
    np.testing.assert_array_equal(moved.to(None).query(ni_trajectory[-1]), bank.query(ni_trajectory[-1]))
