# SPDX-License-Identifier: GPL-2.0-or-later
"""Encoders: one row a frame, the same row wherever and with whatever the frame is encoded."""

import pickle
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from mdsieve.descriptors import SymmetryFunctions
from mdsieve.encoders.chgnet import ChgnetReadout
from mdsieve.encoders.contract import ArrayEncoder, CallableEncoder, as_encoder
from mdsieve.encoders.matgl import M3gnetReadout
from mdsieve.encoders.pooled import PooledSymmetryFunctions
from mdsieve.encoders.soap import Soap
from mdsieve.extras import MissingPackageError, require

FUNCTIONS = SymmetryFunctions.from_text("""number_of_elements 2
elements Ni H
cutoff_type 1
symfunction_short Ni 2 Ni 0.5 0.0 6.0
symfunction_short Ni 2 H 0.5 0.0 6.0
symfunction_short Ni 2 Ni 1.5 1.0 5.0
symfunction_short H 2 Ni 0.5 0.0 6.0
symfunction_short H 2 H 0.5 0.0 4.0
""")


def frames():
    """Nickel, the same twice as long, rattled, and with hydrogen in it."""
    nickel = bulk("Ni", cubic=True)
    rattled = nickel.copy()
    rattled.rattle(0.1, seed=1)
    hydride = nickel.copy()
    hydride += Atoms("H2", [[1.76, 0.0, 0.1], [0.0, 1.7, 0.0]])
    return [nickel, nickel * (2, 1, 1), rattled, hydride]


def encoders():
    return {
        "pooled": (PooledSymmetryFunctions(FUNCTIONS), 1e-12),
        "soap": (Soap(["H", "Ni"], r_cut=4.0, n_max=4, l_max=3), 1e-12),
        "chgnet": (ChgnetReadout(), 1e-5),
    }


@pytest.fixture(scope="module", params=["pooled", "soap", pytest.param("chgnet", marks=pytest.mark.slow)])
def encoder(request):
    return encoders()[request.param]


def test_a_row_depends_on_its_frame_alone_and_not_on_the_size_of_the_cell(encoder):
    encode, tolerance = encoder[0].encode, encoder[1]
    rows = encode(frames())
    assert rows.shape[0] == 4
    assert rows.dtype == np.float64
    for i, atoms in enumerate(frames()):
        np.testing.assert_allclose(encode([atoms])[0], rows[i], atol=tolerance)
    np.testing.assert_allclose(rows[1], rows[0], atol=tolerance)
    for i in (2, 3):
        assert np.abs(rows[i] - rows[0]).max() > 1e3 * tolerance


def test_rows_know_neither_rotation_nor_the_order_of_atoms(encoder):
    atoms = frames()[3]
    turned = atoms[::-1]
    turned.rotate(33, (1, 2, 3), rotate_cell=True)
    rows = encoder[0].encode([atoms, turned])
    np.testing.assert_allclose(rows[1], rows[0], atol=100 * encoder[1])


def test_an_encoder_tells_what_it_is_and_travels(encoder):
    encoder = encoder[0]
    assert encoder.describe()["encoder"] == encoder.name
    copy = pickle.loads(pickle.dumps(encoder))
    assert copy.describe() == encoder.describe()
    np.testing.assert_allclose(copy.encode(frames()[:1]), encoder.encode(frames()[:1]), atol=1e-6)


def test_atoms_have_rows_of_their_own_in_their_order(encoder):
    for atoms, rows in zip(frames(), encoder[0].encode_atoms(frames()), strict=True):
        assert len(rows) == len(atoms)
        assert rows.dtype == np.float64
    last = rows
    backwards = encoder[0].encode_atoms([frames()[3][::-1]])[0]
    np.testing.assert_allclose(backwards[::-1], last, atol=1e-5)


def test_pooled_rows_are_means_and_deviations_of_each_element():
    atoms = frames()[3]
    row = PooledSymmetryFunctions(FUNCTIONS).encode([atoms])[0]
    by_element = FUNCTIONS.create_by_element(atoms)
    expected = [f(by_element[el][1], axis=0) for el in FUNCTIONS.elements for f in (np.mean, np.std)]
    np.testing.assert_array_equal(row, np.concatenate(expected))
    pure = PooledSymmetryFunctions(FUNCTIONS).encode([frames()[0]])[0]
    n_of_hydrogen = 2 * FUNCTIONS.n_features["H"]
    assert not pure[:n_of_hydrogen].any()
    assert pure[n_of_hydrogen:].any()


def test_soap_is_that_of_dscribe_with_and_without_a_cell():
    from dscribe.descriptors import SOAP

    water = molecule("H2O")
    encoder = Soap(["O", "H"], r_cut=4.0, n_max=4, l_max=3, average="inner")
    assert encoder.species == ["H", "O"]
    for periodic in (False, True):
        if periodic:
            water = Atoms(water, cell=[4, 4, 4], pbc=True)
        theirs = SOAP(
            species=["H", "O"], r_cut=4.0, n_max=4, l_max=3, sigma=0.5, average="inner", periodic=periodic
        )
        np.testing.assert_allclose(encoder.encode([water])[0], theirs.create(water), rtol=1e-12, atol=1e-14)


def test_chgnet_gives_what_the_model_itself_gives():
    from chgnet.model import CHGNet
    from pymatgen.io.ase import AseAtomsAdaptor

    rattled = frames()[2]
    found = CHGNet.load(verbose=False, use_device="cpu").predict_structure(
        AseAtomsAdaptor.get_structure(rattled), return_crystal_feas=True, task="e"
    )
    np.testing.assert_allclose(ChgnetReadout().encode([rattled])[0], found["crystal_fea"] / 4, atol=1e-6)


@pytest.mark.parametrize(
    ("encoder", "bad", "message"),
    [
        (PooledSymmetryFunctions(FUNCTIONS), bulk("Cu"), "frame 1: element Cu"),
        (Soap(["Ni"]), bulk("Cu"), "frame 1: element Cu is not among the species Ni"),
        (ChgnetReadout(), molecule("H2O"), "frame 1: it is no crystal"),
        (ChgnetReadout(), Atoms("Ni", cell=[30, 30, 30], pbc=True), "frame 1: .*isolated"),
        (CallableEncoder(lambda a: a.positions[0] / len(a) * np.inf, "f"), bulk("Ni"), "frame 0: its f features are not finite"),
        (CallableEncoder(lambda a: a.numbers, "f"), bulk("Ni") * (2, 1, 1), "frame 1: its f features have shape"),
        (ArrayEncoder(np.zeros((3, 2))), bulk("Ni"), r"array: features of shape \(3, 2\) for 2 frames"),
    ],
)  # fmt: skip
def test_what_cannot_be_encoded_is_named_with_its_frame(encoder, bad, message):
    good = bulk("Ni")
    good.translate(0.1)
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        encoder.encode([good, bad])


def test_no_frames_no_rows():
    with pytest.raises(ValueError, match="no frames"):
        CallableEncoder(len).encode([])


def test_functions_and_arrays_become_encoders():
    rows = as_encoder(lambda atoms: [len(atoms), atoms.get_volume()]).encode(frames()[:2])
    np.testing.assert_allclose(rows, [[4, 3.52**3], [8, 2 * 3.52**3]])
    assert as_encoder(rows).encode(frames()[:2]) is not None
    soap = Soap(["Ni"])
    assert as_encoder(soap) is soap


def test_unknown_versions_of_weights_are_told():
    with pytest.raises(ValueError, match=r"model '9', expected 0\.3\.0"):
        ChgnetReadout("9").encode(frames()[:1])


def test_a_missing_package_names_its_extra():
    with pytest.raises(
        MissingPackageError, match=r"dreams needs no_such_package: pip install 'mdsieve\[x\]'"
    ):
        require("no_such_package.part", "dreams", "x")


needs_matgl = pytest.mark.skipif(sys.version_info < (3, 11), reason="matgl needs Python 3.11")


@pytest.fixture(scope="module")
def m3gnet_folder(tmp_path_factory):
    """A network as matgl saves it; its weights are random, its shape is that of the DIRECT paper."""
    import torch
    from matgl.models import M3GNet

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("m3gnet")
    M3GNet(element_types=("H", "Ni"), is_intensive=True, readout_type="set2set").save(folder)
    return folder


@pytest.mark.slow
@needs_matgl
def test_m3gnet_is_loaded_by_matgl_and_gives_its_readout(m3gnet_folder):
    import matgl
    from pymatgen.io.ase import AseAtomsAdaptor

    encoder = M3gnetReadout(m3gnet_folder)
    rows = encoder.encode(frames())
    assert rows.shape == (4, 128)
    network = matgl.load_model(m3gnet_folder)
    network.predict_structure(AseAtomsAdaptor.get_structure(frames()[2]))
    np.testing.assert_allclose(rows[2], network.feature_dict["readout"].detach()[0], atol=1e-6)
    np.testing.assert_allclose(rows[1], rows[0], atol=1e-5)
    assert np.abs(rows[2] - rows[0]).max() > 1e-4
    assert [len(each) for each in encoder.encode_atoms(frames())] == [4, 8, 4, 6]
    np.testing.assert_allclose(pickle.loads(pickle.dumps(encoder)).encode(frames()), rows, atol=1e-6)


@pytest.mark.slow
@needs_matgl
def test_m3gnet_of_a_potential_is_averaged_over_the_atoms(tmp_path):
    import torch
    from matgl.apps.pes import Potential
    from matgl.models import M3GNet

    torch.manual_seed(0)
    Potential(M3GNet(element_types=("H", "Ni"), is_intensive=False)).save(tmp_path)
    encoder = M3gnetReadout(tmp_path)
    atoms = [each.mean(axis=0) for each in encoder.encode_atoms(frames())]
    np.testing.assert_allclose(encoder.encode(frames()), atoms, atol=1e-7)


@pytest.mark.slow
@needs_matgl
def test_a_model_that_matgl_has_not_is_told(m3gnet_folder, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        ValueError, match=r"matgl has no model '.*nowhere': expected a folder with model\.json"
    ):
        M3gnetReadout(m3gnet_folder / "nowhere").encode(frames()[:1])
    with pytest.raises(ValueError, match=r"frame 1: .* does not know element Cu"):
        M3gnetReadout(m3gnet_folder).encode([bulk("Ni"), bulk("Cu")])
