# SPDX-License-Identifier: GPL-2.0-or-later
"""The weight of an ensemble in Python: the spline of the fix, and its files."""

import h5py
import numpy as np
import pytest
from momt_ensemble import flat_weight, weight_text

from mdsieve.momt.weight import Weight

WINDOW, ORDER = (-4.5, -4.0, 6), (-2.0, 34.0, 5)


def rough_weight() -> Weight:
    v = np.random.default_rng(3).uniform(-2.0, 2.0, (6, 5))
    return Weight.parse(weight_text(v, WINDOW, ORDER), "rough.txt")


def test_what_the_head_says_is_there():
    weight = rough_weight()
    assert (weight.temperature, weight.pressure, weight.n_atoms, weight.units) == (2000.0, 1.0, 32, "metal")
    assert weight.enthalpy == (-144.0, -128.0, 6)
    assert weight.order == (-2.0, 34.0, 5)
    assert weight.tails == (1400.0, 3000.0)
    assert weight.thermal_energy == 2000.0 * 8.617343e-05
    assert weight.visits.shape == (6, 5)
    assert weight.on_grid().shape == (6, 5)


def test_derivatives_are_those_of_the_value():
    weight = rough_weight()
    rng = np.random.default_rng(5)
    h, o, step = rng.uniform(-146, -126, 300), rng.uniform(-1, 33, 300), 1e-5
    here = weight.evaluate(h, o)
    by_h = (weight.evaluate(h + step, o).value - weight.evaluate(h - step, o).value) / (2 * step)
    by_o = (weight.evaluate(h, o + step).value - weight.evaluate(h, o - step).value) / (2 * step)
    np.testing.assert_allclose(here.d_enthalpy, by_h, atol=1e-7)
    np.testing.assert_allclose(here.d_order, by_o, atol=1e-7)


def test_beyond_the_window_the_weight_is_that_of_the_temperatures_of_the_tails():
    weight = rough_weight()
    slopes = weight.evaluate(np.array([-150.0, -120.0]), np.array([10.0, 10.0])).d_enthalpy
    np.testing.assert_allclose(slopes, [2000 / 1400 - 1, 2000 / 3000 - 1], rtol=1e-14)


def test_a_sample_is_in_the_bin_whose_bounds_enclose_it():
    weight = rough_weight()
    h, o = np.array([-143.9, -128.1, -144.1, -136.1]), np.array([-1.9, 33.9, 3.0, 10.0])
    np.testing.assert_array_equal(weight.bins(h, o), [0, 29, -1, 2 * 5 + 1])
    with pytest.raises(ValueError, match="4 enthalpies and 3 order parameters"):
        weight.bins(h, o[:3])


@pytest.mark.parametrize("name", ["weight.txt", "weight.h5"])
def test_files_read_back_to_the_last_bit(name, tmp_path):
    weight = flat_weight()
    weight.save(tmp_path / name)
    assert Weight.load(tmp_path / name).text() == weight.text()


def test_the_hdf5_file_is_readable_by_names(tmp_path):
    weight = rough_weight()
    weight.save(tmp_path / "weight.h5")
    with h5py.File(tmp_path / "weight.h5") as file:
        assert file.attrs["temperature"] == 2000.0
        assert file.attrs["lattice"] == "fcc 2 2 2"
        np.testing.assert_array_equal(file.attrs["enthalpy"], WINDOW)
        np.testing.assert_array_equal(file["coefficients"][()], weight.coefficients)


def _without_coefficients(file: h5py.File) -> None:
    del file["coefficients"]


def _not_a_weight(file: h5py.File) -> None:
    file.attrs["format"] = "mdsieve bank"


def _without_tails(file: h5py.File) -> None:
    del file.attrs["tails"]


def _not_finite(file: h5py.File) -> None:
    file["coefficients"][3, 3] = np.nan


def _a_group_of_visits(file: h5py.File) -> None:
    del file["visits"]
    file.create_group("visits")


def _huge(file: h5py.File) -> None:
    del file["visits"]
    file.create_dataset("visits", (2**40, 2**20), "i8", chunks=(4, 4))


def _odd_tails(file: h5py.File) -> None:
    file.attrs["tails"] = np.array([1 + 2j])


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_without_coefficients, "coefficients: expected rows and columns"),
        (_not_a_weight, "expected the format"),
        (_a_group_of_visits, "visits: expected rows and columns of numbers"),
        (_huge, "expected a weight.s"),
        (_odd_tails, "tails: expected words or numbers"),
        (_without_tails, "expected the attribute `tails`"),
        (_not_finite, "expected a finite number"),
    ],
)
def test_a_bad_hdf5_file_is_refused_by_one_line(harm, words, tmp_path):
    path = tmp_path / "weight.h5"
    rough_weight().save(path)
    with h5py.File(path, "r+") as file:
        harm(file)
    with pytest.raises(ValueError, match=words) as caught:
        Weight.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "weight.txt").write_text("hello\n")
    with pytest.raises(ValueError, match="not a weight"):
        Weight.load(tmp_path / "weight.txt")
    (tmp_path / "weight.h5").write_text("hello\n")
    with pytest.raises(ValueError, match="not the HDF5 file"):
        Weight.load(tmp_path / "weight.h5")
    with pytest.raises(FileNotFoundError):
        Weight.load(tmp_path / "none.h5")
