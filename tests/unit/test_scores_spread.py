# SPDX-License-Identifier: GPL-2.0-or-later
"""The user's committee: definitions, and members that fail."""

import logging

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from mdsieve.scores import Environments
from mdsieve.scores.spread import SpreadScorer, calculators_from


class Broken(Calculator):
    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, how):
        super().__init__()
        self.how = how

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        if self.how == "raises":
            raise RuntimeError("no convergence\nafter 100 steps")
        wrong = {"nan": np.full((len(atoms), 3), np.nan), "shape": np.zeros((1, 2))}[self.how]
        self.results = {"energy": np.nan, "forces": wrong}


def lj(epsilon, sigma=2.3):
    return LennardJones(epsilon=epsilon, sigma=sigma, rc=5.0)


def frame(atoms, ids=None):
    """Environments as a driver has them where no scorer needs fingerprints."""
    if ids is not None:
        atoms.arrays["id"] = np.asarray(ids)
    sorted_ids = np.sort(atoms.arrays.get("id", np.arange(1, len(atoms) + 1)))
    return Environments(("Ni",), (3,), np.zeros(len(atoms), np.int32), sorted_ids, np.empty(0), atoms)


@pytest.fixture
def atoms():
    structure = bulk("Ni", cubic=True) * (2, 2, 2)
    structure.rattle(0.1, seed=3)
    return structure


def test_force_spread_is_the_root_mean_square_deviation_of_the_members_vectors(atoms):
    members = [lj(0.2), lj(0.25), EMT()]
    said = []
    for member in members:
        copy = atoms.copy()
        copy.calc = member
        said.append(copy.get_forces())
    mean = sum(said) / 3
    expected = [
        np.sqrt(np.mean([np.dot(f[i] - mean[i], f[i] - mean[i]) for f in said])) for i in range(len(atoms))
    ]
    score = SpreadScorer(members).score(frame(atoms))
    np.testing.assert_allclose(score.per_atom, expected, rtol=1e-12)
    assert score.frame == score.per_atom.max()
    assert score.atom == 1 + np.argmax(expected)
    assert score.reason == ""


def test_energy_spread_is_per_atom_and_a_supercell_has_the_same(atoms):
    scorer = SpreadScorer([lj(0.2), lj(0.3)], of="energy")
    one, eight = scorer.score(frame(atoms)), scorer.score(frame(atoms * (2, 2, 2)))
    energies = []
    for epsilon in (0.2, 0.3):
        copy = atoms.copy()
        copy.calc = lj(epsilon)
        energies.append(copy.get_potential_energy() / len(atoms))
    assert one.frame == pytest.approx(abs(energies[0] - energies[1]) / 2, rel=1e-12)
    assert eight.frame == pytest.approx(one.frame, rel=1e-9)


def test_per_atom_values_follow_the_ids_not_the_order_of_the_atoms(atoms):
    plain = SpreadScorer([lj(0.2), EMT()]).score(frame(atoms))
    order = np.random.default_rng(1).permutation(len(atoms))
    shuffled = SpreadScorer([lj(0.2), EMT()]).score(frame(atoms[order], ids=order + 1))
    np.testing.assert_allclose(shuffled.per_atom, plain.per_atom, atol=1e-12)
    assert shuffled.atom == plain.atom


def test_members_that_agree_have_no_spread(atoms):
    assert SpreadScorer([lj(0.2), lj(0.2)]).score(frame(atoms)).frame == 0.0


@pytest.mark.parametrize(("how", "words"), [("raises", "RuntimeError: no convergence after 100 steps"),
                                            ("nan", "not finite"), ("shape", "expected (32, 3)")])  # fmt: skip
def test_a_member_that_fails_is_left_out_and_named(atoms, how, words, caplog):
    scorer = SpreadScorer([lj(0.2), Broken(how), EMT()])
    with caplog.at_level(logging.WARNING):
        scores = [scorer.score(frame(atoms)) for _ in range(9)]
    assert scores[0].frame == SpreadScorer([lj(0.2), EMT()]).score(frame(atoms)).frame
    assert "calculator 2 failed" in scores[8].reason
    assert words in scores[8].reason
    assert caplog.text.count("calculator 2 failed") == 5, "not a line each frame for ever"


def test_with_fewer_than_two_members_left_there_is_no_number(atoms):
    score = SpreadScorer([Broken("raises"), EMT()]).score(frame(atoms))
    assert np.isnan(score.frame)
    assert score.cautious is None
    assert score.reason.startswith("no spread: calculator 1 failed: RuntimeError")


def test_a_function_may_be_the_committee(atoms):
    rng = np.random.default_rng(0)
    said = rng.normal(size=(4, len(atoms), 3))
    score = SpreadScorer(lambda _: said).score(frame(atoms))
    np.testing.assert_allclose(score.per_atom, np.sqrt(said.var(axis=0).sum(axis=1)), rtol=1e-12)
    said[2, 5, 1] = np.inf
    assert "member 3 failed" in SpreadScorer(lambda _: said).score(frame(atoms)).reason
    assert SpreadScorer(lambda _: [1.0, 3.0], of="energy").score(frame(atoms)).frame == 1.0 / len(atoms)

    def bad(_):
        raise KeyError("weights")

    assert "the committee failed: KeyError" in SpreadScorer(bad).score(frame(atoms)).reason


def test_the_frame_and_its_labels_are_not_touched(atoms):
    atoms.calc = lj(0.1)
    energy, positions = atoms.get_potential_energy(), atoms.positions.copy()

    def meddler(given):
        assert given.calc is None
        given.positions += 1.0
        return np.zeros((2, len(given), 3))

    SpreadScorer(meddler).score(frame(atoms))
    np.testing.assert_array_equal(atoms.positions, positions)
    assert atoms.get_potential_energy() == energy


def test_a_frame_without_atoms_and_a_missing_frame():
    assert SpreadScorer(lambda _: np.zeros((2, 0, 3))).score(frame(Atoms())).frame == 0.0
    empty = Environments(("Ni",), (3,), np.zeros(1, np.int32), np.ones(1, np.int64), np.empty(0))
    with pytest.raises(ValueError, match="needs the frame's atoms"):
        SpreadScorer([EMT(), EMT()]).score(empty)


def test_wrong_committees_are_refused():
    with pytest.raises(ValueError, match="a committee of 1: expected at least 2"):
        SpreadScorer([EMT()])
    with pytest.raises(ValueError, match="spread of 'stress'"):
        SpreadScorer([EMT(), EMT()], of="stress")
    with pytest.raises(ValueError, match="learns nothing"):
        SpreadScorer([EMT(), EMT()]).restore(b"x")


def test_a_factory_is_found_in_the_folder_of_the_run(tmp_path, monkeypatch, atoms):
    (tmp_path / "my_committee.py").write_text(
        "from ase.calculators.emt import EMT\n"
        "def two():\n    return (EMT() for _ in range(2))\n"
        "def fails():\n    raise OSError('no\\nweights')\n"
        "number = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    assert SpreadScorer(calculators_from("my_committee:two")).score(frame(atoms)).frame == 0.0
    for factory, words in [
        ("my_committee", "expected module:function"),
        ("my_committee:three", "no function 'three'"),
        ("my_committee:number", "no function 'number'"),
        ("my_committee:fails", "factory my_committee:fails: OSError: no weights"),
        ("no_such_module_here:f", "ModuleNotFoundError"),
    ]:
        with pytest.raises(ValueError, match=words):
            calculators_from(factory)
