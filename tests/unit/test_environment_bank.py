# SPDX-License-Identifier: GPL-2.0-or-later
"""EnvironmentBank against a plain NumPy transcription of the paper, on real trajectories and hostile data."""

import os
import time

import h5py
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read, write
from hypothesis import given, settings
from hypothesis import strategies as st

from mdsieve import EnvironmentBank, SymmetryFunctions, _core
from mdsieve.samplers.environment_bank import select_bank
from plain_bank import plain_scaling, plain_selection

NI = """
elements Ni
cutoff_type 1
symfunction_short Ni 2 Ni 0.05 0.0 4.5
symfunction_short Ni 2 Ni 0.5 0.0 4.5
symfunction_short Ni 2 Ni 2.0 2.5 4.5
symfunction_short Ni 2 Ni 60.0 0.1 4.5
symfunction_short Ni 3 Ni Ni 0.05 1 1 4.5
symfunction_short Ni 3 Ni Ni 0.05 -1 1 4.5
symfunction_short Ni 3 Ni Ni 0.05 -1 4 4.5
"""
NI_AL = """
elements Al Ni
cutoff_type 1
symfunction_short Al 2 Al 0.5 0.0 4.5
symfunction_short Al 2 Ni 0.5 0.0 4.5
symfunction_short Al 9 Ni Ni 0.05 -1 2 4.5
symfunction_short Ni 2 Al 0.5 0.0 4.5
symfunction_short Ni 2 Ni 2.0 2.5 4.5
symfunction_short Ni 3 Ni Al 0.05 1 2 4.5
symfunction_short Ni 3 Ni Ni 0.05 1 1 4.5
"""


@pytest.fixture(scope="module")
def ni():
    return SymmetryFunctions.from_text(NI)


@pytest.fixture(scope="module")
def ni_al():
    return SymmetryFunctions.from_text(NI_AL)


def environments(functions, frames):
    """Element and fingerprint of each atom of each frame, for the transcription."""
    result = []
    for atoms in frames:
        rows = [None] * len(atoms)
        for symbol, (indices, values) in functions.create_by_element(atoms).items():
            for index, value in zip(indices, values, strict=True):
                rows[index] = (symbol, value)
        result.append(rows)
    return result


def scaling_of(frames):
    elements = {element for frame in frames for element, _ in frame}
    return {e: plain_scaling([[x] for frame in frames for s, x in frame if s == e]) for e in elements}


def picks_of(bank, frames):
    kept, picks = [], []
    for number, atoms in enumerate(frames):
        update = bank.update(atoms)
        assert update.is_kept == bool(len(update.new))
        if update.is_kept:
            kept.append(number)
        picks += [(number, int(atom)) for atom in update.new]
    return kept, picks


@pytest.mark.parametrize("threshold", [0.6, 0.3, 0.15, 0.08])
def test_picks_of_the_paper_on_melting_nickel(ni, ni_trajectory, threshold):
    frames = environments(ni, ni_trajectory)
    expected = plain_selection(frames, {"Ni": threshold}, scaling_of(frames))
    bank = EnvironmentBank(ni, threshold).fit_scaling(ni_trajectory)
    assert picks_of(bank, ni_trajectory) == expected
    assert len(bank) == len(expected[1]) > 1
    assert [(bank.entry(i).step, bank.entry(i).atom_id - 1) for i in range(len(bank))] == expected[1]


@pytest.mark.parametrize(
    "thresholds", [{"Ni": 0.5, "Al": 0.25}, {"Ni": 0.12, "Al": 0.4}, {"Al": 0.1, "Ni": 0.1}]
)
def test_picks_of_the_paper_on_a_binary(ni_al, binary_trajectory, thresholds):
    frames = environments(ni_al, binary_trajectory)
    expected = plain_selection(frames, thresholds, scaling_of(frames))
    bank = EnvironmentBank(ni_al, thresholds).fit_scaling(binary_trajectory)
    assert picks_of(bank, binary_trajectory) == expected
    symbols = [binary_trajectory[f].symbols[a] for f, a in expected[1]]
    assert {e: bank.size(e) for e in thresholds} == {e: symbols.count(e) for e in thresholds}


def test_without_scaling(ni, ni_trajectory):
    frames = environments(ni, ni_trajectory[::4])
    nothing = {"Ni": (np.zeros(7), np.ones(7))}
    expected = plain_selection(frames, {"Ni": 0.5}, nothing)
    assert picks_of(EnvironmentBank(ni, 0.5, scaling=None), ni_trajectory[::4]) == expected
    assert len(expected[1]) > 5


def test_standard_scaling(ni, ni_trajectory):
    rows = np.concatenate([ni.create(atoms) for atoms in ni_trajectory])
    bank = EnvironmentBank(ni, 1.0, scaling="std").fit_scaling(ni_trajectory)
    np.testing.assert_allclose(bank.scaling.shift[0], rows.mean(axis=0), rtol=1e-12)
    varying = np.ptp(rows, axis=0) > 1e-12
    assert varying.sum() == 6
    factor = np.array(bank.scaling.factor[0])
    np.testing.assert_allclose(factor[varying], 1 / rows[:, varying].std(axis=0, ddof=1), rtol=1e-9)
    assert factor[~varying] == 1.0


def native_bank(threshold, width, elements=("Ni",)):
    n = len(elements)
    return _core.EnvironmentBank(
        "text",
        "hash",
        list(elements),
        [width] * n,
        [6.0] * n,
        [threshold] * n,
        _core.Scaling.identity([width] * n),
    )


def test_exact_tie_strict_here_not_in_the_authors_script():
    # 0.5 and 0.25 are exact in binary: the second point lies exactly at the threshold
    frames = [[("Ni", np.array([0.0, 0.0]))], [("Ni", np.array([0.5, 0.0]))], [("Ni", np.array([0.5, 0.25]))]]
    scaling = {"Ni": (np.zeros(2), np.ones(2))}
    assert plain_selection(frames, {"Ni": 0.5}, scaling)[0] == [0, 2]
    assert plain_selection(frames, {"Ni": 0.5}, scaling, or_equal=True)[0] == [0, 1]
    flat = np.concatenate([frame[0][1] for frame in frames])
    assert native_bank(0.5, 2).select_new(np.zeros(3, np.int32), flat).tolist() == [0, 2]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 9),
    st.sampled_from([0.1, 0.5, 1.0, 2.0]),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["grid", "duplicates", "constant", "outliers", "cloud"]),
)
def test_hostile_data(width, threshold, seed, kind):
    random = np.random.default_rng(seed)
    points = random.normal(size=(300, width))
    if kind == "grid":
        points = random.integers(0, 4, size=(300, width)) * 0.5
    elif kind == "duplicates":
        points = points[random.integers(0, 10, 300)]
    elif kind == "constant":
        points[:, 0] = 3.25
    elif kind == "outliers":
        points[::37] *= 1e9
    elements = random.integers(0, 2, 300).astype(np.int32)
    frames = [[(str(e), x)] for e, x in zip(elements, points, strict=True)]
    nothing = {str(e): (np.zeros(width), np.ones(width)) for e in (0, 1)}
    expected = [frame for frame, _ in plain_selection(frames, {"0": threshold, "1": threshold}, nothing)[1]]
    bank = native_bank(threshold, width, ("Ni", "Al"))
    assert bank.select_new(elements, points.ravel()).tolist() == expected
    for begin in range(0, 300, 50):  # in pieces, the bank growing
        part = slice(begin, begin + 50)
        new = begin + bank.select_new(elements[part], points[part].ravel())
        bank.add(elements[new], np.column_stack([new, new, new]), points[new].ravel())
    assert bank.entries_since(0)[1][:, 0].tolist() == expected
    distances = bank.distances(elements, points.ravel())
    stored = {e: points[[i for i in expected if elements[i] == e]] for e in (0, 1)}
    brute = [np.linalg.norm(stored[e] - x, axis=1).min() for e, x in zip(elements, points, strict=True)]
    np.testing.assert_allclose(distances, brute, rtol=1e-13, atol=1e-300)


def test_novelty_refers_to_the_bank_before(ni, ni_trajectory):
    bank = EnvironmentBank(ni, 0.3).fit_scaling(ni_trajectory)
    first = bank.update(ni_trajectory[0])
    assert np.all(np.isinf(first.novelty))
    assert first.new[0] == 0
    size = len(bank)
    before = bank.query(ni_trajectory[-1])
    assert len(bank) == size
    last = bank.update(ni_trajectory[-1])
    np.testing.assert_array_equal(last.novelty, before)
    assert set(last.new) <= set(np.flatnonzero(before > 1))
    assert np.all(bank.query(ni_trajectory[-1]) <= 1)
    assert not bank.update(ni_trajectory[-1]).is_kept


def test_order_is_that_of_the_atom_ids(ni, ni_trajectory):
    atoms = ni_trajectory[-1].copy()
    straight = EnvironmentBank(ni, 0.3).fit_scaling(ni_trajectory)
    shuffled = EnvironmentBank(ni, 0.3).fit_scaling(ni_trajectory)
    permutation = np.random.default_rng(0).permutation(len(atoms))
    mixed = atoms[permutation]
    mixed.arrays["id"] = permutation + 1
    expected, found = straight.update(atoms), shuffled.update(mixed)
    assert permutation[found.new].tolist() == expected.new.tolist()
    assert [shuffled.entry(i).atom_id for i in range(len(shuffled))] == (expected.new + 1).tolist()


def test_provenance(ni, ni_trajectory):
    bank = EnvironmentBank(ni, 0.3).fit_scaling(ni_trajectory)
    bank.update(ni_trajectory[0], step=5000, run=7)
    update = bank.update(ni_trajectory[-1])
    entry = bank.entry(len(bank) - 1)
    assert (entry.element, entry.run, entry.step, entry.atom_id) == ("Ni", 0, 1, update.new[-1] + 1)
    assert (bank.entry(0).run, bank.entry(0).step, bank.entry(0).atom_id) == (7, 5000, 1)
    np.testing.assert_array_equal(entry.fingerprint, ni.create(ni_trajectory[-1])[update.new[-1]])
    origins, fingerprints = bank.entries("Ni")
    assert origins.shape == (len(bank), 3)
    np.testing.assert_array_equal(fingerprints[-1], entry.fingerprint)
    with pytest.raises(IndexError, match=f"entry {len(bank)}: the bank has {len(bank)}"):
        bank.entry(len(bank))


@pytest.fixture
def filled(ni_al, binary_trajectory):
    bank = EnvironmentBank(ni_al, {"Ni": 0.2, "Al": 0.3}).fit_scaling(binary_trajectory)
    for step, atoms in enumerate(binary_trajectory[::5]):
        bank.update(atoms, step=step, run=3)
    return bank


@pytest.mark.parametrize("name", ["it.bank", "it.h5", "it.hdf5"])
def test_save_and_load(filled, binary_trajectory, tmp_path, name):
    filled.save(tmp_path / name)
    back = EnvironmentBank.load(tmp_path / name)
    assert back._native.serialise() == filled._native.serialise()
    assert back.thresholds == filled.thresholds
    assert back.functions.hash == filled.functions.hash
    np.testing.assert_array_equal(back.query(binary_trajectory[7]), filled.query(binary_trajectory[7]))
    assert (
        back.update(binary_trajectory[-1]).new.tolist() == filled.update(binary_trajectory[-1]).new.tolist()
    )
    assert os.listdir(tmp_path) == [name]


def test_hdf5_is_readable_without_the_package(filled, tmp_path):
    filled.save(tmp_path / "it.h5")
    with h5py.File(tmp_path / "it.h5") as file:
        assert file["elements/Al"].attrs["threshold"] == 0.3
        assert file["elements/Al/fingerprints"].shape == (filled.size("Al"), 3)
        assert file["entries/origin"].shape == (len(filled), 3)
        assert "symfunction_short Al 9" in file["descriptor"].asstr()[()]


def test_lengths_in_bohr_survive(tmp_path):
    functions = SymmetryFunctions.from_text(
        "elements Ni\ncutoff_type 1\nsymfunction_short Ni 2 Ni 0.2 0 9\n", length_unit="bohr"
    )
    bank = EnvironmentBank(functions, 0.1, scaling=None)
    bank.update(bulk("Ni"))
    bank.save(tmp_path / "bohr.bank")
    assert EnvironmentBank.load(tmp_path / "bohr.bank").query(bulk("Ni")).tolist() == [0.0]


@pytest.mark.parametrize("name", ["it.bank", "it.h5"])
def test_damaged_files_are_refused(filled, tmp_path, name):
    path = tmp_path / name
    filled.save(path)
    whole = path.read_bytes()
    random = np.random.default_rng(1)
    for length in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=f"{name}: "):
            EnvironmentBank.load(path)
    if name.endswith(".bank"):  # HDF5 has no checksum of its content
        for position in random.integers(0, len(whole), 200):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << random.integers(8)
            path.write_bytes(bytes(damaged))
            with pytest.raises(ValueError, match=f"{name}: "):
                EnvironmentBank.load(path)
    with pytest.raises(OSError, match="nowhere"):
        EnvironmentBank.load(tmp_path / f"nowhere-{name}")


def test_a_failed_save_leaves_the_old_file(filled, tmp_path, monkeypatch):
    filled.save(tmp_path / "it.bank")
    before = (tmp_path / "it.bank").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mdsieve.io.replacing.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        filled.save(tmp_path / "it.bank")
    assert (tmp_path / "it.bank").read_bytes() == before
    assert os.listdir(tmp_path) == ["it.bank"]


def two_banks(ni_al, frames):
    scaling = EnvironmentBank(ni_al, 0.2).fit_scaling(frames).scaling
    banks = [EnvironmentBank(ni_al, 0.2).set_scaling(scaling) for _ in range(2)]
    for bank, part in zip(banks, (frames[::2], frames[1::2]), strict=True):
        for atoms in part:
            bank.update(atoms)
    return banks


def test_merge_covers_both(ni_al, binary_trajectory):
    one, two = two_banks(ni_al, binary_trajectory)
    before = len(one)
    difference = one.diff(two)
    assert 0 < len(difference.only_there) < len(two)
    assert 0 < len(difference.only_here) < before
    added = one.merge(two)
    assert len(one) == before + added
    assert 0 < added <= len(difference.only_there)
    assert one.merge(two) == 0
    assert len(one.diff(two).only_there) == 0
    for atoms in binary_trajectory:  # all that the second saw lies within two thresholds now
        assert np.all(one.query(atoms) <= 2)


def test_rethreshold_is_the_greedy_rule_on_the_stored_order(filled):
    wider = filled.rethreshold({"Ni": 0.4, "Al": 0.3})
    flat = [[(filled.entry(i).element, filled.entry(i).fingerprint)] for i in range(len(filled))]
    s = filled.scaling
    scaling = {
        e: (np.array(s.shift[i]), np.array(s.factor[i])) for i, e in enumerate(filled.functions.elements)
    }
    expected, _ = plain_selection(flat, {"Ni": 0.4, "Al": 0.3}, scaling)
    found = [(wider.entry(i).step, wider.entry(i).atom_id) for i in range(len(wider))]
    assert found == [(filled.entry(i).step, filled.entry(i).atom_id) for i in expected]
    assert wider.size("Al") == filled.size("Al")
    assert wider.size("Ni") < filled.size("Ni")


def test_rethreshold_refuses_what_was_never_stored(filled):
    assert len(filled.rethreshold(filled.thresholds)) == len(filled)
    with pytest.raises(ValueError, match=r"threshold 0\.01 of .*expected at least the bank's"):
        filled.rethreshold(0.01)


def test_other_functions_and_scalings_are_refused(ni, ni_al, ni_trajectory, binary_trajectory):
    one, _ = two_banks(ni_al, binary_trajectory)
    refitted = EnvironmentBank(ni_al, 0.2).fit_scaling(binary_trajectory[:3])
    nickel = EnvironmentBank(ni, 0.2).fit_scaling(ni_trajectory[:3])
    changed = SymmetryFunctions.from_text(NI_AL.replace("0.5 0.0 4.5", "0.6 0.0 4.5"))
    other = EnvironmentBank(changed, 0.2).fit_scaling(binary_trajectory[:3])
    unscaled = EnvironmentBank(ni_al, 0.2, scaling=None)
    for bank, words in [
        (refitted, "the other bank: its scaling differs, first in column"),
        (nickel, "the other bank: its elements are Ni, expected Al Ni"),
        (other, "the other bank: made with other symmetry functions"),
        (unscaled, "the other bank: its scaling is 'none', expected 'minmax'"),
    ]:
        for action in (one.merge, one.diff):
            with pytest.raises(ValueError, match=words):
                action(bank)


def test_scaling_must_be_known_and_stays(ni, ni_trajectory, tmp_path):
    bank = EnvironmentBank(ni, 0.25)
    assert len(bank) == bank.size("Ni") == 0
    for action in (
        lambda: bank.update(ni_trajectory[0]),
        lambda: bank.query(ni_trajectory[0]),
        lambda: bank.save(tmp_path / "x.bank"),
        lambda: bank.merge(bank),
    ):
        with pytest.raises(
            ValueError, match=r"scaling 'minmax' is not known yet: call fit_scaling\(frames\)"
        ):
            action()
    bank.fit_scaling(ni_trajectory[:2])
    with pytest.raises(ValueError, match="frozen"):
        bank.fit_scaling(ni_trajectory[:2])
    with pytest.raises(ValueError, match="scaling=None"):
        EnvironmentBank(ni, 0.25, scaling=None).fit_scaling(ni_trajectory[:2])


def test_scaling_data(ni, ni_trajectory, tmp_path):
    fitted = EnvironmentBank(ni, 0.25).fit_scaling(ni_trajectory)
    statistics = _core.ColumnStatistics([7])
    for atoms in ni_trajectory:
        statistics.add(np.zeros(len(atoms), np.int32), ni.create(atoms).ravel())
    path = tmp_path / "scaling.data"
    path.write_text(statistics.to_scaling_data(_core.parse_input_nn(NI)))
    assert EnvironmentBank(ni, 0.25).from_scaling_data(path).scaling == fitted.scaling
    path.write_text(path.read_text().replace("         1         3 ", "         1         9 "))
    with pytest.raises(ValueError, match=r"scaling.data:5: '9' is no function index"):
        EnvironmentBank(ni, 0.25).from_scaling_data(path)


@pytest.mark.parametrize(
    ("thresholds", "words"),
    [
        ({"Ni": 0.2}, "no threshold for Al: expected one for each of Al, Ni"),
        ({"Ni": 0.2, "Al": 0.1, "H": 0.1}, "threshold for H: the symmetry functions know Al, Ni"),
        ({"Ni": 0.2, "Al": 0.0}, "threshold of Al is 0.0: expected a finite number above 0"),
        (-1, "threshold of Al is -1"),
        (float("nan"), "threshold of Al is nan"),
        (float("inf"), "threshold of Al is inf"),
        ({"Ni": "0.2", "Al": 0.1}, "threshold of Ni is '0.2'"),
    ],
)
def test_thresholds_are_checked(ni_al, thresholds, words):
    with pytest.raises(ValueError, match=words):
        EnvironmentBank(ni_al, thresholds)


def test_other_bad_arguments(ni, filled):
    with pytest.raises(ValueError, match="scaling 'max': expected 'minmax', 'std' or None"):
        EnvironmentBank(ni, 0.2, scaling="max")
    with pytest.raises(ValueError, match="element 'Cu': the bank knows Al, Ni"):
        filled.size("Cu")
    with pytest.raises(ValueError, match="Cu"):
        filled.query(bulk("Cu"))


def test_constant_columns_do_not_hide_an_element(ni, ni_trajectory):
    # the narrow Gaussian at 0.1 A is 0 everywhere; min-max scaling by its spread would give NaN
    column = np.concatenate([ni.create(atoms)[:, 3] for atoms in ni_trajectory])
    assert np.ptp(column) < 1e-15
    bank = EnvironmentBank(ni, 0.3).fit_scaling(ni_trajectory)
    assert bank.scaling.factor[0][3] == 1.0
    assert bank.update(ni_trajectory[0]).is_kept


# the offline selection


def test_selection_from_files(ni, ni_dump, ni_trajectory, tmp_path):
    (tmp_path / "ni.nn").write_text(NI)
    write(tmp_path / "second.extxyz", ni_trajectory[50:])
    frames = ni_trajectory + ni_trajectory[50:]
    expected = plain_selection(environments(ni, frames), {"Ni": 0.3}, scaling_of(environments(ni, frames)))
    selection = select_bank(
        [ni_dump, tmp_path / "second.extxyz"],
        tmp_path / "ni.nn",
        {"Ni": 0.3},
        tmp_path / "kept.extxyz",
        types=["Ni"],
        save_bank=tmp_path / "ni.bank",
        n_jobs=2,
    )
    assert selection.n_frames == len(frames)
    assert selection.n_environments == 108 * len(frames)
    assert (selection.n_kept, selection.n_new) == (len(expected[0]), len(expected[1]))
    kept = read(tmp_path / "kept.extxyz", ":")
    assert [atoms.info["frame"] for atoms in kept] == expected[0]
    assert {atoms.info["source"] for atoms in kept} == {str(ni_dump)}  # the second file only repeats
    for atoms in kept:
        original = ni_trajectory[atoms.info["frame"]]
        np.testing.assert_allclose(atoms.positions, original.positions, atol=1e-7)
        assert atoms.info["novelty"] == pytest.approx(atoms.arrays["novelty"].max())
        assert atoms.arrays["novelty"].argmax() + 1 == atoms.info["trigger_atom"]
        assert atoms.info["novelty"] > 1
    assert sum(atoms.info["new_environments"] for atoms in kept) == selection.n_new
    bank = EnvironmentBank.load(tmp_path / "ni.bank")
    assert selection.bank_sizes == {"Ni": len(bank)} == {"Ni": len(expected[1])}

    again = select_bank(
        [ni_dump], None, None, tmp_path / "again.extxyz", types=["Ni"], bank=tmp_path / "ni.bank"
    )
    assert again.n_kept == 0
    assert (tmp_path / "again.extxyz").read_text() == ""


def test_selection_refuses(ni, ni_dump, ni_trajectory, tmp_path):
    (tmp_path / "ni.nn").write_text(NI)
    good = {"paths": [ni_dump], "functions_path": tmp_path / "ni.nn", "thresholds": 0.3, "types": ["Ni"]}
    output = tmp_path / "kept.extxyz"

    def refuses(error, words, **changes):
        with pytest.raises(error, match=words):
            select_bank(**{**good, "output": output, **changes})
        assert not output.exists()

    refuses(FileNotFoundError, "nothing.xyz", paths=[tmp_path / "nothing.xyz"])
    refuses(ValueError, "no trajectory was given", paths=[])
    refuses(ValueError, "the dump names no elements", types=None)
    refuses(ValueError, "traj.dump: frame 0: element Cu", types=["Cu"])
    refuses(ValueError, "threshold of Ni is 0", thresholds=0)
    refuses(ValueError, "no threshold", thresholds=None)
    refuses(ValueError, "scaling 'typo': expected minmax", scaling="typo")
    refuses(FileNotFoundError, "no/such", output=tmp_path / "no/such/kept.extxyz")
    (tmp_path / "broken.extxyz").write_text("108\nLattice=nonsense\nNi 0 0 0\n")
    refuses(ValueError, "broken.extxyz: cannot be read after 0 frames", paths=[tmp_path / "broken.extxyz"])
    cut = ni_dump.read_text()[:50000]
    (tmp_path / "cut.dump").write_text(cut)
    refuses(ValueError, "cut.dump: cannot be read after", paths=[tmp_path / "cut.dump"])

    output.write_text("precious")
    with pytest.raises(FileExistsError, match=r"kept\.extxyz"):
        select_bank(**good, output=output)
    assert output.read_text() == "precious"
    assert select_bank(**good, output=output, overwrite=True).n_kept > 0
    assert len(read(output, ":")) > 0


def test_selection_memory_does_not_grow_with_the_trajectory(ni, tmp_path):
    import tracemalloc

    (tmp_path / "ni.nn").write_text(NI)
    random = np.random.default_rng(0)
    peaks = []
    for n_frames in (100, 300):
        path = tmp_path / f"{n_frames}.extxyz"
        write(path, [_rattled(random) for _ in range(n_frames)])
        tracemalloc.start()
        select_bank([path], tmp_path / "ni.nn", 100.0, tmp_path / f"kept-{n_frames}.extxyz", scaling=None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def _rattled(random) -> Atoms:
    atoms = bulk("Ni", cubic=True) * (2, 2, 2)
    atoms.positions += random.normal(scale=0.05, size=(32, 3))
    return atoms


def test_bulk_calls_release_the_interpreter(ni):
    import threading

    bank = native_bank(0.01, 16)
    points = np.random.default_rng(3).normal(size=(20000, 16))
    elements = np.zeros(20000, np.int32)
    bank.add(elements, np.zeros((20000, 3), np.int64), points.ravel())
    done = threading.Event()
    ticks = []

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.perf_counter()
    bank.distances(elements, (points + 0.3).ravel())
    end = time.perf_counter()
    done.set()
    thread.join()
    assert sum(begin < t < end for t in ticks) >= min(3, (end - begin) / 0.05)
