# SPDX-License-Identifier: GPL-2.0-or-later
"""The spread of an ensemble: its definitions, from fingerprints and from atoms, and as select.toml has it."""

import numpy as np
import pytest
from network_cases import FUNCTIONS, nickel_aluminium, random_ensemble
from synthetic import DESCRIPTOR, ELEMENTS, N_FEATURES, FakeFix, hello, trajectory

from mdsieve import SymmetryFunctions
from mdsieve.driver.config import load_config
from mdsieve.driver.messages import NEED_ATOMS, NEED_FINGERPRINTS, Fatal
from mdsieve.driver.score_plans import plan_spread
from mdsieve.driver.score_settings import make_spread
from mdsieve.driver.service import Service
from mdsieve.driver.store import FrameStore
from mdsieve.potentials import Architecture, ElementNetworks, Layers, NetworkEnsemble, ensemble, write_n2p2
from mdsieve.scores import EnsembleSpreadScorer, Environments, SpreadScorer
from mdsieve.scores.contract import ATOMS, FINGERPRINTS


@pytest.fixture(scope="module")
def networks():
    return random_ensemble(4)


def environments(networks, atoms):
    return Environments.from_atoms(networks.functions, atoms)


def test_atomic_spread_is_the_sample_deviation_of_the_members_atomic_energies(networks):
    atoms = nickel_aluminium(1)
    score = EnsembleSpreadScorer(networks).score(environments(networks, atoms))
    expected = networks.predict(atoms, forces=False).atomic.std(axis=0, ddof=1)
    np.testing.assert_allclose(score.per_atom, expected, rtol=1e-9)
    assert score.frame == score.per_atom.max()
    assert score.atom == 1 + np.argmax(expected)


def test_energy_spread_is_that_of_a_committee_of_calculators_and_so_is_that_of_forces(networks):
    frame = environments(networks, nickel_aluminium(2))
    calculators = [networks.calculator(member) for member in range(4)]
    energy = EnsembleSpreadScorer(networks, "energy").score(frame)
    assert energy.frame == pytest.approx(SpreadScorer(calculators, of="energy").score(frame).frame, rel=1e-9)
    assert energy.per_atom is None
    forces = SpreadScorer(networks.forces).score(frame)
    np.testing.assert_allclose(forces.per_atom, SpreadScorer(calculators).score(frame).per_atom, rtol=1e-9)
    frame.atoms.calc = networks.calculator()
    frame.atoms.get_forces()
    np.testing.assert_allclose(forces.per_atom, frame.atoms.calc.results["forces_spread"], rtol=1e-12)
    assert energy.frame * 16 == pytest.approx(frame.atoms.calc.results["energy_spread"], rel=1e-9)


@pytest.mark.parametrize("of", ["atomic", "energy"])
def test_from_atoms_it_is_the_same_whatever_their_order(networks, of):
    atoms = nickel_aluminium(3)
    streamed = EnsembleSpreadScorer(networks, of).score(environments(networks, atoms))
    order = np.random.default_rng(1).permutation(16)
    shuffled = atoms[order]
    shuffled.set_array("id", order + 1)
    other = SymmetryFunctions.from_text(FUNCTIONS.replace("0.8", "0.9"))
    frame = Environments.from_atoms(other, shuffled)
    found = EnsembleSpreadScorer(networks, of, streamed=False).score(frame)
    assert found.frame == pytest.approx(streamed.frame, rel=1e-9)
    assert found.atom == streamed.atom
    if of == "atomic":
        np.testing.assert_allclose(found.per_atom, streamed.per_atom, rtol=1e-9)


def test_batches_change_nothing(networks, monkeypatch):
    rows = environments(networks, nickel_aluminium(4)).by_element[1].fingerprints
    whole = networks.atomic_spread({"Ni": rows}), networks.atomic_energies({"Ni": rows})
    monkeypatch.setattr(ensemble, "_NUMBERS_AT_A_TIME", 3 * 4 * 6)
    np.testing.assert_allclose(networks.atomic_spread({"Ni": rows})["Ni"], whole[0]["Ni"], rtol=1e-12)
    np.testing.assert_allclose(networks.atomic_energies({"Ni": rows})["Ni"], whole[1]["Ni"], rtol=1e-14)
    assert networks.atomic_spread({"Ni": rows[:0]})["Ni"].shape == (0,)


def test_what_is_no_number_is_said_and_an_empty_frame_has_no_spread():
    wild = random_ensemble(2, {"Al": Layers((3,), "el"), "Ni": Layers((3,), "hl")})
    frame = environments(wild, nickel_aluminium(5, n_al=0))
    frame.fingerprints[:4] = 1e200
    score = EnsembleSpreadScorer(wild).score(frame)
    assert np.isnan(score.frame)
    assert score.reason == "no spread: the energy of atom 1 is not finite"
    assert np.isnan(EnsembleSpreadScorer(wild, "energy").score(frame).frame)
    assert EnsembleSpreadScorer(wild).score(environments(wild, nickel_aluminium(5)[:0])).frame == 0.0


def test_what_makes_no_spread_is_refused(networks):
    with pytest.raises(ValueError, match="1 member"):
        EnsembleSpreadScorer(networks.subset([0]))
    with pytest.raises(ValueError, match="spread of 'forces'"):
        EnsembleSpreadScorer(networks, "forces")
    with pytest.raises(ValueError, match="learns nothing"):
        EnsembleSpreadScorer(networks).restore(b"x")
    other = SymmetryFunctions.from_text(FUNCTIONS.replace("symfunction_short Al 2 Al", "# "))
    with pytest.raises(ValueError, match="but the ensemble is for"):
        EnsembleSpreadScorer(networks).score(Environments.from_atoms(other, nickel_aluminium(1)))
    bare = Environments(("Al", "Ni"), (3, 4), np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0))
    with pytest.raises(ValueError, match="needs the frame's atoms"):
        EnsembleSpreadScorer(networks, streamed=False).score(bare)


def test_what_a_frame_must_bring_depends_on_the_settings(networks, tmp_path):
    networks.save(tmp_path / "e.h5")
    for member in range(4):
        write_n2p2(networks, tmp_path / str(member), member)
    same, other = networks.functions.hash, "another"
    file, folders = {"ensemble": tmp_path / "e.h5"}, {"potentials": [tmp_path / str(m) for m in range(4)]}
    frame = environments(networks, nickel_aluminium(6))
    for settings, descriptor, need, after in [
        (file, same, FINGERPRINTS, ""),
        (file, other, ATOMS, "novelty > 1"),
        ({**file, "of": "forces"}, same, ATOMS, "novelty > 1"),
        ({**folders, "of": "energy"}, same, FINGERPRINTS, ""),
        (folders, other, ATOMS, "novelty > 1"),
    ]:
        plan = plan_spread(settings, descriptor)
        assert (plan.needs, plan.after) == ({need}, after)
        assert np.isfinite(plan.make(None).score(frame).frame)
    for settings in (file, folders):
        expected = EnsembleSpreadScorer(networks).score(frame).per_atom
        np.testing.assert_allclose(make_spread(settings, same).score(frame).per_atom, expected, rtol=1e-6)
    for settings in ({"potentials": [tmp_path / "0"]}, {"potentials": [tmp_path / "0"], "of": "forces"}):
        with pytest.raises(ValueError, match=r"scores.spread: an ensemble of 1 member"):
            make_spread(settings, same)
    with pytest.raises(ValueError, match=r"scores.spread: .*abacus"):
        make_spread({**file, "device": "abacus"}, same)


def test_a_factor_makes_other_units_of_it_and_of_a_committee_and_a_store_remembers_it(networks, tmp_path):
    networks.save(tmp_path / "e.h5")
    frame = environments(networks, nickel_aluminium(7))
    for of in ("atomic", "energy", "forces"):
        settings = {"ensemble": tmp_path / "e.h5", "of": of}
        plain = make_spread(settings, networks.functions.hash)
        scaled = make_spread({**settings, "factor": 2.5}, networks.functions.hash)
        assert scaled.score(frame).frame == pytest.approx(2.5 * plain.score(frame).frame)
        assert scaled.score(frame).atom == plain.score(frame).atom
        assert plain.header() != scaled.header()
    np.testing.assert_allclose(scaled.score(frame).per_atom, 2.5 * plain.score(frame).per_atom)
    with pytest.raises(ValueError, match="factor is 0"):
        EnsembleSpreadScorer(networks, factor=0)


@pytest.fixture
def ensemble_file(tmp_path):
    """An ensemble for the descriptor of `synthetic`."""
    functions = SymmetryFunctions.from_text(DESCRIPTOR)
    networks = ElementNetworks(
        Architecture.uniform(ELEMENTS, hidden=(4,), n_members=3), functions.n_features, seed=2
    )
    NetworkEnsemble(functions, networks).save(tmp_path / "ensemble.h5")
    return tmp_path / "ensemble.h5"


def test_a_campaign_keeps_by_the_spread_of_streamed_fingerprints(ensemble_file, tmp_path):
    frames = trajectory(30, seed=5)
    scorer = EnsembleSpreadScorer(NetworkEnsemble.load(ensemble_file))
    expected = [
        scorer.score(
            Environments(
                tuple(ELEMENTS),
                tuple(N_FEATURES),
                np.asarray(f.elements, np.int32),
                np.arange(1, len(f.rows) + 1),
                np.concatenate(f.rows),
            )
        ).frame
        for f in frames
    ]
    limit = float(np.median(expected))
    service = Service(load_config(store=tmp_path / "s.db", scores={"spread": {"ensemble": ensemble_file}}))
    fix = FakeFix(service.handle)
    assert fix.begin(hello(rule=f"keep spread > {limit!r}")).needs == NEED_FINGERPRINTS
    replies = [fix.evaluate(frame, drop=False) for frame in frames]
    service.close()
    np.testing.assert_allclose([reply.scores[2] for reply in replies], expected, rtol=1e-9)
    with FrameStore.read(tmp_path / "s.db") as store:
        assert [row["step"] for row in store.frames()] == [
            f.step for f, s in zip(frames, expected, strict=True) if s > limit
        ]


def test_an_ensemble_of_other_functions_asks_for_atoms_and_a_damaged_one_ends_the_fix(
    ensemble_file, tmp_path
):
    functions = DESCRIPTOR.replace("1.5", "1.6")
    for name, path, wanted in (("a", ensemble_file, NEED_ATOMS), ("b", tmp_path / "none.h5", None)):
        service = Service(load_config(store=tmp_path / f"{name}.db", scores={"spread": {"ensemble": path}}))
        fix = FakeFix(service.handle)
        reply = fix.begin(hello(rule="keep spread > 1", descriptor_text=functions))
        service.close()
        if wanted is None:
            assert isinstance(reply, Fatal)
            assert "scores.spread: " in reply.text
        else:
            assert reply.needs == wanted
