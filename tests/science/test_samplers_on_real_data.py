# SPDX-License-Identifier: GPL-2.0-or-later
"""Samplers on published data: farthest points cover better than chance, the kernels are DScribe's, orders
matter little to the bank's rule.
"""

import gzip

import numpy as np
import pytest
from ase.io import read
from dscribe.kernels import REMatchKernel as DScribeREMatch

from mdsieve import EnvironmentBank, SymmetryFunctions
from mdsieve.describe import describe
from mdsieve.encoders.soap import Soap
from mdsieve.samplers.bank_sampler import EnvironmentBankSampler, environment_rows
from mdsieve.samplers.farthest_on_kernel import KernelFPS
from mdsieve.samplers.farthest_point import FPS
from mdsieve.samplers.studies import BankStudy
from mdsieve.similarity.average_kernel import AverageKernel
from mdsieve.similarity.diagnostics import coverage_curve
from mdsieve.similarity.kernel import distances, unit_rows
from mdsieve.similarity.rematch import REMatchKernel


def frames_of(path, index=":"):
    with gzip.open(path, "rt") as file:
        return read(file, index, format="extxyz")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_farthest_points_of_random_crystals_cover_what_random_picks_leave_out(data_dir):
    frames = [a for n in (4, 6, 8, 16) for a in frames_of(data_dir / f"pyxtal_Si/Si{n}.extxyz.gz", "::4")]
    environments = Soap(["Si"], r_cut=5.0, n_max=6, l_max=4, sigma=0.4).encode_atoms(frames)
    kernel = AverageKernel(environments)
    sampler = FPS(distance=0.1).fit(kernel.vectors)
    chosen = coverage_curve(kernel.vectors, sampler.selected_idx_)
    assert chosen.represented[-1] == 1.0
    assert len(sampler.selected_idx_) < len(frames) / 2
    np.testing.assert_allclose(chosen.farthest[:-1], sampler.select_distance_[1:], rtol=1e-9)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(frames))[: len(sampler.selected_idx_)]
        random = coverage_curve(kernel.vectors, order)
        assert random.farthest[-1] > 2 * chosen.farthest[-1]
        assert random.represented[-1] < 1.0
    # the kernel as printed puts the same limit to distances
    printed = AverageKernel(environments, "printed")
    picks = KernelFPS(100).fit(printed).selected_idx_
    apart = distances(printed.matrix())
    for k in (1, 20, 99):
        left = np.setdiff1d(np.arange(len(frames)), picks[:k])
        nearest = apart[np.ix_(left, picks[:k])].min(axis=1)
        assert nearest.max() == pytest.approx(nearest[left == picks[k]][0], abs=1e-7)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_rematch_of_real_frames_is_dscribes(data_dir):
    frames = frames_of(data_dir / "mlearn/Si_train.extxyz.gz", "::16")
    frames += frames_of(data_dir / "si_gap18_subset/Si_tiny.extxyz.gz", "::4")
    environments = Soap(["Si"], r_cut=5.0, n_max=6, l_max=4).encode_atoms(frames)
    theirs = DScribeREMatch(metric="linear").create([unit_rows(rows) for rows in environments])
    ours = REMatchKernel(environments, device="cpu").matrix()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_banks_rule_keeps_about_as_many_frames_in_any_order_and_as_good_ones(data_dir):
    functions = SymmetryFunctions.from_text(describe(["Ge"], cutoff=5.5))
    train = frames_of(data_dir / "mlearn/Ge_train.extxyz.gz")
    study = BankStudy(functions, train, frames_of(data_dir / "mlearn/Ge_test.extxyz.gz"))
    curve = study.threshold_curve([0.1, 0.4, 0.8])
    assert (np.diff(curve.n_frames) < 0).all()
    shuffles = study.shuffles(0.4, n=20)
    spread = shuffles.spread()
    assert spread["n_frames"]["std"] < 0.05 * spread["n_frames"]["mean"]
    assert spread["n_frames"]["mean"] < 0.6 * len(train)
    # half of the frames are as good as all of them, to a few hundredths, whatever the order
    assert spread["force"]["most"] < 1.1 * study.errors().force
    rows, groups, elements = environment_rows(functions, train)
    sampler = EnvironmentBankSampler(0.4).fit(rows, groups=groups, elements=elements)
    bank = EnvironmentBank(functions, 0.4).fit_scaling(train)
    assert sampler.selected_idx_.tolist() == [i for i, a in enumerate(train) if bank.update(a).is_kept]
    np.testing.assert_array_equal(sampler.selected_idx_, study.kept(0.4).frames)
